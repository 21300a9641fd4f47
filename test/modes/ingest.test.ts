// The ingester as its users run it, on a real broker and registry.
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { headerText } from '../../src/kafka/record.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { runCli, startCli, tempDir, uniqueName, useStack } from '../support/stack.ts'
import {
  alertPath, alertRecords, archivedIds, idOf, ingestArgs, judgedByPython, readText, recordsOf, registerAlerts, registryDouble, schemaPath, whileRunning
} from './archive-support.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)

async function place (t: Parameters<typeof tempDir>[0], partitions = 2) {
  const at = { kafka, registry, topic: uniqueName('ingest'), group: uniqueName('g'), dead: uniqueName('dead'), root: join(await tempDir(t), 'store') }
  await admin.createTopic(at.topic, { partitions, replicas: 1 })
  return at
}

const total = (offsets: readonly (bigint | undefined)[]): number => offsets.reduce((sum, offset) => sum + Number(offset ?? 0n), 0)

for (const layout of ['v1', 'v2'] as const) {
  await t.test(`objects of layout ${layout} gunzip, by Python, to exactly the Kafka value; the schema is there whole; offsets are committed`, async t => {
    const at = await place(t, 3)
    const records = alertRecords(alerts, 30, 3)
    await produce(connection, at.topic, records)
    const { code, stdout, stderr } = await runCli(ingestArgs(at, '--layout', layout, '--limit', '30'))
    t.equal(code, 0, stderr)
    t.equal(stdout, 'archived 30 alerts: 30 written, 0 there already, 0 dead letters\n')
    t.strictSame(judgedByPython(at.root, records, layout), [])
    t.equal((await archivedIds(at.root)).length, 30)
    const text = await readText(schemaPath(at.root, alerts.schemaId, layout))
    t.equal(text, alerts.text, 'the registry\'s own text')
    t.match(JSON.parse(text), { doc: 'An alert of the tests: "quoted" \u00e9.', fields: [{ doc: 'The id.' }, { default: null }, { default: '\u00ff' }] })
    t.strictSame(await admin.committed(at.group, at.topic), await admin.endOffsets(at.topic))
    t.equal((await recordsOf(connection, at.dead)).length, 0)
  })
}

await t.test('re-delivered alerts, and copies within a run, are written once: the objects stay untouched', async t => {
  const at = await place(t)
  const records = alertRecords(alerts, 10, 2)
  await produce(connection, at.topic, records)
  await produce(connection, at.topic, records)
  const first = await runCli(ingestArgs(at, '--limit', '20'))
  t.equal(first.stdout, 'archived 20 alerts: 10 written, 10 there already, 0 dead letters\n', first.stderr)
  const facts = async () => Promise.all(records.map(async record => {
    const { ino, mtimeMs, ctimeMs } = await stat(alertPath(at.root, idOf(record)))
    return { ino, mtimeMs, ctimeMs }
  }))
  const before = await facts()
  const second = await runCli(ingestArgs({ ...at, group: uniqueName('g') }, '--limit', '20', '--gzip-level', '1'))
  t.equal(second.stdout, 'archived 20 alerts: 0 written, 20 there already, 0 dead letters\n', second.stderr)
  t.strictSame(await facts(), before)
})

