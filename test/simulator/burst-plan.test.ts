import t from 'tap'
import { DMTN_149, planBursts } from '../../src/simulator/burst-plan.ts'

const { bursts, seconds } = DMTN_149
const plan = (alerts: number, options: Partial<Parameters<typeof planBursts>[2]> = {}, pass = 1) =>
  planBursts(alerts, pass, { bursts, seconds, seed: 1, ...options })
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

await t.test('10,000 alerts make 189 bursts of 10 to 200 alerts, centred at 50, over 3 seconds', async t => {
  for (let pass = 1; pass <= 20; pass++) {
    const { sizes, startMs } = plan(10_000, {}, pass)
    t.equal(sizes.length, 189)
    t.equal(sum(sizes), 10_000)
    t.ok(sizes.every(size => size >= 10 && size <= 200), String(sizes))
    const median = sizes.toSorted((a, b) => a - b)[94]!
    t.ok(median >= 40 && median <= 60, `median ${median}`)
    t.ok(sizes.some(size => size < 25) && sizes.some(size => size > 100), 'some bursts are small and some are large')
    t.strictSame(startMs, startMs.toSorted((a, b) => a - b))
    t.ok(startMs[0]! >= 0 && startMs[0]! < 3000 / 189)
    t.ok(startMs[188]! >= 3000 - 3000 / 189 && startMs[188]! < 3000)
  }
})

await t.test('burst sizes add up to the number of alerts and scale with that number', async t => {
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

await t.test('the same seed, pass and number of alerts give the same plan; a different seed or pass gives a different plan', async t => {
  t.strictSame(plan(500), plan(500))
  t.notSame(plan(500), plan(500, { seed: 2 }))
  t.notSame(plan(500), plan(500, {}, 2))
})
