// The ingester run as a program, on a real broker and registry.
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import t, { type Test } from 'tap'
import { parseSchema } from '../../src/avro/index.ts'
import { headerText, type KafkaRecord } from '../../src/kafka/record.ts'
import { otherSpelling } from '../avro/support.ts'
import { adminFor, connect, everyRecord, produce } from '../kafka/support.ts'
import { runCli, startCli, uniqueName, useStack } from '../support/stack.ts'
import {
  alertPath, alertRecords, archivedIds, idOf, ingestArgs, newTarget, pythonMismatches, readText, registerAlerts, registryProxy,
  schemaPath, whileRunning, type IngestTarget
} from './archive-support.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)

async function setUp (t: Test, partitions = 2): Promise<IngestTarget> {
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions, replicas: 1 })
  return at
}

const total = (offsets: readonly (bigint | undefined)[]): number => offsets.reduce((sum, offset) => sum + Number(offset ?? 0n), 0)

for (const layout of ['v1', 'v2'] as const) {
  await t.test(`layout ${layout}: archives schemas, and Kafka values as gzip data that Python reads, and commits the offsets`, async t => {
    const at = await setUp(t, 3)
    const records = alertRecords(alerts, 30, 3)
    await produce(connection, at.topic, records)
    const { code, stdout, stderr } = await runCli(ingestArgs(at, '--layout', layout, '--limit', '30'))
    t.equal(code, 0, stderr)
    t.equal(stdout, 'archived 30 alerts: 30 written, 0 already archived, 0 dead letters\n')
    t.strictSame(pythonMismatches(at.root, records, layout), [])
    t.equal((await archivedIds(at.root)).length, 30)
    const text = await readText(schemaPath(at.root, alerts.schemaId, layout))
    t.equal(text, alerts.text, 'the archived schema text equals the text that the registry returned')
    const fields = [{ doc: 'The id.' }, { default: null }, { default: '\u00ff' }]
    t.match(JSON.parse(text), { doc: 'An alert of the tests: "quoted" \u00e9.', fields })
    t.strictSame(await admin.committed(at.group, at.topic), await admin.endOffsets(at.topic))
    t.equal((await everyRecord(connection, at.dead)).length, 0)
  })
}

await t.test('writes an alert once, even if it is redelivered or twice in the topic, and leaves existing objects untouched', async t => {
  const at = await setUp(t)
  const records = alertRecords(alerts, 10, 2)
  await produce(connection, at.topic, records)
  await produce(connection, at.topic, records)
  const first = await runCli(ingestArgs(at, '--limit', '20'))
  t.equal(first.stdout, 'archived 20 alerts: 10 written, 10 already archived, 0 dead letters\n', first.stderr)
  const objectStats = async () => Promise.all(records.map(async record => {
    const { ino, mtimeMs, ctimeMs } = await stat(alertPath(at.root, idOf(record)))
    return { ino, mtimeMs, ctimeMs }
  }))
  const before = await objectStats()
  const second = await runCli(ingestArgs({ ...at, group: uniqueName('g') }, '--limit', '20', '--gzip-level', '1'))
  t.equal(second.stdout, 'archived 20 alerts: 0 written, 20 already archived, 0 dead letters\n', second.stderr)
  t.strictSame(await objectStats(), before)
})

