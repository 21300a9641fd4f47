// Decompresses archived objects, and compresses frames with node:zlib (src/compression/ has the faster compressors). Decompression accepts
// only complete gzip members, with nothing after the last member, and never produces more than a limit: OBJECT_CORRUPT or OBJECT_TOO_LARGE.
// Frames of common size are inflated by the faster zlib-sync, if it was built; node:zlib inflates all others and gives the verdict on every
// object that zlib-sync rejects.
import { createRequire } from 'node:module'
import { gunzip, gunzipSync, gzip, type Gunzip } from 'node:zlib'
import { systemErrorCode } from '../pipeline/errors.ts'
import { Slots } from '../pipeline/slots.ts'
import { storeErrors } from './errors.ts'

/** The part of zlib-sync that is used here. The package is optional, so its own types may be missing. */
interface ZlibSync {
  readonly Z_STREAM_END: number
  /** 1 in the build that scripts/native.mjs makes, undefined in the published build. */
  readonly BOUNDED_OUTPUT?: number
  readonly Inflate: new (options: { windowBits: number, chunkSize: number }) => {
    push (data: Buffer, flush: boolean): void
    readonly err: number
    readonly result: Buffer | string | null
  }
}

/** Content type of archived alerts. */
export const gzipType = 'application/gzip'
/** Default limit of a decompressed alert: the default of --max-record-mib. */
export const defaultMaxFrameBytes = 32 * 1024 * 1024

const memberHeader = Buffer.from([0x1f, 0x8b, 0x08])
const minGzipBytes = 20
const osByte = 9
const osUnknown = 255
/** Longest frame that the calling thread inflates, in about 2 ms. Longer frames must not block the event loop. */
const longestInline = 512 * 1024
const longestChunk = 1024 * 1024
/** Inflates in the thread pool at the same time. Half of the pool's four threads remain free for reads and health checks. */
const pool = new Slots(2)
const zlibSync = loadZlibSync()

export const inflaterKind: 'zlib-sync' | 'node:zlib' = zlibSync === undefined ? 'node:zlib' : 'zlib-sync'

/** Compresses a frame with node:zlib. The same frame and level give the same bytes on any machine with the same zlib. */
export function gzipFrame (frame: Buffer, level = 3): Promise<Buffer> {
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
function looksLikeGzip (gz: Buffer): boolean {
  return gz.length >= minGzipBytes && gz.subarray(0, memberHeader.length).equals(memberHeader)
}

/** Maximum size of the gzip of a frame: gzip makes incompressible data slightly longer, and its header may have 64 KiB of extra fields. */
export function maxGzipBytes (frameBytes: number): number {
  return Math.ceil(frameBytes * 1.01) + 66_560
}

/** The length of the frame according to the gzip trailer (modulo 2^32). Only a hint: a damaged object may claim any length. */
export function claimedLength (gz: Buffer): number {
  return gz.length < minGzipBytes ? 0 : gz.readUInt32LE(gz.length - 4)
}

/**
 * Inflates a stored object in the calling thread. Throws OBJECT_CORRUPT if it is truncated, damaged, followed by other bytes or not gzip,
 * and OBJECT_TOO_LARGE if it inflates to more than `limit` bytes. `where` names the object in the error.
 */
export function inflate (gz: Buffer, where?: string, limit = defaultMaxFrameBytes): Buffer {
  const inline = inflateInline(gz, where, limit)
  if (inline !== undefined) return inline
  try {
    // With `info`, the result also has the zlib object, which knows how many bytes it has consumed.
    return completeFrame(gunzipSync(gz, poolOptions(gz, limit)) as unknown as InflatedInfo, gz)
  } catch (cause) {
    throw unusable(cause, where, limit)
  }
}

/** Like `inflate`, but inflates long frames in the thread pool. */
export async function inflateAsync (gz: Buffer, where?: string, limit = defaultMaxFrameBytes): Promise<Buffer> {
  const inline = inflateInline(gz, where, limit)
  if (inline !== undefined) return inline
  try {
    const info = await pool.run(() => new Promise<InflatedInfo>((resolve, reject) => {
      gunzip(gz, poolOptions(gz, limit), (error, result) => {
        if (error === null) resolve(result as unknown as InflatedInfo)
        else reject(error)
      })
    }))
    return completeFrame(info, gz)
  } catch (cause) {
    throw unusable(cause, where, limit)
  }
}

/** Result of node:zlib with the option `info`, which its types do not know. */
interface InflatedInfo {
  readonly buffer: Buffer
  readonly engine: Gunzip
}

const poolOptions = (gz: Buffer, limit: number) =>
  ({ info: true, maxOutputLength: Math.max(1, limit), chunkSize: Math.min(longestChunk, Math.max(16_384, claimedLength(gz) + 1)) })

// Allocates the claimed length and never more. Returns undefined if the claim exceeds `longestInline`, and if the frame is longer than the
// claim, the object is damaged or (with zlib-sync) it has several members.
function inflateInline (gz: Buffer, where: string | undefined, limit: number): Buffer | undefined {
  if (!looksLikeGzip(gz)) throw storeErrors.OBJECT_CORRUPT('the object is not gzip', { where })
  const length = claimedLength(gz)
  if (length > Math.min(limit, longestInline)) return undefined
  return zlibSync === undefined ? inflateWithNode(gz, length) : inflateWithZlibSync(zlibSync, gz, length)
}

function inflateWithNode (gz: Buffer, length: number): Buffer | undefined {
  try {
    const options = { info: true, maxOutputLength: Math.max(1, length), chunkSize: Math.max(64, length + 1) }
    return completeFrame(gunzipSync(gz, options) as unknown as InflatedInfo, gz)
  } catch {
    return undefined
  }
}

// The patched build stops at the end of its output buffer.
function inflateWithZlibSync ({ Inflate, Z_STREAM_END }: ZlibSync, gz: Buffer, length: number): Buffer | undefined {
  // A reused Inflate instance returns wrong data, so each object gets a new instance. The extra byte lets zlib finish in one round.
  const inflater = new Inflate({ windowBits: 31, chunkSize: length + 1 })
  inflater.push(gz, true)
  if (inflater.err !== Z_STREAM_END) return undefined
  const { result } = inflater
  const bytes = Buffer.isBuffer(result) ? result : Buffer.alloc(0)
  return bytes.length === length ? bytes : undefined
}

// node:zlib accepts zero bytes after the last member, but does not count them as consumed.
function completeFrame ({ buffer, engine }: InflatedInfo, gz: Buffer): Buffer {
  const rest = gz.length - engine.bytesWritten
  if (rest > 0) throw new Error(`${rest} bytes follow the end of the gzip data`)
  return buffer
}

function unusable (cause: unknown, where: string | undefined, limit: number): Error {
  if (systemErrorCode(cause) === 'ERR_BUFFER_TOO_LARGE') {
    return storeErrors.OBJECT_TOO_LARGE(`the object inflates to more than ${limit} bytes`, { where })
  }
  return storeErrors.OBJECT_CORRUPT('the object is gzip but damaged or truncated', { where, cause })
}

function loadZlibSync (): ZlibSync | undefined {
  try {
    const loaded = createRequire(import.meta.url)('zlib-sync') as ZlibSync
    // Only the build of scripts/native.mjs has BOUNDED_OUTPUT. The published build leaks, aborts on Node 24, and aborts on large output.
    return loaded.BOUNDED_OUTPUT === 1 ? loaded : undefined
  } catch {
    return undefined
  }
}
