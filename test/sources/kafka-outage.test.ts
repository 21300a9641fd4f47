// Broker restarts and killed consumers: no record is lost, and sources and sinks continue.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Admin } from '@platformatic/kafka'
import t from 'tap'
import { startKafka } from '../../src/devstack/index.ts'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import { kafkaSink } from '../../src/sinks/kafka.ts'
import { kafkaGroupSource } from '../../src/sources/kafka-group.ts'
import { readTopic } from '../../src/sources/kafka-topic.ts'
import { adminFor, connect, contextOf, eventually, numbered, outgoing, produce, pull, valueOf } from '../kafka/support.ts'
import { cache, uniqueName, useOwnKafka, useStack } from '../support/stack.ts'

const childProgram = new URL('../kafka/consumer-child.ts', import.meta.url).pathname

await t.test('sink, group source and topic source survive a broker restart without losing a record', async t => {
  const first = await useOwnKafka(t)
  const port = Number(first.broker.split(':')[1])
  const connection = await connect(first.broker)
  const admin = new KafkaAdmin(connection)
  const topic = 'restart'
  await admin.createTopic(topic, { partitions: 2, replicas: 1 })

  const sink = kafkaSink({ connection, topic })
  const group = kafkaGroupSource({
    connection, topics: [topic], group: 'g', heartbeatInterval: 300, sessionTimeout: 6000, commitInterval: { ms: 200 }
  })
  const follower = readTopic({ connection, topic, to: 'follow' })
  const [groupContext, followContext] = [contextOf(), contextOf()]
  await sink.open?.(contextOf())
  await group.open?.(groupContext)
  await follower.open?.(followContext)
  const grouped = pull(group, groupContext)
  const followed = pull(follower, followContext)

  const sent = new Set<string>()
  let stop = false
  const writing = (async () => {
    for (let index = 0; !stop; index++) {
      const values = [`${index}-a`, `${index}-b`]
      await sink.writeBatch(values.map((value, partition) => outgoing(value, { partition })), { signal: groupContext.abort, attempt: 1 })
      for (const value of values) sent.add(value)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  })()
  await grouped.until(() => grouped.records.length > 50)
  await first.stop()
  const down = sent.size
  await new Promise(resolve => setTimeout(resolve, 2500))
  const second = await startKafka({ ...cache(), dataDir: first.dataDir, port })
  t.teardown(async () => { await second.kill() })
  await eventually(() => sent.size > down + 50)
  stop = true
  await writing

  const allSeen = (records: typeof grouped.records): boolean => {
    const seen = new Set(records.map(valueOf))
    return [...sent].every(value => seen.has(value))
  }
  await eventually(() => allSeen(grouped.records) && allSeen(followed.records))
  await grouped.stop()
  await group.flush?.()
  t.strictSame(await admin.committed('g', topic), await admin.endOffsets(topic), 'every record is committed')
  await followed.stop()
  for (const part of [group, follower, sink]) await part.close?.()
  await admin.close()
  const order = followed.records.filter(record => record.value.partition === 0).map(record => Number(valueOf(record).split('-')[0]))
  t.strictSame(order, order.toSorted((a, b) => a - b), 'the records of each partition are read in order')
  const positions = new Set(followed.records.map(record => record.position))
  t.equal(positions.size, followed.records.length, 'the topic source reads each offset once')
})

await t.test('sources and sinks fail after an outage longer than their limit, with an error that names the broker', async t => {
  const server = await useOwnKafka(t)
  const connection = await connect(server.broker)
  await produceTo(connection, 'gone')
  const source = readTopic({ connection, topic: 'gone', to: 'follow', giveUpAfterMs: 1000 })
  const sink = kafkaSink({ connection, topic: 'gone', deliveryTimeoutMs: 1500 })
  const context = contextOf()
  await source.open?.(context)
  await sink.open?.(context)
  const pulling = pull(source, context)
  await pulling.until(() => pulling.records.length === 10)
  await server.kill()
  await t.rejects(pulling.ended, { code: 'KAFKA_UNREACHABLE', retryable: true, where: server.broker })
  const unavailable = { code: /^KAFKA_(UNREACHABLE|TIMEOUT)$/, retryable: true }
  await t.rejects(sink.writeBatch([outgoing('x')], { signal: context.abort, attempt: 1 }), unavailable)
  await source.close?.()
  await sink.close?.()
})

await t.test('a killed consumer resumes from its committed offsets without losing a record', async t => {
  const { kafka } = await useStack(t)
  const connection = await connect(kafka)
  const admin = adminFor(t, connection)
  const [topic, group] = [uniqueName('kill'), uniqueName('g')]
  await admin.createTopic(topic, { partitions: 2, replicas: 1 })
  await produce(connection, topic, numbered(400, 2))
  const settled = new Set<string>()
  const consumer = (): ChildProcess => {
    const child = spawn(process.execPath, [childProgram, kafka, topic, group], { stdio: ['ignore', 'pipe', 'inherit'] })
    let rest = ''
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      for (const line of lines) settled.add(line)
    })
    t.teardown(() => { child.kill('SIGKILL') })
    return child
  }
  const first = consumer()
  await eventually(() => settled.size > 100)
  first.kill('SIGKILL')
  await once(first, 'close')
  const committed = (await admin.committed(group, topic)).reduce<bigint>((sum, offset) => sum + (offset ?? 0n), 0n)
  t.ok(committed <= BigInt(settled.size) + 2n, `${committed} offsets committed, but only ${settled.size} records settled`)
  t.ok(settled.size < 400, 'the consumer was killed before it settled all records')
  consumer()
  await eventually(() => settled.size === 400)
  await eventually(async () => (await admin.committed(group, topic)).every(offset => offset === 200n))
  t.equal(settled.size, 400)
})

