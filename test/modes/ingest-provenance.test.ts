// The provenance that the ingester writes, judged by fastavro and librdkafka on a real broker.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { createRegistryClient } from '../../src/avro/index.ts'
import type { KafkaHeader, OutgoingRecord } from '../../src/kafka/record.ts'
import { surveySchema } from '../generator/support.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { runMode } from '../support/in-process.ts'
import { runCli, tempDir, uniqueName, useGcs, usePython, useS3, useStack } from '../support/stack.ts'
import { alertPath, alertRecords, idOf, ingestArgs, newTarget, pythonMismatches, registerAlerts, storeUrl } from './archive-support.ts'
import { load, Program, replayTopics } from './support.ts'

const stack = await useStack(t)
const { kafka, registry } = stack
const python = await usePython(t)
const gcs = await useGcs(t)
const s3 = await useS3(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)
const run = promisify(execFile)

/** @param server URL of the storage server, for buckets */
async function judgeStore (url: string, server: string, ...topics: string[]): Promise<unknown> {
  const script = join(import.meta.dirname, 'provenance_judge.py')
  const args = [script, kafka, join(import.meta.dirname, '../../docs/provenance.avsc'), url, server, ...topics]
  const { stdout } = await run(python, args, { maxBuffer: 1 << 24 })
  return JSON.parse(stdout)
}

const judge = (root: string, ...topics: string[]) => judgeStore(storeUrl(root), '', ...topics)

const firstObject = (root: string, records: readonly OutgoingRecord[]): string =>
  alertPath(root, String(alerts.schema.readAlertId(records[0]!.value!.subarray(5))))

const varied: readonly (readonly KafkaHeader[])[] = [
  [],
  [[Buffer.from('trace'), Buffer.from([0, 1, 255])], [Buffer.from('trace'), null], [Buffer.from('empty'), Buffer.alloc(0)]],
  [[Buffer.from('name é'), Buffer.from('x'.repeat(3000))]]
]

/** Records with varied keys, headers and timestamps. */
function variedRecords (count: number, partitions: number, firstId: bigint): OutgoingRecord[] {
  return alertRecords(alerts, count, partitions, firstId).map((record, index) => ({
    ...record,
    key: [record.key, null, Buffer.alloc(0), Buffer.from([255, 0])][index % 4]!,
    headers: varied[index % 3]!,
    ...index % 5 === 0 ? { timestamp: 1_700_000_000_999n + BigInt(index) } : {}
  }))
}

await t.test('every object has the position, timestamp, key and headers of the first delivery', async t => {
  const at = await newTarget(t, { kafka, registry })
  const second = uniqueName('append-time')
  // Some timestamps are older than the default retention.
  await admin.createTopic(at.topic, { partitions: 3, replicas: 1, configs: { 'retention.ms': '-1' } })
  await admin.createTopic(second, { partitions: 2, replicas: 1, configs: { 'message.timestamp.type': 'LogAppendTime' } })
  const records = variedRecords(60, 3, 281_334_371_292_545_025n)
  const others = variedRecords(20, 2, 281_334_999_999_545_025n)
  const both = { ...at, topic: `${at.topic},${second}` }
  await produce(connection, at.topic, records)
  await produce(connection, second, others)
  t.match(await runMode(ingestArgs(both, '--limit', '80')), { code: 0, stdout: /80 written, 0 already archived, 0 dead letters/ })
  const before = await readFile(firstObject(at.root, records))
  await produce(connection, at.topic, records)
  t.match(await runMode(ingestArgs(both, '--limit', '60')), { code: 0, stdout: /0 written, 60 already archived, 0 dead letters/ })
  t.strictSame(await judge(at.root, at.topic, second), {
    objects: 80, redriven: 0, truncated: [], types: { CreateTime: 60, LogAppendTime: 20 }, problems: []
  })
  t.ok(before.equals(await readFile(firstObject(at.root, records))), 'a later delivery changes nothing')
})

await t.test('the Python example of docs/formats.md reads the provenance of an object', async t => {
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: 1, replicas: 1 })
  const records = alertRecords(alerts, 2, 1)
  await produce(connection, at.topic, records)
  t.match(await runMode(ingestArgs(at, '--limit', '2')), { code: 0 })
  const root = join(import.meta.dirname, '../..')
  const [, example = ''] = /```python\n([^]*?)```/.exec(await readFile(join(root, 'docs/formats.md'), 'utf8')) ?? []
  const print = `\nfound = provenance(sys.argv[1])\nprint(found['topic'], found['offset'], found['key'].decode(), found['truncated'])`
  const { stdout } = await run(python, ['-c', `import sys\n${example}${print}`, alertPath(at.root, idOf(records[1]!))], { cwd: root })
  t.equal(stdout, `${at.topic} 1 ${idOf(records[1]!)} []\n`)
})

