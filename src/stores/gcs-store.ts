// An archive in a bucket of Google Cloud Storage. An object is uploaded in one request that only succeeds where its name is free, so it is whole
// or not there and never overwritten; the upload announces the bytes' CRC32C, which the store checks, and what it says it stored is checked here.
// What is read is checked against the CRC32C that the store keeps. Objects have no Content-Encoding, so nobody unpacks them on the way; one
// that somebody else stored with it is read as the bytes that are stored.
import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { silent, type Logger } from '../pipeline/log.ts'
import { isFatal, noRetry, persist, type RetryPolicy } from '../pipeline/retry.ts'
import { formatError } from '../pipeline/errors.ts'
import { assertSameContent } from './conflict.ts'
import { crc32c, hex32 } from './crc32c.ts'
import { storeErrors } from './errors.ts'
import { GcsClient, type GcsJson, type GcsRequest } from './gcs-client.ts'
import { isInTheWay, refusalError, strangeError, wordsOf } from './gcs-errors.ts'
import { checkPrefix, namesOf } from './keys.ts'
import { type ObjectMeta, type ObjectStore, type PutOutcome, type StoredObject } from './object-store.ts'
import { Underway } from './underway.ts'

export interface GcsStoreOptions {
  /** 'write' finds out at the opening whether the bucket can be used; 'read' opens at once and rejects every put. Default 'write'. */
  readonly access?: 'read' | 'write'
  readonly log?: Logger
  /** Google Cloud project; default: that of the credentials. */
  readonly project?: string | undefined
  /** What STORAGE_EMULATOR_HOST says: `host:port` or a URL. */
  readonly emulatorHost?: string | undefined
  /** How long one request may take until it is cut, milliseconds; default 15,000. */
  readonly requestMs?: number
  /**
   * Tries of reads. A writer's store makes one: the pipeline tries the whole put again, and two layers would multiply. A reader (the API) has
   * nobody who would, so its store makes three, within the time that a client waits.
   */
  readonly reads?: RetryPolicy
}

export interface GcsLocation {
  readonly bucket: string
  /** Before every key: '' or ending with a slash. */
  readonly prefix: string
}

/** Metadata of an object: CRC32C of the uncompressed bytes, 8 hex digits. */
export const frameCrc32c = 'crc32c-frame'

const readerTries: RetryPolicy = { attempts: 3, baseMs: 200, maxMs: 2000 }
const defaultRequestMs = 15_000
const longestName = 1024
/** Answers that may mean that there is an object of that name. */
const maybeTaken: readonly number[] = [403, 409, 412]
/** At a close, what is under way gets so long; then it is cut: nobody waits for it any more. */
const closeMs = 2000

/** Opens the store. Rejects with STORE_EMULATOR_INVALID, and for writing with the fatal STORE_* errors; what passes by itself is only logged. */
export async function openGcsStore (location: GcsLocation, options: GcsStoreOptions = {}): Promise<ObjectStore> {
  const { access = 'write', log = silent, project, emulatorHost, requestMs = defaultRequestMs } = options
  const client = new GcsClient({ project, emulatorHost, requestMs })
  const store = new GcsStore(location, client, access === 'write', options.reads ?? (access === 'write' ? noRetry : readerTries))
  if (access === 'write') {
    await store.check().catch((error: unknown) => {
      if (isFatal(error)) throw error
      log.warn({ store: store.url, error: formatError(error) }, 'the store does not answer yet')
    })
  }
  return store
}

export class GcsStore implements ObjectStore {
  readonly url: string
  readonly #bucket: string
  readonly #prefix: string
  readonly #client: GcsClient
  readonly #writable: boolean
  readonly #reads: RetryPolicy
  readonly #underway = new Underway()
  readonly #closing = new AbortController()
  /** The bucket has answered once: from then on, 404 means the object. */
  #found = false

