// Searches the index. A result is what the archive holds: each alert once, with the delivery that came first. If several frames were
// delivered under one id, the frame that the archive holds is shown and marked as a conflict.
import { AlertStreamError, errorCode } from '../pipeline/errors.ts'
import type { ColumnName } from './columns.ts'
import { decodeCursor, encodeCursor, type Cursor } from './cursor.ts'
import type { ColumnValues, Engine } from './engine.ts'
import type { IndexFile, Snapshot, Snapshots } from './index-snapshot.ts'
import type { NightCounter } from './night-counter.ts'
import type { AlertQuery } from './query.ts'
import type { RunQuery } from './query-runner.ts'
import type { RevisionCatalogue } from './revision-catalogue.ts'
import type { SegmentCache } from './segment-cache.ts'
import {
  countStatement, differingStatement, framesStatement, pageStatement, repeatedIdsStatement, type Statement
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
  readonly snapshots: Pick<Snapshots, 'find' | 'resume' | 'files' | 'frames'>
  readonly revisions: Pick<RevisionCatalogue, 'distrust'>
  readonly counter: Pick<NightCounter, 'count'>
  readonly run: RunQuery
  /** SHA-256 in hex of the frame that the archive holds under an id. Undefined if it holds none. */
  readonly archivedSha256: (id: string) => Promise<string | undefined>
}

/** A row that matches. */
interface Match { readonly id: bigint, readonly text: string }

