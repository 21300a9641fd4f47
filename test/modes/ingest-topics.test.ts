// One ingester over many topics: schemas of several versions, topics that come later and that are recreated, one that holds nothing but poison.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { alertFacts, createRegistryClient } from '../../src/avro/index.ts'
import { headerText, type OutgoingRecord } from '../../src/kafka/record.ts'
import { surveySchema, generatorOf } from '../generator/support.ts'
import { adminFor, connect, eventually, outgoing, produce } from '../kafka/support.ts'
import { runMode } from '../support/in-process.ts'
import { startCli, tempDir, uniqueName, useStack } from '../support/stack.ts'
import {
  alertPath, alertRecords, archivedIds, idOf, ingestArgs, judgedByPython, readText, recordsOf, registerAlerts, registryDouble, schemaPath, whileRunning
} from './archive-support.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const client = createRegistryClient({ url: registry })

async function place (t: Test) {
  return { kafka, registry, topic: uniqueName('alerts'), group: uniqueName('g'), dead: uniqueName('dead'), root: join(await tempDir(t), 'store') }
}

/** Simulated alerts of one version of the survey's schema, keyed by id. */
async function surveyAlerts (version: string, count: number, partitions: number, visit: number) {
  const schema = await surveySchema(version)
  const { id: schemaId } = await client.register(uniqueName('alert-packet'), schema.text)
  const generator = await generatorOf(version)
  const records = Array.from({ length: count }, (_, index): OutgoingRecord => {
    const alert = { ...generator.alert(visit, index, count), cutoutDifference: null, cutoutScience: null, cutoutTemplate: null }
    return { key: Buffer.from(String(alertFacts(alert).id)), value: schema.encodeFramed(schemaId, alert), headers: [], partition: index % partitions }
  })
  return { schema, schemaId, records }
}

await t.test('every alert and schema of every topic is archived, each topic has its lag, and one of poison stops no other', async t => {
  const at = await place(t)
  const [old, wide, late, poison] = [uniqueName('old'), uniqueName('wide'), uniqueName('late'), uniqueName('poison')]
  for (const [topic, partitions] of [[old, 1], [wide, 4], [poison, 2]] as const) await admin.createTopic(topic, { partitions, replicas: 1 })
  const versions = [await surveyAlerts('7.4', 40, 1, 1), await surveyAlerts('8.0', 40, 4, 2), await surveyAlerts('11.1', 40, 4, 3), await surveyAlerts('9.0', 30, 3, 4), await surveyAlerts('10.0', 60, 6, 5)] as const
  const [v7, v8, v11, v9, v10] = versions
  t.equal(v7.schema.alertIdField, 'alertId')
  t.equal(v8.schema.alertIdField, 'diaSourceId')
  for (let from = 0; from < 40; from += 10) {
    await produce(connection, poison, Array.from({ length: 50 }, (_, index) => outgoing(`poison ${from + index}`, { partition: index % 2 })))
    await produce(connection, old, v7.records.slice(from, from + 10))
    await produce(connection, wide, [...v8.records.slice(from, from + 10), ...v11.records.slice(from, from + 10)])
  }
  const double = await registryDouble(t, registry)
  double.set('hold')
  const args = ingestArgs({ ...at, registry: double.url, topic: `${old},${wide}` }, '--topic', late, '--topic', poison, '--wait-for-topic', '--admin-port', '0')
  const ingest = startCli(t, args)
  const [, port] = await ingest.waitFor(/"port":(\d+)/)
  const lags = async (): Promise<Record<string, number>> => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    const sums: Record<string, number> = {}
    for (const [, topic = '', records] of text.matchAll(/^alert_stream_kafka_lag_records\{topic="([^"]+)",partition="\d+"\} (\d+)$/gm)) sums[topic] = (sums[topic] ?? 0) + Number(records)
    return sums
  }
  // The registry holds its answers: alerts wait, poison does not.
  const lagIs = async (expected: Record<string, number>): Promise<void> => {
    await whileRunning(ingest, async () => JSON.stringify(Object.entries(await lags()).sort()) === JSON.stringify(Object.entries(expected).sort()))
    t.strictSame(await lags(), expected)
  }
  await lagIs({ [old]: 40, [wide]: 80, [poison]: 0 })
  t.equal((await recordsOf(connection, at.dead)).length, 200)
  double.set('up')
  await whileRunning(ingest, async () => (await archivedIds(at.root)).length === 120)

  await admin.createTopic(late, { partitions: 3, replicas: 1 })
  await produce(connection, late, v9.records)
  await whileRunning(ingest, async () => (await archivedIds(at.root)).length === 150)
  await admin.recreateTopic(wide, { partitions: 6, replicas: 1 })
  await produce(connection, wide, v10.records)
  await produce(connection, late, [outgoing('more poison')])
  await whileRunning(ingest, async () => (await archivedIds(at.root)).length === 210)
  await lagIs({ [old]: 0, [wide]: 0, [late]: 0, [poison]: 0 })
  const { code, stdout, stderr } = await ingest.stop()
  t.match({ code, stdout }, { code: 0, stdout: 'archived 210 alerts: 210 written, 0 there already, 201 dead letters\n' }, stderr.slice(-1000))

  const records = versions.flatMap(version => version.records)
  t.strictSame(await archivedIds(at.root), records.map(idOf).sort())
  t.strictSame(judgedByPython(at.root, records), [])
  for (const { schemaId } of versions) t.equal(await readText(schemaPath(at.root, schemaId)), await client.schemaById(schemaId))
  for (const topic of [old, wide, late, poison]) {
    const [committed, ends] = [await admin.committed(at.group, topic), await admin.endOffsets(topic)]
    t.strictSame(ends.filter((end, partition) => end !== (committed[partition] ?? 0n)), [], topic)
  }
  const origins = (await recordsOf(connection, at.dead)).map(letter => headerText(letter, 'dead-letter-topic'))
  t.strictSame([origins.filter(topic => topic === poison).length, origins.filter(topic => topic === late).length], [200, 1])
})

