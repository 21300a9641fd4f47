import t from 'tap'
import { Producer } from '@platformatic/kafka'
import { readTopic, type ReadTopicOptions, topicSnapshot } from '../../src/sources/kafka-topic.ts'
import { headerText, textHeader } from '../../src/kafka/record.ts'
import { adminFor, connect, contextOf, eventually, numbered, outgoing, produce, pull, valueOf } from '../kafka/support.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)

async function topicOf (partitions: number, configs: Record<string, string> = {}): Promise<string> {
  const topic = uniqueName('read')
  await admin.createTopic(topic, { partitions, replicas: 1, configs })
  return topic
}

async function started (options: Omit<ReadTopicOptions, 'connection'>) {
  const source = readTopic({ connection, ...options })
  const context = contextOf()
  await source.open?.(context)
  return { source, context }
}

async function readAll (options: Omit<ReadTopicOptions, 'connection'>) {
  const { source, context } = await started(options)
  try {
    const pulling = pull(source, context)
    await pulling.ended
    return pulling.records
  } finally {
    // Also where reading fails: an open connection would keep the file's process alive.
    await source.close?.()
  }
}

await t.test('every record up to the end at opening comes once and in order, with small fetches and empty partitions too', async t => {
  const topic = await topicOf(5)
  await produce(connection, topic, Array.from({ length: 400 }, (_, index) => outgoing(`${index}`.padEnd(3000, '.'), { partition: index % 4 })))
  const { source, context } = await started({ topic, maxBytes: 100_000 })
  await produce(connection, topic, numbered(40, 5, 'after'))
  const pulling = pull(source, context)
  await pulling.ended
  await source.close?.()
  t.strictSame(source.snapshot().end, [100n, 100n, 100n, 100n, 0n])
  t.equal(pulling.records.length, 400)
  const next = [0n, 0n, 0n, 0n, 0n]
  for (const { value, position } of pulling.records) {
    t.equal(position, `${topic}[${value.partition}]@${next[value.partition]!++}`)
    t.equal(Number(value.value!.toString().replaceAll('.', '')) % 4, value.partition)
  }
})

await t.test('partitions take turns', async t => {
  const topic = await topicOf(4)
  await produce(connection, topic, numbered(400, 4))
  const records = await readAll({ topic })
  const switches = records.filter((record, index) => index > 0 && record.value.partition !== records[index - 1]!.value.partition).length
  t.ok(switches >= 300, `${switches} switches in 400 records`)
})

await t.test('partitions are merged by a number of the records, however unevenly they are filled', async t => {
  const topic = await topicOf(3)
  const records = Array.from({ length: 600 }, (_, index) => outgoing('x'.repeat(2000), {
    partition: index < 400 ? 0 : index % 3, headers: [textHeader('time', String(index))]
  }))
  await produce(connection, topic, records)
  const merged = await readAll({ topic, maxBytes: 50_000, orderBy: record => Number(headerText(record, 'time')) })
  t.strictSame(merged.map(record => Number(headerText(record.value, 'time'))), records.map((_, index) => index))
})

await t.test('it begins and ends where it is told to', async t => {
  const topic = await topicOf(2)
  await produce(connection, topic, numbered(20, 2))
  const records = await readAll({ topic, from: [3n, 8n], to: [5n, 10n] })
  t.strictSame(records.map(record => record.position).sort(), [`${topic}[0]@3`, `${topic}[0]@4`, `${topic}[1]@8`, `${topic}[1]@9`])
  t.strictSame(await readAll({ topic, from: 'latest' }), [])
})

await t.test('an empty topic ends at once, a missing one is an error', async t => {
  t.strictSame(await readAll({ topic: await topicOf(3) }), [])
  await t.rejects(readAll({ topic: uniqueName('none') }), { code: 'KAFKA_TOPIC_MISSING', where: new RegExp(kafka) })
})

