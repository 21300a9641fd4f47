import t from 'tap'
import { RebalanceDrain } from '../../src/kafka/rebalance-drain.ts'
import { turns } from '../support/pipeline.ts'
import { FakeClock } from './fake-clock.ts'
import { recordingLog } from './support.ts'

const SETTLE_MS = 2000
const JOIN_MS = 3000

function setUp (commit: () => Promise<void> = async () => {}) {
  const events: string[] = []
  const clock = new FakeClock()
  const { log, lines } = recordingLog()
  let unsettled = 0
  const drain = new RebalanceDrain({
    settleTimeoutMs: SETTLE_MS, joinTimeoutMs: JOIN_MS, clock, log,
    unsettled: () => unsettled,
    commit: async () => {
      events.push('commit')
      await commit()
    },
    onResume: () => { events.push('resume') }
  })
  return { events, clock, lines, drain, setUnsettled: (count: number) => { unsettled = count } }
}

await t.test('commits immediately if no record is in flight, and pauses delivery until the join', async t => {
  const { events, drain } = setUp()
  t.equal(drain.paused, false)
  await drain.drain()
  t.equal(drain.paused, true)
  t.strictSame(events, ['commit'])
  drain.end()
  drain.end()
  t.equal(drain.paused, false)
  t.strictSame(events, ['commit', 'resume'], 'end() resumes delivery only once')
})

await t.test('waits for records in flight before it commits', async t => {
  const { events, lines, drain, setUnsettled } = setUp()
  setUnsettled(2)
  const drained = drain.drain()
  setUnsettled(1)
  drain.settled()
  await turns()
  t.strictSame(events, [])
  t.match(lines, [/^info .*waiting for records in flight to settle {"inFlight":2}$/])
  setUnsettled(0)
  drain.settled()
  await drained
  t.strictSame(events, ['commit'])
})

await t.test('commits at the time limit and logs the number of unsettled records', async t => {
  const { clock, events, lines, drain, setUnsettled } = setUp()
  setUnsettled(3)
  const drained = drain.drain()
  await clock.advance(SETTLE_MS - 1)
  t.strictSame(events, [])
  await clock.advance(1)
  await drained
  t.strictSame(events, ['commit'])
  t.match(lines.at(-1), /^warn .*did not settle in time {"unsettled":3}$/)
})

await t.test('resumes delivery if the join takes too long', async t => {
  const { clock, drain, events } = setUp()
  await drain.drain()
  await clock.advance(JOIN_MS - 1)
  t.equal(drain.paused, true)
  await clock.advance(1)
  t.equal(drain.paused, false)
  t.strictSame(events, ['commit', 'resume'])
})

await t.test('a second drain restarts the time limit for the join', async t => {
  const { clock, drain } = setUp()
  await drain.drain()
  await clock.advance(JOIN_MS - 1)
  await drain.drain()
  await clock.advance(JOIN_MS - 1)
  t.equal(drain.paused, true)
})

await t.test('a rejected commit does not prevent the join', async t => {
  const { drain, events } = setUp(async () => { throw new Error('rejected') })
  await drain.drain()
  t.strictSame(events, ['commit'])
})

await t.test('the end of the membership ends the wait for records in flight', async t => {
  const { drain, setUnsettled } = setUp()
  setUnsettled(1)
  const drained = drain.drain()
  drain.end()
  await drained
  t.equal(drain.paused, false)
})
