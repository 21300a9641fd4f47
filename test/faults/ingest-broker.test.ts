// Kills the broker while the ingester runs, and kills one of two ingesters of a group.
import t from 'tap'
import { adminFor, connect, everyRecord, produce } from '../kafka/support.ts'
import {
  alertRecords, archivedIds, idOf, ingestArgs, newTarget, pythonMismatches, registerAlerts, whileRunning
} from '../modes/archive-support.ts'
import { startCli, useOwnKafka, useStack } from '../support/stack.ts'

const { kafka, registry } = await useStack(t)
const alerts = await registerAlerts(registry)

await t.test('the ingester loses no alert when the broker is killed and restarted, and needs no restart of its own', async t => {
  const server = await useOwnKafka(t)
  const connection = await connect(server.broker)
  const at = await newTarget(t, { kafka: server.broker, registry })
  const before = adminFor(t, connection)
  await before.createTopic(at.topic, { partitions: 2, replicas: 1 })
  const records = alertRecords(alerts, 60, 2)
  await produce(connection, at.topic, records.slice(0, 30))
  const ingest = startCli(t, ingestArgs(at, '--batch-size', '1', '--max-in-flight-mib', '1'))
  await whileRunning(ingest, async () => (await archivedIds(at.root)).length > 0, 1)
  await server.kill()
  const again = await useOwnKafka(t, { dataDir: server.dataDir, port: Number(server.broker.split(':')[1]) })
  t.equal(again.broker, server.broker)
  await produce(connection, at.topic, records.slice(30))
  const admin = adminFor(t, await connect(server.broker))
  await whileRunning(ingest, async () =>
    (await archivedIds(at.root)).length === 60 && (await admin.groupLag(at.group, [at.topic])).get(at.topic) === 0n)
  const { code, stdout, stderr } = await ingest.stop('SIGTERM')
  t.equal(code, 0, stderr.slice(-2000))
  t.match(stdout, /^archived \d+ alerts: 60 written, \d+ already archived, 0 dead letters\n$/)
  t.strictSame(pythonMismatches(at.root, records), [])
  t.equal((await everyRecord(connection, at.dead)).length, 0)
})

await t.test('when one of two ingesters in a group is killed, the surviving ingester takes over and no alert is missing', async t => {
  const connection = await connect(kafka)
  const admin = adminFor(t, connection)
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: 4, replicas: 1 })
  const start = () => startCli(t, ingestArgs(at, '--session-timeout-seconds', '6'))
  const [first, second] = [start(), start()]
  const joined = /"generation":(\d+),"partitions":2,"msg":"joined/
  await whileRunning(first, () => joined.test(first.stderr) && joined.test(second.stderr))
  const records = alertRecords(alerts, 200, 4)
  await produce(connection, at.topic, records)
  await whileRunning(second, async () => (await archivedIds(at.root)).length > 20, 1)
  await first.stop('SIGKILL')
  await produce(connection, at.topic, alertRecords(alerts, 40, 4, 500n))
  await whileRunning(second, async () => (await admin.groupLag(at.group, [at.topic])).get(at.topic) === 0n)
  const { code, stderr } = await second.stop('SIGTERM')
  t.equal(code, 0, stderr.slice(-2000))
  const all = [...records, ...alertRecords(alerts, 40, 4, 500n)]
  t.strictSame(await archivedIds(at.root), all.map(idOf).sort())
  t.strictSame(pythonMismatches(at.root, all), [])
  t.equal((await everyRecord(connection, at.dead)).length, 0)
})
