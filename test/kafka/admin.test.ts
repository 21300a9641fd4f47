import { once } from 'node:events'
import { createConnection } from 'node:net'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import { kafkaConnection } from '../../src/kafka/connection.ts'
import { brokerCheck } from '../../src/admin/readiness-checks.ts'
import { healthOf } from '../../src/admin/readiness.ts'
import { formatError } from '../../src/pipeline/errors.ts'
import { uniqueName, useStack } from '../support/stack.ts'
import { adminFor, connect, eventually, numbered, outgoing, produce } from './support.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)

await t.test('a created topic has its partitions and settings, and takes records at once', async t => {
  const topic = uniqueName('admin')
  const created = await admin.createTopic(topic, { partitions: 3, replicas: 1, configs: { 'retention.ms': '-1', 'retention.bytes': '123456789', 'max.message.bytes': '3000000' } })
  t.match(created, { id: /^[0-9a-f-]{36}$/, partitions: 3, replicas: 1 })
  t.match(await admin.topicConfigs(topic), { 'retention.ms': '-1', 'retention.bytes': '123456789', 'max.message.bytes': '3000000', 'cleanup.policy': 'delete' })
  t.ok(await admin.isEmpty(topic))
  await produce(connection, topic, numbered(7, 3))
  t.notOk(await admin.isEmpty(topic))
  t.strictSame(await admin.endOffsets(topic), [3n, 2n, 2n])
  t.strictSame(await admin.startOffsets(topic), [0n, 0n, 0n])
  t.strictSame(await admin.snapshot(topic), { topic, id: created.id, partitions: 3, start: [0n, 0n, 0n], end: [3n, 2n, 2n] })
})

await t.test('recreating gives an empty topic with the settings asked for and another id, again and again', async t => {
  const topic = uniqueName('admin')
  const spec = { partitions: 2, replicas: 1, configs: { 'retention.ms': '86400000', 'max.message.bytes': '2097152' } }
  const ids = new Set<string>([(await admin.recreateTopic(topic, spec)).id])
  for (let round = 0; round < 5; round++) {
    await produce(connection, topic, numbered(50, 2))
    const { id } = await admin.recreateTopic(topic, spec)
    ids.add(id)
    t.ok(await admin.isEmpty(topic))
    t.strictSame(await admin.endOffsets(topic), [0n, 0n])
    t.match(await admin.topicConfigs(topic), spec.configs)
  }
  t.equal(ids.size, 6)
})

await t.test('what the brokers refuse is said with topic, broker and reason', async t => {
  const topic = uniqueName('admin')
  await admin.createTopic(topic, { partitions: 1, replicas: 1 })
  await t.rejects(admin.createTopic(topic, { partitions: 1, replicas: 1 }), { code: 'KAFKA_TOPIC_EXISTS', where: `${topic} at ${kafka}` })
  await t.rejects(admin.createTopic(uniqueName('x'), { partitions: 1, replicas: 9 }), { code: 'KAFKA_TOPIC_REFUSED', message: /replication factor of 9/ })
  await t.rejects(admin.createTopic(uniqueName('x'), { partitions: 1, replicas: 1, configs: { 'retention.ms': 'long' } }), { code: 'KAFKA_TOPIC_REFUSED', message: /retention\.ms/ })
  await t.rejects(admin.createTopic('not a name', { partitions: 1, replicas: 1 }), { code: 'KAFKA_TOPIC_REFUSED' })
  await t.rejects(admin.endOffsets(uniqueName('x')), { code: 'KAFKA_TOPIC_MISSING' })
  await t.rejects(admin.isEmpty(uniqueName('x')), { code: 'KAFKA_TOPIC_MISSING' })
  t.equal(await admin.describeTopic(uniqueName('x')), undefined)
  t.equal(await admin.snapshot(uniqueName('x')), undefined)
  t.equal(await admin.deleteTopic(uniqueName('x')), false)
})

await t.test('a broker that is not there is an error that names it', async t => {
  const nobody = new KafkaAdmin(await connect('127.0.0.1:1'))
  t.teardown(async () => { await nobody.close() })
  const error = await nobody.describeTopic('alerts').then(() => undefined, (error: unknown) => error)
  t.match(error, { code: 'KAFKA_UNREACHABLE', retryable: true, where: 'alerts at 127.0.0.1:1' })
  t.match(formatError(error), /127\.0\.0\.1:1.*ECONNREFUSED/)
})

await t.test('the lag of a group counts what it has not committed, and all that is kept where it committed nothing', async t => {
  const [read, unread] = [uniqueName('lag'), uniqueName('lag')]
  const group = uniqueName('g')
  for (const topic of [read, unread]) {
    await admin.createTopic(topic, { partitions: 2, replicas: 1 })
    await produce(connection, topic, numbered(10, 2))
  }
  const { kafkaGroupSource } = await import('../../src/sources/kafka-group.ts')
  const { contextOf, pull } = await import('./support.ts')
  const context = contextOf()
  const source = kafkaGroupSource({ connection, topics: [read], group })
  await source.open?.(context)
  const pulling = pull(source, context)
  await pulling.until(() => pulling.records.length === 10)
  await pulling.stop()
  await source.flush?.()
  await source.close?.()
  await produce(connection, read, [outgoing('more', { partition: 1 })])
  await eventually(async () => (await admin.endOffsets(read))[1] === 6n)
  t.strictSame(await admin.groupLag(group, [read, unread, uniqueName('missing')]).then(lag => [...lag.values()]), [1n, 10n, 0n])
})

await t.test('one that hurries gets past brokers that are gone without a word, within its time', { skip: process.platform === 'linux' ? false : 'a full backlog is answered elsewhere' }, async t => {
  // A listener that accepts nothing: once its backlog is full, the system drops what comes, as if the host were gone.
  const silent = new Worker(`
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:worker_threads').parentPort.postMessage(server.address().port)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`, { eval: true })
  t.teardown(async () => { await silent.terminate() })
  const [port] = await once(silent, 'message') as [number]
  const fill = Array.from({ length: 4 }, () => createConnection(port, '127.0.0.1').on('error', () => {}))
  t.teardown(() => { for (const socket of fill) socket.destroy() })
  await Promise.all(fill.slice(0, 2).map(async socket => { await once(socket, 'connect') }))
  const hurried = new KafkaAdmin(await kafkaConnection({ brokers: [`127.0.0.1:${port}`, kafka], auth: 'none', tls: false, clientId: 'test' }), { hurryMs: 2000 })
  t.teardown(async () => { await hurried.close() })
  // The very first question asks twice: what the broker speaks, and then what it knows.
  await hurried.describeTopic(uniqueName('none'))
  const health = healthOf(() => 'running', { broker: brokerCheck(hurried, [uniqueName('none')]) }, 2000)
  t.match(await health(), { checks: { broker: 'ok' } })
})
