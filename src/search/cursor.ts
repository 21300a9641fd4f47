// The cursor of a listing: the last id of a page, and the revisions and segments with which the listing began. All pages of a listing
// therefore show the alerts that were indexed when it began. A cursor is valid only for the query that it was made for.
import { createHash } from 'node:crypto'
import type { SegmentKey } from '../alert-index/segment-key.ts'
import { dateText } from '../ids/night.ts'
import { searchErrors } from './errors.ts'
import type { AlertQuery } from './query.ts'

interface RevisionNumber {
  /** YYYYMMDD. */
  readonly night: string
  readonly revision: number
}

export interface Cursor {
  /** The listing continues after this id. */
  readonly after: bigint
  readonly revisions: readonly RevisionNumber[]
  /** Digests of the keys of the segments. */
  readonly segments: ReadonlySet<string>
}

/** What a cursor holds of the files of a listing. */
interface Listing {
  readonly revisions: readonly RevisionNumber[]
  readonly segments: readonly SegmentKey[]
}

/** Layout: version, digest of the query, last id, number of revisions, then for each its night and number, then digests of segments. */
const version = 2
const queryBytes = 6
const segmentBytes = 6
const headBytes = 1 + queryBytes + 8
/** The cursor then has 7200 characters, because common proxies limit a request line to 8 KiB. */
const maxBytes = 5400
const dayMs = 86_400_000

/** Error: SEARCH_TOO_BROAD if the listing began with too many revisions and segments. */
export function encodeCursor (query: AlertQuery, after: bigint, { revisions, segments }: Listing): string {
  const head = Buffer.alloc(headBytes)
  head[0] = version
  queryDigest(query).copy(head, 1)
  head.writeBigInt64BE(after, 1 + queryBytes)
  const digests = segments.map(({ key }) => digest(key, segmentBytes))
  const bytes = Buffer.concat([head, Buffer.from(revisionBytes(revisions)), ...digests])
  if (bytes.length <= maxBytes) return bytes.toString('base64url')
  throw searchErrors.SEARCH_TOO_BROAD('the listing has several pages, and its ' +
    `${revisions.length} revisions and ${segments.length} segments are more than a cursor can hold`)
}

/** Returns undefined unless the text is a cursor of the query. */
export function decodeCursor (query: AlertQuery, text: string): Cursor | undefined {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length <= headBytes || bytes[0] !== version || bytes.toString('base64url') !== text) return undefined
  if (!bytes.subarray(1, 1 + queryBytes).equals(queryDigest(query))) return undefined
  const read = readRevisions(bytes.subarray(headBytes))
  if (read === undefined || read.rest.length % segmentBytes !== 0) return undefined
  const segments = new Set<string>()
  for (let at = 0; at < read.rest.length; at += segmentBytes) segments.add(read.rest.toString('hex', at, at + segmentBytes))
  return { after: bytes.readBigInt64BE(1 + queryBytes), revisions: read.revisions, segments }
}

/** The segments with which a listing began. Error: SEGMENT_GONE if one of them was deleted. */
export function segmentsOf (cursor: Cursor, found: readonly SegmentKey[]): readonly SegmentKey[] {
  const segments = found.filter(({ key }) => cursor.segments.has(digest(key, segmentBytes).toString('hex')))
  if (segments.length === cursor.segments.size) return segments
  throw searchErrors.SEGMENT_GONE(`${cursor.segments.size - segments.length} segments of the listing were deleted since it began`)
}

/** About 2 bytes for each revision: days since the night before it, and its number. */
function revisionBytes (revisions: readonly RevisionNumber[]): number[] {
  const bytes: number[] = []
  const add = (value: number): void => {
    for (; value > 127; value = Math.floor(value / 128)) bytes.push(value % 128 + 128)
    bytes.push(value)
  }
  add(revisions.length)
  let last = 0
  for (const { night, revision } of revisions.toSorted((a, b) => Number(a.night) - Number(b.night))) {
    const day = dayOf(night)
    add(day - last)
    add(revision)
    last = day
  }
  return bytes
}

/** Returns undefined if the bytes end too early. */
function readRevisions (bytes: Buffer): { readonly revisions: readonly RevisionNumber[], readonly rest: Buffer } | undefined {
  let at = 0
  const next = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? NaN
      value += byte % 128 * scale
      if (!(byte > 127)) return value
    }
  }
  const count = next()
  const revisions: RevisionNumber[] = []
  for (let day = 0; revisions.length < count;) {
    day += next()
    const revision = next()
    if (Number.isNaN(revision) || day > maxDay) return undefined
    revisions.push({ night: dateText(day * dayMs), revision })
  }
  return Number.isNaN(count) ? undefined : { revisions, rest: bytes.subarray(at) }
}

const maxDay = Date.UTC(9999, 11, 31) / dayMs
const dayOf = (night: string): number => Date.parse(`${night.slice(0, 4)}-${night.slice(4, 6)}-${night.slice(6)}`) / dayMs

function queryDigest (query: AlertQuery): Buffer {
  return digest(JSON.stringify(query, (_key, value: unknown) => typeof value === 'bigint' ? String(value) : value), queryBytes)
}

function digest (text: string, bytes: number): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, bytes)
}
