// Brokers of a cluster of three fail while an ingester archives a stream. Nothing is lost, and the ingester needs no restart.
import t from 'tap'
import { produce } from '../kafka/support.ts'
import { alertRecords } from '../modes/archive-support.ts'
import { passesOf } from '../modes/support.ts'
import { randomFor, rounds } from '../support/rounds.ts'
import { startCli, uniqueName } from '../support/stack.ts'
import { finish, scenario, useFaultCluster } from './cluster-support.ts'

const on = await useFaultCluster(t)
const { admin, alerts, cluster, connection } = on
const ids = cluster.all.map(({ id }) => id)

await t.test('no record is lost while the leaders of all partitions and the coordinator of the group move', async t => {
  const random = randomFor(t.name)
  const at = await scenario(t, on)
  const load = at.startLoad()
  const ingester = at.start()
  await at.commitMore(50, load)
  for (let round = 0; round < 2 * rounds; round++) {
    void load.send(200)
    for (const partition of [0, 1, 2]) {
      const { leader } = await cluster.admin.partition(at.topic, partition)
      await cluster.admin.moveLeader(at.topic, partition, random.pick(ids.filter(id => id !== leader)))
    }
    await at.publish(alertRecords(alerts, 60, 6, 9_000_000_000n + BigInt(round) * 1_000_000_000n))
    await at.commitMore(50, load)
    const coordinator = await cluster.admin.coordinator(at.group)
    await cluster.admin.moveCoordinator(at.group, random.pick(ids.filter(id => id !== coordinator)))
    await at.commitMore(50, load)
  }
  const acknowledged = await load.stop()
  const { records } = await finish(t, at, ingester)
  t.ok(records >= acknowledged + 120 * rounds, `${records} records`)
})

await t.test('the ingester continues while one of three brokers is killed and restarted', async t => {
  const random = randomFor(t.name)
  const at = await scenario(t, on)
  const load = at.startLoad()
  const ingester = at.start()
  for (let round = 0; round < rounds; round++) {
    await at.commitMore(50, load)
    // The coordinator of the group is killed in the first round, any broker in the others.
    const broker = cluster.broker(round === 0 ? await cluster.admin.coordinator(at.group) : random.pick(ids))
    await broker.kill()
    await at.commitMore(200, load)
    await broker.start()
    await cluster.admin.inSync(at.topic)
    await at.commitMore(50, load)
  }
  await load.stop()
  await finish(t, at, ingester)
})

await t.test('while two of three brokers are down, no write is acknowledged; after their restart, every record is archived', async t => {
  const random = randomFor(t.name)
  const at = await scenario(t, on)
  const load = at.startLoad()
  const ingester = at.start()
  for (let round = 0; round < rounds; round++) {
    await at.commitMore(50, load)
    const survivor = random.pick(ids)
    const killed = cluster.all.filter(({ id }) => id !== survivor)
    await Promise.all(killed.map(async broker => { await broker.kill() }))
    await load.send(50)
    const { acknowledged } = load
    await load.send(200)
    t.equal(load.acknowledged, acknowledged, 'one replica is fewer than min.insync.replicas')
    await Promise.all(killed.map(async broker => { await broker.start() }))
    await cluster.admin.inSync(at.topic)
    await at.commitMore(100, load)
  }
  await load.stop()
  await finish(t, at, ingester)
})

await t.test('no record is lost in a rolling restart of the brokers in the middle of a visit', async t => {
  const at = await scenario(t, on)
  const source = uniqueName('static')
  await admin.createTopic(source, { partitions: 6, replicas: 3 })
  await produce(connection, source, alertRecords(alerts, 600, 6))
  const ingester = at.start()
  const play = startCli(t, [
    'play-stream', '--broker', cluster.brokers, '--src-topic', source, '--dst-topic', at.topic, '--accept-unmarked',
    '--profile', 'dmtn-149', '--bursts', '30', '--burst-seconds', '15', '--repeat-interval', '15'
  ])
  for (let round = 0; round < rounds; round++) {
    for (const broker of cluster.all) {
      await at.commitMore(30)
      await broker.stop()
      await broker.start()
      await cluster.admin.inSync(at.topic, source)
    }
  }
  await at.commitMore(30)
  const { code, stdout, stderr } = await play.stop('SIGTERM')
  t.equal(code, 0, stderr.slice(-2000))
  t.ok(passesOf(stdout).length > 0, stdout)
  await finish(t, at, ingester)
})
