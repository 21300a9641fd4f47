// What the segments of a night contain: counts, digest, rejected records and gaps. Compaction writes it, and the server computes it for
// nights with segments that are in no revision.
import { createHash } from 'node:crypto'
import { gapsOf, placeText, without } from '../alert-index/offset-ranges.ts'
import type { NightContent } from '../alert-index/revision.ts'
import { metadataKey, type RejectedRecord, type SegmentMetadata } from '../alert-index/segment.ts'
import { keysOf, listSegments, otherNight, parseSegmentKey } from '../alert-index/segment-key.ts'
import { dateText } from '../ids/night.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { Engine } from './engine.ts'
import { searchErrors } from './errors.ts'
import { Parameters } from './parameters.ts'
import type { SegmentCache } from './segment-cache.ts'
import { parquet, statement, type Statement } from './statements.ts'
import { VisitCounter } from './visit-counter.ts'

export interface NightSources {
  readonly store: Pick<ObjectStore, 'list' | 'url'>
  readonly cache: Pick<SegmentCache, 'use'>
  readonly engine: Pick<Engine, 'query' | 'stream'>
}

/** Rows of the frames of a night: id, sha256, visit, detector, frameBytes and timestamp of the first delivery. */
export function framesOf (paths: readonly string[]): Statement {
  const any = (name: string): string => `any_value("${name}") AS "${name}"`
  return statement(parameters => `SELECT "id", "sha256", ${['visit', 'detector', 'frameBytes'].map(any).join(', ')}, ` +
    `min("timestamp") AS "timestamp" FROM ${parquet(parameters, paths)} GROUP BY "id", "sha256"`)
}

/**
 * @param keys the segments of the night, in ascending order, of which `paths` are copies
 * @param frames the rows of `framesOf`, or the same from a table. Rejects with a SEARCH_*, SEGMENT_* or STORE_* error.
 */
export async function nightContent (
  { store, cache, engine }: NightSources, night: string, keys: readonly string[], paths: readonly string[], frames: Statement,
  signal: AbortSignal
): Promise<NightContent> {
  const metadata = await metadataOf({ store, engine }, keys, paths, signal)
  const counts = await countsOf(engine, frames, signal)
  const ranges = metadata.flatMap(each => each.ranges)
  let gaps = gapsOf(ranges)
  const between: SegmentMetadata[] = []
  // A flush without rows of the night has segments of other nights only.
  if (gaps.length > 0) {
    const neighbours = await neighbourKeys(store, night, keys, counts.lastTimestamp)
    if (neighbours.length > 0) {
      between.push(...await cache.use(neighbours, signal, async others => await metadataOf({ store, engine }, neighbours, others, signal)))
    }
    gaps = without(gaps, between.flatMap(each => each.ranges))
  }
  return {
    version: 1, night, segments: keys, ...counts,
    rejected: distinct([...metadata, ...between].flatMap(each => each.rejected)),
    gaps
  }
}

type Counts = Pick<NightContent, 'rows' | 'alerts' | 'bytes' | 'firstTimestamp' | 'lastTimestamp' | 'digest' | 'visits'>

/** Counts in one pass over the frames by id, because grouping the rows of a night takes most of the time. */
export async function countsOf (engine: NightSources['engine'], { sql, parameters }: Statement, signal: AbortSignal): Promise<Counts> {
  const hash = createHash('sha256')
  const visits = new VisitCounter()
  let [rows, alerts, bytes] = [0, 0, 0]
  let lastId: unknown
  let first: bigint | undefined
  let last: bigint | undefined
  const inOrder = `SELECT "id", "id" || ':' || lower(hex("sha256")), "visit", "detector", "frameBytes", "timestamp" FROM (${sql}) ` +
    'ORDER BY "id", "sha256"'
  await engine.stream(inOrder, parameters, signal, ([ids = [], lines = [], ...others]) => {
    const [visit = [], detector = [], frameBytes = [], timestamp = []] = others
    if (lines.length > 0) hash.update(`${lines.join('\n')}\n`)
    ids.forEach((id, row) => {
      rows++
      if (id !== lastId) alerts++
      lastId = id
      bytes += Number(frameBytes[row])
      visits.add(visit[row] as bigint | null, detector[row] as number | null)
      const time = timestamp[row] as bigint | null
      if (time === null) return
      if (first === undefined || time < first) first = time
      if (last === undefined || time > last) last = time
    })
  })
  const optional = (time: bigint | undefined): number | null => time === undefined ? null : Number(time)
  return {
    rows, alerts, bytes, firstTimestamp: optional(first), lastTimestamp: optional(last), digest: hash.digest('hex'), visits: visits.counts()
  }
}

/** Rejects with SEGMENT_DAMAGED, which names the segment. */
async function metadataOf (
  { store, engine }: Pick<NightSources, 'store' | 'engine'>, keys: readonly string[], paths: readonly string[], signal: AbortSignal
): Promise<SegmentMetadata[]> {
  const parameters = new Parameters()
  const list = (): string => parameters.add('VARCHAR[]', paths)
  const [files = [], texts = [], rows = []] = await engine.query('SELECT f."file_name", decode(k."value"), f."num_rows" ' +
    `FROM parquet_file_metadata(${list()}) f LEFT JOIN (SELECT * FROM parquet_kv_metadata(${list()}) ` +
    `WHERE decode("key") = '${metadataKey}') k ON f."file_name" = k."file_name"`, parameters.list, signal)
  const rowOf = new Map(files.map((file, row) => [file, row]))
  return keys.map((key, index) => {
    const row = rowOf.get(paths[index]!)
    const metadata = row === undefined ? undefined : parse(texts[row])
    if (metadata?.version === 1 && metadata.night === parseSegmentKey(key)?.night && metadata.rows === Number(rows[row!])) return metadata
    throw searchErrors.SEGMENT_DAMAGED('the metadata of the segment is missing or contradicts its key or its rows', {
      where: `${store.url}: ${key}`
    })
  })
}

function parse (text: unknown): SegmentMetadata | undefined {
  try {
    return JSON.parse(String(text)) as SegmentMetadata
  } catch {
    return undefined
  }
}

const hour = 3_600_000
const day = 24 * hour

/** Segments of rows without a night, of the night before and of the night after that were written at about the same time. */
async function neighbourKeys (
  store: NightSources['store'], night: string, keys: readonly string[], lastTimestamp: number | null
): Promise<string[]> {
  const midnight = Date.parse(`${night.slice(0, 4)}-${night.slice(4, 6)}-${night.slice(6)}`)
  const shifted = (ms: number): string => dateText(midnight + ms)
  const folders = Number.isNaN(midnight) ? [otherNight] : [shifted(-day), shifted(day), otherNight]
  const first = parseSegmentKey(keys[0] ?? '')?.firstTimestamp ?? 0
  const found = (await Promise.all(folders.map(folder => listSegments(store, folder)))).flat()
  return keysOf(found.filter(({ firstTimestamp }) =>
    firstTimestamp >= first - day && firstTimestamp <= (lastTimestamp ?? Infinity) + hour))
}

function distinct (records: readonly RejectedRecord[]): RejectedRecord[] {
  return [...new Map(records.map(record => [`${placeText(record)}:${record.offset}`, record])).values()]
}
