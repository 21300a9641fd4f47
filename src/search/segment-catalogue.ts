// Finds the segments that a query has to read: by their folder and time in the key, then by the ranges of their columns, which are read
// from the footer of each segment once. Listings of the index store are reused for a short time, so new segments are seen soon.
import { LRUCache } from 'lru-cache'
import { listSegments, type SegmentKey } from '../alert-index/segment-key.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { ColumnValues, Engine } from './engine.ts'
import { Parameters } from './parameters.ts'
import { isAfter, mayContain, nightsOf, type AlertQuery } from './query.ts'
import type { SegmentCache } from './segment-cache.ts'
import { integerColumns, numberColumns, type IdSpan, type SegmentStatistics } from './segment-statistics.ts'

interface CatalogueOptions {
  readonly store: Pick<ObjectStore, 'list'>
  readonly cache: Pick<SegmentCache, 'use'>
  readonly engine: Pick<Engine, 'query'>
  /** How long a listing is reused, in milliseconds. */
  readonly refreshMs: number
}

/** Segments whose footers are read by one statement. */
const footersAtOnce = 32
/** Footers in memory: about 1 kB each. */
const maxFooters = 100_000
/** Listings in memory: of a night, or of all nights under the empty name. */
const maxListings = 1000

export class SegmentCatalogue {
  readonly #options: CatalogueOptions
  readonly #listings: LRUCache<string, SegmentKey[]>
  readonly #footers = new LRUCache<string, SegmentStatistics>({ max: maxFooters })

  constructor (options: CatalogueOptions) {
    this.#options = options
    this.#listings = new LRUCache({
      max: maxListings,
      // lru-cache keeps an entry without `ttl` for ever, so 0 is replaced by the shortest time.
      ttl: Math.max(1, options.refreshMs),
      fetchMethod: night => listSegments(options.store, night === '' ? undefined : night)
    })
  }

  /** Number of segments whose footers are in memory. */
  get size (): number { return this.#footers.size }

  /** The segments that can contain alerts of the query, in the order of their keys. Rejects like `SegmentCache.use`. */
  async find (query: AlertQuery, signal: AbortSignal): Promise<readonly SegmentKey[]> {
    const listed = (await this.#list(nightsOf(query) ?? [''])).filter(segment => !isAfter(query, segment))
    return await this.#select(listed, signal, statistics => mayContain(query, statistics))
  }

  /**
   * The segments that can contain one of the ascending ids, or an id of a span, among the ids of `found`. All rows of an id are in one
   * folder. Rejects like `find`.
   */
  async withIds (found: readonly SegmentKey[], ids: readonly bigint[] | IdSpan, signal: AbortSignal): Promise<readonly SegmentKey[]> {
    const listed = await this.#list([...new Set(found.map(({ night }) => night))])
    return await this.#select(listed, signal, ({ rows, columns }) => {
      const { min, max } = columns.get('id') ?? anyId
      return rows > 0 && ('first' in ids ? min <= ids.last && max >= ids.first : hasBetween(ids, min, max))
    })
  }

  async #list (nights: readonly string[]): Promise<readonly SegmentKey[]> {
    return (await Promise.all(nights.map(night => this.#listings.fetch(night)))).flatMap(segments => segments ?? [])
  }

  async #select (
    segments: readonly SegmentKey[], signal: AbortSignal, isWanted: (statistics: SegmentStatistics) => boolean
  ): Promise<readonly SegmentKey[]> {
    const unknown = segments.filter(({ key }) => !this.#footers.has(key)).map(({ key }) => key)
    for (let at = 0; at < unknown.length; at += footersAtOnce) await this.#readFooters(unknown.slice(at, at + footersAtOnce), signal)
    return segments.filter(({ key }) => isWanted(this.#footers.get(key) ?? unread))
  }

  async #readFooters (keys: readonly string[], signal: AbortSignal): Promise<void> {
    const { cache, engine } = this.#options
    await cache.use(keys, signal, async paths => {
      const parameters = new Parameters()
      const [files = [], ...values] = await engine.query(footersSql(parameters, paths), parameters.list, signal)
      const rowOf = new Map(files.map((file, row) => [file, row]))
      keys.forEach((key, index) => { this.#footers.set(key, statisticsOf(values, rowOf.get(paths[index]!))) })
    })
  }
}

const anyId = { min: -Infinity, max: Infinity }

/** Of a segment whose footer was dropped from memory by those of later segments: any query may need it. */
const unread: SegmentStatistics = { rows: 1, columns: new Map() }

const rangedColumns = [...integerColumns, ...numberColumns]

/** One row for each file: its name, its number of rows, then for each column whether its range is known, and the range. */
function footersSql (parameters: Parameters, paths: readonly string[]): string {
  const ofColumn = rangedColumns.map(name => {
    const isColumn = `path_in_schema = '${name}'`
    const type = numberColumns.includes(name) ? 'DOUBLE' : 'BIGINT'
    return [
      // A row group without values has no range.
      `bool_and(stats_null_count = num_values OR (stats_min_value IS NOT NULL AND stats_max_value IS NOT NULL)) FILTER (${isColumn})`,
      `min(TRY_CAST(stats_min_value AS ${type})) FILTER (${isColumn})`,
      `max(TRY_CAST(stats_max_value AS ${type})) FILTER (${isColumn})`
    ].join(', ')
  })
  const rows = 'CAST(sum(row_group_num_rows) FILTER (column_id = 0) AS DOUBLE)'
  return `SELECT file_name, ${rows}, ${ofColumn.join(', ')} FROM parquet_metadata(${parameters.add('VARCHAR[]', paths)}) GROUP BY file_name`
}

function statisticsOf (values: readonly ColumnValues[], row: number | undefined): SegmentStatistics {
  if (row === undefined) return { rows: 0, columns: new Map() }
  const [rows, ...ranges] = values.map(column => column[row])
  const columns = new Map<string, { min: number | bigint, max: number | bigint }>()
  rangedColumns.forEach((name, index) => {
    const [known, min, max] = ranges.slice(3 * index, 3 * index + 3)
    if (known !== true) return
    columns.set(name, { min: (min ?? Infinity) as number | bigint, max: (max ?? -Infinity) as number | bigint })
  })
  return { rows: Number(rows), columns }
}

/** Whether one of the ascending ids is from `min` to `max`. */
function hasBetween (ids: readonly bigint[], min: number | bigint, max: number | bigint): boolean {
  let [low, high] = [0, ids.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ids[middle]! < min) low = middle + 1
    else high = middle
  }
  return low < ids.length && ids[low]! <= max
}