await t.test('dead-letters a record that is not an alert, unchanged and with the reason, and archives the alerts after it', async t => {
  const at = await setUp(t, 1)
  const [first, ...others] = alertRecords(alerts, 12, 1)
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
    { reason: 'DATUM_INVALID', value: Buffer.from(good.subarray(0, 12)) },
    { reason: 'DATUM_INVALID', value: Buffer.concat([good, Buffer.from([0])]) },
    { reason: 'ALERT_ID_INVALID', value: alerts.frame(-5n), node: 'archive' },
    { reason: 'ARCHIVE_CONFLICT', value: alerts.frame(BigInt(idOf(first!)), 'another text'), node: 'archive' }
  ]
  const sent = bad.flatMap(({ value }, index) => [
    {
      key: index === 0 ? null : Buffer.from([index, 255]),
      value,
      headers: [[Buffer.from('h'), Buffer.from([index])], [Buffer.from('h'), null]] as const,
      partition: 0,
      timestamp: 1_700_000_000_000n + BigInt(index)
    },
    others[index]!
  ])
  await produce(connection, at.topic, sent)
  const { code, stdout, stderr } = await runCli(ingestArgs(at, '--limit', String(sent.length), '--unknown-schema-seconds', '0'))
  t.equal(code, 0, stderr)
  t.equal(stdout, `archived ${bad.length} alerts: ${bad.length} written, 0 already archived, ${bad.length} dead letters\n`)
  t.strictSame(pythonMismatches(at.root, [first!, ...others]), [], 'the alerts after bad records are archived')
  t.strictSame(await admin.committed(at.group, at.topic), [23n])

  const offsetOf = (record: KafkaRecord): number => Number(headerText(record, 'dead-letter-offset'))
  const deadLetters = (await everyRecord(connection, at.dead)).sort((a, b) => offsetOf(a) - offsetOf(b))
  t.strictSame(deadLetters.map(deadLetter => headerText(deadLetter, 'dead-letter-reason')), bad.map(({ reason }) => reason))
  for (const [index, deadLetter] of deadLetters.entries()) {
    const { value, node } = bad[index]!
    t.strictSame(deadLetter.value, value)
    t.strictSame(deadLetter.key, sent[2 * index]!.key)
    t.strictSame(deadLetter.headers.slice(0, 2), sent[2 * index]!.headers)
    t.match(Object.fromEntries(deadLetter.headers.slice(2).map(([name, text]) => [String(name), String(text)])), {
      'dead-letter-topic': at.topic, 'dead-letter-partition': '0', 'dead-letter-offset': String(2 * index + 1),
      'dead-letter-timestamp': String(1_700_000_000_000 + index), 'dead-letter-position': `${at.topic}[0]@${2 * index + 1}`,
      ...node === undefined ? {} : { 'dead-letter-node': node }
    })
    t.ok(headerText(deadLetter, 'dead-letter-message'))
  }
  const after = await stat(alertPath(at.root, idOf(first!)))
  const identityOf = ({ ino, mtimeMs, size }: typeof after) => ({ ino, mtimeMs, size })
  t.strictSame(identityOf(after), identityOf(before), 'the first object is untouched')
})

await t.test('archives several topics, and a missing topic is an error unless --wait-for-topic is given', async t => {
  const at = await setUp(t)
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
  t.equal(stdout, 'archived 20 alerts: 20 written, 0 already archived, 0 dead letters\n')
  t.strictSame(pythonMismatches(at.root, records), [])
  t.strictSame(await admin.committed(at.group, second), [5n, 5n])
})

