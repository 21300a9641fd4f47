// Decompresses the records of a batch within a memory limit. LZ4 and Snappy go block by block. Gzip and Zstandard are decompressed at once
// if the result fits into the memory that is left, and are streamed otherwise.
import * as zlib from 'node:zlib'
import * as snappy from 'snappy'
import { snappyLength } from '../avro/snappy-length.ts'
import { messageOf, systemErrorCode } from '../pipeline/errors.ts'
import { BatchError } from './batch-errors.ts'
import { lz4Chunks } from './lz4.ts'
import type { Chunks } from './response-reader.ts'
import { zstdFrames } from './zstd.ts'

/** Decompressed bytes, and how many bytes the iteration of the chunks holds in memory. */
export type Decompressed =
  | { readonly kind: 'chunks', readonly chunks: Iterator<Uint8Array, void>, readonly held: number }
  | { readonly kind: 'whole', readonly bytes: Buffer }
  | { readonly kind: 'stream', readonly chunks: AsyncGenerator<Uint8Array, void>, readonly held: number }

export interface DecompressionLimits {
  /** Bytes that may be decompressed at once now. */
  readonly available: number
  /** Maximum size of data that cannot be decompressed in parts, in bytes. */
  readonly max: number
}

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER_BYTES = 16
const chunked = { chunkSize: 64 * 1024 }

/** Decompresses with the codec of a batch's attributes (bits 0 to 2). Errors, also of the chunks: BatchError. */
export function decompress (codec: number, payload: Chunks, limits: DecompressionLimits): Decompressed {
  if (codec === 0) return { kind: 'chunks', chunks: payload.buffers[Symbol.iterator](), held: payload.length }
  const data = payload.buffer
  switch (codec) {
    case 1: return gzip(data, limits)
    case 2: return { kind: 'chunks', chunks: snappyChunks(data, limits.max), held: data.length }
    case 3: return { kind: 'chunks', chunks: lz4Chunks(data), held: data.length }
    case 4: return zstd(data, limits)
    default: throw new BatchError(`compression codec ${codec} is unknown`)
  }
}

function gzip (data: Buffer, { available }: DecompressionLimits): Decompressed {
  // The last four bytes state the size of the last member, so most batches above the limit are recognised without an attempt.
  const stated = data.length < 4 ? 0 : data.readUInt32LE(data.length - 4)
  if (stated <= available && available > 0) {
    try {
      return { kind: 'whole', bytes: zlib.gunzipSync(data, { maxOutputLength: available }) }
    } catch (error) {
      if (systemErrorCode(error) !== 'ERR_BUFFER_TOO_LARGE') throw damaged('gzip', error)
    }
  }
  return { kind: 'stream', chunks: streamed('gzip', () => zlib.createGunzip(chunked), [data]), held: data.length }
}

function zstd (data: Buffer, { available }: DecompressionLimits): Decompressed {
  const frames = zstdFrames(data)
  const maxBytes = frames.reduce((sum, frame) => sum + frame.maxBytes, 0)
  if (maxBytes > available) {
    const chunks = streamed('Zstandard', () => zlib.createZstdDecompress(chunked), frames.map(frame => frame.data))
    return { kind: 'stream', chunks, held: data.length }
  }
  try {
    const parts = frames.map(frame => zlib.zstdDecompressSync(frame.data, { maxOutputLength: Math.max(1, frame.maxBytes) }))
    return { kind: 'whole', bytes: Buffer.concat(parts) }
  } catch (error) {
    throw damaged('Zstandard', error)
  }
}

async function * streamed (
  codec: string, decoder: () => zlib.Gunzip | zlib.ZstdDecompress, inputs: readonly Buffer[]
): AsyncGenerator<Uint8Array, void> {
  for (const input of inputs) {
    const output = decoder()
    output.end(input)
    try {
      yield * output as AsyncIterable<Uint8Array>
    } catch (error) {
      throw damaged(codec, error)
    }
  }
}

/** Yields the blocks of xerial's framing (Java, librdkafka), or one block of data without framing (librdkafka, Go). */
function * snappyChunks (data: Buffer, max: number): Generator<Buffer, void> {
  if (!data.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
    yield snappyBlock(data, max)
    return
  }
  for (let at = XERIAL_HEADER_BYTES; at < data.length;) {
    if (data.length - at < 4) throw new BatchError('the Snappy data is truncated')
    const size = data.readUInt32BE(at)
    at += 4
    if (size > data.length - at) throw new BatchError('the Snappy data is truncated')
    yield snappyBlock(data.subarray(at, at + size), max)
    at += size
  }
}

function snappyBlock (block: Buffer, max: number): Buffer {
  const size = snappyLength(block)
  if (size === undefined) throw new BatchError('the Snappy data has no valid length')
  if (size > max) {
    throw new BatchError(`it has ${size} bytes in one Snappy block, which cannot be decompressed in parts`, { oversized: true })
  }
  try {
    return snappy.uncompressSync(block, { asBuffer: true }) as Buffer
  } catch (error) {
    throw damaged('Snappy', error)
  }
}

function damaged (codec: string, error: unknown): BatchError {
  return new BatchError(`the ${codec} data is damaged: ${messageOf(error)}`)
}
