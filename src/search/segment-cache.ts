// A bounded folder of segments, for DuckDB to read. Guarantees: a file is complete and checked before anybody reads it, and it is not
// deleted while somebody does; the least recently used files are deleted first. The folder belongs to one process.
import { subtle } from 'node:crypto'
import { mkdir, readdir, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../pipeline/errors.ts'
import { Slots } from '../pipeline/slots.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { searchErrors } from './errors.ts'

interface SegmentCacheOptions {
  readonly store: Pick<ObjectStore, 'get' | 'url'>
  readonly folder: string
  readonly maxBytes: number
  /** SHA-256 in hex of a file, if it is known. */
  readonly checksum?: (key: string) => string | undefined
}

interface CachedSegment {
  readonly path: string
  ready: Promise<void>
  bytes: number
  /** Queries that read the file or wait for it. */
  users: number
  loading: boolean
}

/** Segments that are read from the store at the same time. */
const reads = 8
const magic = 'PAR1'

export class SegmentCache {
  readonly #options: SegmentCacheOptions
  readonly #slots = new Slots(reads)
  /** In the order of their last use. */
  readonly #segments = new Map<string, CachedSegment>()
  #bytes = 0
  #files = 0
  readonly lookups = { hits: 0, misses: 0 }

  constructor (options: SegmentCacheOptions) {
    this.#options = options
  }

  /** Bytes of the files and of the files that are being written. */
  get bytes (): number { return this.#bytes }

  /**
   * Calls `work` with the paths of the segments, which exist until `work` settles. Rejects with a STORE_* error, SEGMENT_DAMAGED,
   * SEGMENT_GONE, SEARCH_TOO_BROAD if the segments do not fit into the cache, SEARCH_BUSY if they do not fit beside those of other
   * queries, and with the reason of the signal.
   */
  async use<T> (keys: readonly string[], signal: AbortSignal, work: (paths: readonly string[]) => Promise<T>): Promise<T> {
    const used: CachedSegment[] = []
    try {
      for (const key of keys) this.#open(key, used)
      await untilAborted(Promise.all(used.map(({ ready }) => ready)), signal)
      return await work(used.map(({ path }) => path))
    } finally {
      for (const segment of used) segment.users--
      this.#evict()
    }
  }

  #open (key: string, used: CachedSegment[]): void {
    const known = this.#segments.get(key)
    const path = join(this.#options.folder, `${this.#files + 1}.parquet`)
    const segment = known ?? { path, ready: Promise.resolve(), bytes: 0, users: 0, loading: true }
    segment.users++
    used.push(segment)
    this.#segments.delete(key)
    this.#segments.set(key, segment)
    if (known !== undefined) {
      this.lookups.hits++
      return
    }
    this.lookups.misses++
    this.#files++
    segment.ready = this.#slots.run(() => this.#load(key, segment, used)).finally(() => { segment.loading = false })
    // If all queries were stopped, nobody waits for a failed read.
    segment.ready.catch(() => { this.#remove(key, segment) })
  }

  async #load (key: string, segment: CachedSegment, used: readonly CachedSegment[]): Promise<void> {
    const { store } = this.#options
    const where = `${store.url}: ${key}`
    const object = await store.get(key, bytes => { this.#hold(segment, bytes, used) })
    if (object === undefined) throw searchErrors.SEGMENT_GONE('a segment of the index was deleted', { where })
    const { body } = object
    this.#hold(segment, body.length, used)
    if (body.toString('latin1', 0, 4) !== magic || body.toString('latin1', body.length - 4) !== magic) {
      throw searchErrors.SEGMENT_DAMAGED('the segment is not a Parquet file', { where })
    }
    const checksum = this.#options.checksum?.(key)
    // A hash of many megabytes must not block the event loop.
    if (checksum !== undefined && Buffer.from(await subtle.digest('SHA-256', body)).toString('hex') !== checksum) {
      throw searchErrors.SEGMENT_DAMAGED('the SHA-256 of the file differs from its manifest', { where })
    }
    try {
      await writeFile(segment.path, body, { flag: 'wx' })
    } catch (cause) {
      throw searchErrors.SEARCH_CACHE(`cannot write the cache of segments: ${messageOf(cause)}`, { where: segment.path, cause })
    }
  }

  #hold (segment: CachedSegment, bytes: number, used: readonly CachedSegment[]): void {
    const { maxBytes } = this.#options
    this.#bytes += bytes - segment.bytes
    segment.bytes = bytes
    this.#evict()
    if (this.#bytes <= maxBytes) return
    const own = used.reduce((sum, each) => sum + each.bytes, 0)
    if (own > maxBytes) throw searchErrors.SEARCH_TOO_BROAD(`the query reads more than ${maxBytes} bytes of segments`)
    throw searchErrors.SEARCH_BUSY('other queries use the cache of segments')
  }

  #evict (): void {
    for (const [key, segment] of this.#segments) {
      if (this.#bytes <= this.#options.maxBytes) return
      if (segment.users === 0 && !segment.loading) this.#remove(key, segment)
    }
  }

  #remove (key: string, segment: CachedSegment): void {
    if (this.#segments.get(key) === segment) this.#segments.delete(key)
    this.#bytes -= segment.bytes
    segment.bytes = 0
    // A failed read may have left no file. The folder is deleted when the process ends or the next one starts.
    unlink(segment.path).catch(() => {})
  }
}

const ownerFolder = /^(?:serve|compact|verify)-([0-9]+)$/

/** Creates a folder for this process in `parent`, and deletes those of processes that have ended. Rejects with SEARCH_CACHE. */
export async function createCacheFolder (parent: string, mode: 'serve' | 'compact' | 'verify' = 'serve'): Promise<string> {
  const folder = join(parent, `${mode}-${process.pid}`)
  try {
    await mkdir(parent, { recursive: true })
    for (const name of await readdir(parent)) {
      const pid = Number(ownerFolder.exec(name)?.[1] ?? NaN)
      if (pid === process.pid || (!Number.isNaN(pid) && !isRunning(pid))) await rm(join(parent, name), { recursive: true, force: true })
    }
    await mkdir(folder)
  } catch (cause) {
    throw searchErrors.SEARCH_CACHE(`cannot create the cache of segments: ${messageOf(cause)}`, { where: folder, cause })
  }
  return folder
}

function isRunning (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function untilAborted<T> (work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  let abort: () => void
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => { reject(signal.reason as Error) }
    signal.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort!)
  }
}
