// verify, on a real broker and registry: the problems that it reports, and those that it repairs.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Admin } from '@platformatic/kafka'
import t, { type Test } from 'tap'
import { textHeader } from '../../src/kafka/record.ts'
import { alertKey, schemaKey } from '../../src/stores/layouts.ts'
import { gzipFrame } from '../../src/stores/index.ts'
import { adminFor, connect, everyRecord, produce } from '../kafka/support.ts'
import { runMode } from '../support/in-process.ts'
import { CLOSED_PORT, startCli, tempDir, uniqueName, useGcs, useStack } from '../support/stack.ts'
import { alertRecords, idOf, registerAlerts, storeUrl, whileRunning } from './archive-support.ts'
import { bucketObjects, fileObjects } from './store-objects.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)
const gcs = await useGcs(t)
const environment = { STORAGE_EMULATOR_HOST: gcs.url }
const noRegistry = `http://127.0.0.1:${CLOSED_PORT}`

interface Report {
  readonly problems: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly partitions: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly [field: string]: unknown
}

/** A topic, a group and an archive that no other test uses. */
async function setUp (t: Test, { kind = 'file', letters = 'topic', partitions = 2, configs = {} } = {}) {
  const objects = kind === 'file' ? await fileObjects(t) : await bucketObjects(gcs)
  const deadLetterObjects = kind === 'file' ? await fileObjects(t) : await bucketObjects(gcs)
  const at = { topic: uniqueName('verify'), group: uniqueName('g'), dead: uniqueName('dead') }
  await admin.createTopic(at.topic, { partitions, replicas: 1, configs })
  const common = [
    '--broker', kafka, '--topic', at.topic, '--group', at.group, '--alert-store', objects.url,
    ...letters === 'topic' ? ['--dead-letter-topic', at.dead] : ['--dead-letter-store', deadLetterObjects.url]
  ]
  const ingest = async (limit: number, ...more: string[]) => {
    const result = await runMode(['ingest', ...common, '--schema-registry-url', registry, '--limit', String(limit), ...more], environment)
    if (result.code !== 0) throw new Error(result.stderr)
    return result.stdout
  }
  const verify = async (...more: string[]) => {
    const url = more.includes('--repair') ? registry : noRegistry
    const { code, stdout, stderr } = await runMode(['verify', ...common, '--schema-registry-url', url, ...more], environment)
    return { code, stderr, report: stdout === '' ? undefined : JSON.parse(stdout) as Report }
  }
  return { ...at, objects, common, ingest, verify }
}

const totals = { complete: true, missing: 0, different: 0, repaired: 0, repeats: 0, deadLettered: 0, expired: 0, truncated: 0, schemas: 1 }
const bad = [
  { key: null, value: null, headers: [], partition: 0 },
  { key: null, value: Buffer.from('not an alert'), headers: [textHeader('h', '1')], partition: 1 }
]

