import t from 'tap'
import type { VisitOutcome } from '../../src/ingest/open-visit.ts'
import { VisitTracker, type Visit, type VisitTrackerOptions } from '../../src/ingest/visit-tracker.ts'

const GAP = 5000

function tracker (options: Partial<VisitTrackerOptions> = {}) {
  const ended: Visit[] = []
  const tracker = new VisitTracker({ gapMs: GAP, onVisit: visit => { ended.push(visit) }, ...options })
  return {
    ended,
    tracker,
    /** For each timestamp, reads and settles one record at the time `now`. */
    archive (timestamps: readonly number[], now: number, outcome: VisitOutcome = 'written'): void {
      for (const timestamp of timestamps) tracker.pulled({ timestamp }, now)
      for (const timestamp of timestamps) tracker.settled({ timestamp }, outcome, 100, now)
    },
    /** Reads one record at its timestamp and settles it at `durableAt`. */
    live (timestamp: number, durableAt: number): void {
      tracker.pulled({ timestamp }, timestamp)
      tracker.settled({ timestamp }, 'written', 100, durableAt)
    }
  }
}

await t.test('a visit ends when all its records have settled and the gap has passed without another record', async t => {
  const { tracker: visits, ended, archive } = tracker()
  archive([1000, 3000], 4000)
  archive([2000], 6000, 'identical')
  archive([2500], 6500, 'deadLettered')
  visits.tick(6500 + GAP - 1)
  t.equal(ended.length, 0)
  visits.tick(6500 + GAP)
  t.strictSame(ended, [{
    visit: undefined, part: 1, first: 1000, last: 3000, alerts: 4, totalAlerts: 4, written: 2, identical: 1, deadLettered: 1,
    bytes: 400, durableAt: 6500, maxAgeMs: 4000, overrunMs: 0, unsettled: 0
  }])
  visits.finish()
  t.equal(ended.length, 1, 'a visit that has ended is not reported again')
})

await t.test('a visit stays open until every record has settled', async t => {
  const { tracker: visits, ended } = tracker()
  visits.pulled({ timestamp: 1000 }, 1000)
  visits.pulled({ timestamp: 2000 }, 2000)
  visits.settled({ timestamp: 2000 }, 'written', 1, 3000)
  visits.tick(100_000)
  t.equal(ended.length, 0)
  visits.settled({ timestamp: 1000 }, 'written', 1, 100_000)
  visits.tick(105_000)
  t.match(ended, [{ alerts: 2, durableAt: 100_000, maxAgeMs: 99_000 }])
})

await t.test('records further apart than the gap belong to two visits; records exactly the gap apart belong to one visit', async t => {
  const { tracker: visits, ended, archive } = tracker()
  archive([0, GAP, 2 * GAP, 3 * GAP + 1], 16_000)
  visits.tick(30_000)
  t.match(ended, [{ first: 0, last: 2 * GAP, alerts: 3 }, { first: 3 * GAP + 1, alerts: 1 }])
})

await t.test('groups records by timestamp, in whatever order the partitions deliver them', async t => {
  const { tracker: visits, ended, archive } = tracker()
  archive([37_000, 74_000, 0], 80_000)
  archive([74_500, 500, 37_500], 80_001)
  visits.tick(90_000)
  t.match(ended, [{ first: 0, last: 500, alerts: 2 }, { first: 37_000, alerts: 2 }, { first: 74_000, alerts: 2 }])
})

await t.test('merges two visits when a record closes the gap between them', async t => {
  const { tracker: visits, ended } = tracker()
  for (const timestamp of [0, 8000, 4000]) visits.pulled({ timestamp }, 9000)
  for (const timestamp of [0, 8000, 4000]) visits.settled({ timestamp }, 'written', 10, 9500)
  visits.tick(20_000)
  t.match(ended, [{ first: 0, last: 8000, alerts: 3, bytes: 30 }])
  t.equal(ended.length, 1)
})

await t.test('an overrun begins 37 s after the first record of the visit, or when the next visit starts if that is earlier', async t => {
  const late = tracker()
  late.live(0, 40_000)
  late.tracker.tick(50_000)
  t.match(late.ended, [{ overrunMs: 3000 }])
  const overtaken = tracker()
  overtaken.live(0, 25_000)
  overtaken.live(20_000, 25_000)
  overtaken.tracker.tick(50_000)
  t.match(overtaken.ended, [{ first: 0, overrunMs: 5000 }, { first: 20_000, overrunMs: 0 }])
  const inTime = tracker()
  inTime.live(0, 37_000)
  inTime.tracker.tick(50_000)
  t.match(inTime.ended, [{ overrunMs: 0 }])
})

