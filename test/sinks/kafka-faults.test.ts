// Faults between the sink and a real broker: each record is in the topic exactly once.
import t, { type Test } from 'tap'
import { startKafka } from '../../src/devstack/index.ts'
import { kafkaSink } from '../../src/sinks/kafka.ts'
import { adminFor, connect, contextOf, eventually, everyRecord, numbered, outgoing, recordingLog } from '../kafka/support.ts'
import { kafkaProxy, leaderless, unknownTopic } from '../support/kafka-proxy.ts'
import { cache, uniqueName, useOwnKafka, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const once = { signal: new AbortController().signal, attempt: 1 }
const textOf = ({ value }: { readonly value: Buffer | null }): string => value!.toString()

async function proxiedSink (t: Test, partitions: number, configs: Record<string, string> = {}) {
  const topic = uniqueName('sink')
  await admin.createTopic(topic, { partitions, replicas: 1, configs })
  const proxy = await kafkaProxy(t, kafka)
  const { log, lines } = recordingLog()
  const sink = kafkaSink({ connection: await connect(proxy.broker), topic, deliveryTimeoutMs: 60_000 })
  await sink.open?.({ ...contextOf(), log })
  t.teardown(async () => { await sink.close?.() })
  return { topic, proxy, sink, lines }
}

await t.test('if responses are lost after the broker has written the records, each record is in the topic once', async t => {
  const { topic, proxy, sink, lines } = await proxiedSink(t, 3)
  await sink.writeBatch(numbered(12, 3, 'first'), once)
  lines.length = 0
  for (let batch = 0; batch < 4; batch++) {
    proxy.fail('Produce', 'lose response', 2)
    await sink.writeBatch(numbered(12, 3, String(batch)), once)
  }
  t.ok(proxy.requests('Produce') >= 15 + 4)
  const values = (await everyRecord(connection, topic)).map(textOf)
  t.equal(values.length, 60)
  t.equal(new Set(values).size, 60)
  t.match(sink.stats(), { records: 60 })
  t.match(lines[0], /^warn kafka does not accept records: retrying .*KAFKA_UNREACHABLE/)
  t.match(lines[1], /^info kafka accepts records again/)
})

await t.test('if requests, lookups and new producer ids are lost, each record is in the topic once', async t => {
  const { topic, proxy, sink } = await proxiedSink(t, 2)
  proxy.fail('InitProducerId', 'lose request', 2)
  proxy.fail('Produce', 'lose request', 3)
  proxy.fail('Metadata', 'lose response', 2)
  await sink.writeBatch(numbered(10, 2), once)
  const values = (await everyRecord(connection, topic)).map(textOf)
  t.strictSame([...values].sort(), numbered(10, 2).map(textOf).sort())
})

await t.test('while a partition has no leader, the sink opens and writes to the other partitions', async t => {
  const topic = uniqueName('sink')
  await admin.createTopic(topic, { partitions: 2, replicas: 1 })
  const proxy = await kafkaProxy(t, kafka)
  proxy.fail('Metadata', unknownTopic(topic), 1)
  proxy.fail('Metadata', leaderless(topic))
  const sink = kafkaSink({ connection: await connect(proxy.broker), topic })
  t.teardown(async () => { await sink.close?.() })
  await sink.open?.(contextOf())
  const waiting = sink.writeBatch([outgoing('first', { partition: 0 })], once)
  await sink.writeBatch([outgoing('second', { partition: 1 })], once)
  t.strictSame((await everyRecord(connection, topic)).map(textOf), ['second'])
  proxy.heal()
  await waiting
  t.strictSame((await everyRecord(connection, topic)).map(textOf), ['first', 'second'])
})

await t.test('concurrent writes after a lost response are each in the topic once', async t => {
  const { topic, proxy, sink } = await proxiedSink(t, 1)
  proxy.fail('Produce', 'lose response', 2)
  await Promise.all(Array.from({ length: 20 }, async (_, index) => { await sink.writeBatch([outgoing(String(index))], once) }))
  t.strictSame((await everyRecord(connection, topic)).map(textOf), Array.from({ length: 20 }, (_, index) => String(index)))
})

await t.test('if one record of a batch is rejected, the records that are written again one by one are in the topic once', async t => {
  const { topic, sink } = await proxiedSink(t, 2, { 'max.message.bytes': '50000' })
  const large = outgoing('x'.repeat(49_990), { partition: 1 })
  const records = [...numbered(4, 2), large]
  await t.rejects(sink.writeBatch(records, once), { code: 'KAFKA_MESSAGE_TOO_LARGE' })
  for (const record of records.slice(0, -1)) await sink.writeBatch([record], once)
  await t.rejects(sink.writeBatch([large], once), { code: 'KAFKA_MESSAGE_TOO_LARGE' })
  t.strictSame((await everyRecord(connection, topic)).map(textOf).sort(), ['v-0', 'v-1', 'v-2', 'v-3'])
  t.equal(sink.stats().records, 4)
})

await t.test('after a broker was killed and restarted in the middle of writes, each record is in the topic once', async t => {
  const first = await useOwnKafka(t)
  const own = await connect(first.broker)
  await adminFor(t, own).createTopic('restart', { partitions: 2, replicas: 1 })
  const proxy = await kafkaProxy(t, first.broker)
  const sink = kafkaSink({ connection: await connect(proxy.broker), topic: 'restart' })
  await sink.open?.(contextOf())
  await sink.writeBatch(numbered(10, 2, 'before'), once)
  // The broker has written the next records when it is killed, but no response arrived.
  proxy.fail('Produce', 'lose response')
  const sent = proxy.requests('Produce')
  const writing = sink.writeBatch(numbered(10, 2, 'during'), once)
  await eventually(() => proxy.requests('Produce') >= sent + 4)
  await first.kill()
  proxy.heal()
  const second = await startKafka({ ...cache(), dataDir: first.dataDir, port: Number(first.broker.split(':')[1]) })
  t.teardown(async () => { await second.kill() })
  await writing
  await sink.writeBatch(numbered(10, 2, 'after'), once)
  await sink.close?.()
  const values = (await everyRecord(own, 'restart')).map(textOf)
  t.equal(values.length, 30)
  t.equal(new Set(values).size, 30)
})
