// What the archive asks of a place that keeps objects: a folder of files or a bucket of Google Cloud Storage.
// Guarantees of every implementation: an object is visible whole or not at all; `put` resolves only when the object is durable; an object
// is never overwritten (files: link(2); buckets: ifGenerationMatch 0); putting the same content again is 'identical' and writes nothing.

/** What is told of an object when it is put. */
export interface ObjectMeta {
  /** Media type of the stored bytes. For `application/gzip`, two objects are the same when their *inflated* bytes are. */
  readonly contentType: string
  /** CRC32C of the uncompressed bytes (an alert's frame). Kept as metadata where the store has metadata. */
  readonly crc32c: number
  /** Decides whether an existing object has this content, where neither equal bytes nor equal inflated bytes is the right question. */
  same? (existing: Buffer): Promise<boolean> | boolean
}

export interface StoredObject {
  /** The bytes as stored. */
  readonly body: Buffer
  /** CRC32C of the uncompressed bytes as it was put, where the store keeps metadata. */
  readonly crc32c?: number | undefined
}

/** 'identical': the object was there already, with the same content. */
export type PutOutcome = 'written' | 'identical'

export interface ObjectStore {
  /** `file:///dir` or `gs://bucket/prefix`: names the store in logs and errors. */
  readonly url: string
  /**
   * Writes an object that must not exist yet. Resolves when it is durable.
   * Rejects with ARCHIVE_CONFLICT (not retryable) when the key holds other content, or with a STORE_* error.
   */
  put (key: string, body: Buffer, meta: ObjectMeta): Promise<PutOutcome>
  /** Undefined when there is no such object; rejects with a STORE_* error when that cannot be known. */
  get (key: string): Promise<StoredObject | undefined>
  exists (key: string): Promise<boolean>
  /** Keys that begin with `prefix`, in no particular order. Objects still being written are not among them. */
  list (prefix: string): AsyncIterable<string>
  /** Resolves when the store can be reached and used as it was opened; rejects with a STORE_* error otherwise. */
  check (): Promise<void>
  close (): Promise<void>
}
