import t from 'tap'
import { textHeader } from '../../src/kafka/record.ts'
import { burstProfile, DMTN_149, fastProfile, offsetsProfile, planBursts, timeOffset } from '../../src/simulator/profiles.ts'

const { bursts, seconds } = DMTN_149
const plan = (alerts: number, options: Partial<Parameters<typeof planBursts>[2]> = {}, pass = 1) => planBursts(alerts, pass, { bursts, seconds, seed: 1, ...options })
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
const at = (text: string | undefined) => ({ headers: text === undefined ? [] : [textHeader('alertsim-time-offset', text)] })

await t.test('10,000 alerts leave in 189 bursts of 10 to 200, centred at 50, over 3 seconds', async t => {
  for (let pass = 1; pass <= 20; pass++) {
    const { sizes, startMs } = plan(10_000, {}, pass)
    t.equal(sizes.length, 189)
    t.equal(sum(sizes), 10_000)
    t.ok(sizes.every(size => size >= 10 && size <= 200), String(sizes))
    const median = sizes.toSorted((a, b) => a - b)[94]!
    t.ok(median >= 40 && median <= 60, `median ${median}`)
    t.ok(sizes.some(size => size < 25) && sizes.some(size => size > 100), 'they are not all alike')
    t.strictSame(startMs, startMs.toSorted((a, b) => a - b))
    t.ok(startMs[0]! >= 0 && startMs[0]! < 3000 / 189)
    t.ok(startMs[188]! >= 3000 - 3000 / 189 && startMs[188]! < 3000)
  }
})

await t.test('any number of alerts is shared out in full; sizes grow and shrink with the visit', async t => {
  for (const alerts of [0, 1, 2, 50, 188, 189, 190, 300, 1000, 9_999, 40_000, 123_456]) {
    for (const count of [1, 7, 189]) {
      const { sizes, startMs } = plan(alerts, { bursts: count })
      t.equal(sizes.length, Math.min(count, alerts))
      t.equal(startMs.length, sizes.length)
      t.equal(sum(sizes), alerts)
      t.ok(sizes.every(size => size >= 1))
    }
  }
  const large = plan(40_000).sizes
  t.ok(large.every(size => size >= 40 && size <= 800))
  t.ok(plan(1000).sizes.every(size => size <= 20))
})

await t.test('the same seed, pass and size give the same bursts; another seed or pass gives others', async t => {
  t.strictSame(plan(500), plan(500))
  t.notSame(plan(500), plan(500, { seed: 2 }))
  t.notSame(plan(500), plan(500, {}, 2))
})

await t.test('the alerts of one burst are due at one moment, that of its start', async t => {
  const { sizes, startMs } = plan(1000, { seed: 7 }, 3)
  const due = burstProfile({ bursts, seconds, seed: 7 }).schedule(3, 1000)
  const times = Array.from({ length: 1000 }, (_, index) => due(at('17'), index))
  t.strictSame(times, sizes.flatMap((size, burst) => new Array<number>(size).fill(startMs[burst]!)))
  t.equal(due(at('17'), 5000), startMs.at(-1), 'more than were announced leave with the last')
})

await t.test('by offsets an alert is due as its header says, fast at once', async t => {
  t.equal(offsetsProfile.schedule(1, 10)(at('12.5'), 3), 12_500)
  t.equal(fastProfile.schedule(1, 10)(at('12.5'), 3), 0)
  t.match([offsetsProfile, burstProfile({ bursts: 2, seconds: 1, seed: 1 }), fastProfile].map(({ name, ordered, timed, detail }) => ({ name, ordered, timed, detail })), [
    { name: 'offsets', ordered: true, timed: true, detail: 'by alertsim-time-offset' },
    { name: 'dmtn-149', ordered: true, timed: true, detail: '2 bursts in 1 s' },
    { name: 'fast', ordered: false, timed: false }
  ])
})

await t.test('an offset that is no number counts as none', async t => {
  t.equal(timeOffset(at('12.5')), 12.5)
  for (const text of ['soon', 'Infinity', '']) t.equal(timeOffset(at(text)), 0)
  t.equal(timeOffset(at(undefined)), 0)
})
