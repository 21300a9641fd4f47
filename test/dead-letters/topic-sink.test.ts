import t from 'tap'
import { headerText, position, type KafkaRecord } from '../../src/kafka/record.ts'
import { createGraph, defineErrors, patientRetry, type Source } from '../../src/pipeline/index.ts'
import { deadLetterTopicSink } from '../../src/dead-letters/topic-sink.ts'
import { adminFor, connect, contextOf, everyRecord } from '../kafka/support.ts'
import { kafkaProxy } from '../support/kafka-proxy.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const expected = { topics: [] }
const smallTopic = { partitions: 1, replicas: 1, configs: { 'max.message.bytes': '20000' } }
const errors = defineErrors({ TEST_BAD_FRAME: { hint: 'Send a frame.' } })
const bad: KafkaRecord = {
  topic: 'alerts', partition: 3, offset: 42n, leaderEpoch: 0, timestamp: 1_700_000_000_000n, key: Buffer.from([0, 255]),
  value: Buffer.from([1, 2, 3]),
  headers: [[Buffer.from('h'), Buffer.from('1')], [Buffer.from('h'), null]]
}

function deadLetterFor (value: unknown, at: string, error: Error = errors.TEST_BAD_FRAME('wrong magic byte 1')) {
  return { record: { value, bytes: 3, position: at }, origin: { node: 'source', position: at }, node: 'unframe', error, attempts: 4 }
}

await t.test('a dead letter has the original key, value and headers, and the report headers', async t => {
  const topic = uniqueName('dead')
  const createTopic = { partitions: 1, replicas: 1, configs: { 'retention.ms': '-1' } }
  const sink = deadLetterTopicSink({ connection, topic, createTopic, expected })
  await sink.open?.(contextOf())
  await sink.write(deadLetterFor(bad, position(bad)))
  const [record] = await everyRecord(connection, topic)
  const original = { key: record!.key, value: record!.value, headers: record!.headers.slice(0, 2) }
  t.strictSame(original, { key: bad.key, value: bad.value, headers: bad.headers })
  t.strictSame(Object.fromEntries(record!.headers.slice(2).map(([name, value]) => [name.toString(), value!.toString()])), {
    'dead-letter-reason': 'TEST_BAD_FRAME', 'dead-letter-message': 'wrong magic byte 1', 'dead-letter-node': 'unframe',
    'dead-letter-position': 'alerts[3]@42', 'dead-letter-attempts': '4', 'dead-letter-topic': 'alerts', 'dead-letter-partition': '3',
    'dead-letter-offset': '42', 'dead-letter-timestamp': '1700000000000'
  })
  t.match(await admin.topicConfigs(topic), { 'retention.ms': '-1' })
  await sink.close?.()
})

await t.test('a record that is not from Kafka keeps its bytes, or becomes JSON if it has no bytes', async t => {
  const topic = uniqueName('dead')
  const sink = deadLetterTopicSink({ connection, topic, createTopic: { partitions: 1, replicas: 1 }, expected })
  await sink.open?.(contextOf())
  await sink.write(deadLetterFor(Buffer.from('raw'), 'a.avro#1'))
  await sink.write(deadLetterFor({ bytes: new Uint8Array([7, 8]), id: 1n }, 'a.avro#2'))
  await sink.write(deadLetterFor({ id: 2n ** 60n, cutout: Buffer.from('x') }, 'a.avro#3', new Error('odd')))
  await sink.write(deadLetterFor(undefined, 'a.avro#4'))
  const found = await everyRecord(connection, topic)
  const values = ['raw', '\x07\x08', '{"id":"1152921504606846976","cutout":"eA=="}', 'null']
  t.strictSame(found.map(record => record.value!.toString('latin1')), values)
  t.strictSame(found.map(record => headerText(record, 'dead-letter-position')), ['a.avro#1', 'a.avro#2', 'a.avro#3', 'a.avro#4'])
  t.equal(headerText(found[2]!, 'dead-letter-reason'), 'UNEXPECTED')
  await sink.close?.()
})

