// What differs between the services that hold buckets: the requests for the objects of one bucket. `BucketStore` does everything else.
// Names are complete object names. Every call rejects with a STORE_* error, and a request has a deadline.
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { Checksums } from './checksums.ts'
import { crc32c, hex32 } from './crc32c.ts'
import type { Admit, KeyRange, ObjectMeta, ObjectStart, StoredObject } from './object-store.ts'

/** Names of the metadata fields with the checksums of the uncompressed bytes: CRC32C as 8 hex digits, SHA-256 as 64 hex digits. */
const frameCrc32c = 'crc32c-frame'
const frameSha256 = 'sha256-frame'
/** Maximum number of names per page of a listing. */
export const longestPage = 1000

export interface PageRequest extends Pick<KeyRange, 'from' | 'before'> {
  readonly prefix: string
  /** Maximum number of names, at most `longestPage`. */
  readonly max: number
  /** `next` of the previous page. Default: the first page. */
  readonly token?: string | undefined
}

/** Names in ascending order of their UTF-8 bytes. */
export interface Page {
  readonly names: readonly string[]
  /** Undefined for the last page. */
  readonly next: string | undefined
}

export interface Bucket {
  /** Scheme and bucket name, such as `gs://bucket`. */
  readonly url: string
  /** When the bucket last proved to exist, as of performance.now(). Shortly afterwards, a missing object is not a missing bucket. */
  readonly seenAt: number
  /**
   * Creates an object, verifies that the service has received it undamaged, and resolves to undefined. If an object may already exist under
   * the name, nothing is written, and the call resolves to the error to report if there is no such object after all.
   */
  create (name: string, body: Buffer, meta: ObjectMeta): Promise<AlertStreamError | undefined>
  /** Reads and verifies an object. `action` is for error messages. Undefined: the service knows no such object. */
  read (name: string, action: string, admit?: Admit): Promise<StoredObject | undefined>
  readStart (name: string, bytes: number): Promise<ObjectStart | undefined>
  page (request: PageRequest): Promise<Page>
  /** Makes sure that `create` cannot overwrite an object. Absent if the service guarantees it. */
  prepareWrites? (): Promise<void>
  /** Ends all requests in flight. Their calls reject, and all later calls reject too. */
  abort (): void
}

/** The metadata fields of an object. */
export function metadataOf ({ crc32c, sha256 }: Pick<ObjectMeta, 'crc32c' | 'sha256'>): Record<string, string> {
  return { [frameCrc32c]: hex32(crc32c), [frameSha256]: sha256 }
}

/** The checksums in the metadata fields of an object. Objects of other programs and of older versions lack some of them. */
export function checksumsIn (field: (name: string) => string | undefined): Partial<Checksums> {
  const crc = /^[0-9a-f]{8}$/.exec(field(frameCrc32c) ?? '')?.[0]
  const sha256 = /^[0-9a-f]{64}$/.exec(field(frameSha256) ?? '')?.[0]
  return { ...crc === undefined ? {} : { crc32c: Number.parseInt(crc, 16) }, ...sha256 === undefined ? {} : { sha256 } }
}

/** A CRC32C as the services write it: 4 bytes, big-endian, in base64. */
export function base64Crc32c (body: Uint8Array): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32c(body))
  return bytes.toString('base64')
}
