// Segments of the index: keys, metadata, and what happens when a write fails or is repeated.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { noDelivery, type Entry, type IndexRow } from '../../src/alert-index/row.ts'
import { segmentsOf } from '../../src/alert-index/segment.ts'
import { segmentSink } from '../../src/alert-index/segment-sink.ts'
import { segmentMetadata } from '../../src/alert-index/segment-metadata.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { storeErrors } from '../../src/stores/errors.ts'
import { failureOf } from '../support/pipeline.ts'

const context = { origin: { node: 's', position: '0' }, signal: new AbortController().signal, attempt: 1 }
const topicId = '0d5e0e1c-2f4a-4b5c-8d6e-7f8091a2b3c4'

function row (id: bigint, changes: Partial<IndexRow> = {}): IndexRow {
  return {
    ...noDelivery, id, night: 20260224, visit: 2026022400001n, detector: 7, diaObjectId: null, ssObjectId: null, midpointMjdTai: 61095.5,
    ra: 1, dec: 2, healpix29: 5n, band: 'r', psfFlux: 1.5, psfFluxErr: NaN, snr: null, reliability: 0.5, schemaId: 1101n, frameBytes: 100,
    sha256: Buffer.alloc(32, Number(id % 256n)), ...changes
  }
}

function entry (number: number, outcome: Entry['outcome'] = row(BigInt(number)), partition = 0): Entry {
  const offset = BigInt(number)
  return { consumed: { topic: 'alerts', topicId, partition, offset, timestamp: 1_700_000_000_000n + offset }, outcome }
}

async function setUp (t: Test) {
  const root = t.testdir()
  const store = await openStore(pathToFileURL(root).href)
  const sink = (puts: Pick<ObjectStore, 'put'> = store) => {
    const made = segmentSink({ store: () => puts, target: 'test', source: 'kafka', writer: 'alert-stream 0.0.0' })
    t.teardown(async () => { await made.close?.() })
    return made
  }
  t.teardown(async () => { await store.close() })
  const files = async () => (await readdir(join(root, 'index'), { recursive: true })).filter(name => name.endsWith('.parquet')).sort()
  const metadataOf = async (name: string) => segmentMetadata((await store.get(`index/${name}`))!.body)
  const metadata = async () => await Promise.all((await files()).map(metadataOf))
  return { store, sink, files, metadata }
}

await t.test('a flush becomes one segment for each night, with the same ranges and rejected records in each', async t => {
  const { sink, metadata, files } = await setUp(t)
  const written = sink()
  await written.write([
    entry(11), entry(9), entry(10, { code: 'DATUM_INVALID' }), entry(5, row(5n, { night: 20260225 })), entry(3, row(3n, { night: null }), 2)
  ].map(each => written.collected(each)), context)
  t.match((await files()).map(name => name.replace(/-[0-9a-f]{16}\.parquet$/, '')), [
    'v1/segments/20260224', 'v1/segments/20260225', 'v1/segments/other'
  ].map(folder => new RegExp(`^${folder}/\\d{13}$`)))
  const range = { topic: 'alerts', topicId, partition: 0 }
  const ranges = [{ ...range, from: '5', to: '6' }, { ...range, from: '9', to: '12' }, { ...range, partition: 2, from: '3', to: '4' }]
  const rejected = [{ ...range, offset: '10', code: 'DATUM_INVALID' }]
  t.match(await metadata(), [['20260224', 2], ['20260225', 1], ['other', 1]].map(([night, rows]) =>
    ({ version: 1, night, rows, ranges, rejected, writer: 'alert-stream 0.0.0', source: 'kafka' })))
  t.match(written.stats(), { rows: 4, rejected: 1, segments: 3, oldestSeconds: 0 })
})

await t.test('a flush that is repeated finds its segments, although they are of another time', async t => {
  const { sink, files } = await setUp(t)
  const entries = [entry(1), entry(2)]
  for (const each of [sink(), sink()]) await each.write(entries.slice(), context)
  t.equal((await files()).length, 1)
})

await t.test('a record that was rejected at first and accepted later gets into another segment', async t => {
  const { sink, files } = await setUp(t)
  await sink().write([entry(1), entry(2, { code: 'UNKNOWN_SCHEMA' })], context)
  await sink().write([entry(1), entry(2)], context)
  t.equal((await files()).length, 2)
})

await t.test('other content under the key of a segment is a conflict', async t => {
  const { store, sink } = await setUp(t)
  const [segment] = segmentsOf([entry(1)], 'kafka')
  await store.put(segment!.key, Buffer.from('text'), { contentType: 'text/plain', crc32c: 0, sha256: '' })
  t.match(await failureOf(sink().write([entry(1)], context)), { code: 'ARCHIVE_CONFLICT' })
})

await t.test('if one segment of a flush cannot be written, the flush fails, and what is collected stays old', async t => {
  const { store, sink, files } = await setUp(t)
  let puts = 0
  const failing: Pick<ObjectStore, 'put'> = {
    put: async (...args) => {
      if (++puts === 2) throw storeErrors.STORE_UNAVAILABLE('the store is away', { where: 'test' })
      return await store.put(...args)
    }
  }
  const written = sink(failing)
  const entries = [entry(1), entry(2, row(2n, { night: null }))].map(each => written.collected(each))
  t.match(await failureOf(written.write(entries, context)), { code: 'STORE_UNAVAILABLE', retryable: true })
  t.match(written.stats(), { rows: 0, segments: 0 })
  t.ok(written.stats().oldestSeconds > 0)
  await written.write(entries, context)
  t.equal((await files()).length, 2)
  t.match(written.stats(), { rows: 2, segments: 2, oldestSeconds: 0 })
})

await t.test('the rows of a segment are sorted by visit, detector and id, nulls last', async t => {
  const rows = [row(9n), row(1n, { visit: null }), row(8n, { detector: 6 }), row(7n, { visit: 2026022400000n }), row(2n)]
  const [segment] = segmentsOf(rows.map((each, index) => entry(index, each)), 'kafka')
  t.strictSame(segment!.rows.map(({ id }) => id), [7n, 8n, 2n, 9n, 1n])
})

await t.test('rows of the archive have no ranges; their ids and hashes make the key', async t => {
  const entries = [1n, 2n].map((id): Entry => ({ consumed: undefined, outcome: row(id) }))
  const [first, again, other] = [entries, entries.toReversed(), entries.slice(1)].map(each => segmentsOf(each, 'archive')[0]!)
  t.strictSame(first!.metadata, { version: 1, night: '20260224', ranges: [], rows: 2, rejected: [], source: 'archive' })
  t.equal(again!.key, first!.key)
  t.not(other!.key, first!.key)
  t.match(first!.key, /^index\/v1\/segments\/20260224\/0000000000000-[0-9a-f]{16}\.parquet$/)
})