await t.test('uses an existing topic unchanged', async t => {
  const topic = uniqueName('dead')
  await admin.createTopic(topic, { partitions: 2, replicas: 1, configs: { 'retention.ms': '777000' } })
  const sink = deadLetterTopicSink({ connection, topic, createTopic: { partitions: 9, replicas: 1 }, expected })
  await sink.open?.(contextOf())
  await Promise.all(Array.from({ length: 10 }, () => sink.write(deadLetterFor(bad, position(bad)))))
  await sink.close?.()
  t.match(await admin.describeTopic(topic), { partitions: 2 })
  t.equal((await everyRecord(connection, topic)).length, 10)
})

await t.test('omits a value that is too large for the dead-letter topic', async t => {
  const topic = uniqueName('dead')
  const sink = deadLetterTopicSink({ connection, topic, createTopic: smallTopic, expected })
  await sink.open?.(contextOf())
  await sink.write(deadLetterFor({ ...bad, value: Buffer.alloc(30_000) }, position(bad)))
  await sink.close?.()
  const [record] = await everyRecord(connection, topic)
  t.equal(record!.value!.length, 0)
  t.equal(headerText(record!, 'dead-letter-omitted-bytes'), '30000')
  t.equal(headerText(record!, 'dead-letter-offset'), '42')
})

await t.test('omits a key or headers that are too large for the dead-letter topic, and keeps the report', async t => {
  const topic = uniqueName('dead')
  const sink = deadLetterTopicSink({ connection, topic, createTopic: smallTopic, expected })
  await sink.open?.(contextOf())
  await sink.write(deadLetterFor({ ...bad, headers: [[Buffer.from('h'), Buffer.alloc(30_000)]] }, position(bad)))
  await sink.write(deadLetterFor({ ...bad, key: Buffer.alloc(30_000) }, position(bad)))
  await sink.close?.()
  const found = await everyRecord(connection, topic)
  t.equal(found.length, 2)
  const reported = ['reason', 'topic', 'partition', 'offset', 'omitted-bytes']
  for (const record of found) {
    t.equal(record.key, null)
    t.strictSame(record.headers.map(([name]) => name.toString()).filter(name => !name.startsWith('dead-letter-')), [])
    t.strictSame(reported.map(name => headerText(record, `dead-letter-${name}`)), ['TEST_BAD_FRAME', 'alerts', '3', '42', '3'])
  }
})

await t.test('a graph writes each dead letter once, even if the brokers\' responses are lost', async t => {
  const topic = uniqueName('dead')
  await admin.createTopic(topic, { partitions: 1, replicas: 1 })
  const proxy = await kafkaProxy(t, kafka)
  const deadLetters = deadLetterTopicSink({
    connection: await connect(proxy.broker), topic, createTopic: { partitions: 1, replicas: 1 }, expected
  })
  const source: Source<KafkaRecord> = {
    kind: 'records',
    async * records () {
      for (let offset = 0n; offset < 10n; offset++) yield { value: { ...bad, offset }, bytes: 3, position: position({ ...bad, offset }) }
    }
  }
  const builder = createGraph('test', { deadLetters, retry: patientRetry })
  const rejecting = { kind: 'rejects', write: async () => { throw errors.TEST_BAD_FRAME('bad') } }
  builder.source('source', source).to('sink', rejecting, { concurrency: 4 })
  proxy.fail('Produce', 'lose response', 4)
  await builder.build().run().done
  const offsets = (await everyRecord(connection, topic)).map(record => headerText(record, 'dead-letter-offset'))
  t.strictSame(offsets.sort(), Array.from({ length: 10 }, (_, offset) => String(offset)))
})

await t.test('does not open with a compacted topic', async t => {
  const topic = uniqueName('dead')
  await admin.createTopic(topic, { partitions: 1, replicas: 1, configs: { 'cleanup.policy': 'compact' } })
  const sink = deadLetterTopicSink({ connection, topic, createTopic: smallTopic, expected })
  await t.rejects(sink.open!(contextOf()), { code: 'DEAD_LETTER_TOPIC_COMPACTED', where: `${topic} at ${kafka}` })
  await sink.close?.()
})
