// One ingester with many topics: several schema versions, a topic created later, a recreated topic, and a topic with bad records only.
import t from 'tap'
import { alertSummary, createRegistryClient } from '../../src/avro/index.ts'
import { headerText, type OutgoingRecord } from '../../src/kafka/record.ts'
import { surveySchema, generatorOf } from '../generator/support.ts'
import { adminFor, connect, eventually, everyRecord, outgoing, produce } from '../kafka/support.ts'
import { crc32c } from '../../src/stores/crc32c.ts'
import { forge } from '../support/equal-crc32c.ts'
import { runMode } from '../support/in-process.ts'
import { startCli, uniqueName, useStack } from '../support/stack.ts'
import {
  alertPath, alertRecords, archivedIds, idOf, ingestArgs, newTarget, pythonMismatches, readText, registerAlerts, registryProxy,
  schemaPath, whileRunning
} from './archive-support.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const client = createRegistryClient({ url: registry })

/** Creates simulated alerts of one version of the survey's schema. The keys are the alert ids. */
async function surveyAlerts (version: string, count: number, partitions: number, visit: number) {
  const schema = await surveySchema(version)
  const { id: schemaId } = await client.register(uniqueName('alert-packet'), schema.text)
  const generator = await generatorOf(version)
  const records = Array.from({ length: count }, (_, index): OutgoingRecord => {
    const alert = { ...generator.alert(visit, index, count), cutoutDifference: null, cutoutScience: null, cutoutTemplate: null }
    const value = schema.encodeFramed(schemaId, alert)
    return { key: Buffer.from(String(alertSummary(alert).id)), value, headers: [], partition: index % partitions }
  })
  return { schema, schemaId, records }
}

await t.test('archives the alerts and schemas of all topics despite a topic of bad records, and reports the lag per topic', async t => {
  const at = await newTarget(t, { kafka, registry })
  const [old, wide, late, bad] = [uniqueName('old'), uniqueName('wide'), uniqueName('late'), uniqueName('bad')]
  for (const [topic, partitions] of [[old, 1], [wide, 4], [bad, 2]] as const) await admin.createTopic(topic, { partitions, replicas: 1 })
  const versions = [
    await surveyAlerts('7.4', 40, 1, 1), await surveyAlerts('8.0', 40, 4, 2), await surveyAlerts('11.1', 40, 4, 3),
    await surveyAlerts('9.0', 30, 3, 4), await surveyAlerts('10.0', 60, 6, 5)
  ] as const
  const [v7, v8, v11, v9, v10] = versions
  t.equal(v7.schema.alertIdField, 'alertId')
  t.equal(v8.schema.alertIdField, 'diaSourceId')
  for (let from = 0; from < 40; from += 10) {
    await produce(connection, bad, Array.from({ length: 50 }, (_, index) => outgoing(`bad ${from + index}`, { partition: index % 2 })))
    await produce(connection, old, v7.records.slice(from, from + 10))
    await produce(connection, wide, [...v8.records.slice(from, from + 10), ...v11.records.slice(from, from + 10)])
  }
  const proxy = await registryProxy(t, registry)
  proxy.set('hold')
  const flags = ['--topic', late, '--topic', bad, '--wait-for-topic', '--admin-port', '0']
  const ingest = startCli(t, ingestArgs({ ...at, registry: proxy.url, topic: `${old},${wide}` }, ...flags))
  const [, port] = await ingest.waitFor(/"port":(\d+)/)
  const lags = async (): Promise<Record<string, number>> => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    const samples = text.matchAll(/^alert_stream_kafka_lag_records\{topic="([^"]+)",partition="\d+"\} (\d+)$/gm)
    const sums: Record<string, number> = {}
    for (const [, topic = '', records] of samples) sums[topic] = (sums[topic] ?? 0) + Number(records)
    return sums
  }
  const lagIs = async (expected: Record<string, number>): Promise<void> => {
    const text = (sums: Record<string, number>): string => JSON.stringify(Object.entries(sums).sort())
    await whileRunning(ingest, async () => text(await lags()) === text(expected))
    t.strictSame(await lags(), expected)
  }
  // While the registry delays its responses, alerts wait but bad records do not.
  await lagIs({ [old]: 40, [wide]: 80, [bad]: 0 })
  t.equal((await everyRecord(connection, at.dead)).length, 200)
  proxy.set('up')
  await whileRunning(ingest, async () => (await archivedIds(at.root)).length === 120)

  await admin.createTopic(late, { partitions: 3, replicas: 1 })
  await produce(connection, late, v9.records)
  await whileRunning(ingest, async () => (await archivedIds(at.root)).length === 150)
  await admin.recreateTopic(wide, { partitions: 6, replicas: 1 })
  await produce(connection, wide, v10.records)
  await produce(connection, late, [outgoing('another bad record')])
  await whileRunning(ingest, async () => (await archivedIds(at.root)).length === 210)
  await lagIs({ [old]: 0, [wide]: 0, [late]: 0, [bad]: 0 })
  const { code, stdout, stderr } = await ingest.stop()
  t.equal(code, 0, stderr.slice(-1000))
  t.equal(stdout, 'archived 210 alerts: 210 written, 0 already archived, 201 dead letters\n')

  const records = versions.flatMap(version => version.records)
  t.strictSame(await archivedIds(at.root), records.map(idOf).sort())
  t.strictSame(pythonMismatches(at.root, records), [])
  for (const { schemaId } of versions) t.equal(await readText(schemaPath(at.root, schemaId)), await client.schemaById(schemaId))
  for (const topic of [old, wide, late, bad]) {
    const [committed, ends] = [await admin.committed(at.group, topic), await admin.endOffsets(topic)]
    t.strictSame(ends.filter((end, partition) => end !== (committed[partition] ?? 0n)), [], topic)
  }
  const origins = (await everyRecord(connection, at.dead)).map(deadLetter => headerText(deadLetter, 'dead-letter-topic'))
  t.strictSame([origins.filter(topic => topic === bad).length, origins.filter(topic => topic === late).length], [200, 1])
})