await t.test('headers, then the key are left out of the provenance if they are too long; the alert is archived', async t => {
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: 1, replicas: 1, configs: { 'max.message.bytes': '4000000' } })
  const [plain, headers, key] = alertRecords(alerts, 3, 1)
  const long: KafkaHeader = [Buffer.from('long'), Buffer.alloc(80_000, 'h')]
  await produce(connection, at.topic, [
    plain!, { ...headers!, headers: [long] }, { ...key!, key: Buffer.alloc(500_000, 'k'), headers: [[Buffer.from('h'), null]] }
  ])
  t.match(await runMode(ingestArgs(at, '--limit', '3')), { code: 0, stdout: /3 written, 0 already archived, 0 dead letters/ })
  t.strictSame(await judge(at.root, at.topic), {
    objects: 3, redriven: 0, truncated: [['headers'], ['headers', 'key']], types: { CreateTime: 3 }, problems: []
  })
})

await t.test('the provenance of a redriven record also has its first position', async t => {
  const at = await newTarget(t, { kafka, registry })
  const redriven = uniqueName('redriven')
  await admin.createTopic(at.topic, { partitions: 3, replicas: 1 })
  await admin.createTopic(redriven, { partitions: 1, replicas: 1 })
  const schemaId = 1_000_000_000 + Math.floor(Math.random() * 1_000_000_000)
  const records = alertRecords(alerts, 12, 3).map((record, index): OutgoingRecord => {
    const value = Buffer.from(record.value!)
    value.writeUInt32BE(schemaId, 1)
    return { ...record, value, headers: varied[index % 3]! }
  })
  await produce(connection, at.topic, records)
  t.match(await runMode(ingestArgs(at, '--unknown-schema-seconds', '0', '--limit', '12')), { code: 0, stdout: /12 dead letters/ })
  const text = alerts.text.replace('alert_', `alert_${schemaId}_`)
  await createRegistryClient({ url: registry }).register(uniqueName('registered'), text, { id: schemaId })
  const redrive = ['redrive', '--broker', kafka, '--dead-letter-topic', at.dead, '--group', uniqueName('redrive'), '--from-beginning']
  t.match(await runMode([...redrive, '--dst-topic', redriven]), { code: 0, stdout: /^redrive: 12 sent/ })
  t.match(await runMode(ingestArgs({ ...at, topic: redriven }, '--limit', '12')), { code: 0, stdout: /12 written/ })
  t.strictSame(await judge(at.root, at.topic, redriven), {
    objects: 12, redriven: 12, truncated: [], types: { CreateTime: 12 }, problems: []
  })
  t.strictSame(pythonMismatches(at.root, records), [])
})

await t.test('verify --repair writes the provenance of the record that it reads', async t => {
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: 2, replicas: 1 })
  const records = alertRecords(alerts, 6, 2)
  await produce(connection, at.topic, records)
  t.match(await runMode(ingestArgs(at, '--limit', '6')), { code: 0 })
  const other = { ...at, root: join(await tempDir(t), 'other') }
  // The other archive has only one of the alerts.
  t.match(await runMode(ingestArgs({ ...other, group: uniqueName('g') }, '--limit', '1')), { code: 0 })
  const [, ...verify] = ingestArgs(other, '--repair')
  t.match(await runMode(['verify', ...verify]), { code: 0 })
  t.strictSame(await judge(other.root, at.topic), { objects: 6, redriven: 0, truncated: [], types: { CreateTime: 6 }, problems: [] })
})

await t.test('in each store, every alert of a simulated visit has the provenance of its record', async t => {
  const program = new Program(stack)
  const file = join(await tempDir(t), 'visit.avro')
  const subject = uniqueName('alert-packet')
  await createRegistryClient({ url: registry }).register(subject, (await surveySchema('11.1')).text)
  const { source, destination, flags } = replayTopics()
  t.match(await runCli(['generate', file, '--alerts', '200']), { code: 0 })
  await load(program, subject, source, file)
  t.match(await program.run('play-stream', [...flags, '--repeat-interval', '-1', '--burst']), { code: 0 })
  for (const [url, server] of [
    [storeUrl(join(await tempDir(t), 'store')), ''], [`gs://${await gcs.bucket()}`, gcs.url], [`s3://${await s3.bucket()}`, s3.url]
  ] as const) {
    const ingested = await program.run('ingest', [
      '--topic', destination, '--group', uniqueName('g'), '--dead-letter-topic', uniqueName('dead'), '--alert-store', url, '--limit', '200'
    ], { env: { STORAGE_EMULATOR_HOST: gcs.url, ...s3.env, ALERT_STREAM_S3_ENDPOINT_URL: s3.url } })
    t.match(ingested, { code: 0, stdout: /200 written/ }, ingested.stderr)
    t.strictSame(await judgeStore(url, server, destination), {
      objects: 200, redriven: 0, truncated: [], types: { CreateTime: 200 }, problems: []
    }, url)
  }
})
