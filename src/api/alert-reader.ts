// Reads alerts for responses. Guarantees: only verified alerts are handed out; the alerts in responses stay within a memory budget;
// concurrent requests for an alert share one read and one buffer; a bounded number of reads runs and waits at the same time. A cache keeps
// the most recently used alerts after their verification. An archived object never changes, so cached alerts do not expire.
// Responses without a body (HEAD, 304) need only the first kilobyte of an object, if the object or its metadata identifies the frame.
import { LRUCache } from 'lru-cache'
import { Slots } from '../pipeline/slots.ts'
import { frameIdentity } from '../provenance/provenance.ts'
import type { ArchiveReader } from '../stores/archive.ts'
import { sha256 } from '../stores/checksums.ts'
import { crc32c } from '../stores/crc32c.ts'
import { gzipHeader } from '../stores/gzip-header.ts'
import { entityTag, type Coding } from './conditional.ts'
import { apiErrors } from './errors.ts'

/** The body of a response. */
export interface Content {
  readonly body: Buffer
  /** Identity if the alert is stored uncompressed, even if the client accepts gzip. */
  readonly coding: Coding
  readonly tag: string
}

/** The headers of a response without its body. */
export interface Head {
  readonly tag: string
  readonly coding: Coding
  /** Length of the body in bytes. Undefined if only the complete object can tell. */
  readonly length: number | undefined
}

export interface Lease {
  /** The content, if it is in memory. */
  readonly ready: Content | undefined
  /** Resolves to undefined if the alert is not archived. Rejects with the error of the archive, or with an API_* error under overload. */
  readonly content: Promise<Content | undefined>
  /** Must be called once, when the response has been sent or its client is gone. */
  release (): void
}

export interface ReaderLimits {
  /** Memory for alerts in responses, in bytes, apart from the cache. A single alert may exceed it. */
  readonly bufferBytes: number
  /** Memory for the cache, in bytes. 0: every response reads the archive. */
  readonly cacheBytes: number
  /** Reads that run at the same time. */
  readonly reads: number
  /** Reads that may wait for their turn. */
  readonly waitingReads: number
}

/** An alert in memory, which any number of responses use. */
interface Entry {
  content: Promise<Content | undefined>
  ready: Content | undefined
  users: number
  /** Bytes that count towards `bufferBytes`. 0 while the alert is in the cache. */
  bytes: number
  loading: boolean
}

/** Stored gzip that was verified. */
interface Verified {
  /** CRC32C and length of the stored bytes. */
  readonly stored: string
  readonly storedBytes: number
  /** SHA-256 of the frame. */
  readonly sha256: string
  readonly frameBytes: number
}

type AlertArchive = Pick<ArchiveReader, 'findAlert' | 'getAlertStart' | 'maxFrameBytes'>

const rememberedAlerts = 65_536
/** Bytes of an object that are read for a response without a body. The provenance is longer only if a record has many headers. */
const headBytes = 1024
/** Part of the cache that one alert may take, so that a few large alerts do not displace all others. */
const maxCachePart = 1 / 8

export class AlertReader {
  readonly #archive: AlertArchive
  readonly #limits: ReaderLimits
  readonly #slots: Slots
  readonly #entries = new Map<string, Entry>()
  /** By alert id. Bytes with the same checksum are not inflated or hashed again. */
  readonly #verified = new LRUCache<string, Verified>({ max: rememberedAlerts })
  /** Alerts that are not in `#entries`. Undefined if the cache is off. */
  readonly #cache: LRUCache<string, Entry> | undefined
  #buffered = 0
  /** Lookups of alerts to send. A lookup that joins a read in progress counts as a miss. */
  readonly cacheLookups = { hits: 0, misses: 0 }