await t.test('stopping a source does not wait for a rebalance that a dead member blocks, whether or not the source has joined', async t => {
  const { kafka } = await useStack(t)
  const connection = await connect(kafka)
  const admin = adminFor(t, connection)
  const [topic, group] = [uniqueName('held'), uniqueName('g')]
  await admin.createTopic(topic, { partitions: 2, replicas: 1 })
  const member = async (context: ReturnType<typeof contextOf>) => {
    const source = kafkaGroupSource({
      connection, topics: [topic], group, heartbeatInterval: 300, sessionTimeout: 60_000, rebalanceTimeout: 60_000
    })
    await source.open?.(context)
    return source
  }
  const context = contextOf()
  const first = await member(context)
  const pulling = pull(first, context)
  const child = spawn(process.execPath, [childProgram, kafka, topic, group], { stdio: ['ignore', 'ignore', 'inherit'] })
  t.teardown(() => { child.kill('SIGKILL') })
  await eventually(() => first.stats().partitions.length === 1)
  child.kill('SIGKILL')
  await once(child, 'close')
  const late = contextOf()
  const opening = member(late)
  const client = new Admin({ clientId: 'test', bootstrapBrokers: [kafka] })
  t.teardown(async () => { await client.close() })
  const describe = async () => (await client.describeGroups({ groups: [group] })).get(group)!
  await eventually(async () => (await describe()).members.size === 3)
  late.stop()
  const second = await opening
  await second.close?.()
  await pulling.stop()
  await first.flush?.()
  await first.close?.()
  const remaining = [...(await describe()).members.values()].map(({ groupInstanceId }) => groupInstanceId)
  t.strictSame(remaining, ['child'], 'both stopped members have left the group, and the dead member remains')
})

async function produceTo (connection: Awaited<ReturnType<typeof connect>>, topic: string): Promise<void> {
  const admin = new KafkaAdmin(connection)
  await admin.createTopic(topic, { partitions: 1, replicas: 1 })
  await admin.close()
  await produce(connection, topic, numbered(10, 1))
}
