// redrive as its users run it: letters that the ingester left go back after a fix, once, and nothing that was not asked for is touched.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createRegistryClient } from '../../src/avro/index.ts'
import { headerText, type KafkaRecord, type OutgoingRecord } from '../../src/kafka/record.ts'
import { deadLetterTopicSink } from '../../src/dead-letters/topic-sink.ts'
import { adminFor, connect, contextOf, produce } from '../kafka/support.ts'
import { deadLetterFor, deadLetterTopicRecord } from '../dead-letters/support.ts'
import { faultProxy, isDownload, isUpload, type SeenRequest } from '../support/fault-proxy.ts'
import { runMode } from '../support/in-process.ts'
import { runCli, tempDir, uniqueName, useGcs, useStack } from '../support/stack.ts'
import { alertRecords, archivedIds, idOf, ingestArgs, judgedByPython, recordsOf, registerAlerts, storeUrl } from './archive-support.ts'
import { contentOf, everyRecord, linesOf } from './support.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)
const gcs = await useGcs(t)

async function place (t: Test) {
  const folder = await tempDir(t)
  const at = { kafka, registry, topic: uniqueName('alerts'), group: uniqueName('g'), dead: uniqueName('dead'), root: join(folder, 'store'), letters: join(folder, 'letters') }
  await admin.createTopic(at.topic, { partitions: 3, replicas: 1 })
  const group = uniqueName('redrive')
  const args = ['redrive', '--broker', kafka, '--dead-letter-topic', at.dead, '--group', group]
  const redrive = (...more: string[]) => runMode([...args, ...more])
  const ingest = (records: number) => runMode(ingestArgs(at, '--unknown-schema-seconds', '0', '--limit', String(records)))
  return { ...at, redriveGroup: group, args, redrive, ingest }
}

/** Alerts of a schema id that the registry does not have yet, and the way to mend that. */
function unregistered (count: number): { readonly records: OutgoingRecord[], readonly mend: () => Promise<unknown> } {
  const schemaId = 1_000_000_000 + Math.floor(Math.random() * 1_000_000_000)
  const records = alertRecords(alerts, count, 3).map((record, index): OutgoingRecord => {
    const value = Buffer.from(record.value!)
    value.writeUInt32BE(schemaId, 1)
    return { ...record, value, headers: [[Buffer.from('h'), Buffer.from([index])], [Buffer.from('n'), null]] }
  })
  const text = alerts.text.replace('alert_', `alert_${schemaId}_`)
  return { records, mend: () => createRegistryClient({ url: registry }).register(uniqueName('mended'), text, { id: schemaId }) }
}

const redriven = (records: readonly KafkaRecord[], times: string): KafkaRecord[] => records.filter(record => headerText(record, 'dead-letter-redriven') === times)
const garbage = (count: number): OutgoingRecord[] => Array.from({ length: count }, (_, index) => ({ key: null, value: Buffer.from(`garbage ${index}`), headers: [], partition: index % 3 }))

