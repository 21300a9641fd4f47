// The keys of segments in the index store: index/v1/segments/{night}/{timestamp}-{hash}.parquet.
import type { ObjectStore } from '../stores/object-store.ts'

const prefix = 'index/v1/segments/'
/** Folder of the rows whose ids are not packed. */
export const otherNight = 'other'

const timestampDigits = 13
const largestTimestamp = BigInt('9'.repeat(timestampDigits))
const hashDigits = 16

export interface SegmentKey {
  readonly key: string
  /** Night of its rows as YYYYMMDD, or `other`. */
  readonly night: string
  /** Lowest Kafka timestamp of its rows, in ms since 1970. */
  readonly firstTimestamp: number
}

/** Prefix of the keys of the segments of a night, or of all segments. */
export function segmentPrefix (night?: string): string {
  return night === undefined ? prefix : `${prefix}${night}/`
}

/** @param identity hex digits of the SHA-256 of the content, of which the first are used */
export function segmentKey (night: string, firstTimestamp: bigint, identity: string): string {
  return `${segmentPrefix(night)}${timestampText(firstTimestamp)}-${hashInKey(identity)}`
}

const hashInKey = (identity: string): string => `${identity.slice(0, hashDigits)}.parquet`

/** Whether the key is that of a segment with this content. */
export function hasIdentity (key: string, identity: string): boolean {
  return key.endsWith(`-${hashInKey(identity)}`)
}

/** Returns undefined unless the key is that of a segment. */
export function parseSegmentKey (key: string): SegmentKey | undefined {
  const [, night, first] = /^index\/v1\/segments\/([0-9]{8}|other)\/([0-9]{13})-[0-9a-f]{16}\.parquet$/.exec(key) ?? []
  return night === undefined ? undefined : { key, night, firstTimestamp: Number(first) }
}

/** The segments of a night, or of all nights, in the order of their keys. */
export async function listSegments (store: Pick<ObjectStore, 'list'>, night?: string): Promise<SegmentKey[]> {
  const segments: SegmentKey[] = []
  for await (const key of store.list(segmentPrefix(night))) {
    const segment = parseSegmentKey(key)
    if (segment !== undefined) segments.push(segment)
  }
  return segments
}

export const keysOf = (segments: ReadonlyArray<Pick<SegmentKey, 'key'>>): string[] => segments.map(({ key }) => key)

/** A timestamp in milliseconds, bounded to the range of 13 digits. */
function timestampText (timestamp: bigint): string {
  const bounded = timestamp < 0n ? 0n : timestamp > largestTimestamp ? largestTimestamp : timestamp
  return String(bounded).padStart(timestampDigits, '0')
}
