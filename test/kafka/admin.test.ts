import { once } from 'node:events'
import { createConnection } from 'node:net'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import { kafkaConnection } from '../../src/kafka/connection.ts'
import { brokerCheck } from '../../src/admin/readiness-checks.ts'
import { healthOf } from '../../src/admin/readiness.ts'
import { formatError } from '../../src/pipeline/errors.ts'
import { kafkaProxy, leaderless, unknownTopic } from '../support/kafka-proxy.ts'
import { uniqueName, useStack } from '../support/stack.ts'
import { adminFor, connect, eventually, numbered, outgoing, produce, recordingLog } from './support.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)

await t.test('createTopic applies partition count and configuration, and the topic accepts records immediately', async t => {
  const topic = uniqueName('admin')
  const configs = { 'retention.ms': '-1', 'retention.bytes': '123456789', 'max.message.bytes': '3000000' }
  const created = await admin.createTopic(topic, { partitions: 3, replicas: 1, configs })
  t.match(created, { id: /^[0-9a-f-]{36}$/, partitions: 3, replicas: 1 })
  t.match(await admin.topicConfigs(topic), { ...configs, 'cleanup.policy': 'delete' })
  t.strictSame(await admin.endOffsets(topic), [0n, 0n, 0n])
  await produce(connection, topic, numbered(7, 3))
  t.strictSame(await admin.endOffsets(topic), [3n, 2n, 2n])
  t.strictSame(await admin.startOffsets(topic), [0n, 0n, 0n])
  t.strictSame(await admin.snapshot(topic), { topic, id: created.id, partitions: 3, start: [0n, 0n, 0n], end: [3n, 2n, 2n] })
})

await t.test('ensureTopic creates a missing topic and leaves an existing topic unchanged', async t => {
  const topic = uniqueName('admin')
  const created = await admin.ensureTopic(topic, { partitions: 2, replicas: 1, configs: { 'retention.ms': '86400000' } })
  t.match(created, { created: true, partitions: 2, replicas: 1 })
  await produce(connection, topic, numbered(4, 2))
  const again = await admin.ensureTopic(topic, { partitions: 5, replicas: 1, configs: { 'retention.ms': '1000' } })
  t.strictSame(again, { ...created, created: false })
  t.match(await admin.topicConfigs(topic), { 'retention.ms': '86400000' })
  t.strictSame(await admin.endOffsets(topic), [2n, 2n])
})

await t.test('concurrent ensureTopic calls create one topic and return the same id', async t => {
  const topic = uniqueName('admin')
  const admins = [admin, adminFor(t, connection), adminFor(t, connection)]
  const topics = await Promise.all(admins.map(async each => await each.ensureTopic(topic, { partitions: 2, replicas: 1 })))
  t.equal(new Set(topics.map(({ id }) => id)).size, 1)
  t.equal(topics.filter(({ created }) => created).length, 1)
})

await t.test('recreateTopic returns an empty topic with a new id and the new configuration', async t => {
  const topic = uniqueName('admin')
  const spec = { partitions: 2, replicas: 1, configs: { 'retention.ms': '86400000', 'max.message.bytes': '2097152' } }
  const ids = new Set<string>([(await admin.recreateTopic(topic, spec)).id])
  for (let round = 0; round < 5; round++) {
    await produce(connection, topic, numbered(50, 2))
    const { id } = await admin.recreateTopic(topic, spec)
    ids.add(id)
    t.strictSame(await admin.endOffsets(topic), [0n, 0n])
    t.match(await admin.topicConfigs(topic), spec.configs)
  }
  t.equal(ids.size, 6)
})

await t.test('errors of topic operations name the topic, the broker and the reason', async t => {
  const topic = uniqueName('admin')
  const spec = { partitions: 1, replicas: 1 }
  const create = async (name: string, more: object) => await admin.createTopic(name, { ...spec, ...more })
  await admin.createTopic(topic, spec)
  await t.rejects(admin.createTopic(topic, spec), { code: 'KAFKA_TOPIC_EXISTS', where: `${topic} at ${kafka}` })
  await t.rejects(create(uniqueName('x'), { replicas: 9 }), { code: 'KAFKA_TOPIC_REFUSED', message: /replication factor of 9/ })
  const configs = { 'retention.ms': 'long' }
  await t.rejects(create(uniqueName('x'), { configs }), { code: 'KAFKA_TOPIC_REFUSED', message: /retention\.ms/ })
  await t.rejects(create('not a name', {}), { code: 'KAFKA_TOPIC_REFUSED' })
  await t.rejects(admin.endOffsets(uniqueName('x')), { code: 'KAFKA_TOPIC_MISSING' })
})

await t.test('for a missing topic, describeTopic and snapshot return undefined, and deleteTopic returns false', async t => {
  t.equal(await admin.describeTopic(uniqueName('x')), undefined)
  t.equal(await admin.snapshot(uniqueName('x')), undefined)
  t.equal(await admin.deleteTopic(uniqueName('x')), false)
})

await t.test('describeTopic rejects with a retryable error that names the broker if the broker is unreachable', async t => {
  const unreachable = adminFor(t, await connect('127.0.0.1:1'))
  const error = await unreachable.describeTopic('alerts').then(() => undefined, (error: unknown) => error)
  t.match(error, { code: 'KAFKA_UNREACHABLE', retryable: true, where: 'alerts at 127.0.0.1:1' })
  t.match(formatError(error), /127\.0\.0\.1:1.*ECONNREFUSED/)
})

await t.test('groupLag counts the records after the committed offset, or all records if a partition has no committed offset', async t => {
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
  const lag = await admin.groupLag(group, [read, unread, uniqueName('missing')])
  t.strictSame([...lag.values()], [1n, 10n, 0n])
})

