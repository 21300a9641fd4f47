// Compacts a night: reads all its segments, keeps the first delivery of each frame, and writes the rows as a revision: once sorted by
// object, once by position, then the manifest. Guarantees: nothing is overwritten or deleted; a revision without a manifest, which a crash
// leaves, is ignored, and the next run takes the next number; of two concurrent compactors, each writes complete revisions only.
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readManifest, revisionKey, revisionNumbers, type Manifest, type NightContent, type RevisionFile } from '../alert-index/revision.ts'
import { keysOf, listSegments } from '../alert-index/segment-key.ts'
import { errorCode } from '../pipeline/errors.ts'
import { damagedSegment } from '../search/damaged-segment.ts'
import type { Engine } from '../search/engine.ts'
import { nightContent } from '../search/night-content.ts'
import type { SegmentCache } from '../search/segment-cache.ts'
import { readStatistics, summaryOf } from '../search/segment-statistics.ts'
import { isFirstDelivery, parquet, statement } from '../search/statements.ts'
import { checksumsOf } from '../stores/checksums.ts'
import type { ObjectStore } from '../stores/object-store.ts'

export interface CompactionOptions {
  readonly store: Pick<ObjectStore, 'get' | 'list' | 'put' | 'url'>
  /** The engine must keep the order of tables. */
  readonly engine: Pick<Engine, 'query' | 'stream'>
  readonly cache: Pick<SegmentCache, 'use'>
  /** The folder of engine and cache. */
  readonly folder: string
  /** Maximum number of rows in a file, which is in memory while it is written to the store. */
  readonly rowsPerFile: number
  /** Name and version of the program. */
  readonly writer: string
}

/** `revision` is undefined if nothing was written. */
export interface CompactionResult extends Partial<Pick<Manifest, 'revision' | 'rows' | 'gaps' | 'rejected' | 'files'>> {
  /** Number of segments of the night. */
  readonly segments: number
}

/** The orders of a revision: by an object or position, then by id. */
const orders = {
  byObject: { name: 'by-object', column: 'diaObjectId' },
  byPosition: { name: 'by-position', column: 'healpix29' }
} as const
type Order = keyof typeof orders

/** How often another compactor may take the number of a revision. */
const attempts = 10
const parquetType = 'application/vnd.apache.parquet'

/** Rejects with SEGMENT_DAMAGED, which names the segment, with another SEGMENT_*, SEARCH_* or STORE_* error, or the signal's reason. */
export async function compactNight (night: string, options: CompactionOptions, signal: AbortSignal): Promise<CompactionResult> {
  const { store } = options
  for (let attempt = 1; ; attempt++) {
    const segments = keysOf(await listSegments(store, night))
    const { last, complete } = await revisionNumbers(store, night)
    const covered = new Set(complete === undefined ? [] : (await readManifest(store, night, complete)).segments)
    if (segments.every(key => covered.has(key))) return { segments: segments.length }
    try {
      const { rows, gaps, rejected, files } = await writeRevision({ ...options, night, revision: last + 1 }, segments, signal)
      return { segments: segments.length, revision: last + 1, rows, gaps, rejected, files }
    } catch (error) {
      // Another compactor has written an object of this revision.
      if (errorCode(error) !== 'ARCHIVE_CONFLICT' || attempt === attempts) throw error
    }
  }
}

interface Target extends CompactionOptions {
  readonly night: string
  readonly revision: number
}

async function writeRevision (target: Target, segments: readonly string[], signal: AbortSignal): Promise<Manifest> {
  const { cache, engine, night, revision, writer } = target
  const run = async (sql: string): Promise<void> => { await engine.query(sql, [], signal) }
  try {
    const content = await cache.use(segments, signal, async paths => await readSegments(target, segments, paths, signal))
    const byObject = await writeOrder(target, 'byObject', content, signal)
    await run(`CREATE TABLE "byPosition" AS SELECT * FROM "byObject" ORDER BY ${orderOf('byPosition')}`)
    await run('DROP TABLE "byObject"')
    const byPosition = await writeOrder(target, 'byPosition', content, signal)
    const manifest: Manifest = { ...content, revision, files: { byObject, byPosition }, createdAt: new Date().toISOString(), writer }
    const body = Buffer.from(`${JSON.stringify(manifest)}\n`)
    signal.throwIfAborted()
    await target.store.put(revisionKey(night, revision), body, { contentType: 'application/json', ...checksumsOf(body) })
    return manifest
  } finally {
    // Not with `signal`, because the tables of a night must be gone before the next one.
    for (const name of Object.keys(orders)) await engine.query(`DROP TABLE IF EXISTS "${name}"`, [], new AbortController().signal)
  }
}

const orderOf = (order: Order): string => `"${orders[order].column}" NULLS LAST, "id", "sha256"`

type SegmentsContent = NightContent & Pick<Manifest, 'segmentSummaries'>

/** Creates the table `byObject`. */
async function readSegments (
  { store, cache, engine, night }: Target, segments: readonly string[], paths: readonly string[], signal: AbortSignal
): Promise<SegmentsContent> {
  const { sql, parameters } = statement(parameters => 'CREATE TABLE "byObject" AS ' +
    `SELECT * FROM ${parquet(parameters, paths)} QUALIFY ${isFirstDelivery} ORDER BY ${orderOf('byObject')}`)
  try {
    await engine.query(sql, parameters, signal)
    const frames = { sql: 'SELECT * FROM "byObject"', parameters: [] }
    const content = await nightContent({ store, cache, engine }, night, segments, paths, frames, signal)
    return { ...content, segmentSummaries: (await readStatistics(engine, paths, signal)).map(summaryOf) }
  } catch (error) {
    const damaged = errorCode(error) === 'SEGMENT_DAMAGED' ? await damagedSegment(engine, store.url, segments, paths, signal) : undefined
    throw damaged ?? error
  }
}

/** Writes the rows of a table as files of the revision. */
async function writeOrder (target: Target, order: Order, { rows }: NightContent, signal: AbortSignal): Promise<RevisionFile[]> {
  const { store, engine, folder, night, revision, rowsPerFile } = target
  const { name, column } = orders[order]
  const files: RevisionFile[] = []
  for (let start = 0; start < rows; start += rowsPerFile) {
    const path = join(folder, `${name}.parquet`)
    const end = Math.min(rows, start + rowsPerFile)
    // The row ids of a table are its order.
    const selected = `SELECT * FROM "${order}" WHERE rowid >= ${start} AND rowid < ${end}`
    await engine.query(`COPY (${selected} ORDER BY ${orderOf(order)}) TO '${path.replaceAll("'", "''")}' ` +
      '(FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, ROW_GROUP_SIZE 10000)', [], signal)
    const [ends = []] = await engine.query(`SELECT CAST("${column}" AS VARCHAR) FROM "${order}" ` +
      `WHERE rowid IN (${start}, ${end - 1}) ORDER BY rowid`, [], signal)
    const body = await readFile(path)
    await rm(path)
    signal.throwIfAborted()
    const checksums = checksumsOf(body)
    const key = revisionKey(night, revision, `${name}-${String(files.length).padStart(3, '0')}.parquet`)
    await store.put(key, body, { contentType: parquetType, ...checksums })
    const text = (value: unknown): string | null => typeof value === 'string' ? value : null
    files.push({ key, rows: end - start, bytes: body.length, sha256: checksums.sha256, first: text(ends[0]), last: text(ends.at(-1)) })
  }
  return files
}
