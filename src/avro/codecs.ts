// Block codecs of Avro object container files (Avro spec, "Required Codecs" and "Optional Codecs"). Decompression rejects a
// block above a size limit, so a damaged block cannot exhaust memory.
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import * as snappy from 'snappy'
import { containerErrors } from './errors.ts'
import { snappyLength } from './snappy-length.ts'
import { systemErrorCode } from '../pipeline/errors.ts'

export interface Codec {
  readonly name: string
  compress (data: Buffer): Promise<Buffer>
  /** @param limit maximum number of decompressed bytes; a larger block fails with AVRO_BLOCK_TOO_LARGE */
  decompress (data: Buffer, limit: number): Promise<Buffer>
}

export const codecNames = ['null', 'deflate', 'snappy', 'zstandard'] as const
export type CodecName = typeof codecNames[number]

const deflateRaw = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.deflateRaw)
const inflateRaw = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw)

function tooLarge (size: number, limit: number): Error {
  return containerErrors.AVRO_BLOCK_TOO_LARGE(`the block has at least ${size} bytes uncompressed; the limit is ${limit} bytes`)
}

/** Throws AVRO_BLOCK_TOO_LARGE if node:zlib reports that `maxOutputLength` is exceeded, otherwise throws the given error. */
function rethrow (error: unknown, limit: number): never {
  if (systemErrorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limit + 1, limit)
  throw error
}

const none: Codec = {
  name: 'null',
  compress: data => Promise.resolve(data),
  decompress: data => Promise.resolve(data)
}

/** The empty stored block that ends a sync flush of a deflate stream, and an empty final block that completes such a stream. */
const syncFlush = Buffer.from([0x00, 0x00, 0xff, 0xff])
const finalBlock = Buffer.from([0x03, 0x00])

const deflate: Codec = {
  name: 'deflate',
  compress: data => deflateRaw(data, {}),
  decompress (data, limit) {
    // Some writers end a block with a sync flush instead of a final block. A truncated block has neither, so zlib rejects it.
    const ended = data.subarray(-syncFlush.length).equals(syncFlush)
    const inflated = inflateRaw(data, { maxOutputLength: limit }).catch(async (error: unknown) => {
      if (!ended || systemErrorCode(error) !== 'Z_BUF_ERROR') throw error
      return await inflateRaw(Buffer.concat([data, finalBlock]), { maxOutputLength: limit })
    })
    return inflated.catch(error => rethrow(error, limit))
  }
}

/** A raw Snappy block, followed by the big-endian CRC-32 of the uncompressed data. */
const snappyCodec: Codec = {
  name: 'snappy',
  async compress (data) {
    const packed = await snappy.compress(data)
    const block = Buffer.allocUnsafe(packed.length + 4)
    packed.copy(block)
    block.writeUInt32BE(zlib.crc32(data), packed.length)
    return block
  },
  async decompress (data, limit) {
    if (data.length < 5) throw containerErrors.AVRO_BAD_BLOCK(`a snappy block of ${data.length} bytes is too short; the minimum is 5 bytes`)
    const size = snappyLength(data)
    if (size === undefined) throw containerErrors.AVRO_BAD_BLOCK('the snappy block does not begin with a valid length')
    if (size > limit) throw tooLarge(size, limit)
    const plain = await snappy.uncompress(data.subarray(0, -4), { asBuffer: true }) as Buffer
    const expected = data.readUInt32BE(data.length - 4)
    const actual = zlib.crc32(plain)
    if (actual !== expected) {
      throw containerErrors.AVRO_CRC_MISMATCH(`the CRC-32 of the data is ${hex(actual)}, but the block states ${hex(expected)}`)
    }
    return plain
  }
}

const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`

/** The first Node release with Zstandard in node:zlib. */
const ZSTD_SINCE = '22.15'

function zstandard (where?: string): Codec {
  if (typeof zlib.zstdCompress !== 'function') {
    throw containerErrors.AVRO_UNKNOWN_CODEC(`codec zstandard needs Node ${ZSTD_SINCE} or newer; this is Node ${process.versions.node}`, {
      where, hint: `Run with Node ${ZSTD_SINCE} or newer, or write the file with codec deflate.`
    })
  }
  const compress = promisify<Buffer, zlib.ZstdOptions, Buffer>(zlib.zstdCompress)
  // With `info`, the result also has the decompressor, whose `bytesWritten` is the number of input bytes that it consumed.
  const decompressFrame = promisify(zlib.zstdDecompress) as unknown as (data: Buffer, options: zlib.ZstdOptions) =>
    Promise<{ readonly buffer: Buffer, readonly engine: { readonly bytesWritten: number } }>

  // A block is one or more frames, some of which may be skippable. node:zlib stops after the first frame.
  async function decompress (data: Buffer, limit: number): Promise<Buffer> {
    const frames: Buffer[] = []
    let size = 0
    for (let rest = data; frames.length === 0 || rest.length > 0;) {
      const { buffer, engine } = await decompressFrame(rest, { info: true, maxOutputLength: Math.max(1, limit - size) })
      frames.push(buffer)
      size += buffer.length
      if (size > limit) throw tooLarge(size, limit)
      rest = rest.subarray(engine.bytesWritten)
    }
    return frames.length === 1 ? frames[0]! : Buffer.concat(frames, size)
  }

  return {
    name: 'zstandard',
    compress: data => compress(data, {}),
    decompress: (data, limit) => decompress(data, limit).catch(error => rethrow(error, limit))
  }
}

/** Returns a codec by its name in the Avro spec. Error: AVRO_UNKNOWN_CODEC. */
export function codecByName (name: string, where?: string): Codec {
  switch (name) {
    case 'null': return none
    case 'deflate': return deflate
    case 'snappy': return snappyCodec
    case 'zstandard': return zstandard(where)
    default: throw containerErrors.AVRO_UNKNOWN_CODEC(`unknown codec ${JSON.stringify(name)}; known: ${codecNames.join(', ')}`, { where })
  }
}