await t.test('visits read from a backlog have no overrun; late live visits have an overrun, even if reading has fallen behind', async t => {
  const { tracker: visits, ended, archive, live } = tracker()
  const hour = 3_600_000
  archive([0, 37_000, 74_000], hour)
  live(hour + 1000, hour + 50_000)
  archive([hour + 60_000], hour + 200_000)
  archive([111_000], hour + 200_000)
  visits.tick(2 * hour)
  t.strictSame(ended.map(({ first, overrunMs }) => [first, overrunMs]), [
    [0, 0], [37_000, 0], [74_000, 0], [111_000, 0], [hour + 1000, 12_000], [hour + 60_000, 103_000]
  ])
})

await t.test('a future timestamp does not affect which visits count as live', async t => {
  const { tracker: visits, ended, archive, live } = tracker()
  archive([2 ** 62, 0], 1_000_000)
  live(1_000_000, 1_050_000)
  visits.tick(2_000_000)
  t.strictSame(ended.map(({ first, overrunMs }) => [first, overrunMs]), [[0, 0], [1_000_000, 13_000], [2 ** 62, 0]])
})

await t.test('cuts a stream without gaps into visits of the maximum length', async t => {
  const { tracker: visits, ended, archive } = tracker({ longestMs: 10_000 })
  for (let time = 0; time <= 25_000; time += 1000) archive([time], time)
  visits.tick(100_000)
  t.strictSame(ended.map(({ alerts }) => alerts).reduce((sum, each) => sum + each, 0), 26)
  t.strictSame(ended.map(({ first, last }) => [first, last]), [[0, 10_000], [11_000, 21_000], [22_000, 25_000]])
})

await t.test('finish ends all open visits and reports how many of their records are unsettled', async t => {
  const { tracker: visits, ended, archive } = tracker()
  archive([0], 1)
  visits.pulled({ timestamp: 100_000 }, 100_000)
  visits.finish()
  t.match(ended, [{ first: 0, alerts: 1, unsettled: 0 }, { first: 100_000, alerts: 0, unsettled: 1 }])
})

await t.test('if too many visits are open, the oldest visit ends, and its records that settle later are not counted', async t => {
  const { tracker: visits, ended } = tracker({ maxOpen: 3 })
  for (let visit = 0; visit < 100; visit++) visits.pulled({ timestamp: visit * 100_000 }, 0)
  t.equal(ended.length, 97)
  t.ok(ended.every(({ unsettled }) => unsettled === 1))
  visits.settled({ timestamp: 0 }, 'written', 1, 1)
  visits.finish()
  t.equal(ended.length, 100)
})

await t.test('late records of an ended visit are not counted in a later visit with the same timestamps', async t => {
  const { tracker: visits, ended } = tracker({ maxOpen: 1 })
  visits.pulled({ timestamp: 0 }, 0)
  visits.pulled({ timestamp: 0 }, 0)
  visits.pulled({ timestamp: 100_000 }, 0)
  t.match(ended, [{ first: 0, unsettled: 2 }])
  visits.settled({ timestamp: 100_000 }, 'written', 1, 1)
  visits.tick(1 + GAP)
  visits.pulled({ timestamp: 0 }, 10_000)
  for (let settled = 0; settled < 3; settled++) visits.settled({ timestamp: 0 }, 'written', 1, 10_001)
  visits.tick(10_001 + GAP)
  t.match(ended.slice(2), [{ first: 0, alerts: 1, unsettled: 0 }])
})

await t.test('alerts of a producer whose clock is ahead have age 0', async t => {
  const { tracker: visits, ended, archive } = tracker()
  archive([10_000], 4000)
  visits.tick(20_000)
  t.match(ended, [{ maxAgeMs: 0, overrunMs: 0 }])
})

await t.test('counts each of 2,000 records in 20 visits once, whatever the order in which the records settle', async t => {
  const { tracker: visits, ended } = tracker()
  const timestamps = Array.from({ length: 2000 }, (_, index) => (index % 20) * 37_000 + (index * 7919) % 3000)
  for (const timestamp of timestamps) visits.pulled({ timestamp }, 1)
  for (const timestamp of timestamps.toReversed()) visits.settled({ timestamp }, 'written', 1, 2)
  visits.tick(10_000)
  t.equal(ended.length, 20)
  t.ok(ended.every(({ alerts, unsettled }) => alerts === 100 && unsettled === 0))
})

