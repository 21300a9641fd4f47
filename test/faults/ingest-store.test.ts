// The store or the dead-letter topic fails in the midst: no alert is buried for it, none is lost, none is committed past.
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { alertRecords, archivedIds, ingestArgs, judgedByPython, recordsOf, registerAlerts, whileRunning } from '../modes/archive-support.ts'
import { runCli, startCli, tempDir, uniqueName, useStack } from '../support/stack.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)

async function place (t: Parameters<typeof tempDir>[0]) {
  const at = { kafka, registry, topic: uniqueName('ingest'), group: uniqueName('g'), dead: uniqueName('dead'), root: join(await tempDir(t), 'store') }
  await admin.createTopic(at.topic, { partitions: 1, replicas: 1 })
  return at
}

await t.test('a store that cannot be written for a while is waited for', async t => {
  const at = await place(t)
  const records = alertRecords(alerts, 40, 1)
  await produce(connection, at.topic, records.slice(0, 20))
  const ingest = startCli(t, ingestArgs(at, '--limit', '40'))
  await whileRunning(ingest, async () => (await archivedIds(at.root)).length === 20 && (await admin.committed(at.group, at.topic))[0] === 20n)
  await rename(at.root, `${at.root}.away`)
  await writeFile(at.root, 'no folder')
  await produce(connection, at.topic, records.slice(20))
  await whileRunning(ingest, () => /"node":"archive".*attempt failed; retrying/.test(ingest.stderr))
  t.strictSame(await admin.committed(at.group, at.topic), [20n], 'nothing is committed meanwhile')
  await rm(at.root)
  await rename(`${at.root}.away`, at.root)
  const { code, stdout, stderr } = await ingest.finished
  t.equal(code, 0, stderr.slice(-2000))
  t.equal(stdout, 'archived 40 alerts: 40 written, 0 there already, 0 dead letters\n')
  t.strictSame(judgedByPython(at.root, records), [])
  t.strictSame(await admin.committed(at.group, at.topic), [40n])
  t.equal((await recordsOf(connection, at.dead)).length, 0)
})

await t.test('a dead letter that cannot be kept ends the ingester; the bad record is not committed and comes again', async t => {
  const at = await place(t)
  const records = alertRecords(alerts, 20, 1)
  await produce(connection, at.topic, records.slice(0, 5))
  const ingest = startCli(t, ingestArgs(at))
  await whileRunning(ingest, async () => (await admin.committed(at.group, at.topic))[0] === 5n)
  await admin.deleteTopic(at.dead)
  await produce(connection, at.topic, [{ key: null, value: Buffer.from('bad'), headers: [], partition: 0 }])
  await produce(connection, at.topic, records.slice(5))
  const { code, stderr } = await ingest.finished
  t.equal(code, 1)
  t.match(stderr, new RegExp(`^KAFKA_TOPIC_MISSING: .*${at.dead}`, 'm'))
  t.strictSame(await admin.committed(at.group, at.topic), [5n])
  const again = await runCli(ingestArgs(at, '--limit', '16'))
  t.equal(again.code, 0, again.stderr)
  t.match(again.stdout, /^archived 15 alerts: .*, 1 dead letters\n$/)
  t.equal((await recordsOf(connection, at.dead)).length, 1)
  t.strictSame(judgedByPython(at.root, records), [])
})
