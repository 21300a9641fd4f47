// The ingester's graph, run by the test driver without a broker: which records each node accepts, and what happens to bad records.
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { parseSchema } from '../../src/avro/index.ts'
import { parseCommandLine } from '../../src/config/parse.ts'
import type { KafkaRecord } from '../../src/kafka/record.ts'
import ingest, { declare } from '../../src/modes/ingest.ts'
import { describedConnection } from '../../src/program/kafka-from-flags.ts'
import { drive } from '../../src/pipeline/test-driver.ts'
import type { ArchivableAlert } from '../../src/sinks/archive.ts'
import type { Archive } from '../../src/stores/archive.ts'
import { storeErrors } from '../../src/stores/errors.ts'
import { failureOf } from '../support/pipeline.ts'

const fields = [{ name: 'diaSourceId', type: 'long' }, { name: 'note', type: 'string', default: 'x' }]
const text = JSON.stringify({ type: 'record', name: 'alert', doc: 'kept', fields })
const schema = parseSchema(text)
const frameOf = (id: bigint): Buffer => schema.encodeFramed(7, { diaSourceId: id, note: `alert ${id}` })

/** Starts a registry that has the given schemas and records the requested paths. */
async function registryOf (t: Test, schemas: Readonly<Record<number, string>>) {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    const found = schemas[Number(/\/schemas\/ids\/(\d+)/.exec(request.url ?? '')?.[1])]
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(found === undefined ? { error_code: 40403, message: 'Schema not found' } : { schema: found }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

async function driven (t: Test, putSchema: Archive['putSchema'], ...args: string[]) {
  const registry = await registryOf(t, { 7: text, 8: '"string"' })
  const { config } = parseCommandLine(ingest, ['--schema-registry-url', registry.url, '--unknown-schema-seconds', '0', ...args], {})
  const archive = { putSchema } as unknown as Archive
  const { graph } = declare(config, describedConnection(config), () => archive, { alerts: 'alerts', schemas: 'schemas' })
  return { driver: drive(graph), graph, registry }
}

let offset = 0n
function record (value: Buffer | null): KafkaRecord {
  return { topic: 'alerts', partition: 0, offset: offset++, leaderEpoch: 0, timestamp: 0n, key: null, value, headers: [] }
}

await t.test('an alert reaches the archive after its schema, with its id and its unchanged frame', async t => {
  const order: string[] = []
  const { driver, registry } = await driven(t, async (id, given) => { order.push(`schema ${id} ${given === text}`); return 'written' })
  const sink = driver.sink<ArchivableAlert>('archive')
  sink.fail = alert => { order.push(`alert ${alert.id}`); return undefined }
  const source = driver.source<KafkaRecord>('kafka')
  const frames = [5n, 6n, 9223372036854775807n].map(frameOf)
  const outcomes = await Promise.all(frames.map(frame => source.push(record(frame))))
  await driver.finish()
  t.strictSame(outcomes.map(({ failure }) => failure), [undefined, undefined, undefined])
  t.equal(order[0], 'schema 7 true')
  t.strictSame(order.slice(1).sort(), ['alert 5', 'alert 6', 'alert 9223372036854775807'])
  t.strictSame(registry.requests, ['/schemas/ids/7'])
  t.strictSame(sink.values.map(({ frame }) => frame).sort(Buffer.compare), frames.sort(Buffer.compare))
})

await t.test('a record above --max-record-mib is dead-lettered with position, size and SHA-256', async t => {
  const { driver } = await driven(t, async () => 'written')
  const large = { ...record(null), omitted: { bytes: 50_000_000, sha256: 'ab'.repeat(32) } }
  await driver.source<KafkaRecord>('kafka').push(large)
  await driver.finish()
  const error = { code: 'KAFKA_RECORD_TOO_LARGE', where: `alerts[0]@${large.offset}`, message: /50000000 bytes and SHA-256 abab/ }
  t.match(driver.deadLetters?.written, [{ node: 'unframe', error }])
})

await t.test('a bad record is dead-lettered, and so settled, by the node that detects it, and other records are archived', async t => {
  const { driver } = await driven(t, async () => 'written')
  const source = driver.source<KafkaRecord>('kafka')
  const unknown = frameOf(1n)
  unknown.writeUInt32BE(99, 1)
  const notAnAlert = frameOf(1n)
  notAnAlert.writeUInt32BE(8, 1)
  const values = [null, Buffer.from([0, 0]), Buffer.from('text of some length'), unknown, notAnAlert, frameOf(1n).subarray(0, 5)]
  const outcomes = await Promise.all(values.flatMap(value => [source.push(record(value)), source.push(record(frameOf(2n)))]))
  await driver.finish()
  t.ok(outcomes.every(({ failure }) => failure === undefined))
  t.equal(driver.sink('archive').values.length, values.length)
  const deadLetters = driver.deadLetters!.written.map(({ node, error, record }) =>
    [(record.value as KafkaRecord).value, node, (error as { code?: string }).code] as const)
  t.strictSame(values.map(value => deadLetters.find(([deadLettered]) => deadLettered === value)?.slice(1)), [
    ['unframe', 'FRAME_EMPTY'], ['unframe', 'FRAME_TOO_SHORT'], ['unframe', 'FRAME_BAD_MAGIC'],
    ['capture-schema', 'UNKNOWN_SCHEMA'], ['capture-schema', 'SCHEMA_INVALID'], ['capture-schema', 'DATUM_INVALID']
  ])
})

await t.test('if the archive has a different schema with the same id, the graph fails at once without a dead letter', async t => {
  const { driver } = await driven(t, async () => { throw storeErrors.ARCHIVE_CONFLICT('other') })
  t.match((await driver.source<KafkaRecord>('kafka').push(record(frameOf(1n)))).failure, { code: 'SCHEMA_ID_REUSED' })
  t.match(await failureOf(driver.run.done), { code: 'SCHEMA_ID_REUSED' })
  t.strictSame(driver.deadLetters!.written, [])
  t.match(driver.run.meters().find(({ node }) => node === 'capture-schema'), { failed: 1, retried: 0, deadLettered: 0 })
})

await t.test('the description matches the graph that runs, and shows that schema capture writes to the archive', async t => {
  const { graph, driver } = await driven(t, async () => 'written', '--alert-store', 'file:///there')
  const { config } = parseCommandLine(ingest, ['--alert-store', 'file:///there'], {})
  const described = await ingest.describe!(config, [])
  t.strictSame(described.nodes.map(({ name }) => name), graph.describe().nodes.map(({ name }) => name))
  t.strictSame(described.nodes.map(({ name }) => name), ['kafka', 'unframe', 'capture-schema', 'archive', 'schema-archive', 'dead-letters'])
  t.match(described.nodes.find(({ name }) => name === 'schema-archive'), { kind: 'object store', detail: 'file:///there, layout v2' })
  t.match(described.edges.find(({ to }) => to === 'schema-archive'), { from: 'capture-schema', type: 'side-effect' })
  await driver.finish()
})

await t.test('describes buckets, whichever flags name the buckets, without opening a connection', async t => {
  const detailOf = async (...args: string[]): Promise<string | undefined> => {
    const { config } = parseCommandLine(ingest, args, {})
    return (await ingest.describe!(config, [])).nodes.find(({ name }) => name === 'archive')?.detail
  }
  const packets = 'gzip level 6 to gs://packets, layout v2'
  t.equal(await detailOf('--alert-store', 'gs://bucket/prefix', '--layout', 'v1'), 'gzip level 6 to gs://bucket/prefix, layout v1')
  t.equal(await detailOf('--backend', 'google-cloud', '--gcp-bucket-alerts', 'packets', '--gcp-bucket-schemas', 'schemas'), packets)
  t.equal(await detailOf('--backend', 'google-cloud', '--local-file-root', '/x', '--gcp-bucket-alerts', 'packets'), packets)
})
