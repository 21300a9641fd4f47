// What a listing reads: the newest complete revision of each night, and the segments that it does not cover. The alerts of a revision are
// in its files and, in another order, in the segments that it covers; each query reads those that need fewer rows.
import { parseRevisionKey, type RevisionFile } from '../alert-index/revision.ts'
import { parseSegmentKey, type SegmentKey } from '../alert-index/segment-key.ts'
import { conePixels, type PixelRange } from './cone-pixels.ts'
import { segmentsOf, type Cursor } from './cursor.ts'
import { searchErrors } from './errors.ts'
import { isAfter, mayContain, nightsOf, type AlertQuery } from './query.ts'
import { coveredSegments, type Revision, type RevisionCatalogue } from './revision-catalogue.ts'
import type { SegmentCatalogue } from './segment-catalogue.ts'
import { idRange, type IdSpan, type SegmentStatistics } from './segment-statistics.ts'

export interface Snapshot {
  readonly revisions: readonly Revision[]
  /** Segments that no revision covers. */
  readonly segments: readonly SegmentKey[]
}

/** A file that a query reads. */
export interface IndexFile {
  readonly key: string
  readonly rows: number
  /** The least id. Undefined if it is not known. */
  readonly firstId: bigint | undefined
}

interface Reading {
  /** Only later ids. */
  readonly after?: bigint | undefined
  /** Whether the files are read by ascending id until a page is full. */
  readonly inOrder?: boolean
}

interface SnapshotsOptions {
  readonly segments: SegmentCatalogue
  readonly revisions: RevisionCatalogue
}

/** Manifests that a cursor reads at the same time. */
const manifestsAtOnce = 8

/** Calls reject with a SEARCH_*, SEGMENT_* or STORE_* error. */
export class Snapshots {
  readonly #options: SnapshotsOptions

  constructor (options: SnapshotsOptions) {
    this.#options = options
  }

