// Kills two indexers with SIGKILL at random moments. Afterwards, no row is missing, and readers show no alert twice.
import t from 'tap'
import { indexArgs, judgeIndex, newIndex, surveyRecords } from '../alert-index/support.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { joinedBy, whileRunning } from '../modes/archive-support.ts'
import { kills, randomFor } from '../support/rounds.ts'
import { startCli, usePython, useStack } from '../support/stack.ts'

const servers = await useStack(t)
const python = await usePython(t)
const connection = await connect(servers.kafka)
const admin = adminFor(t, connection)

await t.test(`two indexers that are killed ${kills} times miss no alert, and readers show none twice`, { timeout: 900_000 }, async t => {
  const random = randomFor(t.name)
  const at = await newIndex(t, servers)
  await admin.createTopic(at.topic, { partitions: 4, replicas: 1 })
  const args = indexArgs(at, '--segment-rows', '40', '--segment-seconds', '0.3', '--session-timeout-seconds', '6')
  const start = (instance: number) => startCli(t, [...args, '--group-instance-id', `indexer-${instance}`])
  const running = [0, 1].map(start)
  let alerts = 0
  const send = async (visit: number): Promise<void> => {
    await produce(connection, at.topic, await surveyRecords(at.registry, 100, { partitions: 4, visit }))
    alerts += 100
  }
  for (let kill = 0; kill < kills; kill++) {
    await send(kill)
    const victim = random.between(0, 1)
    await whileRunning(running[victim]!, () => joinedBy(running[victim]!) !== undefined)
    await new Promise(resolve => setTimeout(resolve, random.between(0, 600)))
    const { signal } = await running[victim]!.stop('SIGKILL')
    t.equal(signal, 'SIGKILL')
    running[victim] = start(victim)
  }
  await send(kills)
  const [first] = running
  const lag = async () => (await admin.groupLag(at.group, [at.topic])).get(at.topic)
  await whileRunning(first!, async () => joinedBy(first!) !== undefined && await lag() === 0n)
  const ends = await Promise.all(running.map(async cli => await cli.stop('SIGTERM')))
  for (const { code, stderr } of ends) t.equal(code, 0, stderr.slice(-2000))
  const verdict = await judgeIndex(python, at, { committedOnly: false })
  t.match(verdict, { records: alerts, shown: alerts, behind: 0, rejected: [], problems: [] })
  t.comment(`${verdict.rows} rows in ${verdict.segments} segments for ${alerts} alerts`)
})
