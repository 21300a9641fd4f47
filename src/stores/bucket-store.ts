// An object store in a bucket of any service. An object is created in one conditional request, so it is complete or absent and never
// overwritten. Objects have no Content-Encoding, so nothing decompresses them in transit.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { persist, type RetryPolicy } from '../pipeline/retry.ts'
import { longestPage, type Bucket } from './bucket.ts'
import { assertSameContent } from './conflict.ts'
import { storeErrors } from './errors.ts'
import { incomingName } from './incoming.ts'
import { assertPrefix, namesOf } from './keys.ts'
import type {
  Admit, KeyRange, ObjectMeta, ObjectStart, ObjectStore, PutOutcome, StoredObject
} from './object-store.ts'
import { PendingOperations } from './pending-operations.ts'

interface BucketStoreOptions {
  /** Prefix of all object names. It is empty or ends with a slash. */
  readonly prefix: string
  readonly writable: boolean
  /** Retries of reads. */
  readonly reads: RetryPolicy
}

/** Maximum length of an object name, in bytes. */
const longestName = 1024
/** How long a bucket that proved to exist counts as existing, in ms. A bucket can be deleted while its readers run. */
const bucketSeenMs = 1000
/** Time in milliseconds after which `close` aborts puts in flight. */
const closeMs = 2000

export class BucketStore implements ObjectStore {
  readonly url: string
  readonly #bucket: Bucket
  readonly #prefix: string
  readonly #writable: boolean
  readonly #reads: RetryPolicy
  readonly #pending = new PendingOperations()
  readonly #closing = new AbortController()
  /** Check of the bucket that concurrent reads of missing objects share. */
  #bucketCheck: Promise<void> | undefined

  constructor (bucket: Bucket, { prefix, writable, reads }: BucketStoreOptions) {
    this.url = prefix === '' ? bucket.url : `${bucket.url}/${prefix.slice(0, -1)}`
    this.#bucket = bucket
    this.#prefix = prefix
    this.#writable = writable
    this.#reads = reads
    // Every read that waits for a retry adds a listener to the signal, so turn off Node's warning about a listener leak.
    setMaxListeners(0, this.#closing.signal)
  }

  put (key: string, body: Buffer, meta: ObjectMeta): Promise<PutOutcome> {
    return this.#pending.add(this.#put(key, body, meta))
  }

  async #put (key: string, body: Buffer, meta: ObjectMeta): Promise<PutOutcome> {
    this.#assertWritable(key)
    const name = this.#name(key)
    const failure = await this.#bucket.create(name, body, meta)
    if (failure === undefined) return 'written'
    if (await this.#matchesExisting(name, body, meta)) return 'identical'
    throw failure
  }

  compare (key: string, body: Buffer, meta: ObjectMeta): Promise<'identical' | 'absent'> {
    return this.#pending.add(this.#compare(key, body, meta))
  }

  async #compare (key: string, body: Buffer, meta: ObjectMeta): Promise<'identical' | 'absent'> {
    this.#assertWritable(key)
    return await this.#matchesExisting(this.#name(key), body, meta) ? 'identical' : 'absent'
  }

  /** Whether an object with the same content exists. Rejects with ARCHIVE_CONFLICT if its content differs. */
  async #matchesExisting (name: string, body: Buffer, meta: ObjectMeta): Promise<boolean> {
    const existing = await this.#found(this.#bucket.read(name, 'read the existing object'))
    if (existing === undefined) return false
    await assertSameContent(`${this.#bucket.url}/${name}`, existing.body, body, meta)
    return true
  }

  #assertWritable (key: string): void {
    if (this.#closing.signal.aborted) throw storeErrors.STORE_CLOSED('the store is closed', { where: key })
    if (this.#writable) return
    throw storeErrors.STORE_READ_ONLY('the store is open for reading only', { where: this.url, retryable: false, fatal: true })
  }

  async get (key: string, admit?: Admit): Promise<StoredObject | undefined> {
    const name = this.#name(key)
    return await this.#retry(async () => await this.#found(this.#bucket.read(name, 'read the object', admit)))
  }

  async getStart (key: string, bytes: number): Promise<ObjectStart | undefined> {
    const name = this.#name(key)
    return await this.#retry(async () => await this.#found(this.#bucket.readStart(name, bytes)))
  }

  /** Checks the bucket if the object is missing, because a missing bucket must not look like an empty archive. */
  async #found<T> (reading: Promise<T | undefined>): Promise<T | undefined> {
    const object = await reading
    if (object === undefined && performance.now() - this.#bucket.seenAt > bucketSeenMs) {
      this.#bucketCheck ??= this.#list().finally(() => { this.#bucketCheck = undefined })
      await this.#bucketCheck
    }
    return object
  }

  async * list (prefix: string, { from, before, limit = Infinity }: KeyRange = {}): AsyncIterable<string> {
    assertPrefix(prefix, this.url)
    const bounds = {
      prefix: this.#prefix + prefix,
      ...from === undefined ? {} : { from: this.#prefix + from },
      ...before === undefined ? {} : { before: this.#prefix + before }
    }
    let token: string | undefined
    // Services ignore an empty end of the range.
    let left = before === '' ? 0 : limit
    while (left > 0) {
      const { names, next } = await this.#retry(async () => await this.#bucket.page({ ...bounds, token, max: Math.min(left, longestPage) }))
      for (const name of names) {
        const key = name.slice(this.#prefix.length)
        if (key.startsWith(`${incomingName}/`)) continue
        yield key
        if (--left <= 0) return
      }
      if (next === undefined) return
      token = next
    }
  }

  /** Lists one object, because the permissions of readers and writers include listing objects, but not getting the bucket itself. */
  async check (): Promise<void> {
    await this.#list()
    if (this.#writable) await this.#bucket.prepareWrites?.()
  }

  async #list (): Promise<void> {
    await this.#bucket.page({ prefix: this.#prefix, max: 1 })
  }

  /** Resolves when all puts in flight have settled. Puts that take longer than two seconds are aborted. */
  async close (): Promise<void> {
    this.#closing.abort()
    const settled = this.#pending.settled()
    const timer = new AbortController()
    await Promise.race([settled, sleep(closeMs, undefined, { signal: timer.signal }).catch(() => {})])
    timer.abort()
    this.#bucket.abort()
    await settled
  }

  async #retry<T> (call: () => Promise<T>): Promise<T> {
    return await persist(call, this.#reads, this.#closing.signal)
  }

  #name (key: string): string {
    namesOf(key, this.url)
    const name = this.#prefix + key
    if (Buffer.byteLength(name) > longestName) {
      throw storeErrors.STORE_KEY_INVALID(`the key ${JSON.stringify(key)} is too long for an object name`, { where: this.url })
    }
    return name
  }
}
