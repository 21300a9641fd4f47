// An unclean leader election truncates the log of a partition: the new leader does not have the last records and
// continues at their offsets. The ingester has read and committed the truncated records. Every record of the new log must be archived.
import t from 'tap'
import { eventually } from '../kafka/support.ts'
import { alertRecords } from '../modes/archive-support.ts'
import { scenario, stopAll, useFaultCluster } from './cluster-support.ts'

const on = await useFaultCluster(t)
const { cluster, alerts } = on
const records = (count: number, firstId: bigint) => alertRecords(alerts, count, 1, firstId)

for (const ingesterIs of ['frozen', 'stopped'] as const) {
  await t.test(`after an unclean election while the ingester is ${ingesterIs}, every record of the new log is archived`, async t => {
    // With two replicas and one in-sync replica, a write is acknowledged by the leader alone. The third broker keeps the quorum.
    const at = await scenario(t, on, {
      partitions: 1, replicas: 2, configs: { 'unclean.leader.election.enable': 'true', 'min.insync.replicas': '1' },
      // The frozen ingester stays in the group and continues from its own position.
      flags: ['--session-timeout-seconds', '120']
    })
    const { leader, replicas } = await cluster.admin.partition(at.topic, 0)
    const [first, second] = [cluster.broker(leader), cluster.broker(replicas.find(id => id !== leader)!)]
    let ingester = at.start()
    await at.publish(records(100, 1_000_000_000n))
    await at.settled()
    await second.kill()
    await at.isrIs(0, [first.id])
    await at.publish(records(200, 2_000_000_000n))
    await at.settled()

    if (ingesterIs === 'frozen') process.kill(ingester.pid, 'SIGSTOP')
    else await stopAll(t, ingester)
    await first.kill()
    await second.start()
    await at.leaderIs(0, second.id)
    await at.publish(records(400, 3_000_000_000n))
    // The committed offset is that of the truncated log. A new coordinator may answer with an older offset until its log is replicated.
    await eventually(async () => (await at.commits())?.[0] === 300n)
    if (ingesterIs === 'frozen') process.kill(ingester.pid, 'SIGCONT')
    else ingester = at.start()

    await at.settled()
    await first.start()
    await cluster.admin.inSync(at.topic)
    await stopAll(t, ingester)
    const { records: count } = await at.assertComplete(t)
    t.equal(count, 500, 'the log holds the first 100 records and the 400 of the new leader')
  })
}
