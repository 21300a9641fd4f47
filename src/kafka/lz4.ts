// Decompresses LZ4 frames block by block, so that memory is bounded by the block size of the format (4 MiB). The decoder of the client
// library has no limit, stops after the first frame, and leaks memory when a block is damaged.
import { BatchError } from './batch-errors.ts'

const FRAME_MAGIC = 0x184d2204
const SKIPPABLE_MAGIC = 0x184d2a50
/** Maximum block size by its code in the frame header. */
const BLOCK_BYTES = new Map([[4, 64 * 1024], [5, 256 * 1024], [6, 1024 * 1024], [7, 4 * 1024 * 1024]])
/** How far a block may refer back to earlier blocks. */
const WINDOW_BYTES = 64 * 1024
const MIN_MATCH = 4

/** Yields the decompressed blocks of all frames. Checksums are not verified, because the CRC32C of the batch covers them. */
export function * lz4Chunks (data: Buffer): Generator<Buffer, void> {
  for (let at = 0; at < data.length;) {
    const magic = u32(data, at)
    if (magic === FRAME_MAGIC) at = yield * frame(data, at + 4)
    else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) at = end(data, at + 8, u32(data, at + 4))
    else throw new BatchError('the data is not an LZ4 frame')
  }
}

/** Yields the blocks of the frame whose descriptor is at `at`. Returns the end of the frame. */
function * frame (data: Buffer, at: number): Generator<Buffer, number> {
  const [flags = 0, block = 0] = data.subarray(at, at + 2)
  const blockBytes = BLOCK_BYTES.get(block >> 4 & 7)
  if (flags >> 6 !== 1 || (flags & 1) !== 0 || blockBytes === undefined) throw new BatchError('the header of an LZ4 frame is invalid')
  const linked = (flags & 0x20) === 0
  const checksumBytes = (flags & 0x10) === 0 ? 0 : 4
  at = end(data, at + 2, ((flags & 8) === 0 ? 0 : 8) + 1)
  let window = Buffer.alloc(0)
  for (;;) {
    const field = u32(data, at)
    at += 4
    if (field === 0) break
    const size = field & 0x7fffffff
    if (size > blockBytes) throw new BatchError(`an LZ4 block of ${size} bytes exceeds the block size of its frame`)
    const next = end(data, at, size + checksumBytes)
    const source = data.subarray(at, at + size)
    const isStored = field > 0x7fffffff
    const output = isStored ? source : decodeBlock(source, window, blockBytes)
    if (linked) window = Buffer.concat([window, output]).subarray(-WINDOW_BYTES)
    yield output
    at = next
  }
  return end(data, at, (flags & 4) === 0 ? 0 : 4)
}

/** Decompresses one block. Matches may begin in `window`, the output before the block. */
function decodeBlock (source: Buffer, window: Buffer, maxBytes: number): Buffer {
  const output = Buffer.allocUnsafe(window.length + maxBytes)
  output.set(window)
  let from = 0
  let to = window.length
  for (;;) {
    const token = byte(source, from++)
    let literals = token >> 4
    if (literals === 15) {
      let more
      do literals += more = byte(source, from++)
      while (more === 255)
    }
    if (literals > source.length - from || literals > output.length - to) throw tooLong()
    output.set(source.subarray(from, from + literals), to)
    from += literals
    to += literals
    if (from === source.length) return output.subarray(window.length, to)
    const distance = byte(source, from) | byte(source, from + 1) << 8
    from += 2
    let length = (token & 15) + MIN_MATCH
    if (length === 15 + MIN_MATCH) {
      let more
      do length += more = byte(source, from++)
      while (more === 255)
    }
    if (distance === 0 || distance > to || length > output.length - to) throw tooLong()
    copyMatch(output, to, distance, length)
    to += length
  }
}

/** Copies `length` bytes from `distance` bytes before `to`. If the match overlaps itself, its first bytes repeat. */
function copyMatch (output: Buffer, to: number, distance: number, length: number): void {
  const start = to - distance
  for (let copied = 0; copied < length;) {
    const part = Math.min(distance + copied, length - copied)
    output.copyWithin(to + copied, start, start + part)
    copied += part
  }
}

function byte (data: Buffer, at: number): number {
  const value = data[at]
  if (value === undefined) throw tooLong()
  return value
}

function u32 (data: Buffer, at: number): number {
  end(data, at, 4)
  return data.readUInt32LE(at)
}

function end (data: Buffer, at: number, bytes: number): number {
  if (bytes > data.length - at) throw new BatchError('the LZ4 data is truncated')
  return at + bytes
}

function tooLong (): BatchError {
  return new BatchError('an LZ4 block is damaged')
}
