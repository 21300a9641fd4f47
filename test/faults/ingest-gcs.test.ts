// The ingester writes to buckets whose requests fail: what passes by itself delays and loses nothing; a refusal ends it, with no offset committed
// past the alert that was refused, and after that is mended a restart archives all.
import t, { type Test } from 'tap'
import { createArchive, openStore, type Archive } from '../../src/stores/index.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { alertRecords, idOf, recordsOf, registerAlerts, whileRunning } from '../modes/archive-support.ts'
import { faultProxy, isUpload, type SeenRequest } from '../support/fault-proxy.ts'
import { runCli, startCli, uniqueName, useGcs, useStack } from '../support/stack.ts'

const { kafka, registry } = await useStack(t)
const gcs = await useGcs(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)

interface Place {
  readonly topic: string
  readonly group: string
  readonly dead: string
  readonly buckets: { readonly alerts: string, readonly schemas: string }
  /** Reads the buckets themselves, past any fault. */
  readonly archive: Archive
}

async function place (t: Test): Promise<Place> {
  const buckets = { alerts: await gcs.bucket(), schemas: await gcs.bucket() }
  const open = async (bucket: string) => await openStore(`gs://${bucket}`, { emulatorHost: gcs.url, access: 'read' })
  const archive = createArchive({ alerts: await open(buckets.alerts), schemas: await open(buckets.schemas), layout: 'v2' })
  t.teardown(async () => { await archive.close() })
  const at = { topic: uniqueName('ingest'), group: uniqueName('g'), dead: uniqueName('dead'), buckets, archive }
  await admin.createTopic(at.topic, { partitions: 1, replicas: 1 })
  return at
}

/** With the original's names of the flags. */
function args ({ topic, group, dead, buckets }: Place, ...more: string[]): string[] {
  return [
    'ingest', '--broker', kafka, '--schema-registry-url', registry, '--topic', topic, '--group', group, '--dead-letter-topic', dead,
    '--backend', 'google-cloud', '--gcp-project', 'rubin', '--gcp-bucket-alerts', buckets.alerts, '--gcp-bucket-schemas', buckets.schemas, ...more
  ]
}

/** Ids whose alert is missing or not the Kafka value. */
async function wrong ({ archive }: Place, records: readonly OutgoingRecord[]): Promise<string[]> {
  const checked = await Promise.all(records.map(async record => (await archive.getAlert(idOf(record)))?.equals(record.value!) === true ? [] : [idOf(record)]))
  return checked.flat()
}

async function committed ({ group, topic }: Place): Promise<bigint | undefined> {
  return (await admin.committed(group, topic))[0]
}

const isAlert = (request: SeenRequest): boolean => isUpload(request) && request.url.includes('.avro.gz')

await t.test('503, 429, resets, silence, lost answers and damage each delay and never lose; what was stored before its answer was lost is counted as there already', async t => {
  const at = await place(t)
  const proxy = await faultProxy(t, gcs.url)
  const records = alertRecords(alerts, 60, 1)
  await produce(connection, at.topic, records)
  for (const fault of [{ status: 503 }, 'reset', { status: 429 }, 'lose answer', 'hang', 'damage request', 'stall answer', { status: 503 }] as const) proxy.fail(fault, 2, isAlert)
  proxy.fail({ status: 503 }, 1, request => isUpload(request) && !isAlert(request))
  const { code, stdout, stderr } = await runCli(args(at, '--limit', '60', '--store-timeout', '5'), { env: { STORAGE_EMULATOR_HOST: proxy.url } })
  t.equal(code, 0, stderr.slice(-3000))
  t.equal(stdout, 'archived 60 alerts: 56 written, 4 there already, 0 dead letters\n')
  t.equal(proxy.failed, 17)
  t.strictSame(await wrong(at, records), [])
  t.equal(await at.archive.getSchema(alerts.schemaId), alerts.text)
  t.equal(await committed(at), 60n)
  t.equal((await recordsOf(connection, at.dead)).length, 0)
  t.strictSame([...new Set(proxy.seen.filter(isUpload).map(({ url }) => url.split('/')[5]))].sort(), [at.buckets.alerts, at.buckets.schemas].sort(), 'alerts and schemas have a bucket each')
})

