// Segments of an index, written with DuckDB, and a search of them.
import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { Test } from 'tap'
import type { SegmentMetadata } from '../../src/alert-index/segment.ts'
import { healpixNested } from '../../src/alert-index/healpix.ts'
import { decodeId, encodeId } from '../../src/ids/packed-id.ts'
import { silent } from '../../src/pipeline/index.ts'
import { openSearch, type OpenSearchOptions } from '../../src/search/open-search.ts'
import { SearchStats } from '../../src/search/search-stats.ts'
import { sha256 } from '../../src/stores/checksums.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { tempDir } from '../support/stack.ts'

/** The columns of a segment, in their order. */
const columns = {
  id: 'BIGINT', night: 'INTEGER', visit: 'BIGINT', detector: 'INTEGER', diaObjectId: 'BIGINT', ssObjectId: 'BIGINT',
  midpointMjdTai: 'DOUBLE', ra: 'DOUBLE', dec: 'DOUBLE', healpix29: 'BIGINT', band: 'VARCHAR', psfFlux: 'FLOAT', psfFluxErr: 'FLOAT',
  snr: 'FLOAT', reliability: 'FLOAT', schemaId: 'BIGINT', frameBytes: 'INTEGER', sha256: 'BLOB', topic: 'VARCHAR', topicId: 'BLOB',
  partition: 'INTEGER', offset: 'BIGINT', timestamp: 'BIGINT', key: 'BLOB'
} as const
type Name = keyof typeof columns

/** Values of a row: binary values as hex. Columns that are left out get the values of `row`. */
export type Row = Partial<Record<Name, bigint | number | string | null>> & { readonly id: bigint }

const night = '20260301'
const topicId = '000102030405060708090a0b0c0d0e0f'

/** An alert id of the night of the tests. */
export function idOf (sequence: number, counter: number, detector = 5): bigint {
  return encodeId({ tag: 2, night, sequence, detector, counter })
}

/** A row as the index has it for an alert that was delivered once. */
function row (values: Row): Record<Name, unknown> {
  const packed = decodeId(values.id)
  const offset = Number(BigInt.asUintN(19, values.id))
  const { ra = 10, dec = -20 } = values
  return {
    night: packed === undefined ? null : Number(packed.night), visit: packed?.visit ?? null, detector: packed?.detector ?? null,
    diaObjectId: 1000n + values.id % 10n, ssObjectId: null, midpointMjdTai: 61100.25, ra, dec,
    healpix29: healpixNested(29, Number(ra ?? NaN), Number(dec ?? NaN)) ?? null, band: 'r',
    psfFlux: 1.5, psfFluxErr: 0.25, snr: 6, reliability: 0.5,
    schemaId: 1101, frameBytes: 80_000,
    sha256: sha256(Buffer.from(String(values.id))), topic: 'alerts', topicId, partition: 0, offset, timestamp: 1_772_323_200_000 + offset,
    key: null, ...values
  }
}

const asText = (_name: string, value: unknown): unknown => typeof value === 'bigint' ? String(value) : value

let database: Promise<DuckDBInstance> | undefined

/** Writes one segment of the rows, which are of one night. `more`: its other metadata. Returns its key. */
export async function writeSegment (root: string, rows: readonly Row[], more: Partial<SegmentMetadata> = {}): Promise<string> {
  database ??= DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await (await database).connect()
  try {
    const complete = rows.map(row)
    const day = complete[0] === undefined || complete[0].night === null ? 'other' : String(complete[0].night)
    const hash = createHash('sha256').update(JSON.stringify(complete, asText)).digest('hex').slice(0, 16)
    const first = Math.min(...complete.map(({ timestamp }) => Number(timestamp ?? 0)))
    const key = `index/v1/segments/${day}/${String(first === Infinity ? 0 : first).padStart(13, '0')}-${hash}.parquet`
    const path = join(root, key)
    await mkdir(dirname(path), { recursive: true })
    const text = JSON.stringify(complete, asText)
    const structure = JSON.stringify([Object.fromEntries(Object.entries(columns).map(([name, type]) =>
      [name, type === 'BLOB' ? 'VARCHAR' : type]))])
    const selected = Object.entries(columns).map(([name, type]) => type === 'BLOB' ? `from_hex("${name}") AS "${name}"` : `"${name}"`)
    const metadata = JSON.stringify({ version: 1, night: day, rows: rows.length, ranges: [], rejected: [], ...more }).replaceAll("'", "''")
    await connection.run(`COPY (SELECT ${selected.join(', ')} FROM (SELECT unnest(from_json($1, '${structure}'), recursive := true)) ` +
      `ORDER BY visit, detector, id) TO '${path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 10000, ` +
      `KV_METADATA {'alert-stream.index': '${metadata}'})`, [text])
    return key
  } finally {
    connection.closeSync()
  }
}

/** An index in a folder, and its search. Without `archive`, the archive holds no alert. */
export async function searchOf (t: Test, options: Partial<OpenSearchOptions> = {}) {
  const root = join(await tempDir(t), 'index-store')
  await mkdir(root)
  const store = await openFileStore(root)
  const search = await openSearch({
    store, archive: { getAlertStart: async () => undefined, getAlert: async () => undefined }, cacheDir: join(await tempDir(t), 'cache'),
    cacheBytes: 100_000_000, memoryMib: 128, refreshMs: 0, queries: 2, timeoutMs: 60_000, stats: new SearchStats(), log: silent, ...options
  })
  t.teardown(() => search.close())
  return { root, store, search, write: (rows: readonly Row[], more?: Partial<SegmentMetadata>) => writeSegment(root, rows, more) }
}

/** A signal that never aborts. */
export const never = new AbortController().signal

/** The ids of a page. */
export const idsOf = ({ alerts }: { readonly alerts: readonly string[] }): string[] =>
  alerts.map(alert => (JSON.parse(alert) as { id: string }).id)
