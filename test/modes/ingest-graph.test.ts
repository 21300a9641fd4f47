// The ingester's graph, run by the test driver without a broker: which records each node accepts, and what happens to bad records.
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
import { badAnswers, fakeRegistry, type Answer } from '../support/fake-registry.ts'
import { failureOf } from '../support/pipeline.ts'

const fields = [{ name: 'diaSourceId', type: 'long' }, { name: 'note', type: 'string', default: 'x' }]
const text = JSON.stringify({ type: 'record', name: 'alert', doc: 'kept', fields })
const schema = parseSchema(text)
const frameOf = (id: bigint): Buffer => schema.encodeFramed(7, { diaSourceId: id, note: `alert ${id}` })

type Doubles = Partial<Pick<Archive, 'putSchema' | 'getSchema'>>

async function driven (t: Test, { putSchema = async () => 'written', getSchema }: Doubles, ...args: string[]) {
  const noFirstLong = '{"type":"record","name":"a","fields":[{"name":"id","type":"nowhere"}]}'
  const unchecked = '{"type":"record","name":"a","fields":[{"name":"id","type":"long"},{"name":"x","type":"nowhere"}]}'
  const schemas: Record<number, string | Answer> = { 7: text, 8: '"string"', 9: noFirstLong, 10: unchecked, ...badAnswers }
  const registry = await fakeRegistry(t, schemas)
  const wait = args.includes('--unknown-schema-seconds') ? [] : ['--unknown-schema-seconds', '0']
  const { config } = parseCommandLine(ingest, ['--schema-registry-url', registry.url, ...wait, ...args], {})
  const archive = { putSchema, getSchema } as unknown as Archive
  const { graph, checks } = declare(config, describedConnection(config), () => archive, { alerts: 'alerts', schemas: 'schemas' })
  return { driver: drive(graph), graph, registry, schemas, checks }
}

function withSchemaId (frame: Buffer, schemaId: number): Buffer {
  const copy = Buffer.from(frame)
  copy.writeUInt32BE(schemaId, 1)
  return copy
}

let offset = 0n
function record (value: Buffer | null): KafkaRecord {
  return { topic: 'alerts', partition: 0, offset: offset++, leaderEpoch: 0, timestamp: 0n, key: null, value, headers: [] }
}

await t.test('an alert reaches the archive after its schema, with its id and its unchanged frame', async t => {
  const order: string[] = []
  const { driver, registry } = await driven(t, {
    putSchema: async (id, given) => { order.push(`schema ${id} ${given === text}`); return 'written' }
  })
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
  const { driver } = await driven(t, {})
  const large = { ...record(null), omitted: { bytes: 50_000_000, sha256: 'ab'.repeat(32) } }
  await driver.source<KafkaRecord>('kafka').push(large)
  await driver.finish()
  const error = { code: 'KAFKA_RECORD_TOO_LARGE', where: `alerts[0]@${large.offset}`, message: /50000000 bytes and SHA-256 abab/ }
  t.match(driver.deadLetters?.written, [{ node: 'unframe', error }])
})

await t.test('a bad record is dead-lettered, and so settled, by the node that detects it, and other records are archived', async t => {
  const { driver } = await driven(t, {})
  const source = driver.source<KafkaRecord>('kafka')
  const values = [
    null, Buffer.from([0, 0]), Buffer.from('text of some length'), withSchemaId(frameOf(1n), 99), withSchemaId(frameOf(1n), 8),
    withSchemaId(frameOf(1n), 9), frameOf(1n).subarray(0, 5)
  ]
  const outcomes = await Promise.all(values.flatMap(value => [source.push(record(value)), source.push(record(frameOf(2n)))]))
  await driver.finish()
  t.ok(outcomes.every(({ failure }) => failure === undefined))
  t.equal(driver.sink('archive').values.length, values.length)
  const deadLetters = driver.deadLetters!.written.map(({ node, error, record }) =>
    [(record.value as KafkaRecord).value, node, (error as { code?: string }).code] as const)
  t.strictSame(values.map(value => deadLetters.find(([deadLettered]) => deadLettered === value)?.slice(1)), [
    ['unframe', 'FRAME_EMPTY'], ['unframe', 'FRAME_TOO_SHORT'], ['unframe', 'FRAME_BAD_MAGIC'],
    ['capture-schema', 'UNKNOWN_SCHEMA'], ['capture-schema', 'UNKNOWN_SCHEMA'], ['capture-schema', 'UNKNOWN_SCHEMA'],
    ['capture-schema', 'DATUM_INVALID']
  ])
})