  /** The newest revisions and uncovered segments that can contain alerts of the query. */
  async find (query: AlertQuery, signal: AbortSignal): Promise<Snapshot> {
    const { segments, revisions } = this.#options
    const nights = nightsOf(query)
    // In this order, so that a segment which a new revision covers is not missing.
    const newest = await revisions.newest(nights)
    const uncovered = (await segments.list(nights)).filter(({ key, night }) => newest.get(night)?.segments.has(key) !== true)
    const selected = await segments.select(uncovered.filter(segment => !isAfter(query, segment)), signal,
      statistics => mayContain(query, statistics))
    const relevant: Revision[] = []
    for (const revision of newest.values()) {
      if ((await this.#filesOf(revision, query, {}, signal)).length > 0) relevant.push(revision)
    }
    return { revisions: relevant, segments: selected.map(({ key, night, firstTimestamp }) => ({ key, night, firstTimestamp })) }
  }

  /** The snapshot with which a listing began. Rejects with SEGMENT_GONE if a part of it was deleted. */
  async resume (query: AlertQuery, cursor: Cursor): Promise<Snapshot> {
    const { segments, revisions } = this.#options
    const nights = nightsOf(query)
    const present: Revision[] = []
    // A client can make up cursors with many revisions. Reading stops at the first one that does not exist. The listing is not asked,
    // because it may be older than the cursor, which another server may have made.
    for (let at = 0; at < cursor.revisions.length; at += manifestsAtOnce) {
      const some = cursor.revisions.slice(at, at + manifestsAtOnce).filter(({ night }) => nights?.includes(night) !== false)
      const found = await Promise.all(some.map(({ night, revision }) => revisions.get(night, revision)))
      present.push(...found.filter(revision => revision !== undefined))
      if (present.length < Math.min(at + manifestsAtOnce, cursor.revisions.length)) {
        throw searchErrors.SEGMENT_GONE('a revision of the listing was deleted since it began')
      }
    }
    return { revisions: present, segments: segmentsOf(cursor, await segments.list(nights)) }
  }

  /** The files with the alerts of a snapshot that match a query and have ids after `after`. */
  async files ({ revisions, segments }: Snapshot, query: AlertQuery, reading: Reading, signal: AbortSignal): Promise<IndexFile[]> {
    const uncovered = (await this.#options.segments.select(segments, signal, wanted(query, reading))).map(fileOf)
    const covered = await Promise.all(revisions.map(revision => this.#filesOf(revision, query, reading, signal)))
    return [...covered.flat(), ...uncovered]
  }

  /**
   * The files with all frames of ids, in the nights of a snapshot. Nights are left out if no id of them has several rows.
   * @param read files in which the ids were found
   * @param ids in ascending order, or a span
   */
  async frames (
    { revisions, segments }: Snapshot, read: readonly string[], ids: readonly bigint[] | IdSpan, signal: AbortSignal
  ): Promise<IndexFile[]> {
    // All rows of an id are in one folder.
    const nights = [...new Set([...revisions, ...segments].map(({ night }) => night))]
    const newest = await this.#options.revisions.newest(nights)
    const listed = await this.#options.segments.list(nights)
    const isWanted = ({ rows, columns }: SegmentStatistics): boolean => {
      const { min, max } = idRange({ columns })
      return rows > 0 && ('first' in ids ? min <= ids.last && max >= ids.first : hasBetween(ids, min, max))
    }
    const files: IndexFile[] = []
    for (const night of nights) {
      const revision = newest.get(night)
      const ofNight = listed.filter(segment => segment.night === night)
      const uncovered = ofNight.filter(({ key }) => revision?.segments.has(key) !== true)
      const added = (await this.#options.segments.select(uncovered, signal, isWanted)).map(fileOf)
      if (revision !== undefined) {
        if (added.length === 0 && isUnique(revision, read)) continue
        files.push(...await this.#covered(revision, isWanted, signal) ?? revision.byObject.map(unordered))
      }
      files.push(...added)
    }
    return files
  }

  async #filesOf (revision: Revision, query: AlertQuery, reading: Reading, signal: AbortSignal): Promise<readonly IndexFile[]> {
    const { cone, diaObjectId } = query
    const isTrusted = this.#options.revisions.isTrusted(revision)
    if (isTrusted && cone !== undefined) return overlapping(revision.byPosition, conePixels(cone))
    if (isTrusted && diaObjectId !== undefined) return overlapping(revision.byObject, [{ first: diaObjectId, last: diaObjectId }])
    // Segments hold visits together, and most are skipped by their ranges.
    const covered = await this.#covered(revision, wanted(query, reading), signal)
    const all = revision.byObject.map(unordered)
    if (covered === undefined) return all
    return isTrusted && reading.inOrder !== true && rowsOf(covered) >= rowsOf(all) ? all : covered
  }

  /** The segments of a revision that are wanted. Undefined if they are not all in the store. */
  async #covered (
    revision: Revision, isWanted: (statistics: SegmentStatistics) => boolean, signal: AbortSignal
  ): Promise<IndexFile[] | undefined> {
    const { segments: catalogue } = this.#options
    const covered = coveredSegments(revision, new Set((await catalogue.list([revision.night])).map(({ key }) => key)))
    return covered === undefined ? undefined : (await catalogue.select(covered, signal, isWanted)).map(fileOf)
  }
}

function wanted (query: AlertQuery, { after }: Reading): (statistics: SegmentStatistics) => boolean {
  return statistics => mayContain(query, statistics) &&
    (after === undefined || idRange(statistics).max > after)
}

function fileOf ({ key, statistics: { rows, columns } }: { readonly key: string, readonly statistics: SegmentStatistics }): IndexFile {
  const first = columns.get('id')?.min
  return { key, rows, firstId: typeof first === 'bigint' ? first : undefined }
}

const rowsOf = (files: readonly IndexFile[]): number => files.reduce((sum, { rows }) => sum + rows, 0)
const unordered = ({ key, rows }: RevisionFile): IndexFile => ({ key, rows, firstId: undefined })

/** The files that can contain values of the ranges. Files are in the order of these values, with nulls last. */
function overlapping (files: readonly RevisionFile[], ranges: readonly PixelRange[]): IndexFile[] {
  return files.filter(({ first, last }) => first !== null &&
    ranges.some(range => BigInt(first) <= range.last && (last === null || BigInt(last) >= range.first))).map(unordered)
}

/** Whether every id that was found in the files has one row only, if no later segment has it. */
function isUnique ({ night, revision, deliveries, rows, alerts }: Revision, read: readonly string[]): boolean {
  if (deliveries === alerts) return true
  // The files of a revision have each frame once.
  return rows === alerts && read.every(key => {
    const file = parseRevisionKey(key)
    return (file ?? parseSegmentKey(key))?.night !== night || file?.revision === revision
  })
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
