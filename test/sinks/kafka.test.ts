import { Admin, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka'
import t from 'tap'
import { partitionFor } from '../../src/kafka/murmur2.ts'
import type { KafkaRecord, OutgoingRecord } from '../../src/kafka/record.ts'
import { kafkaSink, type KafkaSinkOptions } from '../../src/sinks/kafka.ts'
import { readTopic } from '../../src/sources/kafka-topic.ts'
import { adminFor, connect, contextOf, outgoing, produce } from '../kafka/support.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const once = { signal: new AbortController().signal, attempt: 1 }

async function topicOf (partitions: number, configs: Record<string, string> = {}): Promise<string> {
  const topic = uniqueName('sink')
  await admin.createTopic(topic, { partitions, replicas: 1, configs })
  return topic
}

async function readAll (topic: string): Promise<KafkaRecord[]> {
  const source = readTopic({ connection, topic })
  const context = contextOf()
  await source.open?.(context)
  const records: KafkaRecord[] = []
  for await (const { value } of source.records(context)) records.push(value)
  await source.close?.()
  return records
}

async function opened (options: Omit<KafkaSinkOptions, 'connection'>) {
  const sink = kafkaSink({ connection, ...options })
  await sink.open?.(contextOf())
  return sink
}

await t.test('binary keys, values, timestamps and headers come back as they were, duplicates, order, null and empty included', async t => {
  // Without it the broker would delete records of such age whenever it looks.
  const topic = await topicOf(1, { 'retention.ms': '-1' })
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
  const headers = [[Buffer.from('a'), Buffer.from('1')], [Buffer.from('b'), bytes], [Buffer.from('a'), null], [Buffer.from('a'), Buffer.alloc(0)]] as const
  const records: OutgoingRecord[] = [
    { key: bytes, value: bytes, headers, timestamp: 1_234_567_890_123n },
    { key: null, value: Buffer.alloc(0), headers: [], timestamp: 5n },
    { key: Buffer.alloc(0), value: null, headers: [], timestamp: 6n }
  ]
  await produce(connection, topic, records)
  const back = await readAll(topic)
  t.strictSame(back.map(({ key, value, headers, timestamp }) => ({ key, value, headers, timestamp })), records)
})

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
  await t.test(`compression ${compression} comes back byte for byte`, async t => {
    const topic = await topicOf(2)
    const records = Array.from({ length: 40 }, (_, index) => outgoing('x'.repeat(20_000) + index, { key: Buffer.from(`k${index}`) }))
    await produce(connection, topic, records, { compression })
    t.strictSame(new Set((await readAll(topic)).map(record => record.value!.toString())), new Set(records.map(record => record.value!.toString())))
  })
}

await t.test('a key goes where Java\'s client puts it, and keyless batches take turns', async t => {
  const topic = await topicOf(5)
  const keys = Array.from({ length: 50 }, (_, index) => Buffer.from(String(170_000_000_000 + index)))
  await produce(connection, topic, keys.map(key => outgoing('v', { key })))
  for (const record of await readAll(topic)) t.equal(record.partition, partitionFor(record.key!, 5))
  const sink = await opened({ topic: await topicOf(2) })
  for (let batch = 0; batch < 4; batch++) await sink.writeBatch([outgoing('a'), outgoing('b')], once)
  await sink.close?.()
  t.strictSame((await readAll(sink.detail!)).map(record => record.partition).sort(), [0, 0, 0, 0, 1, 1, 1, 1])
})

await t.test('a batch larger than the topic takes is split, and order within a partition is kept', async t => {
  const topic = await topicOf(2, { 'max.message.bytes': '200000' })
  const sink = await opened({ topic })
  const sent: string[][] = [[], []]
  for (let batch = 0; batch < 3; batch++) {
    await sink.writeBatch(Array.from({ length: 30 }, (_, index) => {
      const value = `${batch}-${index}`.padEnd(40_000, '.')
      sent[index % 2]!.push(value)
      return outgoing(value, { partition: index % 2 })
    }), once)
  }
  t.match(sink.stats(), { records: 90, bytes: 90 * 40_000 })
  t.ok(sink.stats().sends >= 90 / 2 / 4, `${sink.stats().sends} sends`)
  await sink.close?.()
  const back: string[][] = [[], []]
  for (const record of await readAll(topic)) back[record.partition]!.push(record.value!.toString())
  t.strictSame(back, sent)
})

await t.test('one record too large for the topic is refused with both sizes, before anything is sent', async t => {
  const topic = await topicOf(1, { 'max.message.bytes': '50000' })
  const sink = await opened({ topic })
  await t.rejects(sink.writeBatch([outgoing('small'), outgoing('x'.repeat(60_000))], once),
    { code: 'KAFKA_MESSAGE_TOO_LARGE', retryable: false, message: /60\d{3} bytes.*50000 bytes \(max\.message\.bytes\)/, where: `${topic} at ${kafka}` })
  t.ok(await admin.isEmpty(topic))
  await sink.writeBatch([outgoing('x'.repeat(49_800))], once)
  await sink.close?.()
  t.equal((await readAll(topic)).length, 1)
})