await t.test('an unusable or missing store is an error before a record is read', async t => {
  const at = await setUp(t)
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

await t.test('archives no alert and commits no offset before the schema of the alert is archived', async t => {
  const at = await setUp(t)
  const proxy = await registryProxy(t, registry)
  proxy.set('hold')
  await produce(connection, at.topic, alertRecords(alerts, 10, 2))
  const ingest = startCli(t, ingestArgs({ ...at, registry: proxy.url }, '--limit', '10', '--commit-interval', '1'))
  await whileRunning(ingest, () => proxy.requests > 0)
  t.strictSame(await archivedIds(at.root), [])
  t.strictSame(await admin.committed(at.group, at.topic), [undefined, undefined])
  proxy.set('up')
  t.equal((await ingest.finished).code, 0)
  t.equal(proxy.requests, 1, 'the ingester looks up the schema of ten alerts once')
  t.equal(await readText(schemaPath(at.root, alerts.schemaId)), alerts.text)
  t.equal((await archivedIds(at.root)).length, 10)
})

await t.test('continues if the archive has the schema in another spelling, and keeps the archived text', async t => {
  const at = await setUp(t)
  await produce(connection, at.topic, alertRecords(alerts, 10, 2))
  const spelling = otherSpelling(alerts.text)
  const path = schemaPath(at.root, alerts.schemaId)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, spelling)
  const { code, stdout, stderr } = await runCli(ingestArgs(at, '--limit', '10'))
  t.equal(code, 0, stderr)
  t.equal(stdout, 'archived 10 alerts: 10 written, 0 already archived, 0 dead letters\n')
  t.match(stderr, /the archive has the schema in another spelling, which it keeps/)
  t.equal(await readText(path), spelling)
})

await t.test('archives a self-contained schema if the registered schema refers to another subject', async t => {
  const at = await setUp(t)
  const namespace = uniqueName('n').replaceAll('-', '_')
  const register = async (subject: string, schema: object, references: object[]): Promise<number> => {
    const body = JSON.stringify({ schema: JSON.stringify(schema), references })
    const response = await fetch(`${registry}/subjects/${subject}/versions`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body
    })
    return (await response.json() as { id: number }).id
  }
  const source = { type: 'record', name: 'Source', namespace, fields: [{ name: 'flux', type: 'float', doc: 'kept', default: 1.5 }] }
  const id = { name: 'id', type: 'long' }
  const alert = (type: unknown) => ({ type: 'record', name: 'Alert', namespace, fields: [id, { name: 'source', type }] })
  const subject = uniqueName('source')
  await register(subject, source, [])
  const schemaId = await register(uniqueName('alert'), alert('Source'), [{ name: `${namespace}.Source`, subject, version: 1 }])
  const value = parseSchema(JSON.stringify(alert(source))).encodeFramed(schemaId, { id: 77n, source: { flux: 2 } })
  await produce(connection, at.topic, [{ key: Buffer.from('77'), value, headers: [], partition: 0 }])
  const { code, stdout, stderr } = await runCli(ingestArgs(at, '--limit', '1'))
  t.equal(code, 0, stderr)
  t.equal(stdout, 'archived 1 alerts: 1 written, 0 already archived, 0 dead letters\n')
  t.strictSame(JSON.parse(await readText(schemaPath(at.root, schemaId))), alert(source))
})

await t.test('fails at once, without dead letters, if the registry and the archive have different schemas under one id', async t => {
  const at = await setUp(t)
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
  t.equal((await everyRecord(connection, at.dead)).length, 0)
})

await t.test('after SIGTERM, records that were read are archived and committed, and the next ingester continues after them', async t => {
  const at = await setUp(t)
  const records = alertRecords(alerts, 100, 2)
  await produce(connection, at.topic, records)
  const ingest = startCli(t, ingestArgs(at, '--batch-size', '1', '--max-in-flight-mib', '1', '--gzip-level', '9'))
  await whileRunning(ingest, async () => (await archivedIds(at.root)).length > 0)
  const { code, stdout, stderr } = await ingest.stop('SIGTERM')
  t.equal(code, 0, stderr)
  const written = (await archivedIds(at.root)).length
  t.equal(stdout, `archived ${written} alerts: ${written} written, 0 already archived, 0 dead letters\n`)
  t.equal(total(await admin.committed(at.group, at.topic)), written, 'exactly the archived alerts are committed')
  if (written < 100) {
    const left = 100 - written
    const next = await runCli(ingestArgs(at, '--limit', String(left)))
    t.equal(next.stdout, `archived ${left} alerts: ${left} written, 0 already archived, 0 dead letters\n`, next.stderr)
  }
  t.strictSame(pythonMismatches(at.root, records), [])
})

await t.test('the admin port shows state, stats and lag while the ingester runs', async t => {
  const at = await setUp(t)
  const records = alertRecords(alerts, 6, 2)
  await produce(connection, at.topic, records)
  const ingest = startCli(t, ingestArgs(at, '--admin-port', '0'))
  const [, port] = await ingest.waitFor(/"port":(\d+)/)
  const url = `http://127.0.0.1:${port}`
  const stats = async () => (await (await fetch(`${url}/status`)).json() as { stats: { written?: number, lag?: number } }).stats
  await whileRunning(ingest, async () => (await stats()).written === 6)
  t.equal((await fetch(`${url}/livez`)).status, 200)
  t.equal((await fetch(`${url}/readyz`)).status, 200)
  await whileRunning(ingest, async () => (await stats()).lag === 0)
  const metrics = await (await fetch(`${url}/metrics`)).text()
  t.match(metrics, /^alert_stream_records_out_total\{node="archive"\} 6$/m)
  t.match(metrics, /^alert_stream_kafka_lag_records\{topic="[^"]+",partition="0"\} 0$/m)
  t.equal((await ingest.stop()).code, 0)
})