/** Ids of which a count compares the frames at the same time. */
const comparedAtOnce = 1000
/** Rows of files for each id of a page up to which all rows are looked at. */
const denseRows = 8
/** How many times more rows a page reads if it has too few alerts. */
const growth = 4

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

  /**
   * A page has fewer alerts than `limit` if it is the last, if an alert of it has conflicting frames, or if an alert of it was delivered
   * several times and the query names no object.
   */
  async page (request: PageRequest, client: AbortSignal): Promise<Page> {
    return await this.#run(client, async signal => {
      const { query, columns, limit, cursor } = request
      const snapshot = await (cursor === undefined ? this.#options.snapshots.find(query, signal) :
        this.#options.snapshots.resume(query, cursor))
      const files = await this.#options.snapshots.files(snapshot, query, { after: cursor?.after, inOrder: !isSparse(query) }, signal)
      const found = await this.#matches(request, files, signal)
      const matches = found.slice(0, limit)
      const last = matches.at(-1)
      if (last === undefined) return { alerts: [], next: undefined }
      const next = found.length > limit ? encodeCursor(query, last.id, snapshot) : undefined
      return { alerts: await this.#shown(query, snapshot, files, matches, columns, signal), next }
    })
  }

  /** Number of alerts that the pages of a listing would have together. */
  async count (query: AlertQuery, client: AbortSignal): Promise<number> {
    return await this.#run(client, async signal => {
      const { snapshots, counter } = this.#options
      const asked = Object.entries(query).filter(([, value]) => value !== undefined).map(([name]) => name)
      if (query.night !== undefined && asked.length === 1) return await counter.count(String(query.night), signal)
      const snapshot = await snapshots.find(query, signal)
      const files = keysOf(await snapshots.files(snapshot, query, {}, signal))
      const [[count] = [], [first] = [], [last] = []] = await this.#read(files, signal, paths => countStatement(paths, query))
      if (typeof first !== 'bigint' || typeof last !== 'bigint') return 0
      const all = asked.length === 0 ? [] : keysOf(await snapshots.frames(snapshot, files, { first, last }, signal))
      if (all.length === 0) return Number(count)
      // The frame that is shown may not match although another frame of its id does.
      const differing = await this.#differing(query, files, all, { first, last }, signal)
      let shown = 0
      for (let at = 0; at < differing.length; at += comparedAtOnce) {
        const ids = differing.slice(at, at + comparedAtOnce)
        for (const alert of (await this.#shownFrames(query, ids, all, ['id'], signal)).values()) if (alert !== undefined) shown++
      }
      return Number(count) - differing.length + shown
    })
  }

  /** Runs the work of a query again as long as it finds damaged revisions, without these. */
  async #run<T> (client: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return await this.#options.run(client, async signal => {
      for (;;) {
        try {
          return await work(signal)
        } catch (error) {
          if (!(error instanceof DamagedRevision)) throw error
        }
      }
    })
  }

  /** Runs a statement on files. No files: a result without rows. */
  async #read (
    keys: readonly string[], signal: AbortSignal, statement: (paths: readonly string[]) => Statement
  ): Promise<readonly ColumnValues[]> {
    if (keys.length === 0) return [[]]
    const { cache, engine, revisions } = this.#options
    try {
      return await cache.use(keys, signal, async paths => {
        const { sql, parameters } = statement(paths)
        return await engine.query(sql, parameters, signal)
      })
    } catch (error) {
      if (!['SEGMENT_DAMAGED', 'SEGMENT_GONE'].includes(errorCode(error))) throw error
      // The cache names the file; DuckDB does not.
      const where = error instanceof AlertStreamError ? error.where : undefined
      const named = keys.filter(key => where?.endsWith(key) === true)
      if (revisions.distrust(named.length === 0 ? keys : named, error)) throw new DamagedRevision()
      throw error
    }
  }

  /**
   * The first rows that match, one more than the page has. Files with later ids are only read if those before have too few rows, so a page
   * of a long listing reads a part of it.
   */
  async #matches ({ query, columns, limit, cursor }: PageRequest, files: readonly IndexFile[], signal: AbortSignal): Promise<Match[]> {
    const sorted = files.toSorted((a, b) => compareIds(a.firstId, b.firstId))
    for (let rows = isSparse(query) ? Infinity : 2 * limit; ; rows *= growth) {
      let used = 0
      for (let sum = 0; used < sorted.length && (sum < rows || sorted[used]!.firstId === undefined); used++) sum += sorted[used]!.rows
      const bounds = { after: cursor?.after, before: sorted[used]?.firstId, rows: limit + 1, distinct: isOfObject(query) }
      const [ids = [], texts = []] = await this.#read(keysOf(sorted.slice(0, used)), signal,
        paths => pageStatement(paths, query, bounds, columns))
      if (ids.length > limit || used === sorted.length) return ids.map((id, row) => ({ id: id as bigint, text: texts[row] as string }))
    }
  }

  /** The alerts of a page as JSON, each once. */
  async #shown (
    query: AlertQuery, snapshot: Snapshot, files: readonly IndexFile[], matches: readonly Match[], columns: readonly ColumnName[],
    signal: AbortSignal
  ): Promise<string[]> {
    const texts = new Map<bigint, string | undefined>(matches.map(({ id, text }) => [id, text]))
    const ids = [...texts.keys()]
    const frames = await this.#options.snapshots.frames(snapshot, keysOf(files), ids, signal)
    const all = keysOf(frames)
    const dense = frames.reduce((sum, { rows }) => sum + rows, 0) <= denseRows * ids.length
    const [found = []] = await this.#read(all, signal, paths => repeatedIdsStatement(paths, ids, dense))
    const repeated = (found as bigint[]).filter(id => texts.has(id)).toSorted(compareIds)
    const shown = await this.#shownFrames(query, repeated, all, columns, signal)
    for (const [id, text] of shown) texts.set(id, text)
    return [...texts.values()].filter(text => text !== undefined)
  }

  async #differing (
    query: AlertQuery, some: readonly string[], all: readonly string[], span: { readonly first: bigint, readonly last: bigint },
    signal: AbortSignal
  ): Promise<readonly bigint[]> {
    const keys = [...new Set([...some, ...all])]
    const inAll = new Set(all)
    const [ids = []] = await this.#read(keys, signal, paths =>
      differingStatement(paths.slice(0, some.length), paths.filter((_, index) => inAll.has(keys[index]!)), query, span))
    return (ids as bigint[]).toSorted(compareIds)
  }

  /**
   * The frame to show of each id, as JSON. Undefined if it does not match.
   * @param ids in ascending order
   */
  async #shownFrames (
    query: AlertQuery, ids: readonly bigint[], files: readonly string[], columns: readonly ColumnName[], signal: AbortSignal
  ): Promise<Map<bigint, string | undefined>> {
    const shown = new Map<bigint, string | undefined>()
    if (ids.length === 0) return shown
    const [rowIds = [], hashes = [], matches = [], texts = []] =
      await this.#read(files, signal, paths => framesStatement(paths, query, ids, columns))
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

/** A file of a revision cannot be read. The query is repeated without this revision. */
class DamagedRevision extends Error {}

/** Whether the alerts are those of an object, of which all rows fit into memory. */
const isOfObject = ({ diaObjectId, ssObjectId }: AlertQuery): boolean => diaObjectId !== undefined || ssObjectId !== undefined
/** Whether the alerts are few and may be anywhere among the ids. */
const isSparse = (query: AlertQuery): boolean => isOfObject(query) || query.cone !== undefined

const keysOf = (files: readonly IndexFile[]): string[] => files.map(({ key }) => key)

/** Undefined comes first. */
function compareIds (a: bigint | undefined, b: bigint | undefined): number {
  if (a === b) return 0
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1
  return a < b ? -1 : 1
}
