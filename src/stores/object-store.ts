// The interface of an object store: a folder of files or a bucket of Google Cloud Storage.
// Guarantees of every implementation: an object is visible completely or not at all; `put` resolves only when the object is durable;
// an object is never overwritten (files: link(2); buckets: ifGenerationMatch=0).
import type { Checksums } from './checksums.ts'

/** What the caller knows about an object. Buckets keep both checksums as metadata, folders keep no metadata. */
export interface ObjectMeta extends Checksums {
  /** Media type of the stored bytes. The checksums of an `application/gzip` object are those of its *inflated* bytes. */
  readonly contentType: string
  /** Whether an existing object has the same content. Default: compares the SHA-256 of the (inflated) bytes with `sha256`. */
  same? (existing: Buffer): Promise<boolean> | boolean
}

/** The checksums are as given to `put`. They are absent if the object has no such metadata; objects of older versions have no SHA-256. */
export interface StoredObject extends Partial<Checksums> {
  /** The bytes as stored. */
  readonly body: Buffer
}

/**
 * Called with the size of an object before its bytes are read, and again if the object turns out to be larger. If it throws, the read stops
 * and rejects with that error.
 */
export type Admit = (bytes: number) => void

/** The beginning of an object, with its checksums like a `StoredObject`. The checksums are not compared with the bytes. */
export interface ObjectStart extends Partial<Checksums> {
  /** The first bytes as stored. */
  readonly start: Buffer
  /** Size of the complete object, in bytes. */
  readonly size: number
}

/** Part of a listing. Keys are complete, so they begin with the prefix of the listing, and are compared by their UTF-8 bytes. */
export interface KeyRange {
  /** First key, inclusive. */
  readonly from?: string
  /** End of the range, exclusive. */
  readonly before?: string
  /** Maximum number of keys. */
  readonly limit?: number
}

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
   * Compares like `put`, but writes nothing: resolves to 'identical' if the key has the same content and the object is durable, to 'absent'
   * if the key has no object. Rejects with ARCHIVE_CONFLICT if the key has different content, or with a STORE_* error.
   */
  compare (key: string, body: Buffer, meta: ObjectMeta): Promise<'identical' | 'absent'>
  /**
   * Resolves to undefined if the key has no object. Rejects with a STORE_* error if the store cannot be read, and also if the folder or
   * bucket itself is missing (or a folder is empty, as an unmounted volume leaves it): an archive that is away has not lost the object.
   */
  get (key: string, admit?: Admit): Promise<StoredObject | undefined>
  /**
   * Reads the first `bytes` bytes of an object (at least 1), or the complete object if it is shorter. Resolves to undefined and rejects
   * like `get`. A bucket verifies the length of the response, but has no checksum of a part of an object.
   */
  getStart (key: string, bytes: number): Promise<ObjectStart | undefined>
  /**
   * Keys that begin with `prefix`, in ascending order of their UTF-8 bytes, without unfinished objects. Default range: all keys. Streams
   * the keys, so the memory in use does not depend on their number.
   */
  list (prefix: string, range?: KeyRange): AsyncIterable<string>
  /** Checks that a folder can be read (and written, if opened for writing) or a bucket can be listed. Else rejects with a STORE_* error. */
  check (): Promise<void>
  close (): Promise<void>
}