await t.test('a record whose datum does not end at the end of its frame is dead-lettered, and the good alert is archived', async t => {
  const { driver } = await driven(t, {})
  const source = driver.source<KafkaRecord>('kafka')
  const good = frameOf(5n)
  const bad = [
    good.subarray(0, 6), good.subarray(0, -1), Buffer.concat([good, Buffer.from([0])]), Buffer.concat([good, good]),
    // The id has 65 bits: its low 64 bits are the id of the good alert.
    Buffer.concat([good.subarray(0, 5), Buffer.from('8a808080808080808002', 'hex'), good.subarray(6)])
  ]
  for (const value of [...bad, good]) await source.push(record(value))
  await driver.finish()
  t.strictSame(driver.sink<ArchivableAlert>('archive').values.map(({ frame }) => frame), [good])
  t.strictSame(driver.deadLetters!.written.map(({ record }) => (record.value as KafkaRecord).value), bad)
  for (const { error } of driver.deadLetters!.written) t.match(error, { code: 'DATUM_INVALID' })
})

await t.test('a bad response for one schema id dead-letters only the records with this id', async t => {
  // Before the first schema is read, the registry is healthy if it lists its subjects; afterwards, if it still returns that schema.
  for (const first of [undefined, 7]) {
    const { driver, registry, checks } = await driven(t, {})
    const source = driver.source<KafkaRecord>('kafka')
    if (first !== undefined) await source.push(record(frameOf(1n)))
    const ids = [...Object.keys(badAnswers).map(Number), 2 ** 31, 2 ** 32 - 1]
    const outcomes = await Promise.all(ids.map(id => source.push(record(withSchemaId(frameOf(2n), id)))))
    await source.push(record(frameOf(3n)))
    await driver.finish()
    t.ok(outcomes.every(({ failure }) => failure === undefined))
    const reasons = new Map(driver.deadLetters!.written.map(({ error, record }) =>
      [(record.value as KafkaRecord).value!.readUInt32BE(1), (error as { code?: string }).code]))
    t.strictSame([...reasons.keys()].sort((a, b) => a - b), ids)
    for (const [id, reason] of reasons) t.equal(reason, 'UNKNOWN_SCHEMA', `id ${id}`)
    t.equal(driver.sink('archive').values.length, first === undefined ? 1 : 2)
    t.notOk(registry.requests.some(path => /ids\/\d{10}/.test(path)), 'an id that no registry assigns is not requested')
    t.equal(registry.requests.includes('/subjects'), first === undefined)
    t.equal(checks.unchecked, 0)
  }
})

await t.test('while the registry fails for all ids, no record is dead-lettered', async t => {
  await Promise.all(Object.values(badAnswers).map(async ([status, body]) => {
    const { driver, schemas, registry } = await driven(t, {})
    const source = driver.source<KafkaRecord>('kafka')
    await source.push(record(frameOf(1n)))
    const answers = { ...schemas }
    for (const id of [...Object.keys(schemas), 70]) schemas[Number(id)] = [status, body]
    const pushed = source.push(record(withSchemaId(frameOf(2n), 70)))
    const failed = (): boolean => driver.run.nodeStats('capture-schema')!.failed > 0
    while (!failed()) await new Promise(resolve => setImmediate(resolve))
    Object.assign(schemas, answers, { 70: text })
    t.equal((await pushed).failure, undefined)
    await driver.finish()
    t.strictSame(driver.deadLetters!.written, [], `${status} ${body}`)
    t.equal(driver.sink('archive').values.length, 2)
    t.ok(registry.requests.includes('/schemas/ids/70'))
  }))
})

