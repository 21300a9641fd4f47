import t from 'tap'
import type { CommittedOffset } from '../../src/kafka/group-member.ts'
import { type MemberState, resolveStartOffsets } from '../../src/kafka/start-offsets.ts'

/** A member and the requests it sends. Topic `a` has the offsets 10 to 99 in partition 0 and offsets 20 to 199 in partition 1. */
function memberWith (state: Partial<MemberState> = {}) {
  const requests: string[] = []
  const offsets = (name: string, result: bigint[]) => async (topic: string) => {
    requests.push(`${name} ${topic}`)
    return result
  }
  const member: MemberState = {
    topicId: topic => topic === 'a' ? 'new' : undefined,
    reading: () => undefined,
    attempted: () => undefined,
    from: 'earliest',
    admin: { startOffsets: offsets('start', [10n, 20n]), endOffsets: offsets('end', [100n, 200n]) },
    ...state
  }
  return { member, requests }
}

const both = [{ topic: 'a', partition: 0 }, { topic: 'a', partition: 1 }]
const one = both.slice(0, 1)
const nothing = new Map<string, CommittedOffset>()
const committed = (offset: bigint, topicId?: string) => new Map<string, CommittedOffset>([['a/0', { offset, leaderEpoch: 3, topicId }]])
const reading = (offset: bigint | undefined) => () => ({ committed: offset })

await t.test('starts at the committed offset', async t => {
  const { member, requests } = memberWith()
  const start = { ...one[0], topicId: 'new', start: 50n, leaderEpoch: 3, committed: 50n }
  t.strictSame(await resolveStartOffsets(one, committed(50n, 'new'), member), [start])
  t.strictSame(await resolveStartOffsets(one, committed(50n), member), [start],
    'starts at an offset that was committed without a topic id by another client implementation')
  t.strictSame(requests, [])
})

await t.test('starts at the earliest offset if the group has no committed offset, with one request per topic', async t => {
  const { member, requests } = memberWith()
  t.match(await resolveStartOffsets(both, nothing, member), [{ start: 10n, committed: undefined }, { start: 20n, committed: undefined }])
  t.strictSame(requests, ['start a'])
})

await t.test('with `latest`, starts at the latest offset if the group has no committed offset', async t => {
  const { member, requests } = memberWith({ from: 'latest' })
  t.match(await resolveStartOffsets(both, committed(50n, 'new'), member), [{ start: 50n }, { start: 200n, committed: undefined }])
  t.strictSame(requests, ['end a'])
})

await t.test('starts a recreated topic at its earliest offset, even with `latest`', async t => {
  const { member, requests } = memberWith({ from: 'latest', reading: reading(50n) })
  t.match(await resolveStartOffsets(one, committed(50n, 'old'), member), [{ start: 10n, committed: undefined }])
  t.strictSame(requests, ['start a'])
})

await t.test('skips partitions of a topic that does not exist', async t => {
  const { member } = memberWith()
  const offsets = new Map([['deleted/0', { offset: 5n, leaderEpoch: 3, topicId: undefined }]])
  t.strictSame(await resolveStartOffsets([{ topic: 'deleted', partition: 0 }], offsets, member), [])
})

await t.test('skips a partition that the member is reading if no other member has committed an offset of the partition', async t => {
  t.strictSame(await resolveStartOffsets(one, committed(50n, 'new'), memberWith({ reading: reading(50n) }).member), [])
  t.strictSame(await resolveStartOffsets(one, nothing, memberWith({ reading: reading(undefined) }).member), [])
})

await t.test('skips a partition that the member is reading if the commit by the member succeeded but the response was lost', async t => {
  const { member } = memberWith({ reading: reading(40n), attempted: key => key === 'a/0' ? 50n : undefined })
  t.strictSame(await resolveStartOffsets(one, committed(50n, 'new'), member), [])
})

await t.test('restarts a partition at the offset that another member has committed in the meantime', async t => {
  const { member } = memberWith({ reading: reading(40n), attempted: () => 45n })
  t.match(await resolveStartOffsets(one, committed(60n, 'new'), member), [{ start: 60n, committed: 60n }])
})

await t.test('rejects if the earliest offsets of the topic cannot be read', async t => {
  const { member } = memberWith()
  const failing = { ...member, admin: { ...member.admin, startOffsets: async () => { throw new Error('unreachable') } } }
  await t.rejects(resolveStartOffsets(one, nothing, failing), { message: 'unreachable' })
})
