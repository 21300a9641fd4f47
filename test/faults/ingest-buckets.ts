// The ingester writes to buckets while requests to these buckets fail. Temporary faults delay alerts but lose none. If access
// is denied, the ingester stops and commits nothing past the rejected alert. After the cause is fixed, a restart archives all alerts.
import root, { type Test } from 'tap'
import { createArchive, openStore, type Archive } from '../../src/stores/index.ts'
import type { OpenStoreOptions } from '../../src/stores/open-store.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { adminFor, connect, everyRecord, produce } from '../kafka/support.ts'
import { alertRecords, idOf, registerAlerts, whileRunning } from '../modes/archive-support.ts'
import { faultProxy, type Fault, type SeenRequest } from '../support/fault-proxy.ts'
import { runCli, startCli, uniqueName, useStack } from '../support/stack.ts'

type Buckets = Target['buckets']

export interface IngestService {
  readonly name: 'gs' | 's3'
  /** URL of the real server. */
  readonly server: string
  bucket (): Promise<string>
  /** Options for a store behind `url`, which is the real server or a proxy. */
  at (url: string): OpenStoreOptions
  /** Environment of an ingester that uses `url`. */
  environment (url: string): Record<string, string>
  /** The flags for buckets that the survey's ingester uses. */
  flags (buckets: Buckets): readonly string[]
  isUpload (request: SeenRequest): boolean
  /** The bucket of an upload. */
  bucketOf (request: SeenRequest): string | undefined
  /** A response of the service that denies access, and the last line that the ingester then prints. */
  readonly denied: Fault
  readonly deniedLine: RegExp
}

interface Target {
  readonly topic: string
  readonly group: string
  readonly dead: string
  readonly buckets: { readonly alerts: string, readonly schemas: string }
  /** Reads the buckets directly, without the fault proxy. */
  readonly archive: Archive
}