await t.test('a limit that is raised while the sink is open is taken up', async t => {
  const topic = await topicOf(1, { 'max.message.bytes': '50000' })
  const sink = await opened({ topic })
  await t.rejects(sink.writeBatch([outgoing('x'.repeat(60_000))], once), { code: 'KAFKA_MESSAGE_TOO_LARGE' })
  const client = new Admin({ clientId: 'test', bootstrapBrokers: [kafka] })
  const configs = [{ name: 'max.message.bytes', value: '90000', configOperation: IncrementalAlterConfigOperationTypes.SET }]
  await client.incrementalAlterConfigs({ resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs }] })
  await client.close()
  await sink.writeBatch([outgoing('x'.repeat(60_000))], once)
  await sink.close?.()
  t.equal((await readAll(topic)).length, 1)
})

await t.test('a record just over the limit is refused by the broker with both sizes, and what other partitions took is not sent again', async t => {
  const topic = await topicOf(2, { 'max.message.bytes': '50000' })
  const sink = await opened({ topic })
  const records = [outgoing('fine', { partition: 0 }), outgoing('x'.repeat(49_990), { partition: 1 }), outgoing('fine too', { partition: 0 })]
  await t.rejects(sink.writeBatch(records, once), { code: 'KAFKA_MESSAGE_TOO_LARGE', message: /50087 bytes.*50000 bytes/ })
  await sink.close?.()
  t.strictSame((await readAll(topic)).map(record => record.value!.toString()), ['fine', 'fine too'])
})

await t.test('where the limit cannot be known, the batch is halved until the broker takes it', async t => {
  const topic = await topicOf(1, { 'max.message.bytes': '50000' })
  // A limit of our own that is wrong stands for one that this user may not ask for.
  const sink = await opened({ topic, maxBatchBytes: 1_000_000 })
  const values = Array.from({ length: 16 }, (_, index) => String(index).padEnd(10_000, '.'))
  await sink.writeBatch(values.map(value => outgoing(value)), once)
  await sink.close?.()
  t.strictSame((await readAll(topic)).map(record => record.value!.toString()), values)
})

await t.test('an idempotent producer delivers each once', async t => {
  const topic = await topicOf(3)
  const sink = await opened({ topic, idempotent: true })
  for (let batch = 0; batch < 10; batch++) await sink.writeBatch(Array.from({ length: 10 }, (_, index) => outgoing(`${batch}-${index}`, { partition: index % 3 })), once)
  await sink.close?.()
  t.equal(new Set((await readAll(topic)).map(record => record.value!.toString())).size, 100)
  t.equal((await readAll(topic)).length, 100)
})

await t.test('records may name their topics', async t => {
  const [one, two] = [await topicOf(1), await topicOf(1)]
  const sink = await opened({})
  await sink.writeBatch([outgoing('a', { topic: one }), outgoing('b', { topic: two }), outgoing('c', { topic: one })], once)
  await t.rejects(sink.writeBatch([outgoing('d')], once), { code: 'KAFKA_CONFIG' })
  await sink.close?.()
  t.strictSame((await readAll(one)).map(record => record.value!.toString()), ['a', 'c'])
  t.strictSame((await readAll(two)).map(record => record.value!.toString()), ['b'])
})

await t.test('a missing topic, partition or broker is an error that names it', async t => {
  await t.rejects(opened({ topic: uniqueName('none') }), { code: 'KAFKA_TOPIC_MISSING', where: new RegExp(kafka) })
  const sink = await opened({ topic: await topicOf(2) })
  await t.rejects(sink.writeBatch([outgoing('x', { partition: 2 })], once), { code: 'KAFKA_PARTITION_MISSING', message: /the topic has 2/ })
  await sink.close?.()
  const nobody = kafkaSink({ connection: await connect('127.0.0.1:1'), topic: 'alerts', deliveryTimeoutMs: 600 })
  await t.rejects(nobody.open!(contextOf()), { code: 'KAFKA_UNREACHABLE', retryable: true })
  await nobody.close?.()
})

await t.test('abort ends the wait for brokers that are away', async t => {
  const sink = kafkaSink({ connection: await connect('127.0.0.1:1') })
  await sink.open?.(contextOf())
  const abort = new AbortController()
  const writing = sink.writeBatch([outgoing('x', { topic: 'alerts' })], { signal: abort.signal, attempt: 1 })
  abort.abort()
  await t.rejects(writing, { code: 'KAFKA_STOPPED' })
  await sink.close?.()
})