await t.test('what is no alert goes to the dead letters as it came, with the reason, and the stream goes on behind it', async t => {
  const at = await place(t, 1)
  const [first, ...others] = alertRecords(alerts, 10, 1)
  await produce(connection, at.topic, [first!])
  t.equal((await runCli(ingestArgs(at, '--limit', '1'))).code, 0)
  const before = await stat(alertPath(at.root, idOf(first!)))
  const good = alerts.frame(77n)
  const unknown = Buffer.from(good)
  unknown.writeUInt32BE(0x7ffffff0, 1)
  const bad: Array<{ readonly reason: string, readonly value: Buffer | null, readonly node?: string }> = [
    { reason: 'FRAME_EMPTY', value: null, node: 'unframe' },
    { reason: 'FRAME_EMPTY', value: Buffer.alloc(0) },
    { reason: 'FRAME_TOO_SHORT', value: Buffer.from([0, 0, 1]) },
    { reason: 'FRAME_BAD_MAGIC', value: Buffer.from('{"diaSourceId": 1}') },
    { reason: 'UNKNOWN_SCHEMA', value: unknown, node: 'capture-schema' },
    { reason: 'DATUM_INVALID', value: Buffer.concat([good.subarray(0, 5), Buffer.from([0x80])]) },
    { reason: 'DATUM_INVALID', value: Buffer.from(good.subarray(0, 5)) },
    { reason: 'ALERT_ID_INVALID', value: alerts.frame(-5n), node: 'archive' },
    { reason: 'ARCHIVE_CONFLICT', value: alerts.frame(BigInt(idOf(first!)), 'another text'), node: 'archive' }
  ]
  const sent = bad.flatMap(({ value }, index) => [
    { key: index === 0 ? null : Buffer.from([index, 255]), value, headers: [[Buffer.from('h'), Buffer.from([index])], [Buffer.from('h'), null]] as const, partition: 0, timestamp: 1_700_000_000_000n + BigInt(index) },
    others[index]!
  ])
  await produce(connection, at.topic, sent)
  const { code, stdout, stderr } = await runCli(ingestArgs(at, '--limit', String(sent.length), '--unknown-schema-seconds', '0'))
  t.equal(code, 0, stderr)
  t.equal(stdout, `archived 9 alerts: 9 written, 0 there already, ${bad.length} dead letters\n`)
  t.strictSame(judgedByPython(at.root, [first!, ...others]), [], 'good alerts behind each bad record')
  t.strictSame(await admin.committed(at.group, at.topic), [19n])

  const letters = (await recordsOf(connection, at.dead)).sort((a, b) => Number(headerText(a, 'dead-letter-offset')) - Number(headerText(b, 'dead-letter-offset')))
  t.strictSame(letters.map(letter => headerText(letter, 'dead-letter-reason')), bad.map(({ reason }) => reason))
  for (const [index, letter] of letters.entries()) {
    const { value, node } = bad[index]!
    t.strictSame(letter.value, value, 'the value as it came')
    t.strictSame(letter.key, sent[2 * index]!.key)
    t.strictSame(letter.headers.slice(0, 2), sent[2 * index]!.headers)
    t.match(Object.fromEntries(letter.headers.slice(2).map(([name, text]) => [String(name), String(text)])), {
      'dead-letter-topic': at.topic, 'dead-letter-partition': '0', 'dead-letter-offset': String(2 * index + 1),
      'dead-letter-timestamp': String(1_700_000_000_000 + index), 'dead-letter-position': `${at.topic}[0]@${2 * index + 1}`,
      ...node === undefined ? {} : { 'dead-letter-node': node }
    })
    t.ok(headerText(letter, 'dead-letter-message'))
  }
  const after = await stat(alertPath(at.root, idOf(first!)))
  t.strictSame([after.ino, after.mtimeMs, after.size], [before.ino, before.mtimeMs, before.size], 'the first object is untouched')
})

await t.test('several topics go into one archive; one that comes later is waited for; a missing one is an error else', async t => {
  const at = await place(t)
  const second = uniqueName('ingest')
  const records = alertRecords(alerts, 20, 2)
  await produce(connection, at.topic, records.slice(0, 10))
  const both = ingestArgs({ ...at, topic: `${at.topic},${second}` }, '--limit', '20')
  const missing = await runCli(both)
  t.equal(missing.code, 1)
  t.match(missing.stderr, new RegExp(`^KAFKA_TOPIC_MISSING: .*${second} at ${kafka}.*`, 'm'))
  t.notMatch(missing.stderr, /\n\s+at /)
  const waiting = startCli(t, [...both, '--wait-for-topic'])
  await whileRunning(waiting, async () => (await archivedIds(at.root)).length === 10)
  await admin.createTopic(second, { partitions: 2, replicas: 1 })
  await produce(connection, second, records.slice(10))
  const { code, stdout, stderr } = await waiting.finished
  t.equal(code, 0, stderr)
  t.equal(stdout, 'archived 20 alerts: 20 written, 0 there already, 0 dead letters\n')
  t.strictSame(judgedByPython(at.root, records), [])
  t.strictSame(await admin.committed(at.group, second), [5n, 5n])
})

await t.test('a store that cannot be one is refused before anything is read', async t => {
  const at = await place(t)
  await produce(connection, at.topic, alertRecords(alerts, 2, 2))
  await writeFile(at.root, 'a file')
  const { code, stderr } = await runCli(ingestArgs(at))
  t.equal(code, 1)
  t.match(stderr, /^STORE_PATH_BLOCKED: .*store/m)
  t.notMatch(stderr, /\n\s+at /)
  t.strictSame(await admin.committed(at.group, at.topic), [undefined, undefined])
  const none = await runCli(['ingest', '--broker', kafka])
  t.equal(none.code, 2)
  t.match(none.stderr, /^STORE_NOT_GIVEN/m)
})