await t.test('following goes on with what comes later, until it is drained', async t => {
  const topic = await topicOf(2)
  await produce(connection, topic, numbered(4, 2, 'old'))
  const { source, context } = await started({ topic, from: 'latest', to: 'follow' })
  const pulling = pull(source, context)
  await produce(connection, topic, numbered(6, 2, 'new'))
  await pulling.until(() => pulling.records.length === 6)
  await pulling.stop()
  await source.close?.()
  t.ok(pulling.records.every(record => valueOf(record).startsWith('new')))
})

await t.test('the end may be a transaction marker, and aborted records do not come', async t => {
  const topic = await topicOf(1)
  const producer = new Producer({ ...connection.options, idempotent: true, transactionalId: uniqueName('tx') })
  for (const [value, commit] of [['a', true], ['b', false], ['c', true], ['d', false]] as const) {
    const transaction = await producer.beginTransaction()
    await transaction.send({ messages: [{ topic, value: Buffer.from(value), partition: 0 }] })
    if (commit) await transaction.commit()
    else await transaction.abort()
  }
  await producer.close()
  await eventually(async () => (await admin.endOffsets(topic))[0] === 8n)
  t.strictSame((await readAll({ topic })).map(valueOf), ['a', 'c'])
})

await t.test('a snapshot tells id, partitions and offsets of a topic', async t => {
  const topic = await topicOf(3)
  await produce(connection, topic, numbered(10, 2))
  t.match(await topicSnapshot(connection, topic), { topic, partitions: 3, start: [0n, 0n, 0n], end: [5n, 5n, 0n] })
})

await t.test('a topic recreated while it is read ends the source with KAFKA_TOPIC_RECREATED, and nothing of the new one ever comes', async t => {
  const topic = await topicOf(2)
  const spec = { partitions: 2, replicas: 1 }
  await produce(connection, topic, Array.from({ length: 200 }, (_, index) => outgoing(`old-${index}`.padEnd(20_000, '.'), { partition: index % 2 })))
  const { source, context } = await started({ topic, maxBytes: 100_000 })
  let recreating: Promise<void> | undefined
  const pulling = pull(source, context, async () => {
    recreating ??= (async () => {
      await admin.recreateTopic(topic, spec)
      await produce(connection, topic, Array.from({ length: 400 }, (_, index) => outgoing(`new-${index}`.padEnd(20_000, '.'), { partition: index % 2 })))
    })()
    if (pulling.records.length === 5) await recreating
  })
  await t.rejects(pulling.ended, { code: 'KAFKA_TOPIC_RECREATED', where: new RegExp(topic) })
  await source.close?.()
  t.ok(pulling.records.length < 200, `${pulling.records.length} records of the old topic came`)
  t.ok(pulling.records.every(record => valueOf(record).startsWith('old-')))
  const again = await readAll({ topic })
  t.equal(again.length, 400)
})

await t.test('a topic deleted while it is followed ends the source too', async t => {
  const topic = await topicOf(1)
  const { source, context } = await started({ topic, to: 'follow' })
  const pulling = pull(source, context)
  await admin.deleteTopic(topic)
  await t.rejects(pulling.ended, { code: 'KAFKA_TOPIC_RECREATED' })
  await source.close?.()
})

await t.test('another id than the one expected is an error at opening', async t => {
  const topic = await topicOf(1)
  const before = await topicSnapshot(connection, topic)
  await admin.recreateTopic(topic, { partitions: 1, replicas: 1 })
  await t.rejects(readAll({ topic, topicId: before!.id }), { code: 'KAFKA_TOPIC_RECREATED' })
})

await t.test('records that retention took before they were read are an error', async t => {
  const { Admin } = await import('@platformatic/kafka')
  const topic = await topicOf(1)
  await produce(connection, topic, numbered(10, 1))
  const library = new Admin({ ...connection.options })
  await library.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 4n }] }] })
  await library.close()
  t.strictSame((await readAll({ topic })).map(valueOf), ['v-4', 'v-5', 'v-6', 'v-7', 'v-8', 'v-9'], 'from earliest begins with what is kept')
  await t.rejects(readAll({ topic, from: [0n] }), { code: 'KAFKA_OFFSET_LOST', where: `${topic}[0]@0` })
})
