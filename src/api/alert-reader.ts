// Reads alerts for responses. Guarantees: only verified alerts are handed out; the alerts in responses stay within a memory budget;
// concurrent requests for an alert share one read and one buffer; a bounded number of reads runs and waits at the same time.
import { LRUCache } from 'lru-cache'
import { Slots } from '../pipeline/slots.ts'
import { type ArchiveReader } from '../stores/archive.ts'
import { entityTag, type Coding } from './conditional.ts'
import { apiErrors } from './errors.ts'

/** The body of a response. */
export interface Content {
  readonly body: Buffer
  /** Identity if the alert is stored uncompressed, even if the client accepts gzip. */
  readonly coding: Coding
  readonly tag: string
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

const rememberedAlerts = 65_536

export class AlertReader {
  readonly #archive: Pick<ArchiveReader, 'findAlert'>
  readonly #limits: ReaderLimits
  readonly #slots: Slots
  readonly #entries = new Map<string, Entry>()
  /** Entity tags of stored gzip that was verified, by alert id. Bytes with the same checksum are not inflated again. */
  readonly #verified = new LRUCache<string, string>({ max: rememberedAlerts })
  #buffered = 0

  constructor (archive: Pick<ArchiveReader, 'findAlert'>, limits: ReaderLimits) {
    this.#archive = archive
    this.#limits = limits
    this.#slots = new Slots(limits.reads)
  }

  /** Bytes of the alerts that are being read or sent. */
  get bufferedBytes (): number { return this.#buffered }

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
    const { waiting } = this.#slots
    if (waiting >= this.#limits.waitingReads) throw apiErrors.API_QUEUE_FULL(`${waiting} reads are waiting`)
    return await this.#slots.run(() => this.#read(entry, id, coding))
  }

  async #read (entry: Entry, id: string, coding: Coding): Promise<Content | undefined> {
    if (entry.users === 0) throw apiErrors.API_CLIENT_GONE('the client disconnected while its request was waiting')
    const alert = await this.#archive.findAlert(id, bytes => { this.#hold(entry, bytes) })
    if (alert === undefined) return undefined
    const { body, compressed } = alert
    if (coding === 'identity' || !compressed) {
      this.#hold(entry, compressed ? body.length + alert.expectedBytes : body.length)
      const frame = await alert.frame()
      this.#hold(entry, frame.length)
      return { body: frame, coding: 'identity', tag: entityTag(frame, 'identity') }
    }
    const tag = entityTag(body, coding)
    if (this.#verified.get(id) !== tag) {
      this.#hold(entry, body.length + alert.expectedBytes)
      await alert.frame()
      this.#verified.set(id, tag)
    }
    this.#hold(entry, body.length)
    return { body, coding, tag }
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