const skip = process.platform === 'linux' ? false : 'only Linux drops connection requests when the backlog is full'
await t.test('the broker health check skips an unresponsive bootstrap broker and succeeds within its time limit', { skip }, async t => {
  // The listener accepts no connections. Once its backlog is full, Linux drops connection requests, as if the host were down.
  const unresponsive = new Worker(`
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:worker_threads').parentPort.postMessage(server.address().port)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`, { eval: true })
  t.teardown(async () => { await unresponsive.terminate() })
  const [port] = await once(unresponsive, 'message') as [number]
  const fill = Array.from({ length: 4 }, () => createConnection(port, '127.0.0.1').on('error', () => {}))
  t.teardown(() => { for (const socket of fill) socket.destroy() })
  await Promise.all(fill.slice(0, 2).map(async socket => { await once(socket, 'connect') }))
  const brokers = [`127.0.0.1:${port}`, kafka]
  const probe = new KafkaAdmin(await kafkaConnection({ brokers, auth: 'none', tls: false, clientId: 'test' }), { probeMs: 2000 })
  t.teardown(async () => { await probe.close() })
  // The first call of a client makes two requests (API versions and metadata), so it is made here, before the timed health check.
  await probe.describeTopic(uniqueName('none'))
  const health = healthOf(() => 'running', { broker: brokerCheck(probe, [uniqueName('none')]) }, 2000)
  t.match(await health(), { checks: { broker: 'ok' } })
})

await t.test('at the start of a mode, waits for a leader and for lost connections; otherwise rejects after a moment', async t => {
  const topic = uniqueName('starting')
  await admin.createTopic(topic, { partitions: 2, replicas: 1 })
  const proxy = await kafkaProxy(t, kafka)
  const proxied = await connect(proxy.broker)
  const { log, lines } = recordingLog()
  const hasty = adminFor(t, proxied)
  proxy.fail('Metadata', leaderless(topic), 12)
  await t.rejects(hasty.snapshot(topic), { code: 'KAFKA_PARTITION_UNAVAILABLE', retryable: true, message: /no leader/ })
  const starting = new KafkaAdmin(proxied, { startRetry: { log, signal: new AbortController().signal } })
  t.teardown(async () => { await starting.close() })
  proxy.fail('Metadata', leaderless(topic), 12)
  proxy.fail('Metadata', 'lose response', 2)
  proxy.fail('ListOffsets', 'lose request', 6)
  t.match(await starting.snapshot(topic), { partitions: 2, end: [0n, 0n] })
  t.ok(lines.length >= 1)
  for (const line of lines) t.match(line, /^warn kafka is not available yet: retrying/)
})

await t.test('a topic is missing only if three lookups do not find it, or one lookup of a probe', async t => {
  const topic = uniqueName('unknown')
  await admin.createTopic(topic, { partitions: 2, replicas: 1 })
  await produce(connection, topic, numbered(6, 2))
  const proxy = await kafkaProxy(t, kafka)
  const proxied = await connect(proxy.broker)
  const slow = adminFor(t, proxied)
  proxy.fail('Metadata', unknownTopic(topic), 2)
  t.match(await slow.describeTopic(topic), { partitions: 2 })
  proxy.fail('Metadata', unknownTopic(topic), 2)
  t.match(await slow.snapshot(topic), { partitions: 2, end: [3n, 3n] })
  proxy.fail('Metadata', unknownTopic(topic), 3)
  t.equal(await slow.describeTopic(topic), undefined)
  const probe = new KafkaAdmin(proxied, { probeMs: 2000 })
  t.teardown(async () => { await probe.close() })
  proxy.fail('Metadata', unknownTopic(topic), 1)
  t.equal(await probe.describeTopic(topic), undefined)
  t.match(await probe.describeTopic(topic), { partitions: 2 })
})

await t.test('recreateTopic does not take an existing topic, which a broker does not know yet, for the new one', async t => {
  const topic = uniqueName('recreated')
  const { id } = await admin.createTopic(topic, { partitions: 2, replicas: 1 })
  await produce(connection, topic, numbered(6, 2))
  const proxy = await kafkaProxy(t, kafka)
  proxy.fail('Metadata', unknownTopic(topic), 2)
  const recreated = await adminFor(t, await connect(proxy.broker)).recreateTopic(topic, { partitions: 1, replicas: 1 })
  t.not(recreated.id, id)
  t.strictSame(await admin.endOffsets(topic), [0n])
})

await t.test('a snapshot takes two lookups, and end offsets take one', async t => {
  const topic = uniqueName('lookups')
  await admin.createTopic(topic, { partitions: 3, replicas: 1 })
  const proxy = await kafkaProxy(t, kafka)
  const proxied = adminFor(t, await connect(proxy.broker))
  await proxied.endOffsets(topic)
  const count = async (call: () => Promise<unknown>): Promise<number> => {
    const before = proxy.requests('Metadata')
    await call()
    return proxy.requests('Metadata') - before
  }
  t.equal(await count(() => proxied.snapshot(topic)), 2)
  t.equal(await count(() => proxied.endOffsets(topic)), 1)
})

await t.test('recreateTopic succeeds if the response to the creation is lost', async t => {
  const topic = uniqueName('recreated')
  const { id } = await admin.createTopic(topic, { partitions: 1, replicas: 1 })
  const proxy = await kafkaProxy(t, kafka)
  const proxied = adminFor(t, await connect(proxy.broker))
  proxy.fail('CreateTopics', 'lose response', 1)
  const recreated = await proxied.recreateTopic(topic, { partitions: 3, replicas: 1 })
  t.equal(recreated.partitions, 3)
  t.not(recreated.id, id)
})
