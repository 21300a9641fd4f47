// Sources on a cluster of three brokers: logs that are truncated by an unclean leader election, and partitions without a leader.
import t from 'tap'
import { kafkaGroupSource, type KafkaGroupOptions } from '../../src/sources/kafka-group.ts'
import { readTopic } from '../../src/sources/kafka-topic.ts'
import { GroupCoordinator } from '../../src/kafka/group-coordinator.ts'
import { adminFor, connect, contextOf, eventually, numbered, outgoing, produce, pull, recordingLog, valueOf } from '../kafka/support.ts'
import { useCluster } from '../support/kafka-cluster.ts'
import { uniqueName } from '../support/stack.ts'

const cluster = await useCluster(t)
const connection = await connect(cluster.brokers)
const admin = adminFor(t, connection)
const options = (topic: string): KafkaGroupOptions => ({
  connection, topics: [topic], group: uniqueName('group'), heartbeatInterval: 300, sessionTimeout: 6000, commitInterval: { ms: 200 }
})

await t.test('after an unclean leader election, a group reads every record of the new log, and commits its epochs', async t => {
  const topic = uniqueName('unclean')
  await admin.createTopic(topic, {
    partitions: 1, replicas: 2, configs: { 'unclean.leader.election.enable': 'true', 'min.insync.replicas': '1' }
  })
  const { leader, replicas } = await cluster.admin.partition(topic, 0)
  const [first, second] = [cluster.broker(leader), cluster.broker(replicas.find(id => id !== leader)!)]
  const at = options(topic)
  const coordinator = new GroupCoordinator(connection, at.group)
  t.teardown(async () => { await coordinator.close() })
  const { log, lines } = recordingLog()
  const context = { ...contextOf(), log }
  const source = kafkaGroupSource(at)
  await source.open?.(context)
  const pulling = pull(source, context)
  const follower = readTopic({ connection, topic, to: 'follow' })
  const following = contextOf()
  await follower.open?.(following)
  const followed = pull(follower, following)

  await produce(connection, topic, numbered(200, 1, 'both'))
  await second.kill()
  await eventually(async () => (await cluster.admin.partition(topic, 0)).isr.length === 1)
  await produce(connection, topic, numbered(200, 1, 'gone'))
  await pulling.until(() => pulling.records.length === 400)
  await followed.until(() => followed.records.length === 400)
  /** Waits until the group has committed the offset, and returns its epoch. The coordinator may be the broker that was killed. */
  const epochOf = async (offset: bigint): Promise<number> => {
    for (;;) {
      const committed = await coordinator.committed([{ topic, partition: 0 }]).catch(() => undefined)
      const found = committed?.get(`${topic}/0`)
      if (found?.offset === offset) return found.leaderEpoch
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
  const before = await epochOf(400n)
  t.equal(before, pulling.records.at(-1)!.value.leaderEpoch)
  t.ok(before >= 0)

  // The other broker has only the first 200 records. It becomes the leader although it is not in sync.
  await first.kill()
  await second.start()
  await eventually(async () => (await cluster.admin.partition(topic, 0)).leader === second.id)
  await produce(connection, topic, numbered(400, 1, 'new'))
  await pulling.until(() => pulling.records.length === 800)
  await followed.until(() => followed.records.length === 800)
  const expected = Array.from({ length: 400 }, (_, index) => `new-${index}`)
  t.strictSame(pulling.records.slice(400).map(valueOf), expected)
  t.strictSame(followed.records.slice(400).map(valueOf), expected)
  t.strictSame(pulling.records.slice(400).map(({ value }) => value.offset), expected.map((_, index) => BigInt(200 + index)))
  t.strictSame(source.stats().truncated, [{ topic, partition: 0, records: 200 }])
  t.equal(lines.filter(line => line.startsWith('warn the log of the partition was truncated')).length, 1)
  t.ok(await epochOf(600n) > before)
  await pulling.stop()
  await source.close?.()
  await followed.stop()
  await follower.close?.()
  await first.start()
  await cluster.admin.inSync(topic)
})

await t.test('while a partition has no leader, a group joins and reads the other partitions, and logs one line', async t => {
  const topic = uniqueName('leaderless')
  await admin.createTopic(topic, { partitions: 3, replicas: 1 })
  await produce(connection, topic, numbered(30, 3))
  const { leader } = await cluster.admin.partition(topic, 0)
  const down = cluster.broker(leader)
  const lost: number[] = []
  for (const partition of [0, 1, 2]) if ((await cluster.admin.partition(topic, partition)).leader === leader) lost.push(partition)
  const others = [0, 1, 2].filter(partition => !lost.includes(partition))
  t.ok(others.length > 0)
  await down.kill()
  await eventually(async () => {
    const positions = await admin.positions(topic, 'earliest').catch(() => undefined)
    return positions !== undefined && positions[0] === undefined
  })

  const { log, lines } = recordingLog()
  const context = { ...contextOf(), log }
  const source = kafkaGroupSource(options(topic))
  await source.open?.(context)
  const pulling = pull(source, context)
  await pulling.until(() => pulling.records.length === 10 * others.length)
  t.strictSame(new Set(pulling.records.map(({ value }) => value.partition)), new Set(others))
  const committed = () => source.stats().partitions.map(each => each.committed)
  await eventually(() => committed().length === others.length && committed().every(offset => offset === 10n))
  await down.start()
  await produce(connection, topic, [outgoing('last', { partition: 0 })])
  await pulling.until(() => pulling.records.length === 31)
  t.ok(lines.filter(line => line.startsWith('warn ')).length <= 3, String(lines))
  await pulling.stop()
  await source.close?.()
})
