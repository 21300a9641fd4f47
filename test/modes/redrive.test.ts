// redrive after ingest: dead letters are sent back once, and only if the flags select them.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createRegistryClient } from '../../src/avro/index.ts'
import { headerText, type KafkaRecord, type OutgoingRecord } from '../../src/kafka/record.ts'
import { deadLetterTopicSink } from '../../src/dead-letters/topic-sink.ts'
import { adminFor, connect, contextOf, everyRecord, produce } from '../kafka/support.ts'
import { deadLetterFor, deadLetterTopicRecord } from '../dead-letters/support.ts'
import { faultProxy, isDownload, isUpload, type SeenRequest } from '../support/fault-proxy.ts'
import { runMode } from '../support/in-process.ts'
import { runCli, tempDir, uniqueName, useGcs, useStack } from '../support/stack.ts'
import { alertRecords, archivedIds, idOf, ingestArgs, pythonMismatches, registerAlerts, storeUrl } from './archive-support.ts'
import { contentOf, linesOf } from './support.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)
const gcs = await useGcs(t)

/** Creates topics, a store and a group that no other test uses. Returns functions that run ingest and redrive with them. */
async function setUp (t: Test) {
  const folder = await tempDir(t)
  const at = {
    kafka, registry, topic: uniqueName('alerts'), group: uniqueName('g'), dead: uniqueName('dead'), root: join(folder, 'store'),
    deadLetterStore: join(folder, 'dead-letters')
  }
  await admin.createTopic(at.topic, { partitions: 3, replicas: 1 })
  const group = uniqueName('redrive')
  const args = ['redrive', '--broker', kafka, '--dead-letter-topic', at.dead, '--group', group]
  const redrive = (...more: string[]) => runMode([...args, ...more])
  const ingest = (records: number) => runMode(ingestArgs(at, '--unknown-schema-seconds', '0', '--limit', String(records)))
  return { ...at, redriveGroup: group, args, redrive, ingest }
}

/** Creates alerts whose schema is not registered yet, and a function that registers the schema. */
function unregistered (count: number): { readonly records: OutgoingRecord[], readonly register: () => Promise<unknown> } {
  const schemaId = 1_000_000_000 + Math.floor(Math.random() * 1_000_000_000)
  const records = alertRecords(alerts, count, 3).map((record, index): OutgoingRecord => {
    const value = Buffer.from(record.value!)
    value.writeUInt32BE(schemaId, 1)
    return { ...record, value, headers: [[Buffer.from('h'), Buffer.from([index])], [Buffer.from('n'), null]] }
  })
  const text = alerts.text.replace('alert_', `alert_${schemaId}_`)
  return { records, register: () => createRegistryClient({ url: registry }).register(uniqueName('registered'), text, { id: schemaId }) }
}

const redriven = (records: readonly KafkaRecord[], times: string): KafkaRecord[] =>
  records.filter(record => headerText(record, 'dead-letter-redriven') === times)
const garbage = (count: number): OutgoingRecord[] =>
  Array.from({ length: count }, (_, index) => ({ key: null, value: Buffer.from(`garbage ${index}`), headers: [], partition: index % 3 }))

