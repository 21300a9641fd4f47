// A batch that was damaged on the disk of the broker: the ingester stops only its partition, and says so where an operator looks.
import { join } from 'node:path'
import t from 'tap'
import { startKafka } from '../../src/devstack/index.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { alertRecords, archivedIds, idOf, ingestArgs, registerAlerts, whileRunning } from '../modes/archive-support.ts'
import { damageLog } from '../support/damaged-log.ts'
import { cache, startCli, tempDir, useOwnKafka, useStack, type RunningCli } from '../support/stack.ts'

async function adminPort (cli: RunningCli): Promise<(path: string) => Promise<Response>> {
  const [, port] = await cli.waitFor(/"port":(\d+),"msg":"admin port is open"/)
  return async path => await fetch(`http://127.0.0.1:${port}${path}`)
}

await t.test('/readyz names a partition that is stopped at a damaged batch, others go on, and --skip-batch ends the stop', async t => {
  const { registry } = await useStack(t)
  const first = await useOwnKafka(t)
  const port = Number(first.broker.split(':')[1])
  const alerts = await registerAlerts(registry)
  const at = { kafka: first.broker, registry, topic: 'alerts', group: 'g', dead: 'dead', root: join(await tempDir(t), 'store') }
  const connection = await connect(first.broker)
  await adminFor(t, connection).createTopic(at.topic, { partitions: 2, replicas: 1 })
  const records = alertRecords(alerts, 8, 2)
  for (const record of records.slice(0, 6)) await produce(connection, at.topic, [record])
  await first.stop()
  // Partition 0 has the records 0, 2, 4 and later 6 at the offsets 0 to 3.
  await damageLog(first.dataDir, 'alerts-0', records[2]!.value!)
  const second = await startKafka({ ...cache(), dataDir: first.dataDir, port })
  t.teardown(async () => { await second.kill() })

  const stopped = startCli(t, ingestArgs(at, '--admin-port', '0'))
  const get = await adminPort(stopped)
  const readiness = async () => {
    const response = await get('/readyz')
    return { status: response.status, checks: (await response.json() as { checks: Record<string, string> }).checks }
  }
  await whileRunning(stopped, async () => (await readiness()).checks['partitions'] !== 'ok')
  const { status, checks } = await readiness()
  t.equal(status, 503)
  t.match(checks['partitions'], /^KAFKA_BATCH_DAMAGED: a record batch is damaged: its CRC32C is .* \(alerts\[0\]@1\)$/)
  t.strictSame(Object.keys(checks).filter(name => checks[name] !== 'ok'), ['partitions'])
  t.equal((await get('/livez')).status, 200)
  t.match(await (await get('/metrics')).text(), /^alert_stream_kafka_partition_stopped\{[^}]*topic="alerts",partition="0"[^}]*\} 1$/m)
  await produce(connection, at.topic, records.slice(6))
  const others = records.filter((_, index) => index % 2 === 1 || index === 0).map(idOf).sort()
  await whileRunning(stopped, async () => (await archivedIds(at.root)).length === others.length)
  t.strictSame(await archivedIds(at.root), others, 'every alert that does not follow the damaged batch is archived')
  t.equal((await stopped.stop()).code, 0)

  const skipping = startCli(t, ingestArgs(at, '--admin-port', '0', '--skip-batch', 'alerts:0:1'))
  const ready = await adminPort(skipping)
  await whileRunning(skipping, async () => (await archivedIds(at.root)).length === 7)
  t.notOk((await archivedIds(at.root)).includes(idOf(records[2]!)), 'only the alert of the damaged batch is lost')
  t.equal((await ready('/readyz')).status, 200)
  t.equal((await skipping.stop()).code, 0)
})
