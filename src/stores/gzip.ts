// Compresses frames for the archive and decompresses archived objects. Compression runs in Node's thread pool; the output depends only on
// the frame, the level and the zlib version. Decompression is synchronous, with the faster zlib-sync if it was built, else with node:zlib.
// It verifies the gzip trailer and inflates every member of a concatenated object. A damaged object gives OBJECT_CORRUPT.
import { createRequire } from 'node:module'
import { gunzipSync, gzip } from 'node:zlib'
import { storeErrors } from './errors.ts'

/** The part of zlib-sync that is used here. The package is optional, so its own types may be missing. */
interface ZlibSync {
  readonly Z_STREAM_END: number
  /** 1 in the build that scripts/native.mjs makes, undefined in the published build. */
  readonly RELEASES_STATE?: number
  readonly Inflate: new (options: { windowBits: number, chunkSize: number }) => {
    push (data: Buffer, flush: boolean): void
    readonly err: number
    readonly result: Buffer | string | null
  }
}

/** Content type of archived alerts. */
export const gzipType = 'application/gzip'
export const defaultGzipLevel = 6

const memberHeader = Buffer.from([0x1f, 0x8b, 0x08])
const minGzipBytes = 20
const osByte = 9
const osUnknown = 255
const maxInflateChunk = 16 * 1024 * 1024
const zlibSync = loadZlibSync()

export const inflaterKind: 'zlib-sync' | 'node:zlib' = zlibSync === undefined ? 'node:zlib' : 'zlib-sync'

/** Compresses a frame in the thread pool. The same frame and level give the same bytes on any machine with the same zlib. */
export function gzipFrame (frame: Buffer, level = defaultGzipLevel): Promise<Buffer> {
  // With a chunk that holds the complete output, zlib needs one round trip to the thread pool instead of one per 16 KiB.
  const chunkSize = Math.max(1024, Math.ceil(frame.length * 0.6) + 64)
  return new Promise((resolve, reject) => {
    gzip(frame, { level, chunkSize }, (error, gz) => {
      if (error !== null) return reject(error)
      // zlib writes the operating system into the header. The value "unknown" makes objects the same on every platform.
      gz[osByte] = osUnknown
      resolve(gz)
    })
  })
}

/** Whether the bytes can be gzip, judged by length and header without inflating them. */
export function looksLikeGzip (gz: Buffer): boolean {
  return gz.length >= minGzipBytes && gz.subarray(0, memberHeader.length).equals(memberHeader)
}

/** Inflates a stored object. Throws OBJECT_CORRUPT if it is truncated, damaged or not gzip; `where` names the object in the error. */
export function inflate (gz: Buffer, where?: string): Buffer {
  if (!looksLikeGzip(gz)) throw storeErrors.OBJECT_CORRUPT('the object is not gzip', { where })
  // zlib-sync silently stops after the first gzip member, so node:zlib inflates objects that may have several members.
  const fast = zlibSync === undefined || gz.includes(memberHeader, 1) ? undefined : inflateSync(zlibSync, gz)
  return fast ?? inflateAll(gz, where)
}

function inflateSync ({ Inflate, Z_STREAM_END }: ZlibSync, gz: Buffer): Buffer | undefined {
  // The trailer holds the uncompressed length modulo 2^32.
  const length = gz.readUInt32LE(gz.length - 4)
  // A reused Inflate instance returns wrong data, so each object gets a new instance. The extra byte lets zlib finish in one round.
  const inflater = new Inflate({ windowBits: 31, chunkSize: Math.min(length, maxInflateChunk) + 1 })
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
    // Only the build of scripts/native.mjs has RELEASES_STATE. The published build leaks 40 KB per object and aborts on Node 24.
    return loaded.RELEASES_STATE === 1 ? loaded : undefined
  } catch {
    return undefined
  }
}