export async function ingestIntoBuckets (service: IngestService): Promise<void> {
  const { name } = service
  const { kafka, registry } = await useStack(root)
  const connection = await connect(kafka)
  const admin = adminFor(root, connection)
  const alerts = await registerAlerts(registry)
  const test = async (title: string, body: (t: Test) => Promise<void>): Promise<void> => { await root.test(`${name}: ${title}`, body) }

  async function setUp (t: Test): Promise<Target> {
    const buckets = { alerts: await service.bucket(), schemas: await service.bucket() }
    const open = async (bucket: string) => await openStore(`${name}://${bucket}`, { ...service.at(service.server), access: 'read' })
    const archive = createArchive({ alerts: await open(buckets.alerts), schemas: await open(buckets.schemas), layout: 'v2' })
    t.teardown(async () => { await archive.close() })
    const at = { topic: uniqueName('ingest'), group: uniqueName('g'), dead: uniqueName('dead'), buckets, archive }
    await admin.createTopic(at.topic, { partitions: 1, replicas: 1 })
    return at
  }

  function args ({ topic, group, dead, buckets }: Target, ...more: string[]): string[] {
    return [
      'ingest', '--broker', kafka, '--schema-registry-url', registry, '--topic', topic, '--group', group, '--dead-letter-topic', dead,
      ...service.flags(buckets), ...more
    ]
  }

  /** Ids of alerts that are missing from the archive or whose archived bytes differ from the value in Kafka. */
  async function mismatches ({ archive }: Target, records: readonly OutgoingRecord[]): Promise<string[]> {
    const checked = await Promise.all(records.map(async record => {
      const archived = await archive.getAlert(idOf(record))
      return archived?.equals(record.value!) === true ? [] : [idOf(record)]
    }))
    return checked.flat()
  }

  async function committed ({ group, topic }: Target): Promise<bigint | undefined> {
    return (await admin.committed(group, topic))[0]
  }

  const isAlert = (request: SeenRequest): boolean => service.isUpload(request) && request.url.includes('.avro.gz')

  await test('503, 429, resets, timeouts, lost responses and damaged data delay alerts but lose none', async t => {
    const at = await setUp(t)
    const proxy = await faultProxy(t, service.server)
    const records = alertRecords(alerts, 60, 1)
    await produce(connection, at.topic, records)
    const busy = { status: 503 }
    const faults = [busy, 'reset', { status: 429 }, 'lose response', 'hang', 'damage request', 'stall response', busy] as const
    for (const fault of faults) proxy.fail(fault, 2, isAlert)
    proxy.fail({ status: 503 }, 1, request => service.isUpload(request) && !isAlert(request))
    const env = service.environment(proxy.url)
    const { code, stdout, stderr } = await runCli(args(at, '--limit', '60', '--store-timeout', '5'), { env })
    t.equal(code, 0, stderr.slice(-3000))
    // If the response to an upload is lost or stalls, the next attempt finds the object, and the alert counts as already archived.
    t.equal(stdout, 'archived 60 alerts: 56 written, 4 already archived, 0 dead letters\n')
    t.equal(proxy.failed, 17)
    t.strictSame(await mismatches(at, records), [])
    t.equal(await at.archive.getSchema(alerts.schemaId), alerts.text)
    t.equal(await committed(at), 60n)
    t.equal((await everyRecord(connection, at.dead)).length, 0)
    const buckets = new Set(proxy.seen.filter(service.isUpload).map(service.bucketOf))
    t.strictSame([...buckets].sort(), [at.buckets.alerts, at.buckets.schemas].sort(), 'alerts and schemas have their own buckets')
  })

  await test('a 403 stops the ingester without a dead letter or a commit past the rejected alert; a restart archives it', async t => {
    const at = await setUp(t)
    const proxy = await faultProxy(t, service.server)
    const env = service.environment(proxy.url)
    const records = alertRecords(alerts, 40, 1)
    const rejected = idOf(records[27]!)
    proxy.fail(service.denied, Infinity, request => isAlert(request) && request.url.includes(rejected))
    await produce(connection, at.topic, records.slice(0, 20))
    const ingest = startCli(t, args(at), { env })
    await whileRunning(ingest, async () => await committed(at) === 20n)
    await produce(connection, at.topic, records.slice(20))
    // An ingester that treats the rejected alert as archived never stops.
    const passed = async (): Promise<boolean> => (await committed(at) ?? 0n) > 27n
    await whileRunning(ingest, passed).then(() => { throw new Error('an offset past the rejected alert is committed') }, () => {})
    const { code, stderr } = await ingest.finished
    t.equal(code, 1)
    const lastLine = stderr.trimEnd().split('\n').at(-1)!
    t.match(lastLine, service.deniedLine)
    t.match(lastLine, new RegExp(`\\(${name}://${at.buckets.alerts}/v2/alerts/.*${rejected}.*\\)`))
    t.equal(proxy.failed, 1, 'the ingester does not retry the rejected upload')
    const offset = await committed(at)
    t.ok(offset !== undefined && offset >= 20n && offset <= 27n, `the committed offset is ${offset}, expected 20 to 27`)
    t.ok((await mismatches(at, records)).includes(rejected))
    t.equal((await everyRecord(connection, at.dead)).length, 0)

    const unfixed = await runCli(args(at), { env })
    t.equal(unfixed.code, 1)
    t.match(unfixed.stderr, /^STORE_BUCKET_DENIED: /m)
    t.ok((await committed(at))! <= 27n)

    proxy.heal()
    const left = 40 - Number(await committed(at))
    const again = await runCli(args(at, '--limit', String(left)), { env })
    t.equal(again.code, 0, again.stderr)
    t.match(again.stdout, new RegExp(`^archived ${left} alerts: .*, 0 dead letters\n$`))
    t.strictSame(await mismatches(at, records), [])
    t.equal(await committed(at), 40n)
    t.equal((await everyRecord(connection, at.dead)).length, 0)
  })

  await test('a 403 from the schema bucket stops the ingester before it uploads alerts; a missing bucket stops it at start', async t => {
    const at = await setUp(t)
    const proxy = await faultProxy(t, service.server)
    await produce(connection, at.topic, alertRecords(alerts, 5, 1))
    proxy.fail({ status: 403 }, Infinity, request => service.isUpload(request) && !isAlert(request))
    const denied = await runCli(args(at, '--limit', '5'), { env: service.environment(proxy.url) })
    t.equal(denied.code, 1)
    t.match(denied.stderr, new RegExp(`^STORE_BUCKET_DENIED: .*${name}://${at.buckets.schemas}/v2/schemas/${alerts.schemaId}\\.json`, 'm'))
    t.equal(proxy.seen.filter(isAlert).length, 0)
    t.equal(await committed(at) ?? 0n, 0n)
    t.equal((await everyRecord(connection, at.dead)).length, 0)

    const missing = { ...at, group: uniqueName('g'), buckets: { ...at.buckets, schemas: `${at.buckets.schemas}-typo` } }
    const { code, stderr } = await runCli(args(missing), { env: service.environment(service.server) })
    t.equal(code, 1)
    t.match(stderr, new RegExp(`^STORE_BUCKET_MISSING: .*${name}://${missing.buckets.schemas}\\)`, 'm'))
  })
}
