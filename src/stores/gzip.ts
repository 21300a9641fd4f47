// gzip on the way into the archive and out of it. In: node:zlib's thread pool, with a header that depends on nothing but the level.
// Out: synchronous, by zlib-sync where it is built (up to a fifth cheaper), else by node:zlib; either way every byte is checked against
// the gzip trailer, all members of a concatenated file are read, and a damaged object is OBJECT_CORRUPT, never wrong bytes.
import { createRequire } from 'node:module'
import { gunzipSync, gzip } from 'node:zlib'
import { storeErrors } from './errors.ts'

/** The part of zlib-sync that is used: it is optional, so its types may be absent. */
interface ZlibSync {
  readonly Z_STREAM_END: number
  /** Only in the build that scripts/native.mjs makes. */
  readonly RELEASES_STATE?: number
  readonly Inflate: new (options: { windowBits: number, chunkSize: number }) => {
    push (data: Buffer, flush: boolean): void
    readonly err: number
    readonly result: Buffer | string | null
  }
}

export const defaultGzipLevel = 6

const member = Buffer.from([0x1f, 0x8b, 0x08])
const smallest = 20
const osByte = 9
const osUnknown = 255
const largestGuess = 16 * 1024 * 1024
const zlibSync = loadZlibSync()

/** Which inflater is used: for benchmarks and tests. */
export const inflaterKind: 'zlib-sync' | 'node:zlib' = zlibSync === undefined ? 'node:zlib' : 'zlib-sync'

/** Compresses a frame in the thread pool. The same frame and level give the same bytes wherever this runs with the same zlib. */
export function gzipFrame (frame: Buffer, level = defaultGzipLevel): Promise<Buffer> {
  // One chunk that is large enough saves a trip to the thread pool per 16 KB (7 % of the CPU time at 82 KB).
  const chunkSize = Math.max(1024, Math.ceil(frame.length * 0.6) + 64)
  return new Promise((resolve, reject) => {
    gzip(frame, { level, chunkSize }, (error, gz) => {
      if (error !== null) return reject(error)
      // zlib writes the operating system here; "unknown" makes objects alike everywhere (and like Python's).
      gz[osByte] = osUnknown
      resolve(gz)
    })
  })
}

/** The uncompressed length modulo 2^32 that the last member's trailer claims, in bytes. */
export function claimedLength (gz: Buffer): number {
  return gz.readUInt32LE(gz.length - 4)
}

/** Whether the bytes could be gzip at all: what can be known without inflating. */
export function looksLikeGzip (gz: Buffer): boolean {
  return gz.length >= smallest && gz.subarray(0, member.length).equals(member)
}

/** Inflates a stored object. `where` names it in the error. Throws OBJECT_CORRUPT when it is truncated, damaged or not gzip. */
export function inflate (gz: Buffer, where?: string): Buffer {
  if (!looksLikeGzip(gz)) throw storeErrors.OBJECT_CORRUPT('the object is not gzip', { where })
  // zlib-sync stops silently after the first member: whatever may hold a second one goes to node:zlib, which reads them all.
  const fast = zlibSync === undefined || gz.includes(member, 1) ? undefined : inflateSync(zlibSync, gz)
  return fast ?? inflateAll(gz, where)
}

function inflateSync ({ Inflate, Z_STREAM_END }: ZlibSync, gz: Buffer): Buffer | undefined {
  const length = claimedLength(gz)
  // A reused instance returns wrong data, hence a fresh one per object. One byte more than the content lets it end in one round.
  const inflater = new Inflate({ windowBits: 31, chunkSize: Math.min(length, largestGuess) + 1 })
  inflater.push(gz, true)
  const { err, result } = inflater
  if (err !== Z_STREAM_END) return undefined
  const bytes = Buffer.isBuffer(result) ? result : Buffer.alloc(0)
  return bytes.length === length ? bytes : undefined
}

function inflateAll (gz: Buffer, where: string | undefined): Buffer {
  try {
    return gunzipSync(gz)
  } catch (cause) {
    throw storeErrors.OBJECT_CORRUPT('the object is gzip but damaged or truncated', { where, cause })
  }
}

function loadZlibSync (): ZlibSync | undefined {
  try {
    const loaded = createRequire(import.meta.url)('zlib-sync') as ZlibSync
    // As published it leaks about 40 KB per object and aborts the process on Node 24: see scripts/native.mjs.
    return loaded.RELEASES_STATE === 1 ? loaded : undefined
  } catch {
    return undefined
  }
}
