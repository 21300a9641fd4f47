// An object store in a bucket of Google Cloud Storage. An object is uploaded in one request with ifGenerationMatch=0, so it is complete
// or absent and never overwritten. CRC32C is verified in both directions: the store verifies the announced checksum of an upload, and this
// module verifies the checksum in each response. Objects have no Content-Encoding, so nothing decompresses them in transit. An object that
// another program stored with a Content-Encoding is read as its stored bytes.
import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { persist, type RetryPolicy } from '../pipeline/retry.ts'
import type { Checksums } from './checksums.ts'
import { assertSameContent } from './conflict.ts'
import { crc32c, hex32 } from './crc32c.ts'
import { storeErrors } from './errors.ts'
import { type GcsClient, type GcsJson, type GcsRequest, type GcsResponse } from './gcs-client.ts'
import { mayAlreadyExist, messageIn, responseError, unexpectedResponse, type ErrorResponse, type Operation } from './gcs-errors.ts'
import { assertPrefix, namesOf } from './keys.ts'
import {
  type Admit, type KeyRange, type ObjectMeta, type ObjectStart, type ObjectStore, type PutOutcome, type StoredObject
} from './object-store.ts'
import { PendingOperations } from './pending-operations.ts'

export interface GcsLocation {
  readonly bucket: string
  /** Prefix of all object names. It is empty or ends with a slash. */
  readonly prefix: string
}

/** Names of the metadata fields with the checksums of the uncompressed bytes: CRC32C as 8 hex digits, SHA-256 as 64 hex digits. */
const frameCrc32c = 'crc32c-frame'
const frameSha256 = 'sha256-frame'
/** Maximum length of an object name, in bytes. */
const longestName = 1024
/** Maximum number of keys that Cloud Storage returns per page. */
const longestPage = 1000
/** Statuses of an upload that may mean that the object already exists. */
const existsStatuses: readonly number[] = [403, 409, 412]
/** How long a bucket that proved to exist counts as existing, in ms. A bucket can be deleted while its readers run. */
const bucketSeenMs = 1000
/** Time in milliseconds after which `close` aborts puts in flight. */
const closeMs = 2000

export class GcsStore implements ObjectStore {
  readonly url: string
  readonly #bucket: string
  readonly #prefix: string
  readonly #client: GcsClient
  readonly #writable: boolean
  readonly #reads: RetryPolicy
  readonly #pending = new PendingOperations()
  readonly #closing = new AbortController()
  /** When the bucket last proved to exist, in ms. Shortly afterwards, 404 means that the object is missing. */
  #bucketSeen = -Infinity
  /** Check of the bucket that concurrent reads of missing objects share. */
  #bucketCheck: Promise<void> | undefined