await t.test('no alert is archived and no offset committed before its schema is', async t => {
  const at = await place(t)
  const double = await registryDouble(t, registry)
  double.set('hold')
  await produce(connection, at.topic, alertRecords(alerts, 10, 2))
  const ingest = startCli(t, ingestArgs({ ...at, registry: double.url }, '--limit', '10', '--commit-interval', '1'))
  await whileRunning(ingest, () => double.asked > 0)
  t.strictSame(await archivedIds(at.root), [])
  t.strictSame(await admin.committed(at.group, at.topic), [undefined, undefined])
  double.set('up')
  t.equal((await ingest.finished).code, 0)
  t.equal(double.asked, 1, 'ten alerts, one look-up')
  t.equal(await readText(schemaPath(at.root, alerts.schemaId)), alerts.text)
  t.equal((await archivedIds(at.root)).length, 10)
})

await t.test('a registry that has another schema under an id of the archive ends the ingester at once, and buries nothing', async t => {
  const at = await place(t)
  await produce(connection, at.topic, alertRecords(alerts, 10, 2))
  const other = '{"type":"record","name":"other","fields":[{"name":"id","type":"long"}]}'
  const path = schemaPath(at.root, alerts.schemaId)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, other)
  const { code, stderr } = await runCli(ingestArgs(at))
  t.equal(code, 1)
  t.match(stderr, new RegExp(`^SCHEMA_ID_REUSED: .*id ${alerts.schemaId}.*`, 'm'))
  t.equal(await readText(path), other)
  t.strictSame(await archivedIds(at.root), [])
  t.equal(total(await admin.committed(at.group, at.topic)), 0)
  t.equal((await recordsOf(connection, at.dead)).length, 0)
})

await t.test('SIGTERM drains: what was read is archived and committed, and the next ingester goes on from there', async t => {
  const at = await place(t)
  const records = alertRecords(alerts, 100, 2)
  await produce(connection, at.topic, records)
  const ingest = startCli(t, ingestArgs(at, '--batch-size', '1', '--max-in-flight-mib', '1', '--gzip-level', '9'))
  await whileRunning(ingest, async () => (await archivedIds(at.root)).length > 0)
  const { code, stdout, stderr } = await ingest.stop('SIGTERM')
  t.equal(code, 0, stderr)
  const written = (await archivedIds(at.root)).length
  t.equal(stdout, `archived ${written} alerts: ${written} written, 0 there already, 0 dead letters\n`)
  t.equal(total(await admin.committed(at.group, at.topic)), written, 'what is archived is what is committed')
  if (written < 100) {
    const next = await runCli(ingestArgs(at, '--limit', String(100 - written)))
    t.equal(next.stdout, `archived ${100 - written} alerts: ${100 - written} written, 0 there already, 0 dead letters\n`, next.stderr)
  }
  t.strictSame(judgedByPython(at.root, records), [])
})

await t.test('the admin port tells state, counts and lag while it runs', async t => {
  const at = await place(t)
  const records = alertRecords(alerts, 6, 2)
  await produce(connection, at.topic, records)
  const ingest = startCli(t, ingestArgs(at, '--admin-port', '0'))
  const [, port] = await ingest.waitFor(/"port":(\d+)/)
  const url = `http://127.0.0.1:${port}`
  await whileRunning(ingest, async () => (await (await fetch(`${url}/status`)).json() as { stats: { written?: number } }).stats.written === 6)
  t.equal((await fetch(`${url}/livez`)).status, 200)
  t.equal((await fetch(`${url}/readyz`)).status, 200)
  await whileRunning(ingest, async () => (await (await fetch(`${url}/status`)).json() as { stats: { lag?: number } }).stats.lag === 0)
  const metrics = await (await fetch(`${url}/metrics`)).text()
  t.match(metrics, /^alert_stream_records_out_total\{node="archive"\} 6$/m)
  t.match(metrics, /^alert_stream_kafka_lag_records\{topic="[^"]+",partition="0"\} 0$/m)
  t.equal((await ingest.stop()).code, 0)
})