await t.test('a 403 ends the ingester with a clear error; nothing is buried or committed past the refused alert, and a restart archives all', async t => {
  const at = await place(t)
  const proxy = await faultProxy(t, gcs.url)
  const env = { STORAGE_EMULATOR_HOST: proxy.url }
  const records = alertRecords(alerts, 40, 1)
  const refused = idOf(records[27]!)
  proxy.fail({ status: 403, body: JSON.stringify({ error: { code: 403, message: 'writer@rubin.iam does not have storage.objects.create access' } }) }, Infinity, request => isAlert(request) && request.url.includes(refused))
  await produce(connection, at.topic, records.slice(0, 20))
  const ingest = startCli(t, args(at), { env })
  await whileRunning(ingest, async () => await committed(at) === 20n)
  await produce(connection, at.topic, records.slice(20))
  const { code, stderr } = await ingest.finished
  t.equal(code, 1)
  t.match(stderr.trimEnd().split('\n').at(-1), new RegExp(`^STORE_BUCKET_DENIED: cannot write the object: the store returned 403, writer@rubin\\.iam does not have storage\\.objects\\.create access \\(gs://${at.buckets.alerts}/v2/alerts/.*${refused}.*\\)\\. Grant .*objectCreator`))
  t.equal(proxy.failed, 1, 'it was not tried again')
  const offset = await committed(at)
  t.ok(offset !== undefined && offset >= 20n && offset <= 27n, `committed ${offset}`)
  t.ok((await wrong(at, records)).includes(refused))
  t.equal((await recordsOf(connection, at.dead)).length, 0)

  const still = await runCli(args(at), { env })
  t.equal(still.code, 1)
  t.match(still.stderr, /^STORE_BUCKET_DENIED: /m)
  t.ok((await committed(at))! <= 27n)

  proxy.heal()
  const left = 40 - Number(await committed(at))
  const again = await runCli(args(at, '--limit', String(left)), { env })
  t.equal(again.code, 0, again.stderr)
  t.match(again.stdout, new RegExp(`^archived ${left} alerts: .*, 0 dead letters\n$`))
  t.strictSame(await wrong(at, records), [])
  t.equal(await committed(at), 40n)
  t.equal((await recordsOf(connection, at.dead)).length, 0)
})

await t.test('a schema bucket that refuses ends it before any alert is archived; a bucket that is not there ends it before Kafka is read', async t => {
  const at = await place(t)
  const proxy = await faultProxy(t, gcs.url)
  await produce(connection, at.topic, alertRecords(alerts, 5, 1))
  proxy.fail({ status: 403 }, Infinity, request => isUpload(request) && !isAlert(request))
  const refused = await runCli(args(at), { env: { STORAGE_EMULATOR_HOST: proxy.url } })
  t.equal(refused.code, 1)
  t.match(refused.stderr, new RegExp(`^STORE_BUCKET_DENIED: .*gs://${at.buckets.schemas}/v2/schemas/${alerts.schemaId}\\.json`, 'm'))
  t.equal(proxy.seen.filter(isAlert).length, 0)
  t.equal(await committed(at) ?? 0n, 0n)
  t.equal((await recordsOf(connection, at.dead)).length, 0)

  const missing = { ...at, group: uniqueName('g'), buckets: { ...at.buckets, schemas: `${at.buckets.schemas}-typo` } }
  const { code, stderr } = await runCli(args(missing), { env: { STORAGE_EMULATOR_HOST: new URL(gcs.url).host } })
  t.equal(code, 1)
  t.match(stderr, new RegExp(`^STORE_BUCKET_MISSING: .*gs://${missing.buckets.schemas}\\)`, 'm'))
})
