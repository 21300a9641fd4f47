import t from 'tap'
import { Handover } from '../../src/kafka/rebalance-drain.ts'
import type { Logger } from '../../src/pipeline/log.ts'
import { eventually } from './support.ts'

function setUp (limitMs: number, commit: () => Promise<void> = async () => {}) {
  const seen: string[] = []
  let unsettled = 0
  const note = (facts: object, message: string): void => { seen.push(`${JSON.stringify(facts)} ${message.slice(0, 20)}`) }
  const handover = new Handover({
    limitMs, othersMs: limitMs,
    log: { debug: note, info: note, warn: note, error: note } as unknown as Logger,
    unsettled: () => unsettled,
    commit: async () => {
      seen.push('commit')
      await commit()
    },
    resume: () => { seen.push('resume') }
  })
  return { seen, handover, set: (count: number) => { unsettled = count } }
}

await t.test('with nothing in flight it commits at once; records are held back until the join', async t => {
  const { seen, handover } = setUp(60_000)
  t.equal(handover.paused, false)
  await handover.prepare()
  t.equal(handover.paused, true)
  t.strictSame(seen, ['commit'])
  handover.end()
  handover.end()
  t.equal(handover.paused, false)
  t.strictSame(seen, ['commit', 'resume'])
})

await t.test('what is in flight settles first, then it commits', async t => {
  const { seen, handover, set } = setUp(60_000)
  set(2)
  const prepared = handover.prepare()
  set(1)
  handover.settled()
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(seen, ['{"inFlight":2} the kafka group is b'])
  set(0)
  handover.settled()
  await prepared
  t.strictSame(seen.slice(1), ['commit'])
  handover.end()
})

await t.test('at the limit it goes on all the same, and says how many are still in flight; after as long again records flow without a join', async t => {
  const { seen, handover, set } = setUp(20)
  set(3)
  await handover.prepare()
  t.strictSame(seen.slice(1), ['{"unsettled":3} the kafka group is b', 'commit'], 'told')
  await eventually(() => !handover.paused)
  t.equal(seen.at(-1), 'resume')
})

await t.test('a commit that is refused does not keep it from joining; the end of the member ends the wait', async t => {
  const { handover, set, seen } = setUp(60_000, async () => { throw new Error('refused') })
  await handover.prepare()
  handover.end()
  set(1)
  const prepared = handover.prepare()
  handover.end()
  await prepared
  t.equal(handover.paused, false)
  t.ok(seen.includes('resume'))
})
