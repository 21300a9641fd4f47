// A segment of the index: the rows of one night that a flush has collected. Its key and its metadata say which offsets the flush consumed.
// The key is a function of the content, so a flush that is repeated after a crash finds its own segment.
import { sha256 } from '../stores/checksums.ts'
import { comparePlaces, placeOf, placeText, rangesOf, type OffsetRange } from './offset-ranges.ts'
import { isRejected, type Entry, type IndexRow } from './row.ts'
import { otherNight, segmentKey } from './segment-key.ts'

export type SegmentSource = 'kafka' | 'archive'

/** A record that is not a valid alert. */
export interface RejectedRecord {
  readonly topic: string
  readonly topicId: string | null
  readonly partition: number
  readonly offset: string
  readonly code: string
}

/** The metadata of a segment, in the Parquet footer under `metadataKey`. */
export interface SegmentMetadata {
  readonly version: 1
  /** YYYYMMDD, or `other` for ids that are not packed. */
  readonly night: string
  /** The offsets that the flush consumed, in each segment of the flush. Empty if the rows come from the archive. */
  readonly ranges: readonly OffsetRange[]
  readonly rows: number
  /** The rejected records of the flush, in each of its segments. */
  readonly rejected: readonly RejectedRecord[]
  readonly writer: string
  readonly createdAt: string
  readonly source: SegmentSource
}

export interface Segment {
  readonly key: string
  /** Sorted by visit, detector and id, so that the statistics of row groups help readers. */
  readonly rows: readonly IndexRow[]
  readonly metadata: Omit<SegmentMetadata, 'writer' | 'createdAt'>
}

export const metadataKey = 'alert-stream.index'

/** The segments of a flush, one for each night. A flush of rejected records only has one segment without rows. */
export function segmentsOf (entries: readonly Entry[], source: SegmentSource): Segment[] {
  const consumed = entries.flatMap(entry => entry.consumed === undefined ? [] : [entry.consumed])
  const ranges = rangesOf(consumed)
  const rejected = entries.flatMap(({ consumed, outcome }) =>
    consumed === undefined || !isRejected(outcome) ? [] : [{ ...placeOf(consumed), offset: String(consumed.offset), code: outcome.code }])
    .sort((a, b) => comparePlaces(a, b) || (BigInt(a.offset) < BigInt(b.offset) ? -1 : 1))
  const nights = new Map<string, IndexRow[]>()
  for (const { outcome } of entries) {
    if (isRejected(outcome)) continue
    const night = outcome.night === null ? otherNight : String(outcome.night)
    const rows = nights.get(night)
    if (rows === undefined) nights.set(night, [outcome])
    else rows.push(outcome)
  }
  if (nights.size === 0) nights.set(otherNight, [])
  return [...nights].map(([night, rows]) => {
    const timestamps = rows.length === 0 ? consumed.map(({ timestamp }) => timestamp) : rows.map(({ timestamp }) => timestamp ?? 0n)
    rows.sort(compareRows)
    const metadata = { version: 1, night, ranges, rows: rows.length, rejected, source } as const
    const identity = segmentIdentity(metadata, rows.map(({ id, sha256 }) => `${id}:${sha256.toString('hex')}`))
    return { key: segmentKey(night, smallest(timestamps), identity), rows, metadata }
  })
}

/**
 * The SHA-256 with which the key of a segment begins its hash. Rows of the archive have no ranges, so their ids and hashes identify the
 * segment.
 * @param frames `id:sha256` of each row, in the order of the segment. Not used for rows of Kafka.
 */
export function segmentIdentity (
  { night, ranges, rejected, source }: Pick<SegmentMetadata, 'night' | 'ranges' | 'rejected' | 'source'>, frames: readonly string[]
): string {
  const lines = source === 'archive' ? frames : contentLines(ranges, rejected)
  return sha256(Buffer.from([night, ...lines].join('\n')))
}

/** Whether two segments with the same key hold the same rows. */
export function isSameContent (a: Segment['metadata'], b: Segment['metadata']): boolean {
  const text = ({ night, ranges, rows, rejected, source }: Segment['metadata']) => JSON.stringify([night, ranges, rows, rejected, source])
  return text(a) === text(b)
}

/** A record may be rejected at first and accepted later, for example because its schema was unknown. The key must then differ. */
function contentLines (ranges: readonly OffsetRange[], rejected: readonly RejectedRecord[]): string[] {
  return [
    ...ranges.map(range => `${placeText(range)}:${range.from}-${range.to}`),
    ...rejected.map(record => `${placeText(record)}:${record.offset}!${record.code}`)
  ]
}

/** 0 if there are none. */
function smallest (timestamps: readonly bigint[]): bigint {
  return timestamps.reduce((least, timestamp) => timestamp < least ? timestamp : least, timestamps[0] ?? 0n)
}

function compareRows (a: IndexRow, b: IndexRow): number {
  return compareNullable(a.visit, b.visit) || compareNullable(a.detector, b.detector) || compareNullable(a.id, b.id)
}

/** Nulls come last. */
function compareNullable<T extends bigint | number> (a: T | null, b: T | null): number {
  if (a === b) return 0
  if (a === null || b === null) return a === null ? 1 : -1
  return a < b ? -1 : 1
}