await t.test('one alert on two topics is archived once; another content under its id is a dead letter that names the object, both checksums and where it came from', async t => {
  const at = await place(t)
  const second = uniqueName('second')
  for (const topic of [at.topic, second]) await admin.createTopic(topic, { partitions: 1, replicas: 1 })
  const alerts = await registerAlerts(registry)
  const [same, other] = alertRecords(alerts, 2, 1)
  await produce(connection, at.topic, [same!, other!])
  const ingest = (limit: number) => runMode(ingestArgs({ ...at, topic: `${at.topic},${second}` }, '--limit', String(limit)))
  t.match(await ingest(2), { stdout: 'archived 2 alerts: 2 written, 0 there already, 0 dead letters\n' })
  await produce(connection, second, [same!, { ...other!, value: alerts.frame(BigInt(idOf(other!)), 'another text') }])
  t.match(await ingest(2), { stdout: 'archived 1 alerts: 0 written, 1 there already, 1 dead letters\n' })
  t.strictSame(judgedByPython(at.root, [same!, other!]), [])
  const [letter] = await recordsOf(connection, at.dead)
  t.equal(headerText(letter!, 'dead-letter-reason'), 'ARCHIVE_CONFLICT')
  t.equal(headerText(letter!, 'dead-letter-position'), `${second}[0]@1`)
  const message = headerText(letter!, 'dead-letter-message')!
  t.ok(message.includes(alertPath(at.root, idOf(other!))), message)
  t.match(message, /CRC32C [0-9a-f]{8} there, [0-9a-f]{8} in the new one/)
})

await t.test('a topic full of a schema that the registry does not have: it is looked for once, not for each record; then it comes, and the next are archived', async t => {
  const at = await place(t)
  await admin.createTopic(at.topic, { partitions: 2, replicas: 1 })
  const alerts = await registerAlerts(registry)
  const schemaId = 1_000_000_000 + Math.floor(Math.random() * 1_000_000_000)
  const records = alertRecords(alerts, 1010, 2).map((record): OutgoingRecord => {
    const value = Buffer.from(record.value!)
    value.writeUInt32BE(schemaId, 1)
    return { ...record, value }
  })
  const double = await registryDouble(t, registry)
  await produce(connection, at.topic, records.slice(0, 1000))
  const args = ingestArgs({ ...at, registry: double.url })
  const first = await runMode([...args, '--unknown-schema-seconds', '1', '--limit', '1000'])
  t.match(first, { stdout: 'archived 0 alerts: 0 written, 0 there already, 1000 dead letters\n' })
  t.comment(`${double.asked} requests`)
  t.ok(double.asked < 20, `${double.asked} requests for 1000 records`)
  // While the registry still loads, nothing dies.
  await produce(connection, at.topic, records.slice(1000))
  const before = double.asked
  const second = runMode([...args, '--unknown-schema-seconds', '60', '--limit', '10'])
  await eventually(() => double.asked > before + 1)
  await client.register(uniqueName('late'), alerts.text.replace('alert_', 'alert_late_'), { id: schemaId })
  t.match(await second, { stdout: 'archived 10 alerts: 10 written, 0 there already, 0 dead letters\n' })
})