  constructor (archive: AlertArchive, limits: ReaderLimits) {
    this.#archive = archive
    this.#limits = limits
    this.#slots = new Slots(limits.reads)
    this.#cache = limits.cacheBytes === 0 ? undefined : new LRUCache({
      maxSize: limits.cacheBytes,
      sizeCalculation: ({ ready }) => Math.max(1, ready!.body.length),
      dispose: (entry, key) => { this.#evict(key, entry) }
    })
  }

  /** Bytes of the alerts that are being read or sent. */
  get bufferedBytes (): number { return this.#buffered }

  get cachedBytes (): number { return this.#cache?.calculatedSize ?? 0 }

  /** The head of an alert that this process has verified. Undefined if the alert is not remembered, or if the cache is off. */
  knownHead (id: string, coding: Coding): Head | undefined {
    if (this.#cache === undefined) return undefined
    const known = this.#verified.get(id)
    if (known === undefined) return undefined
    return { tag: entityTag(known.sha256, coding), coding, length: coding === 'gzip' ? known.storedBytes : known.frameBytes }
  }

  /**
   * Reads the first kilobyte of the object of an alert. Resolves to undefined if the alert is not archived, and to 'unknown' if the
   * complete object has to be read: it identifies no frame, or it cannot be intact. Rejects like the content of a lease.
   */
  async head (id: string, coding: Coding): Promise<Head | 'unknown' | undefined> {
    const object = await this.#inTurn(() => this.#archive.getAlertStart(id, headBytes))
    if (object === undefined) return undefined
    const { start, size } = object
    const identity = frameIdentity(start, size)
    const hash = identity?.sha256 ?? object.sha256
    // The checksum in the metadata was written with the object. If it differs, the provenance is wrong.
    const contradicts = object.sha256 !== undefined && object.sha256 !== hash
    const tooLarge = identity !== undefined && identity.frameBytes > this.#archive.maxFrameBytes
    if (hash === undefined || contradicts || tooLarge || gzipHeader(start) === undefined) return 'unknown'
    return { tag: entityTag(hash, coding), coding, length: coding === 'gzip' ? size : identity?.frameBytes }
  }

  open (id: string, coding: Coding): Lease {
    const key = `${coding} ${id}`
    const cached = this.#cache?.get(key)
    if (cached === undefined) this.cacheLookups.misses++
    else this.cacheLookups.hits++
    let entry = cached ?? this.#entries.get(key)
    if (entry === undefined) this.#entries.set(key, entry = this.#start(key, id, coding))
    else entry.users++
    return { ready: entry.ready, content: entry.content, release: () => { this.#release(key, entry) } }
  }

  #start (key: string, id: string, coding: Coding): Entry {
    const entry: Entry = { content: Promise.resolve(undefined), ready: undefined, users: 1, bytes: 0, loading: true }
    entry.content = this.#load(entry, id, coding).then(content => {
      entry.loading = false
      entry.ready = content
      const cacheable = content !== undefined && content.body.length <= this.#limits.cacheBytes * maxCachePart
      // A missing alert may be archived a moment later, so later requests look again.
      if (content === undefined || cacheable || entry.users === 0) this.#drop(key, entry)
      if (cacheable) this.#cache?.set(key, entry)
      return content
    }, (error: unknown) => {
      this.#drop(key, entry)
      throw error
    })
    // If all clients are gone, nobody waits for a failed read.
    entry.content.catch(() => {})
    return entry
  }

  async #load (entry: Entry, id: string, coding: Coding): Promise<Content | undefined> {
    return await this.#inTurn(() => this.#read(entry, id, coding))
  }

  async #inTurn<T> (read: () => Promise<T>): Promise<T> {
    const { waiting } = this.#slots
    if (waiting >= this.#limits.waitingReads) throw apiErrors.API_QUEUE_FULL(`${waiting} reads are waiting`)
    return await this.#slots.run(read)
  }

  async #read (entry: Entry, id: string, coding: Coding): Promise<Content | undefined> {
    if (entry.users === 0) throw apiErrors.API_CLIENT_GONE('the waiting request was dropped')
    const alert = await this.#archive.findAlert(id, bytes => { this.#hold(entry, bytes) })
    if (alert === undefined) return undefined
    const { body, compressed } = alert
    const stored = `${crc32c(body)} ${body.length}`
    const known = this.#verified.get(id)
    if (coding === 'gzip' && known?.stored === stored) return this.#content(entry, body, known.sha256, coding)
    this.#hold(entry, compressed ? body.length + alert.expectedBytes : body.length)
    const frame = await alert.frame()
    const hash = known?.stored === stored ? known.sha256 : alert.sha256 ?? sha256(frame)
    if (!compressed) return this.#content(entry, frame, hash, 'identity')
    this.#verified.set(id, { stored, storedBytes: body.length, sha256: hash, frameBytes: frame.length })
    return this.#content(entry, coding === 'gzip' ? body : frame, hash, coding)
  }

  #content (entry: Entry, body: Buffer, hash: string, coding: Coding): Content {
    this.#hold(entry, body.length)
    return { body, coding, tag: entityTag(hash, coding) }
  }

  #hold (entry: Entry, bytes: number): void {
    const others = this.#buffered - entry.bytes
    if (bytes > entry.bytes && others > 0 && others + bytes > this.#limits.bufferBytes) {
      throw apiErrors.API_BUFFERS_FULL(`${this.#buffered} bytes of alerts are being sent`)
    }
    this.#buffered = others + bytes
    entry.bytes = bytes
  }

  #release (key: string, entry: Entry): void {
    entry.users--
    // The end of a running read drops the entry, because the read still uses its memory.
    if (entry.users === 0 && !entry.loading) this.#drop(key, entry)
  }

  /** Responses that still send an evicted alert keep it in memory. From now on, it counts towards `bufferBytes`, even beyond the limit. */
  #evict (key: string, entry: Entry): void {
    if (entry.users === 0) return
    entry.bytes = entry.ready!.body.length
    this.#buffered += entry.bytes
    this.#entries.set(key, entry)
  }

  #drop (key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key)
    this.#hold(entry, 0)
  }
}
