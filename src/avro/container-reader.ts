// Reader of Avro object container files (Avro spec, "Object Container Files"), block by block: at most one block is in memory, compressed and
// not. What is wrong with one record or one block is reported in its place and reading goes on; only what makes the rest of the file
// unfindable (its end is missing, a sync marker is wrong) is thrown.
import { codecByName, type Codec } from './codecs.ts'
import { containerErrors } from './errors.ts'
import { FileReader } from './file-reader.ts'
import { resolver, type ResolutionOptions } from './resolution.ts'
import { parseSchema, type AlertSchema, type AlertValue } from './schema.ts'
import { AlertStreamError, messageOf } from '../pipeline/errors.ts'

export interface ContainerOptions {
  /** Give values in this schema's shape instead of the file's. */
  readonly reader?: AlertSchema | undefined
  readonly resolution?: ResolutionOptions | undefined
  /** false: only find the records (`datum`), do not decode them. Default true. */
  readonly decode?: boolean | undefined
  /** Most bytes of one block, compressed or not; default 256 MiB. */
  readonly maxBlockBytes?: number | undefined
}

export interface ContainerRecord {
  /** Position among all records of the file, from 0; damaged records count too. */
  readonly index: number
  /** Avro binary in the file's schema. A view into the block: copy it if it has to outlive the block. */
  readonly datum: Buffer
  /** undefined where `decode` is false. */
  readonly value: AlertValue
  readonly error?: undefined
}

/** A record, or the rest of a block, that cannot be had; reading goes on behind it. */
export interface ContainerFailure {
  readonly index: number
  readonly error: AlertStreamError
  /** How many records are lost with it: 1, or the rest of the block where the record's end cannot be found. */
  readonly lost: number
  /** The record's bytes, where its boundaries are known. */
  readonly datum?: Buffer | undefined
}

export interface Container {
  readonly path: string
  /** The file's own schema. */
  readonly schema: AlertSchema
  /** Its text exactly as the file has it. */
  readonly schemaText: string
  readonly codec: string
  readonly metadata: ReadonlyMap<string, Buffer>
  /**
   * All records in order; once only. Ends without error when `signal` aborts. Thrown: AVRO_TRUNCATED, AVRO_BAD_SYNC, AVRO_BAD_BLOCK,
   * AVRO_BLOCK_TOO_LARGE, AVRO_UNREADABLE, each with the block's number and byte.
   */
  records (signal?: AbortSignal): AsyncGenerator<ContainerRecord | ContainerFailure, void, void>
  close (): Promise<void>
}

const magic = Buffer.from('Obj\x01', 'latin1')
const syncLength = 16
const mebibyte = 1024 * 1024
/** A schema of 11.1 has 100 KB. */
const maxHeaderBytes = 64 * mebibyte

/** Opens a file and reads its header. Errors: AVRO_UNREADABLE, AVRO_NOT_A_CONTAINER, AVRO_TRUNCATED, AVRO_UNKNOWN_CODEC, SCHEMA_INVALID. */
export async function openContainer (path: string, options: ContainerOptions = {}): Promise<Container> {
  const file = await FileReader.open(path)
  try {
    const metadata = await readHeader(file)
    const sync = Buffer.from(await exactly(file, syncLength, 'its header'))
    const schemaBytes = metadata.get('avro.schema')
    if (schemaBytes === undefined) throw containerErrors.AVRO_NOT_A_CONTAINER('the header names no schema (avro.schema)', { where: path })
    const schemaText = schemaBytes.toString()
    const codec = codecByName(metadata.get('avro.codec')?.toString() ?? 'null', path)
    const schema = parseSchema(schemaText, path)
    return new OpenContainer(file, metadata, sync, schemaText, codec, schema, options)
  } catch (error) {
    await file.close()
    throw error
  }
}

async function exactly (file: FileReader, size: number, within: string): Promise<Buffer> {
  const at = file.position
  const piece = await file.take(size)
  if (piece.length < size) {
    throw containerErrors.AVRO_TRUNCATED(`the file ends within ${within}: at byte ${at}, ${size} bytes are missing ${size - piece.length}`, { where: file.path })
  }
  return piece
}

async function readHeader (file: FileReader): Promise<Map<string, Buffer>> {
  const start = Buffer.from(await file.take(magic.length))
  if (!start.equals(magic)) {
    const seen = start.length === 0 ? 'is empty' : `begins with ${start.toString('hex')}, not with ${magic.toString('hex')} ("Obj" 0x01)`
    throw containerErrors.AVRO_NOT_A_CONTAINER(`the file ${seen}`, { where: file.path })
  }
  const size = async (): Promise<number> => {
    const value = Number(await headerLong(file))
    if (value < 0 || value > maxHeaderBytes) throw containerErrors.AVRO_NOT_A_CONTAINER(`the header is damaged at byte ${file.position}`, { where: file.path })
    return value
  }
  const metadata = new Map<string, Buffer>()
  for (let count = await headerLong(file); count !== 0n; count = await headerLong(file)) {
    if (count < 0n) await headerLong(file)
    for (let left = count < 0n ? -count : count; left > 0n; left--) {
      const key = (await exactly(file, await size(), 'its header')).toString()
      metadata.set(key, Buffer.from(await exactly(file, await size(), 'its header')))
    }
  }
  return metadata
}

async function headerLong (file: FileReader): Promise<bigint> {
  let value: bigint | undefined
  try {
    value = await file.long()
  } catch (error) {
    if (error instanceof AlertStreamError) throw error
    throw containerErrors.AVRO_NOT_A_CONTAINER(`the header is damaged at byte ${file.position}`, { where: file.path, cause: error })
  }
  if (value === undefined) throw containerErrors.AVRO_TRUNCATED(`the file ends within its header, at byte ${file.position}`, { where: file.path })
  return value
}

