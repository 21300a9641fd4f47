// Reads Avro object container files (Avro spec, "Object Container Files"), with at most one block in memory. A damaged record or block
// yields a failure, and reading continues. If the next block cannot be found (truncation, wrong sync marker), reading throws an error.
import { isUtf8 } from 'node:buffer'
import { codecByName, type Codec } from './codecs.ts'
import { containerErrors } from './errors.ts'
import { FileReader } from './file-reader.ts'
import { parseSchema, type AlertSchema, type AlertValue } from './schema.ts'
import { AlertStreamError, messageOf } from '../pipeline/errors.ts'

export const CONTAINER_MAGIC = Buffer.from('Obj\x01', 'latin1')
export const SYNC_LENGTH = 16
/** Maximum size of a string in the header. The longest one is the text of the alert schema (100 KB in version 11.1). */
const MAX_HEADER_BYTES = 64 * 1024 * 1024
/** Maximum size of a block, both compressed and uncompressed. */
const MAX_BLOCK_BYTES = 256 * 1024 * 1024

interface ContainerOptions {
  /** If false, the records are delimited but not decoded. Default: true. */
  readonly decode?: boolean | undefined
}

export interface ContainerRecord {
  /** Index among all records of the file, from 0, including damaged records. */
  readonly index: number
  /** Avro binary in the schema of the file, as a view into the block. Copy the datum to keep it longer than the block. */
  readonly datum: Buffer
  /** undefined if `decode` is false. */
  readonly value: AlertValue
  readonly error?: undefined
}

/** A damaged record, or the damaged rest of a block. */
export interface ContainerFailure {
  readonly index: number
  readonly error: AlertStreamError
  /** Number of lost records: 1; all remaining records of the block if the record's end is unknown; 0 if bytes follow the last record. */
  readonly lost: number
  /** The bytes of the damaged record. undefined if the end of the record is unknown. */
  readonly datum?: Buffer | undefined
}

export interface Container {
  readonly schema: AlertSchema
  /** The text of the schema exactly as in the file. */
  readonly schemaText: string
  /**
   * Yields all records in file order. Can be called only once. Ends without error when `signal` aborts. Throws AVRO_TRUNCATED,
   * AVRO_BAD_SYNC, AVRO_BAD_BLOCK, AVRO_BLOCK_TOO_LARGE or AVRO_UNREADABLE. Each message contains the number and byte offset of the block.
   */
  records (signal?: AbortSignal): AsyncGenerator<ContainerRecord | ContainerFailure, void, void>
  close (): Promise<void>
}

/** Opens a file and reads its header. Errors: AVRO_UNREADABLE, AVRO_NOT_A_CONTAINER, AVRO_TRUNCATED, AVRO_UNKNOWN_CODEC, SCHEMA_INVALID. */
export async function openContainer (path: string, options: ContainerOptions = {}): Promise<Container> {
  const file = await FileReader.open(path)
  try {
    const metadata = await readHeader(file)
    const sync = Buffer.from(await takeFromHeader(file, SYNC_LENGTH))
    const schema = metadata.get('avro.schema')
    if (schema === undefined) throw containerErrors.AVRO_NOT_A_CONTAINER('the header has no schema (avro.schema)', { where: path })
    if (!isUtf8(schema)) throw containerErrors.AVRO_NOT_A_CONTAINER('the schema in the header is not valid UTF-8', { where: path })
    const schemaText = schema.toString()
    const codec = codecByName(metadata.get('avro.codec')?.toString() ?? 'null', path)
    return new OpenContainer(file, sync, schemaText, codec, parseSchema(schemaText, path), options.decode ?? true)
  } catch (error) {
    await file.close()
    throw error
  }
}

async function takeFromHeader (file: FileReader, size: number): Promise<Buffer> {
  const at = file.position
  const piece = await file.take(size)
  if (piece.length < size) {
    const what = `the file ends in its header: ${size - piece.length} of ${size} bytes are missing at byte ${at}`
    throw containerErrors.AVRO_TRUNCATED(what, { where: file.path })
  }
  return piece
}

/** The metadata of the header. The specification says that keys are text and values are bytes. */
async function readHeader (file: FileReader): Promise<Map<string, Buffer>> {
  const start = Buffer.from(await file.take(CONTAINER_MAGIC.length))
  if (!start.equals(CONTAINER_MAGIC)) {
    const expected = `${CONTAINER_MAGIC.toString('hex')} ("Obj" 0x01)`
    const seen = start.length === 0 ? 'is empty' : `begins with ${start.toString('hex')}, not with ${expected}`
    throw containerErrors.AVRO_NOT_A_CONTAINER(`the file ${seen}`, { where: file.path })
  }
  const bytes = async (): Promise<Buffer> => {
    const size = Number(await headerLong(file))
    if (size < 0 || size > MAX_HEADER_BYTES) throw damagedHeader(file)
    return Buffer.from(await takeFromHeader(file, size))
  }
  const metadata = new Map<string, Buffer>()
  for (let count = await headerLong(file); count !== 0n; count = await headerLong(file)) {
    if (count < 0n) await headerLong(file)
    for (let left = count < 0n ? -count : count; left > 0n; left--) metadata.set((await bytes()).toString(), await bytes())
  }
  return metadata
}