await t.test('after an unknown schema is registered, sends the dead letters with that schema back once and leaves the others', async t => {
  const at = await setUp(t)
  const { records, register } = unregistered(30)
  await produce(connection, at.topic, [...records, ...garbage(6)])
  t.match(await at.ingest(36), { code: 0, stdout: 'archived 0 alerts: 0 written, 0 already archived, 36 dead letters\n' })
  await register()

  t.match(await at.redrive(), { code: 1, stdout: '', stderr: /^REDRIVE_NOTHING_COMMITTED: .*--from-beginning/m })
  const dryRun = await at.redrive('--dry-run')
  t.equal(linesOf(dryRun.stdout).filter(line => line.startsWith(`would send ${at.dead}[0]@`)).length, 36)
  t.equal(linesOf(dryRun.stdout).at(-1), 'redrive: 36 would be sent, 0 left')
  t.equal((await admin.endOffsets(at.topic)).reduce((sum, end) => sum + Number(end), 0), 36, 'the dry run sent no record')
  t.strictSame(await admin.committed(at.redriveGroup, at.dead), [undefined])

  const chosen = ['--from-beginning', '--reason', 'UNKNOWN_SCHEMA']
  const first = await runCli([...at.args, ...chosen, '--log-level', 'warn'])
  t.match(first, { code: 0, stdout: 'redrive: 30 sent, 0 left, 6 not selected\n', stderr: '' })
  const back = redriven(await everyRecord(connection, at.topic), '1')
  const original = back.map(record => contentOf({ ...record, headers: record.headers.slice(0, -5) }))
  t.strictSame(original.sort(), records.map(contentOf).sort(), 'the records are unchanged except for the origin and the redrive count')
  const origins = back.map(record => 
    ['topic', 'partition', 'offset'].map(name => headerText(record, `dead-letter-origin-${name}`)).join(' '))
  const sent = (await everyRecord(connection, at.topic)).filter(record => headerText(record, 'dead-letter-redriven') === undefined)
  const failed = sent.filter(({ value }) => value![0] === 0)
  t.strictSame(origins.sort(), failed.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`).sort())
  t.match(await at.ingest(30), { code: 0, stdout: 'archived 30 alerts: 30 written, 0 already archived, 0 dead letters\n' })
  t.strictSame(pythonMismatches(at.root, records), [])
  t.match(await at.redrive(...chosen), { code: 0, stdout: 'redrive: 0 sent, 0 left, 6 not selected\n' })

  // Records that can never be archived become dead letters again, until they are discarded.
  t.match(await at.redrive(), { code: 0, stdout: 'redrive: 6 sent, 0 left\n' })
  t.match(await at.ingest(6), { code: 0, stdout: 'archived 0 alerts: 0 written, 0 already archived, 6 dead letters\n' })
  t.equal(redriven(await everyRecord(connection, at.dead), '1').length, 6)
  t.match(await at.redrive('--max-redrives', '1'), { code: 0, stdout: 'redrive: 0 sent, 6 left (6 sent back too often)\n' })
  t.match(await at.redrive('--discard', '--reason', 'FRAME_BAD_MAGIC'), { code: 0, stdout: 'redrive: 6 discarded, 0 left\n' })
  t.match(await at.redrive(), { code: 0, stdout: 'redrive: 0 sent, 0 left\n' })
  t.strictSame(await admin.committed(at.redriveGroup, at.dead), await admin.endOffsets(at.dead))
})

for (const kind of ['file', 'gs'] as const) await t.test(`sends dead letters of a store (${kind}) to a separate topic`, async t => {
  const at = await setUp(t)
  const store = kind === 'file' ? storeUrl(at.deadLetterStore) : `gs://${await gcs.bucket()}`
  const environment = { STORAGE_EMULATOR_HOST: gcs.url }
  const second = uniqueName('redriven')
  await admin.createTopic(second, { partitions: 1, replicas: 1 })
  const { records, register } = unregistered(12)
  await produce(connection, at.topic, [...records, ...garbage(3)])
  const ingest = (limit: number) => {
    const args = ingestArgs({ ...at, topic: `${at.topic},${second}` }, '--unknown-schema-seconds', '0', '--limit', String(limit))
    args.splice(args.indexOf('--dead-letter-topic'), 2, '--dead-letter-store', store)
    return runMode(args, environment)
  }
  t.match(await ingest(15), { code: 0, stdout: 'archived 0 alerts: 0 written, 0 already archived, 15 dead letters\n' })
  await register()
  const proxy = await faultProxy(t, gcs.url)
  const args = ['redrive', '--broker', kafka, '--dead-letter-store', store, '--dst-topic', second]
  const redrive = (...more: string[]) => runMode([...args, ...more], { STORAGE_EMULATOR_HOST: proxy.url })
  // Requests for dead letters and markers fail temporarily.
  const isMarker = ({ url }: SeenRequest): boolean => url.includes('dead-letters-redriven/')
  if (kind === 'gs') for (const match of [isDownload, isUpload, isMarker]) proxy.fail({ status: 503 }, 2, match)
  t.match(await redrive('--reason', 'UNKNOWN_SCHEMA', '--limit', '5'), { code: 0, stdout: /^redrive: 5 sent, 0 left/ })
  t.match(await redrive('--node', 'capture-schema'), { code: 0, stdout: 'redrive: 7 sent, 0 left, 3 not selected\n' })
  t.match(await redrive('--reason', 'UNKNOWN_SCHEMA'), { code: 0, stdout: 'redrive: 0 sent, 0 left, 3 not selected\n' })
  t.equal(proxy.failed, kind === 'gs' ? 6 : 0)
  t.strictSame((await everyRecord(connection, second)).map(idOf).sort(), records.map(idOf).sort())
  t.match(await ingest(12), { code: 0, stdout: 'archived 12 alerts: 12 written, 0 already archived, 0 dead letters\n' })
  t.strictSame(pythonMismatches(at.root, records), [])
  t.strictSame(await archivedIds(at.root), records.map(idOf).sort())
})

await t.test('restores an omitted value from the original topic, and counts unsendable dead letters as left', async t => {
  const at = await setUp(t)
  const [large, other] = [Buffer.alloc(30_000, 'large'), Buffer.alloc(30_000, 'other')]
  await produce(connection, at.topic, [
    { key: Buffer.from('k'), value: large, headers: [[Buffer.from('h'), Buffer.from('1')]], partition: 1 },
    { key: null, value: other, headers: [], partition: 1 }
  ])
  const [first, second] = await everyRecord(connection, at.topic)
  const createTopic = { partitions: 1, replicas: 1, configs: { 'max.message.bytes': '20000' } }
  const sink = deadLetterTopicSink({ connection, topic: at.dead, createTopic, expected: { topics: [] } })
  await sink.open?.(contextOf())
  const gone = uniqueName('gone')
  const inFile = { position: 'a.avro#3' }
  const fromFile = { record: { value: Buffer.from('datum'), bytes: 5, ...inFile }, origin: { node: 'avro-file', ...inFile } }
  const deadLetters = [
    deadLetterFor(0, 'R', first),
    // A different timestamp shows that the offset now holds a different record, as in a recreated topic.
    deadLetterFor(0, 'R', { ...second!, timestamp: second!.timestamp - 1n }),
    deadLetterFor(0, 'R', { ...second!, offset: 77n }),
    deadLetterFor(5, 'R', { topic: gone }),
    { ...deadLetterFor(6), ...fromFile },
    deadLetterFor(7, 'R', { topic: at.topic })
  ]
  for (const deadLetter of deadLetters) await sink.write(deadLetter)
  await sink.close?.()
  await produce(connection, at.dead, [{ key: null, value: Buffer.from('not a dead letter'), headers: [] }])

  const expected = 'left (2 omitted values, 1 KAFKA_TOPIC_MISSING, 1 from a file, 1 no dead letter)'
  const run = await at.redrive('--from-beginning')
  t.match(run, { code: 1, stdout: `redrive: 2 sent, 5 ${expected}\n`, stderr: /^REDRIVE_REFUSED: .*1 KAFKA_TOPIC_MISSING/m })
  const back = redriven(await everyRecord(connection, at.topic), '1')
  t.strictSame(back.map(({ value }) => value!.length).sort(), [30_000, 7])
  t.equal(contentOf({ ...back.find(({ value }) => value!.length === 30_000)!, headers: first!.headers }), contentOf(first!))
  t.match(await at.redrive(), { code: 1, stdout: `redrive: 0 sent, 5 ${expected}\n` })
  await admin.createTopic(gone, { partitions: 1, replicas: 1 })
  t.match(await at.redrive(), { code: 0, stdout: 'redrive: 1 sent, 4 left (2 omitted values, 1 from a file, 1 no dead letter)\n' })
})

await t.test('--origin-topic and --limit select dead letters, and contradicting flags are usage errors', async t => {
  const at = await setUp(t)
  const second = uniqueName('alerts')
  await admin.createTopic(at.dead, { partitions: 2, replicas: 1 })
  await admin.createTopic(second, { partitions: 1, replicas: 1 })
  const recordAt = (index: number) =>
    deadLetterTopicRecord(index, 'R', { topic: index % 2 === 0 ? at.topic : second }, index % 4 < 2 ? 0 : 1)
  await produce(connection, at.dead, Array.from({ length: 20 }, (_, index) => recordAt(index)))
  t.match(await at.redrive('--from-beginning', '--origin-topic', second, '--limit', '4'), { code: 0, stdout: /^redrive: 4 sent, 0 left/ })
  t.match(await at.redrive('--from-beginning', '--origin-topic', second), { code: 0, stdout: 'redrive: 6 sent, 0 left, 10 not selected\n' })
  const values = (await everyRecord(connection, second)).map(({ value }) => value!.toString())
  t.strictSame(values.sort(), Array.from({ length: 10 }, (_, index) => `value ${2 * index + 1}`).sort())
  t.strictSame(await everyRecord(connection, at.topic), [])
  const store = ['--dead-letter-store', storeUrl(at.deadLetterStore)]
  const wrong = [[...store], ['--dst-topic', at.dead], ['--discard'], ['--discard', '--reason', 'R', '--dst-topic', 'x']]
  const results = await Promise.all([...wrong.map(args => at.redrive(...args)), runMode(['redrive', ...store, '--from-beginning'])])
  for (const result of results) t.match(result, { code: 2, stdout: '', stderr: /^USAGE_/ })
})