await t.test('records that wait for an unknown schema do not block other records', async t => {
  const { driver, schemas } = await driven(t, {}, '--unknown-schema-seconds', '60', '--batch-size', '1')
  const source = driver.source<KafkaRecord>('kafka')
  const waiting = Array.from({ length: 200 }, (_, index) =>
    source.push(record(withSchemaId(frameOf(BigInt(index)), index % 2 === 0 ? 25 : 70))))
  for (let id = 1000n; id < 1100n; id++) t.equal((await source.push(record(frameOf(id)))).failure, undefined)
  t.equal(driver.sink('archive').values.length, 100)
  t.equal(driver.deadLetters!.written.length, 0)
  Object.assign(schemas, { 25: text, 70: text })
  await Promise.all(waiting)
  await driver.finish()
  t.equal(driver.sink('archive').values.length, 300)
})

await t.test('counts alerts of which only the first field can be read', async t => {
  const { driver, checks } = await driven(t, {})
  const frame = withSchemaId(Buffer.concat([frameOf(5n), Buffer.from('anything')]), 10)
  await driver.source<KafkaRecord>('kafka').push(record(frame))
  await driver.finish()
  t.match(driver.sink<ArchivableAlert>('archive').values, [{ id: '5', frame }])
  t.equal(checks.unchecked, 1)
})

await t.test('an alert whose visit contradicts its id is archived by its id and counted', async t => {
  const source = { type: 'record', name: 'source', fields: [{ name: 'diaSourceId', type: 'long' }, { name: 'visit', type: 'long' }] }
  const fields = [{ name: 'diaSourceId', type: 'long' }, { name: 'reason', type: ['null', 'string'] }, { name: 'diaSource', type: source }]
  const withVisit = parseSchema(JSON.stringify({ type: 'record', name: 'alert', fields }))
  const { driver, schemas, checks } = await driven(t, {})
  schemas[11] = withVisit.text
  // The first id is that of an alert of visit 2026022401010; the second is not packed.
  const alerts = [[170055002004914266n, 2026022401010n], [170055002004914267n, 2026022401011n], [7n, 2026022401011n]] as const
  for (const [diaSourceId, visit] of alerts) {
    const frame = withVisit.encodeFramed(11, { diaSourceId, reason: 'any', diaSource: { diaSourceId, visit } })
    t.equal((await driver.source<KafkaRecord>('kafka').push(record(frame))).failure, undefined)
  }
  await driver.finish()
  t.strictSame(driver.sink<ArchivableAlert>('archive').values.map(({ id }) => id), alerts.map(([id]) => String(id)))
  t.equal(checks.visitMismatches, 1)
})

await t.test('if the archive has a different schema with the same id, the graph fails at once without a dead letter', async t => {
  const archived = text.replace('note', 'other')
  const { driver } = await driven(t, {
    putSchema: async () => { throw storeErrors.ARCHIVE_CONFLICT('other') }, getSchema: async () => archived
  })
  t.match((await driver.source<KafkaRecord>('kafka').push(record(frameOf(1n)))).failure, { code: 'SCHEMA_ID_REUSED' })
  t.match(await failureOf(driver.run.done), { code: 'SCHEMA_ID_REUSED' })
  t.strictSame(driver.deadLetters!.written, [])
  t.match(driver.run.meters().find(({ node }) => node === 'capture-schema'), { failed: 1, retried: 0, deadLettered: 0 })
})

await t.test('the description matches the graph that runs, and shows that schema capture writes to the archive', async t => {
  const { graph, driver } = await driven(t, {}, '--alert-store', 'file:///there')
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
    const { config } = parseCommandLine(ingest, ['--compressor', 'zlib', ...args], {})
    return (await ingest.describe!(config, [])).nodes.find(({ name }) => name === 'archive')?.detail
  }
  const packets = 'gzip by zlib, level 3, to gs://packets, layout v2'
  t.equal(await detailOf('--alert-store', 'gs://bucket/prefix', '--layout', 'v1'), 'gzip by zlib, level 3, to gs://bucket/prefix, layout v1')
  t.equal(await detailOf('--backend', 'google-cloud', '--gcp-bucket-alerts', 'packets', '--gcp-bucket-schemas', 'schemas'), packets)
  t.equal(await detailOf('--backend', 'google-cloud', '--local-file-root', '/x', '--gcp-bucket-alerts', 'packets'), packets)
})