async function headerLong (file: FileReader): Promise<bigint> {
  let value: bigint | undefined
  try {
    value = await file.long()
  } catch (error) {
    if (error instanceof AlertStreamError) throw error
    throw damagedHeader(file, error)
  }
  if (value !== undefined) return value
  throw containerErrors.AVRO_TRUNCATED(`the file ends in its header at byte ${file.position}`, { where: file.path })
}

function damagedHeader (file: FileReader, cause?: unknown): AlertStreamError {
  return containerErrors.AVRO_NOT_A_CONTAINER(`the header is damaged at byte ${file.position}`, { where: file.path, cause })
}

class OpenContainer implements Container {
  readonly schema: AlertSchema
  readonly schemaText: string
  readonly #file: FileReader
  readonly #sync: Buffer
  readonly #codec: Codec
  readonly #decode: boolean

  constructor (file: FileReader, sync: Buffer, schemaText: string, codec: Codec, schema: AlertSchema, decode: boolean) {
    this.schema = schema
    this.schemaText = schemaText
    this.#file = file
    this.#sync = sync
    this.#codec = codec
    this.#decode = decode
  }

  async * records (signal?: AbortSignal): AsyncGenerator<ContainerRecord | ContainerFailure, void, void> {
    let index = 0
    const stopped = (): boolean => signal?.aborted === true
    for (let block = 0; !stopped() && !await this.#file.atEnd(); block++) {
      const where = `${this.#file.path}, block ${block} at byte ${this.#file.position}`
      const { count, packed } = await this.#nextBlock(where)
      let data: Buffer | undefined
      try {
        data = await this.#codec.decompress(packed, MAX_BLOCK_BYTES)
      } catch (cause) {
        const error = cause instanceof AlertStreamError
          ? new AlertStreamError(cause.code, cause.message, { hint: cause.hint }, { where, cause: cause.cause })
          : containerErrors.AVRO_BAD_BLOCK(`cannot decompress the block (${this.#codec.name}): ${messageOf(cause)}`, { where, cause })
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

  async #nextBlock (where: string): Promise<{ readonly count: number, readonly packed: Buffer }> {
    const count = await this.#blockLong(where, 'record count')
    const size = await this.#blockLong(where, 'size')
    if (size > MAX_BLOCK_BYTES) {
      throw containerErrors.AVRO_BLOCK_TOO_LARGE(`the block has ${size} bytes; the limit is ${MAX_BLOCK_BYTES} bytes`, { where })
    }
    const expected = size + SYNC_LENGTH
    const block = await this.#file.take(expected)
    if (block.length < expected) {
      throw containerErrors.AVRO_TRUNCATED(`the file ends inside a block: only ${block.length} of ${expected} bytes exist`, { where })
    }
    if (!block.subarray(size).equals(this.#sync)) {
      throw containerErrors.AVRO_BAD_SYNC('the block does not end with the sync marker of the file', { where })
    }
    return { count, packed: block.subarray(0, size) }
  }

  async #blockLong (where: string, what: string): Promise<number> {
    let value: bigint | undefined
    try {
      value = await this.#file.long()
    } catch (cause) {
      if (cause instanceof AlertStreamError) throw cause
      throw containerErrors.AVRO_BAD_BLOCK(`the ${what} of the block is not a valid long`, { where, cause })
    }
    if (value === undefined) throw containerErrors.AVRO_TRUNCATED(`the file ends inside the ${what} of a block`, { where })
    if (value >= 0n && value <= 0x7fffffffn) return Number(value)
    throw containerErrors.AVRO_BAD_BLOCK(`the ${what} of the block is out of range: ${value}`, { where })
  }

  * #blockRecords (data: Buffer, count: number, first: number, where: string): Generator<ContainerRecord | ContainerFailure> {
    let offset = 0
    for (let n = 0; n < count; n++) {
      const index = first + n
      try {
        const { value, end } = this.#read(data, offset)
        const datum = data.subarray(offset, end)
        offset = end
        yield { index, datum, value }
      } catch (cause) {
        const end = this.#verifiedEnd(data, offset, count - n)
        const lost = end === undefined ? count - n : 1
        const rest = lost > 1 ? ` and its end is unknown, so ${lost} records of the block are lost` : ''
        const error = containerErrors.AVRO_BAD_RECORD(`cannot decode record ${index}${rest}`, { where: `${where}, record ${index}`, cause })
        if (end === undefined) {
          yield { index, error, lost }
          return
        }
        yield { index, error, lost, datum: data.subarray(offset, end) }
        offset = end
      }
    }
    if (offset !== data.length) {
      const what = `${data.length - offset} bytes follow the last of ${count} records, so records may have been misread`
      yield { index: first + count, error: containerErrors.AVRO_BAD_BLOCK(what, { where }), lost: 0 }
    }
  }

  #read (data: Buffer, offset: number): { value: AlertValue, end: number } {
    if (!this.#decode) return { value: undefined as unknown as AlertValue, end: this.schema.skipAt(data, offset) }
    return this.schema.decodeAt(data, offset)
  }

  /** Returns the end of an undecodable record, or undefined unless this record and the remaining records fill the block exactly. */
  #verifiedEnd (data: Buffer, offset: number, left: number): number | undefined {
    try {
      const end = this.schema.endAt(data, offset)
      let last = end
      for (let n = 1; n < left; n++) last = this.schema.endAt(data, last)
      return last === data.length ? end : undefined
    } catch {
      return undefined
    }
  }
}