await t.test('alerts that died of an unknown schema are archived after it was registered; each is sent once; the others wait for another run', async t => {
  const at = await place(t)
  const { records, mend } = unregistered(30)
  await produce(connection, at.topic, [...records, ...garbage(6)])
  t.match(await at.ingest(36), { code: 0, stdout: 'archived 0 alerts: 0 written, 0 there already, 36 dead letters\n' })
  await mend()

  t.match(await at.redrive(), { code: 1, stdout: '', stderr: /^REDRIVE_NOTHING_COMMITTED: .*--from-beginning/m })
  const look = await at.redrive('--dry-run')
  t.equal(linesOf(look.stdout).filter(line => line.startsWith(`would send ${at.dead}[0]@`)).length, 36)
  t.equal(linesOf(look.stdout).at(-1), 'redrive: 36 would be sent, 0 left')
  t.equal((await admin.endOffsets(at.topic)).reduce((sum, end) => sum + Number(end), 0), 36, 'nothing was sent')
  t.strictSame(await admin.committed(at.redriveGroup, at.dead), [undefined])

  const chosen = ['--from-beginning', '--reason', 'UNKNOWN_SCHEMA']
  t.match(await runCli([...at.args, ...chosen, '--log-level', 'warn']), { code: 0, stdout: 'redrive: 30 sent, 0 left, 6 not chosen\n', stderr: '' })
  const back = redriven(await everyRecord(connection, at.topic), '1')
  t.strictSame(back.map(record => contentOf({ ...record, headers: record.headers.slice(0, -1) })).sort(), records.map(contentOf).sort(), 'exactly as they were, and one header more')
  t.match(await at.ingest(30), { code: 0, stdout: 'archived 30 alerts: 30 written, 0 there already, 0 dead letters\n' })
  t.strictSame(judgedByPython(at.root, records), [])
  t.match(await at.redrive(...chosen), { code: 0, stdout: 'redrive: 0 sent, 0 left, 6 not chosen\n' })

  // What cannot be mended goes round until it is given up.
  t.match(await at.redrive(), { code: 0, stdout: 'redrive: 6 sent, 0 left\n' })
  t.match(await at.ingest(6), { code: 0, stdout: 'archived 0 alerts: 0 written, 0 there already, 6 dead letters\n' })
  t.equal(redriven(await recordsOf(connection, at.dead), '1').length, 6)
  t.match(await at.redrive('--max-redrives', '1'), { code: 0, stdout: 'redrive: 0 sent, 6 left (6 sent back too often)\n' })
  t.match(await at.redrive('--discard', '--reason', 'FRAME_BAD_MAGIC'), { code: 0, stdout: 'redrive: 6 discarded, 0 left\n' })
  t.match(await at.redrive(), { code: 0, stdout: 'redrive: 0 sent, 0 left\n' })
  t.strictSame(await admin.committed(at.redriveGroup, at.dead), await admin.endOffsets(at.dead))
})

for (const kind of ['file', 'gs'] as const) await t.test(`the same from a store of letters (${kind}), into a topic of its own that the ingester reads too`, async t => {
  const at = await place(t)
  const letters = kind === 'file' ? storeUrl(at.letters) : `gs://${await gcs.bucket()}`
  const environment = { STORAGE_EMULATOR_HOST: gcs.url }
  const second = uniqueName('redriven')
  await admin.createTopic(second, { partitions: 1, replicas: 1 })
  const { records, mend } = unregistered(12)
  await produce(connection, at.topic, [...records, ...garbage(3)])
  const ingest = (limit: number) => {
    const args = ingestArgs({ ...at, topic: `${at.topic},${second}` }, '--unknown-schema-seconds', '0', '--limit', String(limit))
    args.splice(args.indexOf('--dead-letter-topic'), 2, '--dead-letter-store', letters)
    return runMode(args, environment)
  }
  t.match(await ingest(15), { code: 0, stdout: 'archived 0 alerts: 0 written, 0 there already, 15 dead letters\n' })
  await mend()
  const proxy = await faultProxy(t, gcs.url)
  const redrive = (...args: string[]) => runMode(['redrive', '--broker', kafka, '--dead-letter-store', letters, '--dst-topic', second, ...args], { STORAGE_EMULATOR_HOST: proxy.url })
  // A listing, letters and marks that fail for a moment.
  if (kind === 'gs') for (const match of [isDownload, isUpload, ({ url }: SeenRequest) => url.includes('dead-letters-redriven/')]) proxy.fail({ status: 503 }, 2, match)
  t.match(await redrive('--reason', 'UNKNOWN_SCHEMA', '--limit', '5'), { code: 0, stdout: /^redrive: 5 sent, 0 left/ })
  t.match(await redrive('--node', 'capture-schema'), { code: 0, stdout: 'redrive: 7 sent, 0 left, 3 not chosen\n' })
  t.match(await redrive('--reason', 'UNKNOWN_SCHEMA'), { code: 0, stdout: 'redrive: 0 sent, 0 left, 3 not chosen\n' })
  t.equal(proxy.failed, kind === 'gs' ? 6 : 0)
  t.strictSame((await everyRecord(connection, second)).map(idOf).sort(), records.map(idOf).sort())
  t.match(await ingest(12), { code: 0, stdout: 'archived 12 alerts: 12 written, 0 there already, 0 dead letters\n' })
  t.strictSame(judgedByPython(at.root, records), [])
  t.strictSame(await archivedIds(at.root), records.map(idOf).sort())
})

