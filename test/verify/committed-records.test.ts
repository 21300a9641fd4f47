// The records below the committed offsets of a group, on a real broker.
import { Admin } from '@platformatic/kafka'
import t, { type Test } from 'tap'
import { GroupCoordinator, noMember } from '../../src/kafka/group-coordinator.ts'
import { persist } from '../../src/pipeline/index.ts'
import { committedRecords, committedTopics, type CommittedTopic } from '../../src/verify/committed-records.ts'
import { adminFor, connect, contextOf, numbered, outgoing, produce, pull, valueOf } from '../kafka/support.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const library = new Admin({ ...connection.options })
t.teardown(async () => { await library.close() })

async function newTopic (partitions: number): Promise<string> {
  const topic = uniqueName('committed')
  await admin.createTopic(topic, { partitions, replicas: 1 })
  return topic
}

/** Commits an offset per partition, as an ingester does. Partitions without an offset in the list get none. */
async function groupAt (t: Test, offsets: Readonly<Record<string, ReadonlyArray<bigint | undefined>>>): Promise<string> {
  const group = uniqueName('g')
  const coordinator = new GroupCoordinator(connection, group)
  t.teardown(async () => { await coordinator.close() })
  const list = Object.entries(offsets).flatMap(([topic, each]) =>
    each.flatMap((offset, partition) => offset === undefined ? [] : [{ topic, partition, offset, leaderEpoch: -1 }]))
  // Retry, because the coordinator is unavailable for some seconds after the broker has started.
  await persist(async () => { await coordinator.commit(noMember, list, () => null) }, { attempts: 50, baseMs: 200, maxMs: 200 })
  return group
}

function sourceOf (topics: readonly CommittedTopic[], group: string) {
  return committedRecords({ connection, topics: topics.map(({ topic }) => topic), group, committed: () => topics })
}

async function deleteBelow (topic: string, offset: bigint): Promise<void> {
  await library.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset }] }] })
}

await t.test('reads several topics to the committed offsets, and nothing from partitions without one', async t => {
  const [a, b] = [await newTopic(3), await newTopic(1)]
  await produce(connection, a, numbered(30, 3, 'a'))
  await produce(connection, b, numbered(5, 1, 'b'))
  const group = await groupAt(t, { [a]: [4n, undefined, 0n], [b]: [5n] })
  const topics = await committedTopics(connection, [a, b, a], group)
  // Records and partitions that are added later are not read.
  await produce(connection, b, numbered(5, 1, 'later'))
  await library.createPartitions({ topics: [{ name: b, count: 2 }] })
  const reading = pull(sourceOf(topics, group), contextOf())
  await reading.ended
  t.strictSame(reading.records.map(valueOf), ['a-0', 'a-3', 'a-6', 'a-9', 'b-0', 'b-1', 'b-2', 'b-3', 'b-4'])
  t.strictSame(topics.flatMap(({ partitions }) => partitions.map(({ committed, next, end }) => [committed, next, end])), [
    [4n, 4n, 4n], [undefined, 0n, 0n], [0n, 0n, 0n], [5n, 5n, 5n]
  ])
})

await t.test('counts expired offsets, and offsets that a shorter log has lost', async t => {
  const topic = await newTopic(1)
  await produce(connection, topic, numbered(10, 1))
  await deleteBelow(topic, 4n)
  const of = async (offset: bigint) => {
    const group = await groupAt(t, { [topic]: [offset] })
    const topics = await committedTopics(connection, [topic], group)
    const reading = pull(sourceOf(topics, group), contextOf())
    await reading.ended
    const [{ expired, truncated }] = topics[0]!.partitions as [CommittedTopic['partitions'][number]]
    return { expired, truncated, read: reading.records.map(({ value }) => value.offset) }
  }
  t.strictSame(await of(7n), { expired: 4n, truncated: 0n, read: [4n, 5n, 6n] })
  t.strictSame(await of(3n), { expired: 3n, truncated: 0n, read: [] })
  t.strictSame(await of(12n), { expired: 4n, truncated: 2n, read: [4n, 5n, 6n, 7n, 8n, 9n] })
})

await t.test('if retention deletes records while they are read, they count as expired and reading continues', async t => {
  const topic = await newTopic(1)
  const records = Array.from({ length: 40 }, (_, index) => outgoing(`${index} `.padEnd(900_000, '.'), { partition: 0 }))
  for (let at = 0; at < records.length; at += 10) await produce(connection, topic, records.slice(at, at + 10))
  const group = await groupAt(t, { [topic]: [40n] })
  const topics = await committedTopics(connection, [topic], group)
  const context = contextOf()
  const taken = Promise.withResolvers<void>()
  const deleted = Promise.withResolvers<void>()
  const reading = pull(sourceOf(topics, group), context, async () => {
    taken.resolve()
    await deleted.promise
  })
  await taken.promise
  await deleteBelow(topic, 35n)
  deleted.resolve()
  await reading.ended
  const { expired, next } = topics[0]!.partitions[0]!
  const offsets = reading.records.map(({ value }) => value.offset)
  t.strictSame(offsets.slice(-5), [35n, 36n, 37n, 38n, 39n])
  t.ok(expired > 0n)
  t.equal(BigInt(offsets.length) + expired, 40n)
  t.equal(next, 40n)
})

await t.test('a stop ends the source; a recreated topic, a missing topic and a group without offsets are errors', async t => {
  const topic = await newTopic(1)
  await produce(connection, topic, numbered(10, 1))
  const group = await groupAt(t, { [topic]: [10n] })
  const topics = await committedTopics(connection, [topic], group)
  const context = contextOf()
  const reading = pull(sourceOf(topics, group), context, () => { context.stop() })
  await reading.ended
  t.equal(reading.records.length, 1)
  t.equal(topics[0]!.partitions[0]!.next, 1n)
  await admin.recreateTopic(topic, { partitions: 1, replicas: 1 })
  await t.rejects(pull(sourceOf(topics, group), contextOf()).ended, { code: 'KAFKA_TOPIC_RECREATED' })
  await t.rejects(committedTopics(connection, [topic], group), { code: 'VERIFY_NOTHING_COMMITTED' })
  await t.rejects(committedTopics(connection, [topic, uniqueName('nowhere')], group), { code: 'KAFKA_TOPIC_MISSING' })
})