await t.test('archives an alert that is in two topics once, and dead-letters an alert with the same id but different content', async t => {
  const at = await newTarget(t, { kafka, registry })
  const second = uniqueName('second')
  for (const topic of [at.topic, second]) await admin.createTopic(topic, { partitions: 1, replicas: 1 })
  const alerts = await registerAlerts(registry)
  const [same, other] = alertRecords(alerts, 2, 1)
  await produce(connection, at.topic, [same!, other!])
  const ingest = (limit: number) => runMode(ingestArgs({ ...at, topic: `${at.topic},${second}` }, '--limit', String(limit)))
  t.match(await ingest(2), { stdout: 'archived 2 alerts: 2 written, 0 already archived, 0 dead letters\n' })
  await produce(connection, second, [same!, { ...other!, value: alerts.frame(BigInt(idOf(other!)), 'another text') }])
  t.match(await ingest(2), { stdout: 'archived 1 alerts: 0 written, 1 already archived, 1 dead letters\n' })
  t.strictSame(pythonMismatches(at.root, [same!, other!]), [])
  const [deadLetter] = await everyRecord(connection, at.dead)
  t.equal(headerText(deadLetter!, 'dead-letter-reason'), 'ARCHIVE_CONFLICT')
  t.equal(headerText(deadLetter!, 'dead-letter-position'), `${second}[0]@1`)
  const message = headerText(deadLetter!, 'dead-letter-message')!
  t.ok(message.includes(alertPath(at.root, idOf(other!))), message)
  t.match(message, /SHA-256 [0-9a-f]{64} in the store, [0-9a-f]{64} in the new object/)
})

await t.test('dead-letters a second alert with the same id and the same CRC32C, and keeps the object of the first', async t => {
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: 1, replicas: 1 })
  const alerts = await registerAlerts(registry)
  const first = alerts.record(5n, 0)
  const second = { ...first, value: forge(alerts.frame(5n, 'another text'), first.value!) }
  t.equal(crc32c(second.value), crc32c(first.value!))
  await produce(connection, at.topic, [first, second])
  const { stdout } = await runMode(ingestArgs(at, '--limit', '2'))
  t.equal(stdout, 'archived 1 alerts: 1 written, 0 already archived, 1 dead letters\n')
  const [deadLetter, ...more] = await everyRecord(connection, at.dead)
  t.strictSame(more, [])
  t.equal(headerText(deadLetter!, 'dead-letter-reason'), 'ARCHIVE_CONFLICT')
  // Two alerts in flight at the same time are written in any order.
  const archived = deadLetter!.value!.equals(second.value) ? first : second
  t.ok((archived === first ? second : first).value!.equals(deadLetter!.value!))
  t.strictSame(pythonMismatches(at.root, [archived]), [])
})

await t.test('looks up an unknown schema once, not once per record, and archives later records once the schema is registered', async t => {
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: 2, replicas: 1 })
  const alerts = await registerAlerts(registry)
  const schemaId = 1_000_000_000 + Math.floor(Math.random() * 1_000_000_000)
  const records = alertRecords(alerts, 1010, 2).map((record): OutgoingRecord => {
    const value = Buffer.from(record.value!)
    value.writeUInt32BE(schemaId, 1)
    return { ...record, value }
  })
  const proxy = await registryProxy(t, registry)
  await produce(connection, at.topic, records.slice(0, 1000))
  const args = ingestArgs({ ...at, registry: proxy.url })
  const first = await runMode([...args, '--unknown-schema-seconds', '1', '--limit', '1000'])
  t.match(first, { stdout: 'archived 0 alerts: 0 written, 0 already archived, 1000 dead letters\n' })
  t.comment(`${proxy.requests} requests`)
  t.ok(proxy.requests < 20, `${proxy.requests} requests for 1000 records`)
  // A schema that is registered within --unknown-schema-seconds causes no dead letters.
  await produce(connection, at.topic, records.slice(1000))
  const before = proxy.requests
  const second = runMode([...args, '--unknown-schema-seconds', '60', '--limit', '10'])
  await eventually(() => proxy.requests > before + 1)
  await client.register(uniqueName('late'), alerts.text.replace('alert_', 'alert_late_'), { id: schemaId })
  t.match(await second, { stdout: 'archived 10 alerts: 10 written, 0 already archived, 0 dead letters\n' })
})
