import t, { type Test } from 'tap'
import { adminFor, connect, everyRecord, numbered, produce } from '../kafka/support.ts'
import { useCluster } from '../support/kafka-cluster.ts'
import { uniqueName } from '../support/stack.ts'

const cluster = await useCluster(t)
const connection = await connect(cluster.brokers)
const admin = adminFor(t, connection)

async function newTopic (): Promise<string> {
  const topic = uniqueName('topic')
  await admin.createTopic(topic, { partitions: 3, replicas: -1 })
  return topic
}

async function holds (t: Test, topic: string, count: number): Promise<void> {
  t.equal((await everyRecord(connection, topic)).length, count)
}

await t.test('topics have three replicas by default, and a write needs two in-sync replicas', async t => {
  const topic = await newTopic()
  const { replicas, isr } = await cluster.admin.partition(topic, 0)
  t.strictSame([replicas.length, isr.length], [3, 3])
  t.match(await admin.topicConfigs(topic), { 'min.insync.replicas': '2' })
  t.equal((await cluster.admin.partition('__consumer_offsets', 0)).replicas.length, 3)
})

await t.test('the leader of a partition and the coordinator of a group move to the given broker', async t => {
  const [topic, group] = [await newTopic(), uniqueName('group')]
  for (const id of [1, 2, 3]) {
    await cluster.admin.moveLeader(topic, 1, id)
    t.equal((await cluster.admin.partition(topic, 1)).leader, id)
    await cluster.admin.moveCoordinator(group, id)
    t.equal(await cluster.admin.coordinator(group), id)
  }
})

await t.test('a broker that is stopped, killed or frozen leaves the in-sync replicas; its partitions get another leader', async t => {
  const topic = await newTopic()
  const faults = ['stop', 'kill', 'freeze'] as const
  let sent = 0
  for (const [index, fault] of faults.entries()) {
    const broker = cluster.broker(index + 1)
    await cluster.admin.moveLeader(topic, 0, broker.id)
    const { pid } = broker
    await broker[fault]()
    while ((await cluster.admin.partition(topic, 0)).leader === broker.id) await new Promise(resolve => setTimeout(resolve, 100))
    t.notOk((await cluster.admin.partition(topic, 0)).isr.includes(broker.id), fault)
    await produce(connection, topic, numbered(30, 3, fault))
    sent += 30
    if (fault === 'freeze') broker.resume()
    else await broker.start()
    t[fault === 'freeze' ? 'equal' : 'not'](broker.pid, pid)
    await cluster.admin.inSync(topic)
    await holds(t, topic, sent)
  }
})

await t.test('records survive if two of three brokers are killed at once and started again', async t => {
  const topic = await newTopic()
  await produce(connection, topic, numbered(30, 3))
  const [first, second] = cluster.all
  await Promise.all([first!.kill(), second!.kill()])
  await Promise.all([first!.start(), second!.start()])
  await cluster.admin.inSync(topic)
  await produce(connection, topic, numbered(30, 3))
  await holds(t, topic, 60)
})
