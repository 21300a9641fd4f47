import t from 'tap'
import { textHeader } from '../../src/kafka/record.ts'
import { DMTN_149, planBursts } from '../../src/simulator/burst-plan.ts'
import { burstProfile, fastProfile, offsetsProfile, timeOffset } from '../../src/simulator/profiles.ts'

const { bursts, seconds } = DMTN_149
const withOffset = (text: string | undefined) => ({ headers: text === undefined ? [] : [textHeader('alertsim-time-offset', text)] })

await t.test('all alerts of a burst are due when the burst starts', async t => {
  const { sizes, startMs } = planBursts(1000, 3, { bursts, seconds, seed: 7 })
  const due = burstProfile({ bursts, seconds, seed: 7 }).schedule(3, 1000)
  const times = Array.from({ length: 1000 }, (_, index) => due(withOffset('17'), index))
  t.strictSame(times, sizes.flatMap((size, burst) => new Array<number>(size).fill(startMs[burst]!)))
  t.equal(due(withOffset('17'), 5000), startMs.at(-1), 'an alert beyond the expected number is due with the last burst')
})

await t.test('alerts are due at their time offset with the offsets profile, and at once with the fast profile', async t => {
  t.equal(offsetsProfile.schedule(1, 10)(withOffset('12.5'), 3), 12_500)
  t.equal(fastProfile.schedule(1, 10)(withOffset('12.5'), 3), 0)
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
