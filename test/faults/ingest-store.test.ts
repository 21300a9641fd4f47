// The store or the dead-letter topic fails while the ingester runs. No alert is lost, and no offset is committed too early.
import { rename, rm, writeFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { adminFor, connect, everyRecord, produce } from '../kafka/support.ts'
import {
  alertRecords, archivedIds, ingestArgs, newTarget, pythonMismatches, registerAlerts, whileRunning, type IngestTarget
} from '../modes/archive-support.ts'
import { runCli, startCli, useStack } from '../support/stack.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)

async function setUp (t: Test): Promise<IngestTarget> {
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: 1, replicas: 1 })
  return at
}

await t.test('alerts wait while the store cannot be written', async t => {
  const at = await setUp(t)
  const records = alertRecords(alerts, 40, 1)
  await produce(connection, at.topic, records.slice(0, 20))
  const ingest = startCli(t, ingestArgs(at, '--limit', '40'))
  await whileRunning(ingest, async () =>
    (await archivedIds(at.root)).length === 20 && (await admin.committed(at.group, at.topic))[0] === 20n)
  await rename(at.root, `${at.root}.away`)
  await writeFile(at.root, 'not a folder')
  await produce(connection, at.topic, records.slice(20))
  await whileRunning(ingest, () => /"node":"archive".*attempt failed; retrying/.test(ingest.stderr))
  t.strictSame(await admin.committed(at.group, at.topic), [20n], 'no offset is committed while the store fails')
  await rm(at.root)
  await rename(`${at.root}.away`, at.root)
  const { code, stdout, stderr } = await ingest.finished
  t.equal(code, 0, stderr.slice(-2000))
  t.equal(stdout, 'archived 40 alerts: 40 written, 0 already archived, 0 dead letters\n')
  t.strictSame(pythonMismatches(at.root, records), [])
  t.strictSame(await admin.committed(at.group, at.topic), [40n])
  t.equal((await everyRecord(connection, at.dead)).length, 0)
})

await t.test('if a dead letter cannot be written, the ingester fails; the bad record is not committed and is delivered again', async t => {
  const at = await setUp(t)
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
  t.equal((await everyRecord(connection, at.dead)).length, 1)
  t.strictSame(pythonMismatches(at.root, records), [])
})