for (const [kind, letters] of [['file', 'topic'], ['file', 'store'], ['gs', 'topic'], ['gs', 'store']] as const) {
  await t.test(`${kind} archive, dead-letter ${letters}: archives missing objects and keeps different ones`, async t => {
    const at = await setUp(t, { kind, letters })
    const records = alertRecords(alerts, 20, 2)
    await produce(connection, at.topic, [...records, ...records.slice(0, 3), ...bad])
    await at.ingest(25)
    const whole = await at.verify()
    t.match(whole, { code: 0, report: { ...totals, verified: 23, repeats: 3, deadLettered: 2, problems: [] } }, whole.stderr)

    const keys = records.map(record => alertKey('v2', idOf(record)))
    const [gone, swapped, cut, text, longer] = keys as [string, string, string, string, string]
    const other = await gzipFrame(alerts.frame(1n))
    const truncated = (await at.objects.read(cut)).subarray(0, 40)
    const long = await gzipFrame(Buffer.concat([records[4]!.value!, Buffer.alloc(50_000_000)]))
    const damaged = [[swapped, other], [cut, truncated], [text, Buffer.from('an object that is not gzip')], [longer, long]] as const
    await at.objects.remove(gone)
    for (const [key, body] of damaged) await at.objects.write(key, body)
    const reasons = [
      ['missing', /no object/], ['different', /holds \d+ bytes with SHA-256 [0-9a-f]{64}, and the record is \d+ bytes/],
      ['different', /damaged or truncated/], ['different', /not gzip/], ['different', /more than the \d+ bytes of the record/]
    ] as const
    // The first three alerts were published twice, so each has two records.
    const expected = [...reasons.slice(0, 3), ...reasons].map(([problem, reason], index) => {
      const of = index < 3 ? index : index - 3
      return { problem, object: 'alert', topic: at.topic, alertId: idOf(records[of]!), schemaId: alerts.schemaId, reason }
    })
    const sorted = (report: Report | undefined) => report!.problems.toSorted((a, b) =>
      String(a.alertId).localeCompare(String(b.alertId)) || String(a.partition).localeCompare(String(b.partition)))
    const inOrder = expected.toSorted((a, b) => a.alertId.localeCompare(b.alertId))
    const found = await at.verify()
    t.match(found, { code: 1, stderr: /^VERIFY_FAILED: problems found: 2 missing, 6 different/ })
    t.match(found.report, { ...totals, verified: 15, deadLettered: 2, missing: 2, different: 6 })
    t.match(sorted(found.report), inOrder)

    const repaired = await at.verify('--repair')
    t.match(repaired, { code: 1, stderr: /^VERIFY_FAILED: .*, 2 repaired/ })
    t.match(repaired.report, { ...totals, verified: 15, deadLettered: 2, missing: 2, different: 6, repaired: 2 })
    t.match(sorted(repaired.report), inOrder.map(each => ({ ...each, repair: each.problem === 'missing' ? 'archived' : 'dead-lettered' })))
    for (const [key, body] of damaged) t.ok((await at.objects.read(key)).equals(body), 'a different object is never overwritten')
    const offsets = await admin.committed(at.group, at.topic)

    const after = await at.verify()
    t.match(after, { code: 0, report: { ...totals, verified: 17, repeats: 1, deadLettered: 8, problems: [] } }, after.stderr)
    t.strictSame(await admin.committed(at.group, at.topic), offsets)
    t.equal(offsets.reduce<bigint>((sum, offset) => sum + (offset ?? 0n), 0n), 25n)
  })
}

await t.test('only records below the committed offsets are checked, and of these only those that the log still has', async t => {
  const at = await setUp(t, { partitions: 1 })
  const records = alertRecords(alerts, 12, 1)
  await produce(connection, at.topic, records)
  await at.ingest(9)
  await deleteBelow(at.topic, 4n)
  const partition = { topic: at.topic, partition: 0, committed: '9', checkedTo: '9', logStart: '4', logEnd: '12' }
  t.match(await at.verify(), { code: 0, report: { ...totals, verified: 5, expired: 4, partitions: [partition] } })
})

await t.test('a missing schema is reported and repaired, and a damaged schema is different', async t => {
  const at = await setUp(t)
  const key = schemaKey('v2', alerts.schemaId)
  await produce(connection, at.topic, alertRecords(alerts, 4, 2))
  await at.ingest(4)
  await at.objects.remove(key)
  const missing = { problem: 'missing', object: 'schema', schemaId: alerts.schemaId, topic: at.topic }
  t.match(await at.verify(), { code: 1, report: { ...totals, verified: 4, missing: 1, schemas: 0, problems: [missing] } })
  const repaired = await at.verify('--repair')
  const problems = [{ ...missing, repair: 'archived' }]
  t.match(repaired, { code: 0, report: { ...totals, verified: 4, missing: 1, repaired: 1, schemas: 0, problems } })
  t.equal((await at.objects.read(key)).toString(), alerts.text)
  await at.objects.write(key, Buffer.from('{"type":"rec'))
  const different = { ...missing, problem: 'different', reason: /not JSON/ }
  for (const more of [[], ['--repair']]) {
    t.match(await at.verify(...more), { code: 1, report: { ...totals, verified: 4, different: 1, schemas: 0, problems: [different] } })
  }
})

await t.test('with --repair, a record that was never an alert and has no dead letter gets one', async t => {
  const at = await setUp(t)
  await produce(connection, at.topic, bad)
  await at.ingest(2)
  await admin.deleteTopic(at.dead)
  const problem = { problem: 'missing', object: 'alert', reason: /^the record cannot be archived/ }
  t.match(await at.verify(), { code: 1, report: { ...totals, missing: 2, schemas: 0, problems: [problem, problem] } })
  t.equal(await admin.describeTopic(at.dead), undefined, 'a check creates no topic')
  const repairs = [problem, problem].map(each => ({ ...each, repair: 'dead-lettered' }))
  t.match(await at.verify('--repair'), { code: 0, report: { ...totals, missing: 2, repaired: 2, schemas: 0, problems: repairs } })
  t.equal((await everyRecord(connection, at.dead)).length, 2)
  t.match(await at.verify(), { code: 0, report: { ...totals, deadLettered: 2, schemas: 0 } })
})