  constructor ({ bucket, prefix }: GcsLocation, client: GcsClient, writable: boolean, reads: RetryPolicy) {
    this.url = `gs://${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}`
    this.#bucket = bucket
    this.#prefix = prefix
    this.#client = client
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
    const operation = { action: 'write the object', where: this.#where(name) }
    const checksum = base64(crc32c(body))
    const response = await this.#client.json({ ...this.#upload(name, body, meta, checksum), ...operation })
    if (!mayAlreadyExist(response)) {
      if (response.status === 403) throw responseError(response, operation)
      if (response.body['crc32c'] !== checksum) await this.#discardIfDamaged(name, body, response.body)
      this.#bucketSeen = performance.now()
      return 'written'
    }
    const existing = await this.#read(name, 'read the existing object')
    if (existing === undefined) {
      // There is no object to replace, so 403 means that the permission to create objects is missing.
      if (response.status === 403) throw responseError(response, operation)
      throw storeErrors.STORE_UNAVAILABLE('the object existed, but was deleted before it could be compared', { where: operation.where })
    }
    await assertSameContent(operation.where, existing.body, body, meta)
    return 'identical'
  }

  compare (key: string, body: Buffer, meta: ObjectMeta): Promise<'identical' | 'absent'> {
    return this.#pending.add(this.#compare(key, body, meta))
  }

  async #compare (key: string, body: Buffer, meta: ObjectMeta): Promise<'identical' | 'absent'> {
    this.#assertWritable(key)
    const name = this.#name(key)
    const existing = await this.#read(name, 'read the existing object')
    if (existing === undefined) return 'absent'
    await assertSameContent(this.#where(name), existing.body, body, meta)
    return 'identical'
  }

  #assertWritable (key: string): void {
    if (this.#closing.signal.aborted) throw storeErrors.STORE_CLOSED('the store is closed', { where: key })
    if (this.#writable) return
    throw storeErrors.STORE_READ_ONLY('the store is open for reading only', { where: this.url, retryable: false, fatal: true })
  }

  #upload (name: string, body: Buffer, meta: ObjectMeta, checksum: string): Omit<GcsRequest, keyof Operation> {
    const { contentType } = meta
    const metadata = { [frameCrc32c]: hex32(meta.crc32c), [frameSha256]: meta.sha256 }
    const resource = JSON.stringify({ contentType, crc32c: checksum, metadata })
    const boundary = randomUUID()
    const head = `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${resource}\r\n` +
      `--${boundary}\r\nContent-Type: ${contentType}\r\n\r\n`
    return {
      method: 'POST',
      uri: `${this.#client.uploads}/b/${this.#bucket}/o`,
      query: { uploadType: 'multipart', name, ifGenerationMatch: 0, fields: 'crc32c,generation' },
      expected: existsStatuses,
      headers: { 'Content-Type': `multipart/related; boundary=${boundary}` },
      body: Buffer.concat([Buffer.from(head), body, Buffer.from(`\r\n--${boundary}--`)])
    }
  }

  // Called if the response does not have the checksum of the upload. Cloud Storage itself rejects damaged uploads; other stores may not.
  // Keeps an intact object. If the object is damaged, deletes the uploaded generation, because a retry would otherwise find a conflict.
  async #discardIfDamaged (name: string, body: Buffer, { crc32c: stored, generation }: GcsJson): Promise<void> {
    const where = this.#where(name)
    if (typeof generation !== 'string' || typeof stored !== 'string') throw unexpectedResponse({ action: 'write the object', where })
    const existing = await this.#read(name, 'read the object just written')
    if (existing?.body.equals(body) === true) return
    await this.#client.json({
      method: 'DELETE', uri: this.#object(name), query: { ifGenerationMatch: generation }, expected: [404, 412],
      action: 'delete the damaged object', where
    })
    const what = `the object was stored with CRC32C ${stored} instead of ${base64(crc32c(body))}, and was deleted`
    throw storeErrors.STORE_DAMAGED(what, { where })
  }

  async get (key: string, admit?: Admit): Promise<StoredObject | undefined> {
    const name = this.#name(key)
    return await this.#retry(async () => await this.#read(name, 'read the object', admit))
  }

  async #read (name: string, action: string, admit?: Admit): Promise<StoredObject | undefined> {
    const operation = { action, where: this.#where(name) }
    const { status, headers, body } = await this.#client.bytes({ ...this.#download(name), expected: [404], admit, ...operation })
    if (status === 404) return await this.#absent({ status, body: body.toString() }, operation)
    const expected = /(?:^|[\s,])crc32c=([A-Za-z0-9+/]{6}==)/.exec(headers['x-goog-hash'] ?? '')?.[1]
    if (expected === undefined) throw unexpectedResponse(operation)
    const actual = base64(crc32c(body))
    if (actual !== expected) {
      const what = `cannot ${action}: the ${body.length} bytes received have CRC32C ${actual} instead of ${expected}`
      throw storeErrors.STORE_DAMAGED(what, { where: operation.where })
    }
    this.#bucketSeen = performance.now()
    return { body, ...checksumsIn(headers) }
  }

  async getStart (key: string, bytes: number): Promise<ObjectStart | undefined> {
    const name = this.#name(key)
    return await this.#retry(async () => await this.#readStart(name, bytes))
  }

  async #readStart (name: string, bytes: number): Promise<ObjectStart | undefined> {
    const operation = { action: 'read the start of the object', where: this.#where(name) }
    const download = this.#download(name, { Range: `bytes=0-${bytes - 1}` })
    const admit = (received: number): void => {
      if (received > bytes) throw unexpectedResponse(operation)
    }
    const { status, headers, body } = await this.#client.bytes({ ...download, expected: [404, 416], admit, ...operation })
    if (status === 404) return await this.#absent({ status, body: body.toString() }, operation)
    // Only an empty object has no first byte.
    if (status === 416) return { start: Buffer.alloc(0), size: 0, ...checksumsIn(headers) }
    const size = status === 206 ? Number(/^bytes 0-\d+\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1]) : body.length
    if (body.length !== Math.min(bytes, size)) throw unexpectedResponse(operation)
    this.#bucketSeen = performance.now()
    return { start: body, size, ...checksumsIn(headers) }
  }

  #download (name: string, headers?: GcsRequest['headers']): Omit<GcsRequest, keyof Operation> {
    // Without "Accept-Encoding: gzip", the store decompresses objects with "Content-Encoding: gzip".
    const common = { 'Accept-Encoding': 'gzip', 'Cache-Control': 'no-store' }
    return { uri: this.#object(name), query: { alt: 'media' }, headers: { ...common, ...headers } }
  }

  // 404 means that the object or the bucket is missing. A missing bucket must not look like an empty archive.
  async #absent (response: ErrorResponse, operation: Operation): Promise<undefined> {
    if (/bucket does not exist/i.test(messageIn(response))) throw responseError(response, operation)
    if (performance.now() - this.#bucketSeen > bucketSeenMs) {
      this.#bucketCheck ??= this.check().finally(() => { this.#bucketCheck = undefined })
      await this.#bucketCheck
    }
    return undefined
  }

  async * list (prefix: string, { from, before, limit = Infinity }: KeyRange = {}): AsyncIterable<string> {
    assertPrefix(prefix, this.url)
    const offsets = {
      ...from === undefined ? {} : { startOffset: this.#prefix + from },
      ...before === undefined ? {} : { endOffset: this.#prefix + before }
    }
    let pageToken: string | undefined
    // Cloud Storage ignores an empty endOffset.
    let left = before === '' ? 0 : limit
    while (left > 0) {
      const position = pageToken === undefined ? offsets : { ...offsets, pageToken }
      const page = await this.#retry(async () => await this.#page(prefix, Math.min(left, longestPage), position))
      for (const { name } of (page['items'] ?? []) as { readonly name: string }[]) {
        yield name.slice(this.#prefix.length)
        if (--left <= 0) return
      }
      pageToken = page['nextPageToken'] as string | undefined
      if (pageToken === undefined || pageToken === '') return
    }
  }

  async #page (prefix: string, maxResults: number, position: Readonly<Record<string, string>> = {}): Promise<GcsJson> {
    const operation = { action: 'list the bucket', where: this.url }
    const query = { prefix: this.#prefix + prefix, maxResults, fields: 'kind,items/name,nextPageToken', ...position }
    const { body } = await this.#client.json({ uri: `b/${this.#bucket}/o`, query, ...operation })
    if (body['kind'] !== 'storage#objects') throw unexpectedResponse(operation)
    this.#bucketSeen = performance.now()
    return body
  }

  /** Lists one object, because the roles of readers and writers permit listing objects, but not getting the bucket itself. */
  async check (): Promise<void> {
    await this.#page('', 1)
  }

  /** Resolves when all puts in flight have settled. Puts that take longer than two seconds are aborted. */
  async close (): Promise<void> {
    this.#closing.abort()
    const settled = this.#pending.settled()
    const timer = new AbortController()
    await Promise.race([settled, sleep(closeMs, undefined, { signal: timer.signal }).catch(() => {})])
    timer.abort()
    this.#client.abort()
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

  #object (name: string): string {
    return `b/${this.#bucket}/o/${encodeURIComponent(name)}`
  }

  #where (name: string): string {
    return `gs://${this.#bucket}/${name}`
  }
}

/** The checksums in the metadata. Downloads through the JSON API may omit the metadata. */
function checksumsIn (headers: GcsResponse<Buffer>['headers']): Partial<Checksums> {
  const crc = /^[0-9a-f]{8}$/.exec(headers[`x-goog-meta-${frameCrc32c}`] ?? '')?.[0]
  const sha256 = /^[0-9a-f]{64}$/.exec(headers[`x-goog-meta-${frameSha256}`] ?? '')?.[0]
  return { ...crc === undefined ? {} : { crc32c: Number.parseInt(crc, 16) }, ...sha256 === undefined ? {} : { sha256 } }
}

/** A checksum in the notation of Cloud Storage: 4 bytes, big-endian, in base64. */
function base64 (checksum: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(checksum)
  return bytes.toString('base64')
}
