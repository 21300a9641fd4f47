// A segment of the index: the rows of one night that a flush has collected. Its key and its metadata say which offsets the flush consumed.
// The key is a function of the content, so a flush that is repeated after a crash finds its own segment.
import { sha256 } from '../stores/checksums.ts'
import { isRejected, type Entry, type IndexRow, type Position } from './row.ts'
import { otherNight, segmentKey } from './segment-key.ts'

export type SegmentSource = 'kafka' | 'archive'

/** Offsets of a partition, `from` inclusive, `to` exclusive, as decimal numbers. */
export interface OffsetRange {
  readonly topic: string
  readonly topicId: string | null
  readonly partition: number
  readonly from: string
  readonly to: string
}

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
    // Rows of the archive have no ranges, so their ids and hashes identify the segment.
    const lines = source === 'archive' ? rows.map(({ id, sha256 }) => `${id}:${sha256.toString('hex')}`) : contentLines(ranges, rejected)
    const key = segmentKey(night, smallest(timestamps), sha256(Buffer.from([night, ...lines].join('\n'))))
    return { key, rows, metadata: { version: 1, night, ranges, rows: rows.length, rejected, source } }
  })
}

/** Whether two segments with the same key hold the same rows. */
export function isSameContent (a: Segment['metadata'], b: Segment['metadata']): boolean {
  const text = ({ night, ranges, rows, rejected, source }: Segment['metadata']) => JSON.stringify([night, ranges, rows, rejected, source])
  return text(a) === text(b)
}

/** A record may be rejected at first and accepted later, for example because its schema was unknown. The key must then differ. */
function contentLines (ranges: readonly OffsetRange[], rejected: readonly RejectedRecord[]): string[] {
  return [
    ...ranges.map(range => `${range.topicId ?? range.topic}:${range.partition}:${range.from}-${range.to}`),
    ...rejected.map(record => `${record.topicId ?? record.topic}:${record.partition}:${record.offset}!${record.code}`)
  ]
}

/** 0 if there are none. */
function smallest (timestamps: readonly bigint[]): bigint {
  return timestamps.reduce((least, timestamp) => timestamp < least ? timestamp : least, timestamps[0] ?? 0n)
}

type Place = Pick<OffsetRange, 'topic' | 'topicId' | 'partition'>

function placeOf ({ topic, topicId, partition }: Position): Place {
  return { topic, topicId: topicId ?? null, partition }
}

function comparePlaces (a: Place, b: Place): number {
  const [first, second] = [a.topicId ?? a.topic, b.topicId ?? b.topic]
  return first === second ? a.partition - b.partition : first < second ? -1 : 1
}

/** The ranges of consecutive offsets, sorted by topic, partition and offset. */
function rangesOf (consumed: readonly Position[]): OffsetRange[] {
  const partitions = new Map<string, { readonly place: Place, readonly offsets: bigint[] }>()
  for (const position of consumed) {
    const key = `${position.topicId ?? position.topic}:${position.partition}`
    let partition = partitions.get(key)
    if (partition === undefined) partitions.set(key, partition = { place: placeOf(position), offsets: [] })
    partition.offsets.push(position.offset)
  }
  return [...partitions.values()].sort((a, b) => comparePlaces(a.place, b.place)).flatMap(({ place, offsets }) => {
    const ranges: Array<{ from: bigint, to: bigint }> = []
    for (const offset of BigInt64Array.from(offsets).sort()) {
      const last = ranges.at(-1)
      if (last?.to === offset) last.to = offset + 1n
      else ranges.push({ from: offset, to: offset + 1n })
    }
    return ranges.map(({ from, to }) => ({ ...place, from: String(from), to: String(to) }))
  })
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
