// Searches the index. A result is what the archive holds: each alert once, with the delivery that came first. If several frames were
// delivered under one id, the frame that the archive holds is shown and marked as a conflict.
import { keysOf, type SegmentKey } from '../alert-index/segment-key.ts'
import type { ColumnName } from './columns.ts'
import { decodeCursor, encodeCursor, segmentsOf, type Cursor } from './cursor.ts'
import type { ColumnValues, Engine } from './engine.ts'
import type { AlertQuery } from './query.ts'
import type { RunQuery } from './query-runner.ts'
import type { SegmentCache } from './segment-cache.ts'
import type { SegmentCatalogue } from './segment-catalogue.ts'
import type { IdSpan } from './segment-statistics.ts'
import {
  countStatement, framesStatement, idsStatement, repeatedIdsStatement, repeatedStatement, rowsStatement, type Statement
} from './statements.ts'

export interface Page {
  /** Each alert as a JSON object, by ascending id. */
  readonly alerts: readonly string[]
  /** The cursor of the next page. Undefined on the last page. */
  readonly next: string | undefined
}

interface PageRequest {
  readonly query: AlertQuery
  readonly columns: readonly ColumnName[]
  readonly limit: number
  readonly cursor?: Cursor | undefined
}

interface SearchOptions {
  readonly engine: Pick<Engine, 'query'>
  readonly cache: Pick<SegmentCache, 'use'>
  readonly catalogue: Pick<SegmentCatalogue, 'find' | 'withIds'>
  readonly run: RunQuery
  /** SHA-256 in hex of the frame that the archive holds under an id. Undefined if it holds none. */
  readonly archivedSha256: (id: string) => Promise<string | undefined>
}

const fewIds = 1000
/** Ids of which a count compares the frames at the same time. */
const comparedAtOnce = 1000

/** Calls reject with a SEARCH_* or SEGMENT_* error, with a STORE_* error, or with SEARCH_STOPPED if their signal aborts. */
export class AlertSearch {
  readonly #options: SearchOptions

  constructor (options: SearchOptions) {
    this.#options = options
  }

  /** Returns undefined unless the text is a cursor of the query. */
  cursor (query: AlertQuery, text: string): Cursor | undefined {
    return decodeCursor(query, text)
  }

