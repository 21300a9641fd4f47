import t from 'tap'
import { parseSchema } from '../../src/avro/index.ts'
import { encodeId } from '../../src/ids/packed-id.ts'
import { textHeader } from '../../src/kafka/record.ts'
import { DMTN_149, planBursts } from '../../src/simulator/burst-plan.ts'
import { burstProfile, fastProfile, interleavedProfile, offsetsProfile, timeOffset } from '../../src/simulator/profiles.ts'

const { bursts, seconds } = DMTN_149
const withOffset = (text: string | undefined) =>
  ({ value: null, headers: text === undefined ? [] : [textHeader('alertsim-time-offset', text)] })

await t.test('all alerts of a burst are due when the burst starts', async t => {
  const { sizes, startMs } = planBursts(1000, 3, { bursts, seconds, seed: 7 })
  const { due } = burstProfile({ bursts, seconds, seed: 7 }).schedule(3, 1000)
  const times = Array.from({ length: 1000 }, (_, index) => due(withOffset('17'), index))
  t.strictSame(times, sizes.flatMap((size, burst) => new Array<number>(size).fill(startMs[burst]!)))
  t.equal(due(withOffset('17'), 5000), startMs.at(-1), 'an alert beyond the expected number is due with the last burst')
})

await t.test('alerts are due at their time offset with the offsets profile, and at once with the fast profile', async t => {
  t.equal(offsetsProfile.schedule(1, 10).due(withOffset('12.5'), 3), 12_500)
  t.equal(fastProfile.schedule(1, 10).due(withOffset('12.5'), 3), 0)
  const profiles = [offsetsProfile, burstProfile({ bursts: 2, seconds: 1, seed: 1 }), fastProfile]
  t.match(profiles.map(({ name, ordered, timed, detail }) => ({ name, ordered, timed, detail })), [
    { name: 'offsets', ordered: true, timed: true, detail: 'by alertsim-time-offset' },
    { name: 'dmtn-149', ordered: true, timed: true, detail: '2 bursts in 1 s' },
    { name: 'fast', ordered: false, timed: false }
  ])
})

await t.test('a time offset that is missing or not a number counts as 0', async t => {
  t.equal(timeOffset(withOffset('12.5')), 12.5)
  for (const text of ['soon', 'Infinity', '']) t.equal(timeOffset(withOffset(text)), 0)
  t.equal(timeOffset(withOffset(undefined)), 0)
})

await t.test('interleaved bursts: senders take turns, each detector keeps its order, and no alert is due before earliestFrom', async t => {
  const alerts = 2000
  const schema = parseSchema('{"type":"record","name":"alert","fields":[{"name":"diaSourceId","type":"long"}]}')
  const records = Array.from({ length: alerts }, (_, index) => {
    const detector = Math.floor(index * 189 / alerts)
    const id = encodeId({ tag: 2, night: '20261123', sequence: 123, detector, counter: index })
    return { ...withOffset('0'), value: schema.encodeFramed(1, { diaSourceId: id }), detector }
  })
  const { due, earliestFrom } = interleavedProfile({ bursts, seconds: 40, seed: 7, overlapSeconds: 3 }).schedule(1, alerts)
  const times = records.map((record, index) => due(record, index))
  t.ok(times.every((time, index) => time >= earliestFrom!(index)), 'no alert is due before earliestFrom of its index')
  for (let index = 1; index < alerts; index++) t.ok(earliestFrom!(index) >= earliestFrom!(index - 1))
  t.ok(Math.max(...times) <= 40_000 + 3 * 40_000 / 189)
  const order = records.map(({ detector }, index) => ({ detector, index, time: times[index]! }))
    .sort((a, b) => a.time - b.time || a.index - b.index)
  for (let detector = 0; detector < 189; detector++) {
    const indexes = order.filter(each => each.detector === detector).map(({ index }) => index)
    t.strictSame(indexes, indexes.toSorted((a, b) => a - b), `detector ${detector}`)
  }
  const turns = order.filter(({ detector }, index) => index > 0 && detector !== order[index - 1]!.detector).length
  t.ok(turns > 3 * 189, `the sender changes ${turns} times`)
})