await t.test('a value that was left out is fetched from where it came from; what cannot be sent is left and counted; one refusal keeps no other back', async t => {
  const at = await place(t)
  const [large, other] = [Buffer.alloc(30_000, 'large'), Buffer.alloc(30_000, 'other')]
  await produce(connection, at.topic, [{ key: Buffer.from('k'), value: large, headers: [[Buffer.from('h'), Buffer.from('1')]], partition: 1 }, { key: null, value: other, headers: [], partition: 1 }])
  const [first, second] = await everyRecord(connection, at.topic)
  const sink = deadLetterTopicSink({ connection, topic: at.dead, createTopic: { partitions: 1, replicas: 1, configs: { 'max.message.bytes': '20000' } } })
  await sink.open?.(contextOf())
  const gone = uniqueName('gone')
  const letters = [
    deadLetterFor(0, 'R', first),
    // The record at that offset is another one: the topic was recreated since.
    deadLetterFor(0, 'R', { ...second!, timestamp: second!.timestamp - 1n }),
    deadLetterFor(0, 'R', { ...second!, offset: 77n }),
    deadLetterFor(5, 'R', { topic: gone }),
    { ...deadLetterFor(6), record: { value: Buffer.from('datum'), bytes: 5, position: 'a.avro#3' }, origin: { node: 'avro-file', position: 'a.avro#3' } },
    deadLetterFor(7, 'R', { topic: at.topic })
  ]
  for (const letter of letters) await sink.write(letter)
  await sink.close?.()
  await produce(connection, at.dead, [{ key: null, value: Buffer.from('no letter'), headers: [] }])

  const expected = 'left (2 omitted values, 1 KAFKA_TOPIC_MISSING, 1 from a file, 1 no dead letter)'
  const run = await at.redrive('--from-beginning')
  t.match(run, { code: 1, stdout: `redrive: 2 sent, 5 ${expected}\n`, stderr: /^REDRIVE_REFUSED: .*1 letters \(KAFKA_TOPIC_MISSING\)/m })
  const back = redriven(await everyRecord(connection, at.topic), '1')
  t.strictSame(back.map(({ value }) => value!.length).sort(), [30_000, 7])
  t.equal(contentOf({ ...back.find(({ value }) => value!.length === 30_000)!, headers: first!.headers }), contentOf(first!))
  t.match(await at.redrive(), { code: 1, stdout: `redrive: 0 sent, 5 ${expected}\n` })
  await admin.createTopic(gone, { partitions: 1, replicas: 1 })
  t.match(await at.redrive(), { code: 0, stdout: 'redrive: 1 sent, 4 left (2 omitted values, 1 from a file, 1 no dead letter)\n' })
})

await t.test('--origin-topic and --limit choose; contradictions are wrong usage', async t => {
  const at = await place(t)
  const second = uniqueName('alerts')
  await admin.createTopic(at.dead, { partitions: 2, replicas: 1 })
  await admin.createTopic(second, { partitions: 1, replicas: 1 })
  await produce(connection, at.dead, Array.from({ length: 20 }, (_, index) => deadLetterTopicRecord(index, 'R', { topic: index % 2 === 0 ? at.topic : second }, index % 4 < 2 ? 0 : 1)))
  t.match(await at.redrive('--from-beginning', '--origin-topic', second, '--limit', '4'), { code: 0, stdout: /^redrive: 4 sent, 0 left/ })
  t.match(await at.redrive('--from-beginning', '--origin-topic', second), { code: 0, stdout: 'redrive: 6 sent, 0 left, 10 not chosen\n' })
  t.strictSame((await everyRecord(connection, second)).map(({ value }) => value!.toString()).sort(), Array.from({ length: 10 }, (_, index) => `value ${2 * index + 1}`).sort())
  t.strictSame(await everyRecord(connection, at.topic), [])
  const store = ['--dead-letter-store', storeUrl(at.letters)]
  const wrong = [[...store], ['--dst-topic', at.dead], ['--discard'], ['--discard', '--reason', 'R', '--dst-topic', 'x']]
  const results = await Promise.all([...wrong.map(args => at.redrive(...args)), runMode(['redrive', ...store, '--from-beginning'])])
  for (const result of results) t.match(result, { code: 2, stdout: '', stderr: /^USAGE_/ })
})