const FIRST = 2026112300123
const SECOND = 2026112300124

await t.test('records belong to the visit in their id, even if two visits overlap in time', async t => {
  const { tracker: visits, ended } = tracker()
  const records = Array.from({ length: 1000 }, (_, index) => ({ timestamp: 1000 + index * 10, visit: index % 3 === 0 ? FIRST : SECOND }))
  for (const record of records) visits.pulled(record, 12_000)
  for (const record of records.toReversed()) visits.settled(record, 'written', 10, 13_000)
  visits.tick(13_000 + GAP)
  t.match(ended, [
    { visit: FIRST, part: 1, first: 1000, last: 10_990, alerts: 334, written: 334, bytes: 3340, unsettled: 0 },
    { visit: SECOND, part: 1, first: 1010, last: 10_980, alerts: 666, written: 666, unsettled: 0 }
  ])
})

await t.test('a gap in time does not separate the records of a visit that is still being archived', async t => {
  const { tracker: visits, ended } = tracker()
  for (const timestamp of [0, 10 * GAP, 500 * GAP]) visits.pulled({ timestamp, visit: FIRST }, 501 * GAP)
  for (const timestamp of [0, 10 * GAP, 500 * GAP]) visits.settled({ timestamp, visit: FIRST }, 'written', 1, 501 * GAP)
  visits.finish()
  t.match(ended, [{ visit: FIRST, first: 0, last: 500 * GAP, alerts: 3 }])
  t.equal(ended.length, 1)
})

await t.test('records of a visit that arrive after its report are reported as its next part', async t => {
  const { tracker: visits, ended } = tracker()
  for (const [now, count] of [[1000, 3], [20_000, 2], [40_000, 1]] as const) {
    for (let n = 0; n < count; n++) {
      visits.pulled({ timestamp: now, visit: FIRST }, now)
      visits.settled({ timestamp: now, visit: FIRST }, 'written', 1, now)
    }
    visits.tick(now + GAP)
  }
  t.match(ended, [
    { visit: FIRST, part: 1, alerts: 3, totalAlerts: 3 }, { visit: FIRST, part: 2, alerts: 2, totalAlerts: 5 },
    { visit: FIRST, part: 3, alerts: 1, totalAlerts: 6 }
  ])
})

await t.test('records without a visit in their id are counted apart, by gaps in time', async t => {
  const { tracker: visits, ended, archive } = tracker()
  for (const timestamp of [1000, 2000]) visits.pulled({ timestamp, visit: FIRST }, 3000)
  archive([1500, 1600], 3000, 'deadLettered')
  for (const timestamp of [1000, 2000]) visits.settled({ timestamp, visit: FIRST }, 'written', 1, 3000)
  visits.tick(3000 + GAP)
  t.match(ended, [{ visit: FIRST, alerts: 2, deadLettered: 0 }, { visit: undefined, first: 1500, last: 1600, alerts: 2, deadLettered: 2 }])
})

await t.test('a visit told by id is late after 37 s, not when the next visit begins', async t => {
  const { tracker: visits, ended } = tracker()
  for (const [timestamp, visit] of [[0, FIRST], [20_000, SECOND]] as const) {
    visits.pulled({ timestamp, visit }, timestamp)
    visits.settled({ timestamp, visit }, 'written', 1, timestamp + 30_000)
  }
  visits.tick(60_000)
  t.match(ended, [{ visit: FIRST, overrunMs: 0 }, { visit: SECOND, overrunMs: 0 }])
  visits.pulled({ timestamp: 100_000, visit: 2026112300125 }, 100_000)
  visits.settled({ timestamp: 100_000, visit: 2026112300125 }, 'written', 1, 140_000)
  visits.finish()
  t.match(ended.at(-1), { overrunMs: 3000 })
})

await t.test('at most 64 visits are open at a time, told by id or by time', async t => {
  const { tracker: visits, ended } = tracker()
  for (let n = 0; n < 1000; n++) visits.pulled({ timestamp: n * 100_000, visit: n % 2 === 0 ? 2026112300000 + n : undefined }, 0)
  t.equal(ended.length, 1000 - 64)
  t.match(ended[0], { first: 0, unsettled: 1 })
})
