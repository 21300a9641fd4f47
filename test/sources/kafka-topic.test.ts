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

/** Returns `count` records of `bytes` bytes each (padded with dots), distributed round-robin over the partitions. */
function padded (count: number, partitions: number, prefix: string, bytes: number) {
  return Array.from({ length: count }, (_, index) => outgoing(`${prefix}${index}`.padEnd(bytes, '.'), { partition: index % partitions }))
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
    // An open connection would keep the test process running after a failure.
    await source.close?.()
  }
}

await t.test('emits every record that exists at open, in order and only once, even with small fetches and an empty partition', async t => {
  const topic = await topicOf(5)
  await produce(connection, topic, padded(400, 4, '', 3000))
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

for (const compression of ['gzip', 'snappy', 'lz4', 'zstd']) {
  await t.test(`reads records with ${compression} compression`, async t => {
    const topic = await topicOf(1, { 'compression.type': compression })
    await produce(connection, topic, padded(40, 1, '', 20_000))
    t.strictSame((await readAll({ topic })).map(valueOf), padded(40, 1, '', 20_000).map(({ value }) => value!.toString()))
  })
}

await t.test('alternates between the partitions of the topic', async t => {
  const topic = await topicOf(4)
  await produce(connection, topic, numbered(400, 4))
  const records = await readAll({ topic })
  const switches = records.filter((record, index) => index > 0 && record.value.partition !== records[index - 1]!.value.partition).length
  t.ok(switches >= 300, `the partition changed ${switches} times in 400 records, expected at least 300`)
})

await t.test('merges unevenly filled partitions in the order of `orderBy`', async t => {
  const topic = await topicOf(3)
  const records = Array.from({ length: 600 }, (_, index) => outgoing('x'.repeat(2000), {
    partition: index < 400 ? 0 : index % 3, headers: [textHeader('time', String(index))]
  }))
  await produce(connection, topic, records)
  const merged = await readAll({ topic, maxBytes: 50_000, orderBy: record => Number(headerText(record, 'time')) })
  t.strictSame(merged.map(record => Number(headerText(record.value, 'time'))), records.map((_, index) => index))
})

await t.test('emits the records from offset `from` (inclusive) to offset `to` (exclusive)', async t => {
  const topic = await topicOf(2)
  await produce(connection, topic, numbered(20, 2))
  const records = await readAll({ topic, from: [3n, 8n], to: [5n, 10n] })
  t.strictSame(records.map(record => record.position).sort(), [`${topic}[0]@3`, `${topic}[0]@4`, `${topic}[1]@8`, `${topic}[1]@9`])
  t.strictSame(await readAll({ topic, from: 'latest' }), [])
})

await t.test('the source completes at once if the topic is empty, and fails if the topic is missing', async t => {
  t.strictSame(await readAll({ topic: await topicOf(3) }), [])
  await t.rejects(readAll({ topic: uniqueName('none') }), { code: 'KAFKA_TOPIC_MISSING', where: new RegExp(kafka) })
})

await t.test('with `follow`, the source emits records that are produced after open, until it is drained', async t => {
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

await t.test('completes if the topic ends with a transaction marker, and skips aborted records', async t => {
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

await t.test('topicSnapshot returns the partitions and offsets of a topic', async t => {
  const topic = await topicOf(3)
  await produce(connection, topic, numbered(10, 2))
  t.match(await topicSnapshot(connection, topic), { topic, partitions: 3, start: [0n, 0n, 0n], end: [5n, 5n, 0n] })
})

await t.test('fails with KAFKA_TOPIC_RECREATED if the topic is recreated, and emits no record of the new topic', async t => {
  const topic = await topicOf(2)
  const spec = { partitions: 2, replicas: 1 }
  await produce(connection, topic, padded(200, 2, 'old-', 20_000))
  const { source, context } = await started({ topic, maxBytes: 100_000 })
  let recreating: Promise<void> | undefined
  const pulling = pull(source, context, async () => {
    recreating ??= (async () => {
      await admin.recreateTopic(topic, spec)
      await produce(connection, topic, padded(400, 2, 'new-', 20_000))
    })()
    if (pulling.records.length === 5) await recreating
  })
  await t.rejects(pulling.ended, { code: 'KAFKA_TOPIC_RECREATED', where: new RegExp(topic) })
  await source.close?.()
  t.ok(pulling.records.length < 200, `the source emitted ${pulling.records.length} records of the old topic, expected fewer than 200`)
  t.ok(pulling.records.every(record => valueOf(record).startsWith('old-')))
  const again = await readAll({ topic })
  t.equal(again.length, 400)
})

await t.test('fails with KAFKA_TOPIC_RECREATED if a followed topic is deleted', async t => {
  const topic = await topicOf(1)
  const { source, context } = await started({ topic, to: 'follow' })
  const pulling = pull(source, context)
  await admin.deleteTopic(topic)
  await t.rejects(pulling.ended, { code: 'KAFKA_TOPIC_RECREATED' })
  await source.close?.()
})

await t.test('fails if the topic was recreated after the given snapshot', async t => {
  const topic = await topicOf(1)
  const before = await topicSnapshot(connection, topic)
  await admin.recreateTopic(topic, { partitions: 1, replicas: 1 })
  await produce(connection, topic, numbered(3, 1))
  await t.rejects(readAll({ topic, snapshot: { ...before!, end: [3n] } }), { code: 'KAFKA_TOPIC_RECREATED' })
})

await t.test('fails with KAFKA_OFFSET_LOST if retention deleted records that were not read', async t => {
  const { Admin } = await import('@platformatic/kafka')
  const topic = await topicOf(1)
  await produce(connection, topic, numbered(10, 1))
  const library = new Admin({ ...connection.options })
  await library.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 4n }] }] })
  await library.close()
  const values = (await readAll({ topic })).map(valueOf)
  t.strictSame(values, ['v-4', 'v-5', 'v-6', 'v-7', 'v-8', 'v-9'], 'with `earliest`, the source starts at the first available record')
  await t.rejects(readAll({ topic, from: [0n] }), { code: 'KAFKA_OFFSET_LOST', where: `${topic}[0]@0` })
})
