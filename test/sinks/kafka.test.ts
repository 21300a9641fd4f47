import { Admin, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka'
import t from 'tap'
import { partitionFor } from '../../src/kafka/murmur2.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { kafkaSink, type KafkaSinkOptions } from '../../src/sinks/kafka.ts'
import { adminFor, connect, contextOf, everyRecord, numbered, outgoing, produce } from '../kafka/support.ts'
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

const textOf = ({ value }: { readonly value: Buffer | null }): string => value!.toString()

async function opened (options: Omit<KafkaSinkOptions, 'connection'>) {
  const sink = kafkaSink({ connection, ...options })
  await sink.open?.(contextOf())
  return sink
}

await t.test('preserves keys, values, timestamps and headers, including null and empty values and duplicate headers in order', async t => {
  // With a finite retention, the broker would delete records with the old timestamps of this test.
  const topic = await topicOf(1, { 'retention.ms': '-1' })
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
  const headers = [
    [Buffer.from('a'), Buffer.from('1')], [Buffer.from('b'), bytes], [Buffer.from('a'), null], [Buffer.from('a'), Buffer.alloc(0)]
  ] as const
  const records: OutgoingRecord[] = [
    { key: bytes, value: bytes, headers, timestamp: 1_234_567_890_123n },
    { key: null, value: Buffer.alloc(0), headers: [], timestamp: 5n },
    { key: Buffer.alloc(0), value: null, headers: [], timestamp: 6n }
  ]
  await produce(connection, topic, records)
  const back = await everyRecord(connection, topic)
  t.strictSame(back.map(({ key, value, headers, timestamp }) => ({ key, value, headers, timestamp })), records)
})

await t.test('partitions by key as the Java client does, and sends successive batches without keys to different partitions', async t => {
  const topic = await topicOf(5)
  const keys = Array.from({ length: 50 }, (_, index) => Buffer.from(String(170_000_000_000 + index)))
  await produce(connection, topic, keys.map(key => outgoing('v', { key })))
  for (const record of await everyRecord(connection, topic)) t.equal(record.partition, partitionFor(record.key!, 5))
  const sink = await opened({ topic: await topicOf(2) })
  for (let batch = 0; batch < 4; batch++) await sink.writeBatch([outgoing('a'), outgoing('b')], once)
  await sink.close?.()
  t.strictSame((await everyRecord(connection, sink.detail!)).map(record => record.partition).sort(), [0, 0, 0, 0, 1, 1, 1, 1])
})

await t.test('splits a batch that exceeds max.message.bytes and keeps the order within a partition', async t => {
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
  t.ok(sink.stats().sends >= 90 / 2 / 4, `the sink made ${sink.stats().sends} sends, expected at least 12`)
  await sink.close?.()
  const back: string[][] = [[], []]
  for (const record of await everyRecord(connection, topic)) back[record.partition]!.push(record.value!.toString())
  t.strictSame(back, sent)
})

await t.test('rejects a record over max.message.bytes before anything is sent, and names the size of the record and the limit', async t => {
  const topic = await topicOf(1, { 'max.message.bytes': '50000' })
  const sink = await opened({ topic })
  await t.rejects(sink.writeBatch([outgoing('small'), outgoing('x'.repeat(60_000))], once), {
    code: 'KAFKA_MESSAGE_TOO_LARGE', retryable: false, where: `${topic} at ${kafka}`,
    message: /60\d{3} bytes.*50000 bytes \(max\.message\.bytes\)/
  })
  t.strictSame(await admin.endOffsets(topic), [0n])
  await sink.writeBatch([outgoing('x'.repeat(49_800))], once)
  await sink.close?.()
  t.equal((await everyRecord(connection, topic)).length, 1)
})

await t.test('uses a max.message.bytes that was raised while the sink is open', async t => {
  const topic = await topicOf(1, { 'max.message.bytes': '50000' })
  const sink = await opened({ topic })
  await t.rejects(sink.writeBatch([outgoing('x'.repeat(60_000))], once), { code: 'KAFKA_MESSAGE_TOO_LARGE' })
  const client = new Admin({ clientId: 'test', bootstrapBrokers: [kafka] })
  const configs = [{ name: 'max.message.bytes', value: '90000', configOperation: IncrementalAlterConfigOperationTypes.SET }]
  await client.incrementalAlterConfigs({ resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs }] })
  await client.close()
  await sink.writeBatch([outgoing('x'.repeat(60_000))], once)
  await sink.close?.()
  t.equal((await everyRecord(connection, topic)).length, 1)
})

