import t from 'tap'
import type { LogPosition } from '../../src/kafka/topic-positions.ts'
import type { Membership } from '../../src/kafka/group-client.ts'
import type { CommittedOffset } from '../../src/kafka/group-member.ts'
import type { OffsetToCommit } from '../../src/kafka/offset-tracker.ts'
import { StartOffsets, type StartOffsetsOptions } from '../../src/kafka/start-offsets.ts'

type Commits = Map<string, CommittedOffset>

/** A member of a group with the given commits. Topic `a` has the offsets 10 to 99 in partition 0 and offsets 20 to 199 in partition 1. */
function setUp (commits: Commits, state: Partial<StartOffsetsOptions> & { readonly positions?: Array<LogPosition | undefined> } = {}) {
  const requests: string[] = []
  const committed: OffsetToCommit[] = []
  const { positions, ...options } = state
  const at = (first: bigint, second: bigint) => [{ offset: first, leaderEpoch: 1 }, { offset: second, leaderEpoch: 2 }]
  const starts = new StartOffsets({
    topics: { existing: ['a'], topicId: topic => topic === 'a' ? 'new' : undefined, existedAtStart: () => true },
    member: {
      committed: async partitions => new Map(partitions.flatMap(({ topic, partition }) => {
        const found = commits.get(`${topic}/${partition}`)
        return found === undefined ? [] : [[`${topic}/${partition}`, found]]
      })),
      hasCommitted: async () => commits.size > 0,
      commit: async (_, offsets, topicId) => {
        committed.push(...offsets)
        for (const { topic, partition, offset, leaderEpoch } of offsets) {
          commits.set(`${topic}/${partition}`, { offset, leaderEpoch, topicId: topicId(topic) })
        }
      }
    },
    reading: () => undefined,
    attempted: () => undefined,
    from: 'earliest',
    admin: {
      positions: async (topic, where) => {
        requests.push(`${where} ${topic}`)
        return positions ?? (where === 'earliest' ? at(10n, 20n) : at(100n, 200n))
      }
    },
    ...options
  })
  const resolve = (...partitions: ReadonlyArray<{ readonly topic: string, readonly partition: number }>) =>
    starts.resolve({ generation: 1, memberId: 'm', partitions } satisfies Membership)
  return { resolve, requests, committed }
}

const [first, second] = [{ topic: 'a', partition: 0 }, { topic: 'a', partition: 1 }]
const none = (): Commits => new Map()
const committedAt = (offset: bigint, topicId?: string): Commits => new Map([['a/0', { offset, leaderEpoch: 3, topicId }]])
const reading = (offset: bigint | undefined) => () => ({ committed: offset })

await t.test('starts at the committed offset and its epoch', async t => {
  const start = { ...first, topicId: 'new', start: 50n, leaderEpoch: 3, committed: 50n }
  for (const topicId of ['new', undefined]) {
    const { resolve, requests } = setUp(committedAt(50n, topicId))
    t.strictSame((await resolve(first)).starts, [start], 'another client implementation commits no topic id')
    t.strictSame(requests, [])
  }
})

await t.test('starts at the earliest offset if the group has no committed offset, with one request per topic', async t => {
  const { resolve, requests, committed } = setUp(none())
  t.match((await resolve(first, second)).starts, [{ start: 10n, leaderEpoch: -1, committed: undefined }, { start: 20n }])
  t.strictSame([requests, committed], [['earliest a'], []])
})

await t.test('at the first start of a group with `latest`, commits the end of every partition and starts there', async t => {
  const { resolve, requests, committed } = setUp(none(), { from: 'latest' })
  t.match(await resolve(first), { starts: [{ ...first, start: 100n, leaderEpoch: 1, committed: 100n }], pending: [] })
  t.strictSame(requests, ['latest a'])
  t.strictSame(committed, [{ ...first, offset: 100n, leaderEpoch: 1 }, { ...second, offset: 200n, leaderEpoch: 2 }])
})