  /** A page has fewer alerts than `limit` if it is the last, or if an alert of it was delivered several times. */
  async page ({ query, columns, limit, cursor }: PageRequest, client: AbortSignal): Promise<Page> {
    return await this.#options.run(client, async signal => {
      const found = await this.#options.catalogue.find(query, signal)
      const segments = cursor === undefined ? found : segmentsOf(cursor, found)
      const [rows = []] = await this.#read(keysOf(segments), signal, paths => idsStatement(paths, query, cursor?.after, limit + 1))
      const ids = [...new Set(rows.slice(0, limit) as bigint[])]
      const last = ids.at(-1)
      if (last === undefined) return { alerts: [], next: undefined }
      const next = rows.length > limit ? encodeCursor(query, last, segments) : undefined
      return { alerts: await this.#alertsOf(query, ids, segments, columns, signal), next }
    })
  }

  /** Number of alerts that the pages of a listing would have together. */
  async count (query: AlertQuery, client: AbortSignal): Promise<number> {
    return await this.#options.run(client, async signal => {
      const segments = await this.#options.catalogue.find(query, signal)
      const [[count] = [], [first] = [], [last] = []] = await this.#read(keysOf(segments), signal, paths => countStatement(paths, query))
      if (typeof first !== 'bigint' || typeof last !== 'bigint') return 0
      // All frames of an id have the night of the id.
      if (Object.entries(query).every(([name, value]) => name === 'night' || value === undefined)) return Number(count)
      const all = await this.#options.catalogue.withIds(segments, { first, last }, signal)
      // The frame that is shown may not match although another frame of its id does.
      const differing = await this.#ids(segments, all, signal, (some, every) =>
        repeatedStatement(some, every, query, { first, last }, true))
      let shown = 0
      for (let at = 0; at < differing.length; at += comparedAtOnce) {
        const ids = differing.slice(at, at + comparedAtOnce)
        for (const alert of (await this.#shownFrames(query, ids, all, ['id'], signal)).values()) if (alert !== undefined) shown++
      }
      return Number(count) - differing.length + shown
    })
  }

  /** Runs a statement on segments. No segments: a result without rows. */
  async #read (
    keys: readonly string[], signal: AbortSignal, statement: (paths: readonly string[]) => Statement
  ): Promise<readonly ColumnValues[]> {
    if (keys.length === 0) return [[]]
    const { cache, engine } = this.#options
    return await cache.use(keys, signal, async paths => {
      const { sql, parameters } = statement(paths)
      return await engine.query(sql, parameters, signal)
    })
  }

  /** Like `#read`, for a statement that selects ids by `some` from `all`. */
  async #ids (
    some: readonly SegmentKey[], all: readonly SegmentKey[], signal: AbortSignal,
    statement: (some: readonly string[], all: readonly string[]) => Statement
  ): Promise<readonly bigint[]> {
    const keys = [...new Set([...keysOf(some), ...keysOf(all)])]
    const inAll = new Set(keysOf(all))
    const [ids = []] = await this.#read(keys, signal, paths =>
      statement(paths.slice(0, some.length), paths.filter((_, index) => inAll.has(keys[index]!))))
    return ids as bigint[]
  }

  /** The alerts of a page as JSON. @param ids in ascending order */
  async #alertsOf (
    query: AlertQuery, ids: readonly bigint[], segments: readonly SegmentKey[], columns: readonly ColumnName[], signal: AbortSignal
  ): Promise<readonly string[]> {
    const all = await this.#options.catalogue.withIds(segments, ids, signal)
    const span = { first: ids[0]!, last: ids.at(-1)! }
    // To find few ids again is cheaper than to select them again in the segments of the query.
    const [found = []] = ids.length <= fewIds ? await this.#read(keysOf(all), signal, paths => repeatedIdsStatement(paths, ids)) :
      [await this.#ids(segments, all, signal, (some, every) => repeatedStatement(some, every, query, span))]
    const repeated = new Set(found as bigint[])
    const asked = ids.filter(id => repeated.has(id))
    const shown = await this.#shownFrames(query, asked, all, columns, signal)
    if (asked.length < ids.length) {
      const rows = await this.#rows(query, span, all, columns, signal)
      for (const id of ids) if (!repeated.has(id)) shown.set(id, rows.get(id))
    }
    return ids.map(id => shown.get(id)).filter(alert => alert !== undefined)
  }

  /** Matching rows as JSON, by id. */
  async #rows (
    query: AlertQuery, span: IdSpan, segments: readonly SegmentKey[],
    columns: readonly ColumnName[], signal: AbortSignal
  ): Promise<ReadonlyMap<bigint, string>> {
    const [ids = [], texts = []] = await this.#read(keysOf(segments), signal, paths => rowsStatement(paths, query, span, columns))
    return new Map(ids.map((id, row) => [id as bigint, texts[row] as string]))
  }

  /** The frame to show of each id, as JSON. Undefined if it does not match. */
  async #shownFrames (
    query: AlertQuery, ids: readonly bigint[], segments: readonly SegmentKey[], columns: readonly ColumnName[], signal: AbortSignal
  ): Promise<Map<bigint, string | undefined>> {
    const shown = new Map<bigint, string | undefined>()
    if (ids.length === 0) return shown
    const [rowIds = [], hashes = [], matches = [], texts = []] =
      await this.#read(keysOf(segments), signal, paths => framesStatement(paths, query, ids, columns))
    for (let first = 0, next = 0; first < rowIds.length; first = next) {
      const id = rowIds[first] as bigint
      while (next < rowIds.length && rowIds[next] === id) next++
      let row = first
      if (next - first > 1) {
        const archived = await this.#options.archivedSha256(id.toString())
        signal.throwIfAborted()
        row = Math.max(first, hashes.slice(first, next).indexOf(archived ?? '') + first)
      }
      const text = texts[row] as string
      const alert = next - first > 1 ? `${text.slice(0, -1)},"conflict":true}` : text
      shown.set(id, matches[row] === true ? alert : undefined)
    }
    return shown
  }
}
