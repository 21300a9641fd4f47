// The cursor of a listing: the last id of a page, and the segments with which the listing began. All pages of a listing therefore show the
// alerts that were indexed when it began. A cursor is valid only for the query that it was made for.
import { createHash } from 'node:crypto'
import type { SegmentKey } from '../alert-index/segment-key.ts'
import { searchErrors } from './errors.ts'
import type { AlertQuery } from './query.ts'

export interface Cursor {
  /** The listing continues after this id. */
  readonly after: bigint
  /** Digests of the keys of the segments. */
  readonly segments: ReadonlySet<string>
}

const version = 1
const queryBytes = 6
const segmentBytes = 6
const headBytes = 1 + queryBytes + 8
/**
 * Maximum number of segments of a listing with several pages. The cursor then has 7200 characters, because common proxies limit a request
 * line to 8 KiB.
 */
const maxSegments = 890

/** Error: SEARCH_TOO_BROAD if the listing began with too many segments. */
export function encodeCursor (query: AlertQuery, after: bigint, segments: readonly SegmentKey[]): string {
  if (segments.length > maxSegments) {
    throw searchErrors.SEARCH_TOO_BROAD(`the listing has several pages and reads ${segments.length} segments, more than ${maxSegments}`)
  }
  const head = Buffer.alloc(headBytes)
  head[0] = version
  queryDigest(query).copy(head, 1)
  head.writeBigInt64BE(after, 1 + queryBytes)
  return Buffer.concat([head, ...segments.map(({ key }) => digest(key, segmentBytes))]).toString('base64url')
}

/** Returns undefined unless the text is a cursor of the query. */
export function decodeCursor (query: AlertQuery, text: string): Cursor | undefined {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length < headBytes || (bytes.length - headBytes) % segmentBytes !== 0 || bytes[0] !== version) return undefined
  if (bytes.toString('base64url') !== text || !bytes.subarray(1, 1 + queryBytes).equals(queryDigest(query))) return undefined
  const segments = new Set<string>()
  for (let at = headBytes; at < bytes.length; at += segmentBytes) segments.add(bytes.toString('hex', at, at + segmentBytes))
  return { after: bytes.readBigInt64BE(1 + queryBytes), segments }
}

/** The segments with which a listing began. Error: SEGMENT_GONE if one of them was deleted. */
export function segmentsOf (cursor: Cursor, found: readonly SegmentKey[]): readonly SegmentKey[] {
  const segments = found.filter(({ key }) => cursor.segments.has(digest(key, segmentBytes).toString('hex')))
  if (segments.length === cursor.segments.size) return segments
  throw searchErrors.SEGMENT_GONE(`${cursor.segments.size - segments.length} segments of the listing were deleted since it began`)
}

function queryDigest (query: AlertQuery): Buffer {
  return digest(JSON.stringify(query, (_key, value: unknown) => typeof value === 'bigint' ? String(value) : value), queryBytes)
}

function digest (text: string, bytes: number): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, bytes)
}
