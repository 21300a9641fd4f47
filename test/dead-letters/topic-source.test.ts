import t from 'tap'
import { kafkaGroupSource } from '../../src/sources/kafka-group.ts'
import { deadLetterTopicSource, type DeadLetterTopicSourceOptions } from '../../src/dead-letters/topic-source.ts'
import { adminFor, connect, contextOf, outgoing, produce, pull } from '../kafka/support.ts'
import { failureOf } from '../support/pipeline.ts'
import { uniqueName, useStack } from '../support/stack.ts'
import { deadLetterTopicRecord, readDeadLetters, reasonIs } from './support.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)

/** Creates an empty dead-letter topic. Returns functions to read and fill the topic. */
async function newTopic (partitions = 1) {
  const at = { topic: uniqueName('dead'), group: uniqueName('redrive') }
  await admin.createTopic(at.topic, { partitions, replicas: 1 })
  const source = (more: Partial<DeadLetterTopicSourceOptions> = {}) =>
    deadLetterTopicSource({ connection, ...at, from: 'earliest', ...more })
  const put = async (...indexes: number[]): Promise<void> => {
    const toRecord = (index: number) => deadLetterTopicRecord(index, index % 2 === 0 ? 'EVEN' : 'ODD', {}, index % partitions)
    await produce(connection, at.topic, indexes.map(toRecord))
  }
  return { ...at, source, put }
}

await t.test('later runs emit only the dead letters that were left, and commit nothing past the first of them', async t => {
  const { topic, group, source, put } = await newTopic()
  await put(...Array(20).keys())
  t.strictSame(await readDeadLetters(source(), reasonIs('ODD')), [...Array(20).keys()])
  t.strictSame(await admin.committed(group, topic), [1n], 'the offset of the first dead letter that was left is committed')
  const odd = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]
  t.strictSame(await readDeadLetters(source(), () => true), odd, 'skips processed dead letters above the committed offset')
  await put(20, 21)
  t.strictSame(await readDeadLetters(source(), reasonIs('EVEN')), [...odd, 20, 21])
  t.strictSame(await readDeadLetters(source()), [20])
  t.strictSame(await admin.committed(group, topic), [22n])
  t.strictSame(await readDeadLetters(source()), [])
})

await t.test('reads all partitions up to the end offsets at open, and emits a problem for each record without a reason header', async t => {
  const { topic, source, put } = await newTopic(3)
  await put(...Array(9).keys())
  const context = contextOf()
  const first = source()
  await first.open?.(context)
  await put(9, 10, 11)
  const pulling = pull(first, context)
  await pulling.ended
  await first.flush?.()
  await first.close?.()
  t.equal(pulling.records.length, 9)
  await produce(connection, topic, [outgoing('not a dead letter', { partition: 0 })])
  const found: unknown[] = []
  const indexes = await readDeadLetters(source(), entry => {
    if (entry.deadLetter === undefined) found.push(entry)
    return false
  })
  t.strictSame(indexes.sort((a, b) => a - b), [-1, 9, 10, 11])
  t.match(found, [{ position: `${topic}[0]@4`, problem: { code: 'NOT_A_LETTER' } }])
})

await t.test('open fails without committed offsets unless `from` is earliest, and a dry run commits nothing', async t => {
  const { topic, group, source, put } = await newTopic(2)
  t.strictSame(await readDeadLetters(source({ from: 'committed' })), [], 'an empty topic needs no committed offsets')
  const other = uniqueName('redrive')
  await put(0, 1, 2)
  t.strictSame((await readDeadLetters(source({ from: 'committed' }))).sort(), [0, 1, 2], 'offsets of empty partitions were committed')
  t.match(await failureOf(readDeadLetters(source({ from: 'committed', group: other }))), {
    code: 'REDRIVE_NOTHING_COMMITTED', message: /partition 0, 1/, where: `${topic} at ${kafka}`
  })
  t.strictSame((await readDeadLetters(source({ from: 'committed', group: other, dryRun: true }))).sort(), [0, 1, 2])
  t.strictSame(await admin.committed(other, topic), [undefined, undefined])
  t.strictSame((await admin.committed(group, topic)).map(Number).sort(), [1, 2])
})

