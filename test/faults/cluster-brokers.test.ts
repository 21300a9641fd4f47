// Brokers of a cluster of three fail while an ingester archives a stream. Nothing is lost, and the ingester needs no restart.
import t from 'tap'
import { alertRecords } from '../modes/archive-support.ts'
import { diceFor, rounds } from '../support/rounds.ts'
import { scenario, stopAll, useFaultCluster } from './cluster-support.ts'

const on = await useFaultCluster(t)
const { cluster, alerts } = on
const ids = cluster.all.map(({ id }) => id)

await t.test('the leaders of all partitions and the coordinator of the group move', async t => {
  const dice = diceFor(t.name)
  const at = await scenario(t, on)
  const load = at.startLoad(150)
  const ingester = at.start()
  await at.commitMore(50)
  for (let round = 0; round < 2 * rounds; round++) {
    for (let partition = 0; partition < 6; partition++) {
      const { leader } = await cluster.admin.partition(at.topic, partition)
      await cluster.admin.moveLeader(at.topic, partition, dice.pick(ids.filter(id => id !== leader)))
    }
    await at.publish(alertRecords(alerts, 60, 6, 9_000_000_000n + BigInt(round) * 1_000_000_000n))
    await at.commitMore(100)
    const coordinator = await cluster.admin.coordinator(at.group)
    await cluster.admin.moveCoordinator(at.group, dice.pick(ids.filter(id => id !== coordinator)))
    await at.commitMore(100)
  }
  const acknowledged = await load.stop()
  await at.settled()
  await stopAll(t, ingester)
  const { records } = await at.assertComplete(t)
  t.ok(records >= acknowledged + 120 * rounds, `${records} records`)
})

await t.test('one of three brokers is killed and comes back; the ingester goes on meanwhile', async t => {
  const dice = diceFor(t.name)
  const at = await scenario(t, on)
  const load = at.startLoad(150)
  const ingester = at.start()
  for (let round = 0; round < rounds; round++) {
    await at.commitMore(50)
    // The coordinator of the group is killed in the first round, any broker in the others.
    const broker = cluster.broker(round === 0 ? await cluster.admin.coordinator(at.group) : dice.pick(ids))
    await broker.kill()
    await at.commitMore(200)
    await broker.start()
    await cluster.admin.inSync(at.topic)
    await at.commitMore(50)
  }
  await load.stop()
  await at.settled()
  await stopAll(t, ingester)
  await at.assertComplete(t)
})

await t.test('with two of three brokers killed, no write is acknowledged; when they are back, everything is archived', async t => {
  const dice = diceFor(t.name)
  const at = await scenario(t, on)
  const load = at.startLoad(150)
  const ingester = at.start()
  for (let round = 0; round < rounds; round++) {
    await at.commitMore(50)
    const survivor = dice.pick(ids)
    const killed = cluster.all.filter(({ id }) => id !== survivor)
    await Promise.all(killed.map(async broker => { await broker.kill() }))
    await load.sendMore(50)
    const { acknowledged } = load
    await load.sendMore(200)
    t.equal(load.acknowledged, acknowledged, 'one replica is fewer than min.insync.replicas')
    await Promise.all(killed.map(async broker => { await broker.start() }))
    await cluster.admin.inSync(at.topic)
    await at.commitMore(200)
  }
  await load.stop()
  await at.settled()
  await stopAll(t, ingester)
  await at.assertComplete(t)
})
