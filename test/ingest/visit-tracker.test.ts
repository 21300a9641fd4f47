import t from 'tap'
import { VisitTracker, type Visit, type VisitOutcome, type VisitTrackerOptions } from '../../src/ingest/visit-tracker.ts'

const GAP = 5000

function tracker (options: Partial<VisitTrackerOptions> = {}) {
  const told: Visit[] = []
  const tracker = new VisitTracker({ gapMs: GAP, onVisit: visit => { told.push(visit) }, ...options })
  return {
    told,
    tracker,
    /** Records with these timestamps are read and settle at `now`. */
    archive (timestamps: readonly number[], now: number, outcome: VisitOutcome = 'written'): void {
      for (const timestamp of timestamps) tracker.pulled(timestamp, now)
      for (const timestamp of timestamps) tracker.settled(timestamp, outcome, 100, now)
    }
  }
}

await t.test('a visit is told when its records have settled and none has come for the gap: counts, bytes, times, ages', async t => {
  const { tracker: visits, told, archive } = tracker()
  archive([1000, 3000], 4000)
  archive([2000], 6000, 'identical')
  archive([2500], 6500, 'dead')
  visits.tick(6500 + GAP - 1)
  t.equal(told.length, 0)
  visits.tick(6500 + GAP)
  t.strictSame(told, [{ first: 1000, last: 3000, alerts: 4, written: 2, identical: 1, dead: 1, bytes: 400, durableAt: 6500, maxAgeMs: 4000, overrunMs: 0, unsettled: 0 }])
  t.equal(visits.open, 0)
})

await t.test('it waits for every record, however long that takes', async t => {
  const { tracker: visits, told } = tracker()
  visits.pulled(1000, 1000)
  visits.pulled(2000, 2000)
  visits.settled(2000, 'written', 1, 3000)
  visits.tick(100_000)
  t.equal(told.length, 0)
  visits.settled(1000, 'written', 1, 100_000)
  visits.tick(105_000)
  t.match(told, [{ alerts: 2, durableAt: 100_000, maxAgeMs: 99_000 }])
})

await t.test('records further apart than the gap are two visits; at the gap they are one', async t => {
  const { tracker: visits, told, archive } = tracker()
  archive([0, GAP, 2 * GAP, 3 * GAP + 1], 16_000)
  visits.tick(30_000)
  t.match(told, [{ first: 0, last: 2 * GAP, alerts: 3 }, { first: 3 * GAP + 1, alerts: 1 }])
})

await t.test('partitions that are read at different speeds: visits are told apart by their times, in whatever order records come', async t => {
  const { tracker: visits, told, archive } = tracker()
  archive([37_000, 74_000, 0], 80_000)
  archive([74_500, 500, 37_500], 80_001)
  visits.tick(90_000)
  t.match(told, [{ first: 0, last: 500, alerts: 2 }, { first: 37_000, alerts: 2 }, { first: 74_000, alerts: 2 }])
})

await t.test('a record that closes the gap between two makes them one', async t => {
  const { tracker: visits, told } = tracker()
  for (const timestamp of [0, 8000, 4000]) visits.pulled(timestamp, 9000)
  t.equal(visits.open, 1)
  for (const timestamp of [0, 8000, 4000]) visits.settled(timestamp, 'written', 10, 9500)
  visits.tick(20_000)
  t.match(told, [{ first: 0, last: 8000, alerts: 3, bytes: 30 }])
})

await t.test('an overrun is counted from 37 s after the first record on, or from the next visit where that comes first', async t => {
  const late = tracker()
  late.archive([0], 40_000)
  late.tracker.tick(50_000)
  t.match(late.told, [{ overrunMs: 3000 }])
  const overtaken = tracker()
  overtaken.archive([0], 25_000)
  overtaken.archive([20_000], 25_000)
  overtaken.tracker.tick(50_000)
  t.match(overtaken.told, [{ first: 0, overrunMs: 5000 }, { first: 20_000, overrunMs: 0 }])
  const inTime = tracker()
  inTime.archive([0], 37_000)
  inTime.tracker.tick(50_000)
  t.match(inTime.told, [{ overrunMs: 0 }])
})

await t.test('a stream without gaps is cut, so that it is told of at all', async t => {
  const { tracker: visits, told, archive } = tracker({ longestMs: 10_000 })
  for (let time = 0; time <= 25_000; time += 1000) archive([time], time)
  visits.tick(100_000)
  t.strictSame(told.map(({ alerts }) => alerts).reduce((sum, each) => sum + each, 0), 26)
  t.strictSame(told.map(({ first, last }) => [first, last]), [[0, 10_000], [11_000, 21_000], [22_000, 25_000]])
})

await t.test('at the end all are told, with the number of records that have not settled', async t => {
  const { tracker: visits, told, archive } = tracker()
  archive([0], 1)
  visits.pulled(100_000, 100_000)
  visits.finish()
  t.match(told, [{ first: 0, alerts: 1, unsettled: 0 }, { first: 100_000, alerts: 0, unsettled: 1 }])
  t.equal(visits.open, 0)
})

await t.test('memory is bounded: beyond so many open visits the oldest is told as it is, and what settles of it later is not counted again', async t => {
  const { tracker: visits, told } = tracker({ maxOpen: 3 })
  for (let visit = 0; visit < 100; visit++) visits.pulled(visit * 100_000, 0)
  t.equal(visits.open, 3)
  t.equal(told.length, 97)
  t.ok(told.every(({ unsettled }) => unsettled === 1))
  visits.settled(0, 'written', 1, 1)
  visits.finish()
  t.equal(told.length, 100)
})

await t.test('what settles of a visit that was told is not taken for a later one of the same time, which is told when its own records have settled', async t => {
  const { tracker: visits, told } = tracker({ maxOpen: 1 })
  visits.pulled(0, 0)
  visits.pulled(0, 0)
  visits.pulled(100_000, 0)
  t.match(told, [{ first: 0, unsettled: 2 }])
  visits.settled(100_000, 'written', 1, 1)
  visits.tick(1 + GAP)
  visits.pulled(0, 10_000)
  for (let settled = 0; settled < 3; settled++) visits.settled(0, 'written', 1, 10_001)
  visits.tick(10_001 + GAP)
  t.match(told.slice(2), [{ first: 0, alerts: 1, unsettled: 0 }])
  t.equal(visits.open, 0)
})

await t.test('alerts of producers whose clock is ahead have no age', async t => {
  const { tracker: visits, told, archive } = tracker()
  archive([10_000], 4000)
  visits.tick(20_000)
  t.match(told, [{ maxAgeMs: 0, overrunMs: 0 }])
})

await t.test('whatever the order of 2,000 records of 20 visits, each is counted once', async t => {
  const { tracker: visits, told } = tracker()
  const timestamps = Array.from({ length: 2000 }, (_, index) => (index % 20) * 37_000 + (index * 7919) % 3000)
  for (const timestamp of timestamps) visits.pulled(timestamp, 1)
  for (const timestamp of timestamps.toReversed()) visits.settled(timestamp, 'written', 1, 2)
  visits.tick(10_000)
  t.equal(told.length, 20)
  t.ok(told.every(({ alerts, unsettled }) => alerts === 100 && unsettled === 0))
})