  constructor ({ bucket, prefix }: GcsLocation, client: GcsClient, writable: boolean, reads: RetryPolicy) {
    this.url = `gs://${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}`
    this.#bucket = bucket
    this.#prefix = prefix
    this.#client = client
    this.#writable = writable
    this.#reads = reads
    // Every read that pauses between two tries listens: that is no leak to warn of.
    setMaxListeners(0, this.#closing.signal)
  }

  put (key: string, body: Buffer, meta: ObjectMeta): Promise<PutOutcome> {
    return this.#underway.add(this.#put(key, body, meta))
  }

  async #put (key: string, body: Buffer, meta: ObjectMeta): Promise<PutOutcome> {
    if (this.#closing.signal.aborted) throw storeErrors.STORE_CLOSED('the store is closed', { where: key })
    if (!this.#writable) throw storeErrors.STORE_READ_ONLY('the store was opened for reading', { where: this.url, retryable: false, fatal: true })
    const name = this.#name(key)
    const where = this.#where(name)
    const checksum = base64(crc32c(body))
    const doing = 'writing the object'
    const { status, body: answer } = await this.#client.json({ ...this.#upload(name, body, meta, checksum), doing, where })
    const refusal = { status, body: answer }
    if (!isInTheWay(refusal)) {
      if (status === 403) throw refusalError(refusal, { doing, where })
      if (answer['crc32c'] !== checksum) await this.#discard(name, body, answer)
      this.#found = true
      return 'written'
    }
    const existing = await this.#read(name, 'reading the object that is there already')
    if (existing === undefined) {
      // Nothing is there to be replaced: then it is the right to write that lacks.
      if (status === 403) throw refusalError(refusal, { doing, where })
      throw storeErrors.STORE_UNAVAILABLE('the object was in the way and then gone', { where })
    }
    await assertSameContent(where, existing.body, body, meta)
    return 'identical'
  }

  #upload (name: string, body: Buffer, meta: ObjectMeta, checksum: string): Pick<GcsRequest, 'method' | 'uri' | 'query' | 'headers' | 'body' | 'expected'> {
    const { contentType } = meta
    const resource = JSON.stringify({ contentType, crc32c: checksum, metadata: { [frameCrc32c]: hex32(meta.crc32c) } })
    const boundary = randomUUID()
    const head = `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${resource}\r\n--${boundary}\r\nContent-Type: ${contentType}\r\n\r\n`
    return {
      method: 'POST',
      uri: `${this.#client.uploads}/b/${this.#bucket}/o`,
      query: { uploadType: 'multipart', name, ifGenerationMatch: 0, fields: 'crc32c,generation' },
      expected: maybeTaken,
      headers: { 'Content-Type': `multipart/related; boundary=${boundary}` },
      body: Buffer.concat([Buffer.from(head), body, Buffer.from(`\r\n--${boundary}--`)])
    }
  }

  // A store that has checked the announced checksum never comes here. Resolves where it is only the answer that was damaged, and what is stored is
  // whole: that must stay. Else it is ours and damaged, and that very generation goes, so that the next try finds the name free instead of a conflict.
  async #discard (name: string, body: Buffer, { crc32c: stored, generation }: GcsJson): Promise<void> {
    const where = this.#where(name)
    if (typeof generation !== 'string' || typeof stored !== 'string') throw strangeError({ doing: 'writing the object', where })
    const there = await this.#read(name, 'reading what was stored')
    if (there?.body.equals(body) === true) return
    await this.#client.json({
      method: 'DELETE', uri: this.#object(name), query: { ifGenerationMatch: generation }, expected: [404, 412], doing: 'removing the damaged object', where
    })
    throw storeErrors.STORE_DAMAGED(`the object arrived with CRC32C ${stored} instead of ${base64(crc32c(body))}, and was removed`, { where })
  }

  async get (key: string): Promise<StoredObject | undefined> {
    const name = this.#name(key)
    return await this.#again(async () => await this.#read(name, 'reading the object'))
  }

  async #read (name: string, doing: string): Promise<StoredObject | undefined> {
    const where = this.#where(name)
    const { status, headers, body } = await this.#client.bytes({
      uri: this.#object(name),
      query: { alt: 'media' },
      // Whoever does not accept gzip gets an object with Content-Encoding: gzip unpacked by the store.
      headers: { 'Accept-Encoding': 'gzip', 'Cache-Control': 'no-store' },
      expected: [404], doing, where
    })
    if (status === 404) return await this.#absent({ status, body: body.toString() }, doing, where)
    const kept = /(?:^|[\s,])crc32c=([A-Za-z0-9+/]{6}==)/.exec(headers['x-goog-hash'] ?? '')?.[1]
    if (kept === undefined) throw strangeError({ doing, where })
    const came = base64(crc32c(body))
    if (came !== kept) throw storeErrors.STORE_DAMAGED(`${doing} failed: ${body.length} bytes came with CRC32C ${came} instead of ${kept}`, { where })
    this.#found = true
    // The JSON API's downloads may come without the object's own metadata; the bytes are checked either way.
    const frame = /^[0-9a-f]{8}$/.exec(headers[`x-goog-meta-${frameCrc32c}`] ?? '')?.[0]
    return { body, crc32c: frame === undefined ? undefined : Number.parseInt(frame, 16) }
  }

  async exists (key: string): Promise<boolean> {
    const name = this.#name(key)
    const where = this.#where(name)
    const doing = 'looking for the object'
    return await this.#again(async () => {
      const { status, body } = await this.#client.json({ uri: this.#object(name), query: { fields: 'name' }, expected: [404], doing, where })
      if (status === 404) return await this.#absent({ status, body }, doing, where) ?? false
      if (body['name'] !== name) throw strangeError({ doing, where })
      return true
    })
  }

  // 404 is said of an object and of a bucket alike. A bucket that is not there must not look like an empty archive.
  async #absent (refusal: { readonly status: number, readonly body: unknown }, doing: string, where: string): Promise<undefined> {
    if (/bucket does not exist/i.test(wordsOf(refusal))) throw refusalError(refusal, { doing, where })
    if (!this.#found) await this.check()
    return undefined
  }

  async * list (prefix: string): AsyncIterable<string> {
    checkPrefix(prefix, this.url)
    let page: string | undefined
    do {
      const answer = await this.#again(async () => await this.#page(prefix, page))
      for (const { name } of (answer['items'] ?? []) as { readonly name: string }[]) yield name.slice(this.#prefix.length)
      page = answer['nextPageToken'] as string | undefined
    } while (page !== undefined && page !== '')
  }

  async #page (prefix: string, page: string | undefined, most = 1000): Promise<GcsJson> {
    const doing = 'listing the store'
    const { body } = await this.#client.json({
      uri: `b/${this.#bucket}/o`,
      query: { prefix: this.#prefix + prefix, maxResults: most, fields: 'kind,items/name,nextPageToken', ...page === undefined ? {} : { pageToken: page } },
      doing,
      where: this.url
    })
    if (body['kind'] !== 'storage#objects') throw strangeError({ doing, where: this.url })
    this.#found = true
    return body
  }

  /** By a listing of one object: the roles of readers (objectViewer) and of writers (objectCreator beside it) may list, but may not look at the bucket. */
  async check (): Promise<void> {
    await this.#page('', undefined, 1)
  }

  /** Resolves when the puts that were begun have ended, after two seconds at the latest. */
  async close (): Promise<void> {
    this.#closing.abort()
    const ended = this.#underway.ended()
    const patience = new AbortController()
    await Promise.race([ended, sleep(closeMs, undefined, { signal: patience.signal }).catch(() => {})])
    patience.abort()
    this.#client.abort()
    await ended
  }

  async #again<T> (call: () => Promise<T>): Promise<T> {
    return await persist(call, this.#reads, this.#closing.signal)
  }

  #name (key: string): string {
    namesOf(key, this.url)
    const name = this.#prefix + key
    if (Buffer.byteLength(name) > longestName) throw storeErrors.STORE_KEY_INVALID(`${JSON.stringify(key)} is too long for an object's name`, { where: this.url })
    return name
  }

  #object (name: string): string {
    return `b/${this.#bucket}/o/${encodeURIComponent(name)}`
  }

  #where (name: string): string {
    return `gs://${this.#bucket}/${name}`
  }
}

/** As Cloud Storage writes checksums: 4 bytes, big-endian, in base64. */
function base64 (checksum: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(checksum)
  return bytes.toString('base64')
}
