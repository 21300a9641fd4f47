// A revision: the rows of a night in an order for searches, without repeated deliveries. It consists of Parquet files and a manifest, which
// is written last: a revision without a manifest is not complete, and readers ignore it. A complete revision never changes.
import { messageOf } from '../pipeline/errors.ts'
import { storeErrors } from '../stores/errors.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { OffsetRange } from './offset-ranges.ts'
import type { RejectedRecord } from './segment.ts'

/** Number of frames of a visit, and of each of its detectors. */
export interface VisitCount {
  /** Decimal digits. Null for alerts without a visit. */
  readonly visit: string | null
  readonly rows: number
  /** By detector. `none` for alerts without a detector. */
  readonly detectors: Readonly<Record<string, number>>
}

/** What the segments of a night contain. Repeated deliveries of a frame count once. */
export interface NightContent {
  readonly version: 1
  /** YYYYMMDD. */
  readonly night: string
  /** Keys of the segments, in ascending order. */
  readonly segments: readonly string[]
  /** Number of distinct frames. */
  readonly rows: number
  /** Number of distinct ids. */
  readonly alerts: number
  /** Sum of the lengths of the frames. */
  readonly bytes: number
  /** Lowest and highest Kafka timestamp of the first deliveries, in ms since 1970. Null if no timestamp is known. */
  readonly firstTimestamp: number | null
  readonly lastTimestamp: number | null
  /** SHA-256 of the lines `id:sha256\n` of the frames, by ascending id as a number, then hash. */
  readonly digest: string
  readonly visits: readonly VisitCount[]
  /** The rejected records of the flushes of the segments, and of those that lie between them. */
  readonly rejected: readonly RejectedRecord[]
  /** Offsets between those of the segments that no segment accounts for. */
  readonly gaps: readonly OffsetRange[]
}

/** The rows of a part of an order. */
export interface RevisionFile {
  readonly key: string
  readonly rows: number
  readonly bytes: number
  readonly sha256: string
  /** First and last value of diaObjectId or healpix29 in the file, in decimal digits. Nulls are last. */
  readonly first: string | null
  readonly last: string | null
}

/** Number of rows of a segment, and the least and greatest value of its columns. 64-bit integers are in decimal digits. */
export interface SegmentSummary {
  readonly rows: number
  /** By column. Null if the column has no values. */
  readonly ranges: Readonly<Record<string, readonly [number | string, number | string] | null>>
}

export interface Manifest extends NightContent {
  readonly revision: number
  /** In the order of `segments`. */
  readonly segmentSummaries: readonly SegmentSummary[]
  readonly files: { readonly byObject: readonly RevisionFile[], readonly byPosition: readonly RevisionFile[] }
  readonly createdAt: string
  readonly writer: string
}

const prefix = 'index/v1/revisions/'
const manifestName = 'manifest.json'

/** @param name name of a file of the revision. Default: its manifest */
export function revisionKey (night: string, revision: number, name = manifestName): string {
  return `${prefix}${night}/${String(revision).padStart(6, '0')}/${name}`
}

interface RevisionNumbers {
  /** The highest number in use, also of a revision without a manifest; 0 if there is none. */
  readonly last: number
  /** The highest number of a complete revision. */
  readonly complete: number | undefined
}

export async function revisionNumbers (store: Pick<ObjectStore, 'list'>, night: string): Promise<RevisionNumbers> {
  return (await listRevisions(store, night)).get(night) ?? { last: 0, complete: undefined }
}

/** The numbers of the revisions of a night, or of all nights, by night. */
export async function listRevisions (store: Pick<ObjectStore, 'list'>, night?: string): Promise<ReadonlyMap<string, RevisionNumbers>> {
  const found = new Map<string, RevisionNumbers>()
  for await (const key of store.list(night === undefined ? prefix : `${prefix}${night}/`)) {
    const parsed = parseRevisionKey(key)
    if (parsed === undefined) continue
    const { night: ofNight, revision, name } = parsed
    const { last, complete } = found.get(ofNight) ?? { last: 0, complete: undefined }
    found.set(ofNight, {
      last: Math.max(last, revision), complete: name === manifestName ? Math.max(complete ?? 0, revision) : complete
    })
  }
  return found
}

/** The night and number of the revision to which a key belongs, and the name of the object. Undefined if it belongs to none. */
export function parseRevisionKey (
  key: string
): { readonly night: string, readonly revision: number, readonly name: string } | undefined {
  const [, night, digits, name] = /^([0-9]{8})\/([0-9]{6,})\/([^/]+)$/.exec(key.slice(prefix.length)) ?? []
  return !key.startsWith(prefix) || night === undefined ? undefined : { night, revision: Number(digits), name: name! }
}

/** The manifest of a revision that was listed. Rejects with OBJECT_CORRUPT if it is missing or not valid. */
export async function readManifest (store: Pick<ObjectStore, 'get' | 'url'>, night: string, revision: number): Promise<Manifest> {
  const manifest = await findManifest(store, night, revision)
  if (manifest !== undefined) return manifest
  const where = `${store.url}: ${revisionKey(night, revision)}`
  throw storeErrors.OBJECT_CORRUPT('the manifest was deleted after it had been listed', { where })
}

/** Resolves to undefined if the store has no such revision. Rejects with OBJECT_CORRUPT if the manifest is not valid. */
export async function findManifest (
  store: Pick<ObjectStore, 'get' | 'url'>, night: string, revision: number
): Promise<Manifest | undefined> {
  const key = revisionKey(night, revision)
  const where = `${store.url}: ${key}`
  const object = await store.get(key)
  if (object === undefined) return undefined
  try {
    const manifest = JSON.parse(object.body.toString()) as Manifest
    if (manifest.version === 1 && manifest.night === night) return manifest
  } catch (cause) {
    throw storeErrors.OBJECT_CORRUPT(`the manifest is not JSON: ${messageOf(cause)}`, { where, cause })
  }
  throw storeErrors.OBJECT_CORRUPT('the object is not the manifest of its night', { where })
}
