// verify after an ingester was killed: no record is missing, and a deleted object is reported and repaired.
import { rm } from 'node:fs/promises'
import t from 'tap'
import { adminFor, connect, produce } from '../kafka/support.ts'
import {
  alertPath, alertRecords, archivedIds, idOf, ingestArgs, joinedBy, newTarget, registerAlerts, storeUrl, whileRunning
} from '../modes/archive-support.ts'
import { runMode } from '../support/in-process.ts'
import { startCli, useStack } from '../support/stack.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)

await t.test('after a killed ingester, and while the next one runs, no committed record is missing', async t => {
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: 4, replicas: 1 })
  const records = alertRecords(alerts, 400, 4)
  await produce(connection, at.topic, records)
  const args = ingestArgs(at, '--group-instance-id', 'one', '--batch-size', '3', '--commit-interval', '7', '--gzip-level', '9')
  const flags = [
    '--broker', kafka, '--topic', at.topic, '--group', at.group, '--dead-letter-topic', at.dead, '--alert-store', storeUrl(at.root)
  ]
  const verify = async (...more: string[]) => {
    const { code, stdout, stderr } = await runMode(['verify', ...flags, ...more])
    return { code, stderr, ...JSON.parse(stdout) as { readonly verified: number, readonly problems: readonly object[] } }
  }
  const committed = async (): Promise<bigint> =>
    (await admin.committed(at.group, at.topic)).reduce<bigint>((sum, offset) => sum + (offset ?? 0n), 0n)

  const killed = startCli(t, args)
  await whileRunning(killed, async () => await committed() > 0n, 1)
  await killed.stop('SIGKILL')
  const afterKill = await verify()
  t.match(afterKill, { code: 0, complete: true, missing: 0, different: 0 }, afterKill.stderr)
  t.equal(BigInt(afterKill.verified), await committed())

  const next = startCli(t, args)
  await whileRunning(next, () => joinedBy(next) !== undefined)
  for (let seen = 0; seen < 400;) {
    const whileIngesting = await verify()
    t.match(whileIngesting, { code: 0, complete: true, missing: 0, different: 0 }, whileIngesting.stderr)
    seen = whileIngesting.verified
  }
  t.equal((await next.stop('SIGTERM')).code, 0)

  const lost = idOf(records[123]!)
  await rm(alertPath(at.root, lost))
  t.match(await verify(), { code: 1, verified: 399, missing: 1, problems: [{ problem: 'missing', alertId: lost, topic: at.topic }] })
  const repaired = await verify('--repair', '--schema-registry-url', registry)
  t.match(repaired, { code: 0, verified: 399, missing: 1, repaired: 1, problems: [{ alertId: lost, repair: 'archived' }] }, repaired.stderr)
  t.match(await verify(), { code: 0, verified: 400, missing: 0 })
  t.strictSame(await archivedIds(at.root), records.map(idOf).sort())
})