await t.test('names size and limit if the broker rejects a record, and does not resend to partitions that acknowledged', async t => {
  const topic = await topicOf(2, { 'max.message.bytes': '50000' })
  const sink = await opened({ topic })
  const large = outgoing('x'.repeat(49_990), { partition: 1 })
  const records = [outgoing('fine', { partition: 0 }), large, outgoing('fine too', { partition: 0 })]
  await t.rejects(sink.writeBatch(records, once), { code: 'KAFKA_MESSAGE_TOO_LARGE', message: /50087 bytes.*50000 bytes/ })
  await sink.close?.()
  t.strictSame((await everyRecord(connection, topic)).map(textOf), ['fine', 'fine too'])
})

await t.test('if the size limit is unknown, halves a batch until the broker accepts the parts', async t => {
  const topic = await topicOf(1, { 'max.message.bytes': '50000' })
  // A maxBatchBytes above the limit of the topic simulates a user who is not allowed to read that limit.
  const sink = await opened({ topic, maxBatchBytes: 1_000_000 })
  const values = Array.from({ length: 16 }, (_, index) => String(index).padEnd(10_000, '.'))
  await sink.writeBatch(values.map(value => outgoing(value)), once)
  await sink.close?.()
  t.strictSame((await everyRecord(connection, topic)).map(textOf), values)
})

await t.test('delivers each record once', async t => {
  const topic = await topicOf(3)
  const sink = await opened({ topic })
  for (let batch = 0; batch < 10; batch++) await sink.writeBatch(numbered(10, 3, String(batch)), once)
  await sink.close?.()
  const values = (await everyRecord(connection, topic)).map(textOf)
  t.equal(values.length, 100)
  t.equal(new Set(values).size, 100)
})

await t.test('writes records to the topics that the records name, and rejects a record without a topic', async t => {
  const [one, two] = [await topicOf(1), await topicOf(1)]
  const sink = await opened({})
  await sink.writeBatch([outgoing('a', { topic: one }), outgoing('b', { topic: two }), outgoing('c', { topic: one })], once)
  await t.rejects(sink.writeBatch([outgoing('d')], once), { message: /the record has no topic/ })
  await sink.close?.()
  t.strictSame((await everyRecord(connection, one)).map(textOf), ['a', 'c'])
  t.strictSame((await everyRecord(connection, two)).map(textOf), ['b'])
})

await t.test('rejects a missing topic, a missing partition and an unreachable broker, and names them in the error', async t => {
  await t.rejects(opened({ topic: uniqueName('none') }), { code: 'KAFKA_TOPIC_MISSING', where: new RegExp(kafka) })
  const sink = await opened({ topic: await topicOf(2) })
  await t.rejects(sink.writeBatch([outgoing('x', { partition: 2 })], once), { code: 'KAFKA_PARTITION_MISSING', message: /the topic has 2/ })
  await sink.close?.()
  const unreachable = kafkaSink({ connection: await connect('127.0.0.1:1'), topic: 'alerts', deliveryTimeoutMs: 600 })
  await t.rejects(unreachable.open!(contextOf()), { code: 'KAFKA_UNREACHABLE', retryable: true })
  await unreachable.close?.()
})

await t.test('an abort ends a write that waits for an unreachable broker', async t => {
  const sink = kafkaSink({ connection: await connect('127.0.0.1:1') })
  await sink.open?.(contextOf())
  const abort = new AbortController()
  const writing = sink.writeBatch([outgoing('x', { topic: 'alerts' })], { signal: abort.signal, attempt: 1 })
  abort.abort()
  await t.rejects(writing, { code: 'KAFKA_STOPPED' })
  await sink.close?.()
})
