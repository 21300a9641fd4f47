// Reads alerts for responses. Guarantees: only verified alerts are handed out; the alerts in responses stay within a memory budget;
// concurrent requests for an alert share one read and one buffer; a bounded number of reads runs and waits at the same time.
// Responses without a body (HEAD, 304) need only the first kilobyte of an object, if the object or its metadata identifies the frame.
import { LRUCache } from 'lru-cache'
import { Slots } from '../pipeline/slots.ts'
import { frameIdentity } from '../provenance/provenance.ts'
import { type ArchiveReader } from '../stores/archive.ts'
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

/** What the beginning of an object says about the body of a response. */
interface Head {
  readonly tag: string
  /** Length of the body in bytes. Undefined if only the complete object can tell. */
  readonly length: number | undefined
}

export interface Lease {
  /** Resolves to undefined if the alert is not archived. Rejects with the error of the archive, or with an API_* error under overload. */
  readonly content: Promise<Content | undefined>
  /** Must be called once, when the response has been sent or its client is gone. */
  release (): void
}

export interface ReaderLimits {
  /** Memory for alerts in responses, in bytes. A single alert may exceed it. */
  readonly bufferBytes: number
  /** Reads that run at the same time. */
  readonly reads: number
  /** Reads that may wait for their turn. */
  readonly waitingReads: number
}

/** An alert in memory, which any number of responses use. */
interface Entry {
  content: Promise<Content | undefined>
  users: number
  bytes: number
  loading: boolean
}

/** Stored gzip that was verified. */
interface Verified {
  /** CRC32C and length of the stored bytes. */
  readonly stored: string
  /** SHA-256 of the frame. */
  readonly sha256: string
}

type AlertArchive = Pick<ArchiveReader, 'findAlert' | 'getAlertStart' | 'maxFrameBytes'>

const rememberedAlerts = 65_536
/** Bytes of an object that are read for a response without a body. The provenance is longer only if a record has many headers. */
const headBytes = 1024

export class AlertReader {
  readonly #archive: AlertArchive
  readonly #limits: ReaderLimits
  readonly #slots: Slots
  readonly #entries = new Map<string, Entry>()
  /** By alert id. Bytes with the same checksum are not inflated or hashed again. */
  readonly #verified = new LRUCache<string, Verified>({ max: rememberedAlerts })
  #buffered = 0

  constructor (archive: AlertArchive, limits: ReaderLimits) {
    this.#archive = archive
    this.#limits = limits
    this.#slots = new Slots(limits.reads)
  }

  /** Bytes of the alerts that are being read or sent. */
  get bufferedBytes (): number { return this.#buffered }

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
    return { tag: entityTag(hash, coding), length: coding === 'gzip' ? size : identity?.frameBytes }
  }

  open (id: string, coding: Coding): Lease {
    const key = `${coding} ${id}`
    let entry = this.#entries.get(key)
    if (entry === undefined) this.#entries.set(key, entry = this.#start(key, id, coding))
    else entry.users++
    return { content: entry.content, release: () => { this.#release(key, entry) } }
  }

  #start (key: string, id: string, coding: Coding): Entry {
    const entry: Entry = { content: Promise.resolve(undefined), users: 1, bytes: 0, loading: true }
    entry.content = this.#load(entry, id, coding).then(content => {
      entry.loading = false
      // A missing alert may be archived a moment later, so later requests look again.
      if (content === undefined || entry.users === 0) this.#drop(key, entry)
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
    if (entry.users === 0) throw apiErrors.API_CLIENT_GONE('the client disconnected while its request was waiting')
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
    this.#verified.set(id, { stored, sha256: hash })
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

  #drop (key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key)
    this.#hold(entry, 0)
  }
}