await t.test('the dead letter of a record above the size limit is found, in a topic and in a store', async t => {
  for (const letters of ['topic', 'store']) {
    const at = await setUp(t, { letters, partitions: 1, configs: { 'max.message.bytes': '4000000' } })
    await produce(connection, at.topic, [{ key: null, value: randomBytes(2_000_000), headers: [], partition: 0 }])
    await at.ingest(1, '--max-record-mib', '1')
    const limited = await at.verify('--max-record-mib', '1')
    t.match(limited, { code: 0, report: { ...totals, deadLettered: 1, schemas: 0, problems: [] } }, limited.stderr)
  }
})

await t.test('a dead letter of a deleted topic of the same name does not explain a missing alert', async t => {
  const at = await setUp(t, { partitions: 1 })
  await produce(connection, at.topic, [{ ...bad[0]!, timestamp: BigInt(Date.now()) - 60_000n }])
  await at.ingest(1)
  await admin.recreateTopic(at.topic, { partitions: 1, replicas: 1 })
  const [record] = alertRecords(alerts, 1, 1)
  await produce(connection, at.topic, [record!])
  await at.ingest(1)
  await at.objects.remove(alertKey('v2', idOf(record!)))
  t.match(await at.verify(), { code: 1, report: { ...totals, missing: 1, schemas: 1 } })
})

await t.test('objects in the other layout are found, as in serve', async t => {
  const at = await setUp(t)
  await produce(connection, at.topic, alertRecords(alerts, 4, 2))
  await at.ingest(4, '--layout', 'v1')
  t.match(await at.verify(), { code: 0, report: { ...totals, verified: 4 } })
})

await t.test('fails without a report if the topic, the group or a store cannot be read', async t => {
  const at = await setUp(t)
  await produce(connection, at.topic, alertRecords(alerts, 2, 2))
  await at.ingest(2)
  const nowhere = ['--alert-store', storeUrl(join(await tempDir(t), 'nowhere'))]
  for (const more of [nowhere, [...nowhere, '--repair']]) {
    t.match(await at.verify(...more), { code: 1, report: undefined, stderr: /^STORE_MISSING/ }, 'no new archive is created')
  }
  const nobody = uniqueName('g')
  const nothing = new RegExp(`^VERIFY_NOTHING_COMMITTED: group ${nobody} has committed no offset of ${at.topic}`)
  t.match(await at.verify('--group', nobody), { code: 1, report: undefined, stderr: nothing })
  t.match(await at.verify('--topic', uniqueName('nowhere')), { code: 1, report: undefined, stderr: /^KAFKA_TOPIC_MISSING/ })
  const both = await at.verify('--dead-letter-store', 'file:///x')
  t.match(both, { code: 2, report: undefined, stderr: /^USAGE_BAD_VALUE: .*both a topic .* and a store/ })
  const noStore = await runMode(['verify', '--broker', kafka, '--topic', at.topic])
  t.match(noStore, { code: 2, stdout: '', stderr: /^STORE_NOT_GIVEN/ })
})

await t.test('the report of a check that a signal has stopped is marked incomplete', async t => {
  const at = await setUp(t, { partitions: 1 })
  const records = alertRecords(alerts, 800, 1)
  const key = alertKey('v2', idOf(records[0]!))
  // The first record has a dead letter, because its object is different.
  await at.objects.write(key, await gzipFrame(alerts.frame(1n)))
  await produce(connection, at.topic, records)
  await at.ingest(800)
  // Its object becomes a pipe without a writer, so the check waits for it, and stops reading when it has 1 MiB of records.
  const path = fileURLToPath(`${at.objects.url}/${key}`)
  await rm(path)
  t.equal(spawnSync('mkfifo', [path]).status, 0)
  const running = startCli(t, ['verify', ...at.common, '--batch-size', '1', '--max-in-flight-mib', '1'])
  await whileRunning(running, () => running.stdout !== '')
  running.child.kill('SIGTERM')
  await running.waitFor(/stopping: draining/)
  const pipe = await open(path, 'r+')
  t.teardown(async () => { await pipe.close() })
  const { code, stdout, stderr } = await running.finished
  t.equal(code, 0, stderr)
  const report = JSON.parse(stdout) as Report
  t.match(report, { complete: false, missing: 0, different: 0 })
  t.ok(Number(report['verified']) < 799, String(report['verified']))
  t.match(stderr, /stopped before the end: \d+ records verified/)
})

/** Deletes the records of partition 0 below the offset, as retention does. */
async function deleteBelow (topic: string, offset: bigint): Promise<void> {
  const client = new Admin({ ...connection.options })
  try {
    await client.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset }] }] })
  } finally {
    await client.close()
  }
}
