// Finds the frames of Zstandard data (RFC 8878), because node:zlib stops after one frame.
import { BatchError } from './batch-errors.ts'

export interface ZstdFrame {
  readonly data: Buffer
  /** Upper bound of the decompressed size, in bytes. */
  readonly maxBytes: number
}

const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
const MAX_BLOCK_BYTES = 128 * 1024
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const
// Types of a block; 0 is a block that is not compressed.
const RLE = 1
const COMPRESSED = 2

/** Returns the frames of the data, without skippable frames. Error: BatchError. */
export function zstdFrames (data: Buffer): ZstdFrame[] {
  const frames: ZstdFrame[] = []
  for (let at = 0; at < data.length;) {
    const magic = le(data, at, 4)
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      at = end(data, at + 8, le(data, at + 4, 4))
      continue
    }
    if (magic !== FRAME_MAGIC) throw new BatchError('the data is not a Zstandard frame')
    const frame = measure(data, at)
    frames.push(frame)
    at += frame.data.length
  }
  return frames
}

function measure (data: Buffer, start: number): ZstdFrame {
  const descriptor = le(data, start + 4, 1)
  const contentSizeCode = descriptor >> 6
  const isSingleSegment = (descriptor & 0x20) !== 0
  const contentSizeBytes = contentSizeCode === 0 && isSingleSegment ? 1 : CONTENT_SIZE_BYTES[contentSizeCode]!
  let at = start + 5 + (isSingleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[descriptor & 3]! + contentSizeBytes
  let maxBytes = 0
  for (let last = false; !last;) {
    const header = le(data, at, 3)
    last = (header & 1) === 1
    const type = header >> 1 & 3
    const size = header >> 3
    if (type > COMPRESSED) throw new BatchError('a Zstandard block has an unknown type')
    maxBytes += type === COMPRESSED ? MAX_BLOCK_BYTES : size
    at = end(data, at + 3, type === RLE ? 1 : size)
  }
  const hasChecksum = (descriptor & 4) !== 0
  return { data: data.subarray(start, end(data, at, hasChecksum ? 4 : 0)), maxBytes }
}

function le (data: Buffer, at: number, bytes: number): number {
  end(data, at, bytes)
  return data.readUIntLE(at, bytes)
}

function end (data: Buffer, at: number, bytes: number): number {
  if (bytes > data.length - at) throw new BatchError('the Zstandard data is truncated')
  return at + bytes
}