await t.test('at the first start of a group with `latest`, a member without the first partition waits for that commit', async t => {
  const commits = none()
  const other = setUp(commits, { from: 'latest' })
  const { resolve, committed } = setUp(commits, { from: 'latest' })
  t.match(await resolve(second), { starts: [], pending: [second], reason: /first offsets of the group/ })
  await other.resolve(first)
  t.match(await resolve(second), { starts: [{ ...second, start: 200n, committed: 200n }], pending: [] })
  t.strictSame(committed, [])
})

await t.test('with `latest`, a partition without a committed offset starts at its earliest offset if the group has any', async t => {
  const { resolve, requests, committed } = setUp(committedAt(50n, 'new'), { from: 'latest' })
  t.match((await resolve(first, second)).starts, [{ start: 50n }, { start: 20n, committed: undefined }])
  t.strictSame([requests, committed], [['earliest a'], []])
})

await t.test('with `latest`, a commit of another topic shows that the group has started before', async t => {
  const { resolve } = setUp(new Map([['other/0', { offset: 1n, leaderEpoch: 0, topicId: undefined }]]), { from: 'latest' })
  t.match((await resolve(first)).starts, [{ start: 10n }])
})

await t.test('with `latest`, a topic that was missing when the process started is read from its earliest offset', async t => {
  const topics = { existing: ['a'], topicId: () => 'new', existedAtStart: () => false }
  const { resolve, committed } = setUp(none(), { from: 'latest', topics })
  t.match((await resolve(first, second)).starts, [{ start: 10n }, { start: 20n }])
  t.match(committed, [{ offset: 10n }, { offset: 20n }], 'commits the first offsets, so that a restart does not skip records')
})

await t.test('with `latest`, the group does not start while a partition has no leader', async t => {
  const { resolve, committed } = setUp(none(), { from: 'latest', positions: [{ offset: 100n, leaderEpoch: 1 }, undefined] })
  await t.rejects(resolve(first), { code: 'KAFKA_PARTITION_UNAVAILABLE', where: 'a[1]', retryable: true })
  t.strictSame(committed, [])
})

await t.test('starts a recreated topic at its earliest offset, even with `latest`', async t => {
  const { resolve, requests } = setUp(committedAt(50n, 'old'), { from: 'latest' })
  t.match((await resolve(first)).starts, [{ start: 10n, committed: undefined }])
  t.strictSame(requests, ['earliest a'])
})

await t.test('a partition without a leader stays pending, the other partitions start', async t => {
  const { resolve } = setUp(none(), { positions: [undefined, { offset: 20n, leaderEpoch: 1 }] })
  t.match(await resolve(first, second), { starts: [{ ...second, start: 20n }], pending: [first], reason: /no leader/ })
})

await t.test('skips partitions of a topic that does not exist', async t => {
  const { resolve } = setUp(new Map([['deleted/0', { offset: 5n, leaderEpoch: 3, topicId: undefined }]]))
  t.match(await resolve({ topic: 'deleted', partition: 0 }), { starts: [], pending: [] })
})

await t.test('skips a partition that the member is reading if no other member has committed an offset of the partition', async t => {
  t.strictSame((await setUp(committedAt(50n, 'new'), { reading: reading(50n) }).resolve(first)).starts, [])
  t.strictSame((await setUp(none(), { reading: reading(undefined) }).resolve(first)).starts, [])
})

await t.test('keeps reading a partition whose committed offset has disappeared', async t => {
  t.match(await setUp(none(), { reading: reading(50n), from: 'latest' }).resolve(first), { starts: [], pending: [] })
})

await t.test('skips a partition that the member is reading if the commit by the member succeeded but the response was lost', async t => {
  const { resolve } = setUp(committedAt(50n, 'new'), { reading: reading(40n), attempted: key => key === 'a/0' ? 50n : undefined })
  t.strictSame((await resolve(first)).starts, [])
})

await t.test('restarts a partition at the offset that another member has committed in the meantime', async t => {
  const { resolve } = setUp(committedAt(60n, 'new'), { reading: reading(40n), attempted: () => 45n })
  t.match((await resolve(first)).starts, [{ start: 60n, committed: 60n }])
})

await t.test('rejects if the positions of the topic cannot be read', async t => {
  const { resolve } = setUp(none(), { admin: { positions: async () => { throw new Error('unreachable') } } })
  await t.rejects(resolve(first), { message: 'unreachable' })
})
