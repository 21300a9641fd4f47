// The interface of an object store: a folder of files or a bucket of Google Cloud Storage.
// Guarantees of every implementation: an object is visible completely or not at all; `put` resolves only when the object is durable;
// an object is never overwritten (files: link(2); buckets: ifGenerationMatch=0).

export interface ObjectMeta {
  /** Media type of the stored bytes. Two `application/gzip` objects are identical if their *inflated* bytes are equal. */
  readonly contentType: string
  /** CRC32C of the uncompressed bytes (the frame of an alert). Stored as metadata if the store keeps metadata. */
  readonly crc32c: number
  /** Whether an existing object has the same content. Default: compares the bytes, or the inflated bytes if `contentType` is gzip. */
  same? (existing: Buffer): Promise<boolean> | boolean
}

export interface StoredObject {
  /** The bytes as stored. */
  readonly body: Buffer
  /** CRC32C of the uncompressed bytes as given to `put`. Undefined if the object has no such metadata. */
  readonly crc32c?: number | undefined
}

/**
 * Called with the size of an object before its bytes are read, and again if the object turns out to be larger. If it throws, the read stops
 * and rejects with that error.
 */
export type Admit = (bytes: number) => void

/** 'identical': the object already existed with the same content, and nothing was written. */
export type PutOutcome = 'written' | 'identical'

export interface ObjectStore {
  /** `file:///dir` or `gs://bucket/prefix`. Names the store in logs and errors. */
  readonly url: string
  /**
   * Stores an object; never replaces an existing object. Resolves when the object is durable.
   * Rejects with ARCHIVE_CONFLICT if the key has different content, or with a STORE_* error.
   */
  put (key: string, body: Buffer, meta: ObjectMeta): Promise<PutOutcome>
  /**
   * Resolves to undefined if the key has no object. Rejects with a STORE_* error if the store cannot be read, and also if the folder or
   * bucket itself is missing (or a folder is empty, as an unmounted volume leaves it): an archive that is away has not lost the object.
   */
  get (key: string, admit?: Admit): Promise<StoredObject | undefined>
  /** Keys that begin with `prefix`, in no particular order, without unfinished objects. */
  list (prefix: string): AsyncIterable<string>
  /** Checks that a folder can be read (and written, if opened for writing) or a bucket can be listed. Else rejects with a STORE_* error. */
  check (): Promise<void>
  close (): Promise<void>
}