await t.test('ignores committed offsets of a previous topic of the same name', async t => {
  const { topic, source, put } = await newTopic()
  await put(0, 1, 2)
  await readDeadLetters(source())
  await admin.recreateTopic(topic, { partitions: 1, replicas: 1 })
  await put(3, 4)
  t.match(await failureOf(readDeadLetters(source({ from: 'committed' }))), { code: 'REDRIVE_NOTHING_COMMITTED' })
  t.strictSame(await readDeadLetters(source()), [3, 4])
  t.match(await failureOf(readDeadLetters(source({ topic: uniqueName('none') }))), { code: 'KAFKA_TOPIC_MISSING' })
})

await t.test('a later run emits a failed dead letter again', async t => {
  const { source, put } = await newTopic()
  await put(0, 1, 2)
  const context = contextOf()
  const failing = source()
  await failing.open?.(context)
  const pulling = pull(failing, context, record => {
    failing.settled?.(record, record.value.deadLetter?.origin?.offset === 1n ? new Error('gone') : undefined)
  })
  await pulling.ended
  await failing.flush?.()
  await failing.close?.()
  t.strictSame(await readDeadLetters(source()), [1])
})

await t.test('if a concurrent run has committed offsets, a run fails and does not overwrite them', async t => {
  const { topic, group, source, put } = await newTopic()
  await put(0, 1, 2, 3)
  const context = contextOf()
  const first = source()
  await first.open?.(context)
  t.strictSame(await readDeadLetters(source(), reasonIs('ODD')), [0, 1, 2, 3])
  const pulling = pull(first, context)
  await pulling.ended
  t.match(await failureOf(first.flush!()), { code: 'REDRIVE_CONCURRENT', message: new RegExp(group) })
  await first.close?.()
  t.strictSame(await admin.committed(group, topic), [1n])
})

await t.test('fails before it emits a dead letter if the group has members', async t => {
  const { topic, group, source, put } = await newTopic()
  await put(0)
  const consumer = kafkaGroupSource({ connection, topics: [topic], group })
  const context = contextOf()
  await consumer.open?.(context)
  const pulling = pull(consumer, context, () => {})
  await pulling.until(() => pulling.records.length === 1)
  let emitted = 0
  const count = (): boolean => { emitted++; return false }
  t.match(await failureOf(readDeadLetters(source(), count)), { code: 'KAFKA_REFUSED', message: /UNKNOWN_MEMBER_ID/ })
  t.equal(emitted, 0)
  await pulling.stop()
  await consumer.close?.()
})

await t.test('ends early if the metadata is full, reports the unread dead letters and loses none', async t => {
  const { source, put } = await newTopic()
  await put(...Array(400).keys())
  const full = source({ maxMetadata: 10 })
  const first = await readDeadLetters(full, ({ deadLetter }) => Number(deadLetter!.origin!.offset) * 7919 % 13 < 6)
  t.ok(first.length >= 49 && first.length < 400, `the first run read ${first.length} dead letters`)
  t.equal(full.unread, 400 - first.length)
  const left = first.filter(index => index * 7919 % 13 < 6)
  const unread = Array.from({ length: 400 - first.length }, (_, index) => first.length + index)
  t.strictSame(await readDeadLetters(source()), [...left, ...unread])
})

await t.test('drops repeated dead letters, in one run and in later runs', async t => {
  const { topic, group, source } = await newTopic(2)
  // Dead letters without a key may be written to any partition, so a repeat may be in another partition.
  const put = async (index: number, partition: number, reason = 'EVEN', more = {}) => {
    await produce(connection, topic, [deadLetterTopicRecord(index, reason, { timestamp: 1000n, ...more }, partition)])
  }
  for (const [index, partition] of [[0, 0], [1, 0], [2, 1], [0, 0], [2, 0], [1, 1]] as const) await put(index, partition)
  const first = source()
  const emitted = await readDeadLetters(first, entry => entry.deadLetter?.origin?.offset === 1n)
  t.strictSame([...new Set(emitted)].sort(), emitted.toSorted(), 'each dead letter is emitted once')
  t.strictSame(emitted.toSorted(), [0, 1, 2])
  t.equal(first.repeats, 3)
  await put(0, 0, 'OTHER_REASON')
  await put(3, 1)
  const second = source()
  t.strictSame((await readDeadLetters(second)).sort(), [1, 3], 'the dead letter that was left is emitted, its repeat is not')
  t.equal(second.repeats, 1)
  t.strictSame(await admin.committed(group, topic), await admin.endOffsets(topic), 'repeats count as processed')
  await put(0, 0, 'EVEN', { value: Buffer.from('a record of the recreated topic') })
  t.strictSame(await readDeadLetters(source()), [0], 'a different record at the same offset is not a repeat')
})
