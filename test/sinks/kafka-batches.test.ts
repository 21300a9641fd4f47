// Whole batches in the sink, between records, with faults: each record is in the topic exactly once and in order.
import { Admin, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka'
import t, { type Test } from 'tap'
import { partitionFor } from '../../src/kafka/murmur2.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { WholeBatch } from '../../src/kafka/whole-batch.ts'
import { kafkaSink } from '../../src/sinks/kafka.ts'
import { readTopic } from '../../src/sources/kafka-topic.ts'
import { adminFor, connect, contextOf, everyRecord, outgoing, produce } from '../kafka/support.ts'
import { kafkaProxy } from '../support/kafka-proxy.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const once = { signal: new AbortController().signal, attempt: 1 }

const keyed = (name: string, index: number, bytes = 10): OutgoingRecord =>
  outgoing(`${name}-${index} ${'x'.repeat(bytes)}`, { key: Buffer.from(`${name}-${index}`) })

/** Batches of a topic with two partitions: `writes` times one batch per partition. */
async function wholeBatches (writes: number, bytes?: number): Promise<{ batches: WholeBatch[], records: OutgoingRecord[] }> {
  const topic = uniqueName('source')
  await admin.createTopic(topic, { partitions: 2, replicas: 1 })
  const records: OutgoingRecord[] = []
  for (let write = 0; write < writes; write++) {
    const some = Array.from({ length: 20 }, (_, index) => keyed(`write${write}`, index, bytes))
    records.push(...some)
    await produce(connection, topic, some)
  }
  const source = readTopic({ connection, topic })
  await source.open?.(contextOf())
  const batches: WholeBatch[] = []
  for await (const { value } of source.batchesAndRecords(contextOf(), Infinity)) if (value instanceof WholeBatch) batches.push(value)
  await source.close?.()
  t.equal(batches.length, 2 * writes)
  return { batches, records }
}

/** Sets max.message.bytes of a topic. */
async function setMaxMessageBytes (topic: string, bytes: number): Promise<void> {
  const library = new Admin({ bootstrapBrokers: [kafka], clientId: 'test' })
  const config = { name: 'max.message.bytes', configOperation: IncrementalAlterConfigOperationTypes.SET, value: String(bytes) }
  await library.incrementalAlterConfigs({
    resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs: [config] }]
  })
  await library.close()
}

async function proxiedSink (t: Test, partitions: number, configs: Record<string, string> = {}) {
  const topic = uniqueName('sink')
  await admin.createTopic(topic, { partitions, replicas: 1, configs })
  const proxy = await kafkaProxy(t, kafka)
  const sink = kafkaSink({ connection: await connect(proxy.broker), topic, deliveryTimeoutMs: 60_000 })
  await sink.open?.(contextOf())
  t.teardown(async () => { await sink.close?.() })
  return { topic, proxy, sink }
}

/** Checks that the topic has exactly these records, in the partitions of their keys and in order. */
async function checkTopic (t: Test, topic: string, partitions: number, records: readonly OutgoingRecord[]): Promise<void> {
  const found = (await everyRecord(connection, topic)).map(({ partition, key, value }) => `${partition} ${String(key)} ${String(value)}`)
  const lines = records.map(({ key, value }) => `${partitionFor(key!, partitions)} ${String(key)} ${String(value)}`)
  t.strictSame(found, lines.toSorted((a, b) => Number(a[0]) - Number(b[0])))
}

await t.test('after lost responses, requests and lookups, batches and records are in the topic once and in order', async t => {
  const { batches, records } = await wholeBatches(3)
  const { topic, proxy, sink } = await proxiedSink(t, 2)
  const [before, after] = [keyed('before', 0), keyed('after', 0)]
  for (let write = 0; write < 3; write++) {
    proxy.fail('Produce', 'lose response', 2)
    proxy.fail('Produce', 'lose request', 1)
    proxy.fail('Metadata', 'lose response', 1)
    const own = batches.filter(batch => String(batch.records()[0]!.key).startsWith(`write${write}-`))
    await sink.writeBatch([...write === 0 ? [before] : [], ...own, ...write === 2 ? [after] : []], once)
  }
  await checkTopic(t, topic, 2, [before, ...records, after])
  const bytes = batches.reduce((sum, { contentBytes }) => sum + contentBytes, 0)
  t.match(sink.stats(), { records: 62 })
  t.ok(sink.stats().bytes > bytes)
  t.ok(proxy.requests('Produce') >= 9)
})

await t.test('a topic with another number of partitions gets the records in the partitions of their keys', async t => {
  const { batches, records } = await wholeBatches(1)
  const { topic, sink } = await proxiedSink(t, 3)
  await sink.writeBatch(batches, once)
  const found = (await everyRecord(connection, topic)).map(({ partition, key }) => `${partition} ${String(key)}`)
  t.strictSame(found.sort(), records.map(({ key }) => `${partitionFor(key!, 3)} ${String(key)}`).sort())
})

await t.test('a batch above the size limit of the topic is written in smaller batches', async t => {
  const { batches, records } = await wholeBatches(2, 500)
  const { topic, sink } = await proxiedSink(t, 2, { 'max.message.bytes': '2500' })
  await sink.writeBatch(batches, once)
  await checkTopic(t, topic, 2, records)
})

await t.test('a batch is written in halves if the limit was lowered after the sink had read it', async t => {
  const { batches, records } = await wholeBatches(1, 500)
  const { topic, proxy, sink } = await proxiedSink(t, 2)
  const produced = proxy.requests('Produce')
  await setMaxMessageBytes(topic, 2500)
  await sink.writeBatch(batches, once)
  await checkTopic(t, topic, 2, records)
  t.ok(proxy.requests('Produce') - produced > batches.length)
})

await t.test('if a record is too large for the topic, the other records are in the topic once after each was written alone', async t => {
  const { batches, records } = await wholeBatches(1, 500)
  const { topic, sink } = await proxiedSink(t, 2)
  const huge = keyed('huge', 0, 5000)
  await setMaxMessageBytes(topic, 2500)
  const values = [...batches, huge]
  await t.rejects(sink.writeBatch(values, once), { code: 'KAFKA_MESSAGE_TOO_LARGE' })
  for (const value of values.slice(0, -1)) await sink.writeBatch([value], once)
  await t.rejects(sink.writeBatch([huge], once), { code: 'KAFKA_MESSAGE_TOO_LARGE' })
  await checkTopic(t, topic, 2, records)
})