class OpenContainer implements Container {
  readonly path: string
  readonly schema: AlertSchema
  readonly schemaText: string
  readonly codec: string
  readonly metadata: ReadonlyMap<string, Buffer>
  readonly #file: FileReader
  readonly #sync: Buffer
  readonly #codec: Codec
  readonly #options: ContainerOptions
  readonly #limit: number

  constructor (
    file: FileReader, metadata: ReadonlyMap<string, Buffer>, sync: Buffer, schemaText: string, codec: Codec, schema: AlertSchema, options: ContainerOptions
  ) {
    this.path = file.path
    this.schema = schema
    this.schemaText = schemaText
    this.codec = codec.name
    this.metadata = metadata
    this.#file = file
    this.#sync = sync
    this.#codec = codec
    this.#options = options
    this.#limit = options.maxBlockBytes ?? 256 * mebibyte
  }

  async * records (signal?: AbortSignal): AsyncGenerator<ContainerRecord | ContainerFailure, void, void> {
    let index = 0
    const stopped = (): boolean => signal?.aborted === true
    for (let block = 0; !stopped() && !await this.#file.atEnd(); block++) {
      const at = this.#file.position
      const where = `${this.path}, block ${block} at byte ${at}`
      const count = await this.#blockLong(where, 'record count')
      const size = await this.#blockLong(where, 'size')
      if (size > this.#limit) throw containerErrors.AVRO_BLOCK_TOO_LARGE(`the block has ${size} bytes, ${this.#limit} are allowed`, { where })
      const packed = await this.#file.take(size + syncLength)
      if (packed.length < size + syncLength) {
        throw containerErrors.AVRO_TRUNCATED(`the file ends within a block: ${packed.length} of ${size + syncLength} bytes are there`, { where })
      }
      if (!packed.subarray(size).equals(this.#sync)) throw containerErrors.AVRO_BAD_SYNC('the block does not end with the sync marker of the file', { where })
      let data: Buffer | undefined
      try {
        data = await this.#codec.decompress(packed.subarray(0, size), this.#limit)
      } catch (cause) {
        const error = cause instanceof AlertStreamError
          ? new AlertStreamError(cause.code, cause.message, { hint: cause.hint }, { where, cause: cause.cause })
          : containerErrors.AVRO_BAD_BLOCK(`the block cannot be decompressed (${this.codec}): ${messageOf(cause)}`, { where, cause })
        yield { index, error, lost: count }
      }
      if (data !== undefined) {
        for (const record of this.#blockRecords(data, count, index, where)) {
          if (stopped()) return
          yield record
        }
      }
      index += count
    }
  }

  async close (): Promise<void> {
    await this.#file.close()
  }

  async #blockLong (where: string, what: string): Promise<number> {
    let value: bigint | undefined
    try {
      value = await this.#file.long()
    } catch (cause) {
      if (cause instanceof AlertStreamError) throw cause
      throw containerErrors.AVRO_BAD_BLOCK(`the ${what} of the block is no number`, { where, cause })
    }
    if (value === undefined) throw containerErrors.AVRO_TRUNCATED(`the file ends within the ${what} of a block`, { where })
    if (value < 0n || value > 0x7fffffffn) throw containerErrors.AVRO_BAD_BLOCK(`the ${what} of the block is ${value}`, { where })
    return Number(value)
  }

  * #blockRecords (data: Buffer, count: number, first: number, where: string): Generator<ContainerRecord | ContainerFailure> {
    let offset = 0
    for (let n = 0; n < count; n++) {
      const index = first + n
      const at = `${where}, record ${index}`
      try {
        const { value, end } = this.#read(data, offset)
        const datum = data.subarray(offset, end)
        offset = end
        yield { index, datum, value }
      } catch (cause) {
        const end = this.#endDespite(data, offset, count - n)
        const lost = end === undefined ? count - n : 1
        const rest = lost > 1 ? `, and where it ends: ${lost} records of the block are lost` : ''
        const error = cause instanceof AlertStreamError && cause.code === 'RESOLUTION_IMPOSSIBLE'
          ? new AlertStreamError(cause.code, cause.message, { hint: cause.hint }, { where: at, cause: cause.cause })
          : containerErrors.AVRO_BAD_RECORD(`record ${index} cannot be decoded${rest}`, { where: at, cause })
        if (end === undefined) {
          yield { index, error, lost }
          return
        }
        yield { index, error, lost, datum: data.subarray(offset, end) }
        offset = end
      }
    }
    if (offset !== data.length) {
      const error = containerErrors.AVRO_BAD_BLOCK(`${data.length - offset} bytes follow the last of ${count} records: the records may have been misread`, { where })
      yield { index: first + count, error, lost: 0 }
    }
  }

  #read (data: Buffer, offset: number): { value: AlertValue, end: number } {
    const { reader, resolution, decode } = this.#options
    if (decode === false) return { value: undefined as unknown as AlertValue, end: this.schema.skipAt(data, offset) }
    if (reader !== undefined) return resolver(this.schema, reader, resolution).decodeAt(data, offset)
    return this.schema.decodeAt(data, offset)
  }

  /** The end of a record that does not decode: trusted only where all records from it on add up to exactly the block. */
  #endDespite (data: Buffer, offset: number, left: number): number | undefined {
    try {
      const end = this.schema.skipAt(data, offset)
      let last = end
      for (let n = 1; n < left; n++) last = this.schema.skipAt(data, last)
      return last === data.length ? end : undefined
    } catch {
      return undefined
    }
  }
}

export { magic as containerMagic, syncLength }
