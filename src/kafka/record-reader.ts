// Cuts the records of a batch out of its decompressed bytes, which arrive in chunks of any size. Every record gets memory of its own, so a
// record that waits downstream retains no chunk. Of a record above the size limit, only the size and the SHA-256 of its value are kept.
import { createHash } from 'node:crypto'
import { allocateOwn } from '../pipeline/own-memory.ts'
import { BatchError } from './batch-errors.ts'
import { type BatchRecord, MAX_VARINT_BYTES, MAX_VARLONG_BYTES, parseRecord, tooLong, zigzag } from './record-body.ts'
import { HEADER_OVERHEAD } from './record.ts'

export interface RecordReaderOptions {
  /** Number of records in the batch. */
  readonly count: number
  readonly lastOffsetDelta: number
  /** Maximum memory of a record, in bytes. */
  readonly maxRecordBytes: number
}

export class RecordReader {
  readonly #options: RecordReaderOptions
  readonly #records: Generator<BatchRecord | undefined, void>
  #chunk: Uint8Array = Buffer.alloc(0)
  #at = 0
  /** Number of bytes in earlier chunks. */
  #before = 0
  #finished = false
  #done = false

  constructor (options: RecordReaderOptions) {
    this.#options = options
    this.#records = this.#read()
  }

  /** Whether all records have been returned. */
  get done (): boolean {
    return this.#done
  }

  /** Adds bytes, after `next` has used up the previous chunk and returned undefined. */
  feed (chunk: Uint8Array): void {
    this.#before += this.#chunk.length
    this.#chunk = chunk
    this.#at = 0
  }

  /** Declares that no more bytes follow. */
  finish (): void {
    this.#finished = true
  }

  /** Returns the next record. Returns undefined if more bytes are needed first, or if all records were returned. Error: BatchError. */
  next (): BatchRecord | undefined {
    return this.#records.next().value ?? undefined
  }

  * #read (): Generator<BatchRecord | undefined, void> {
    const { count, lastOffsetDelta, maxRecordBytes } = this.#options
    let last: BatchRecord | undefined
    for (let index = 0; index < count; index++) {
      const previous = last
      if (previous !== undefined) yield previous
      const length = Number(yield * this.#varlong(MAX_VARINT_BYTES))
      if (length < 0) throw new BatchError(`a record states a length of ${length} bytes`)
      last = length > maxRecordBytes ? yield * this.#hashRecord(length) : bounded(parseRecord(yield * this.#bytes(length)), maxRecordBytes)
      const { offsetDelta } = last
      if (offsetDelta <= (previous?.offsetDelta ?? -1) || offsetDelta > lastOffsetDelta) {
        throw new BatchError(`record ${index} has offset delta ${offsetDelta}`)
      }
    }
    // The last record is returned only when the batch has ended after it. Bytes after it are damage, and are not read.
    while (!this.#finished) {
      if (this.#at < this.#chunk.length) throw new BatchError(`bytes follow after the last of ${count} records`)
      yield undefined
    }
    if (this.#at < this.#chunk.length) throw new BatchError(`bytes follow after the last of ${count} records`)
    this.#done = true
    if (last !== undefined) yield last
  }

  /** Waits until at least one byte is available. */
  * #more (): Generator<undefined, void> {
    while (this.#at === this.#chunk.length) {
      if (this.#finished) throw new BatchError('the batch ends within a record')
      yield undefined
    }
  }

  * #varlong (maxBytes: number): Generator<undefined, bigint> {
    let value = 0n
    for (let index = 0; index < maxBytes; index++) {
      if (this.#at === this.#chunk.length) yield * this.#more()
      const byte = this.#chunk[this.#at++]!
      value |= BigInt(byte & 0x7f) << BigInt(7 * index)
      if (byte < 0x80) return zigzag(value)
    }
    throw tooLong(maxBytes)
  }

  * #bytes (length: number): Generator<undefined, Buffer> {
    const bytes = allocateOwn(length)
    let filled = 0
    yield * this.#pass(length, part => {
      bytes.set(part, filled)
      filled += part.length
    })
    return bytes
  }

  /** Passes the next bytes to `use`, in parts. */
  * #pass (length: number, use: (part: Uint8Array) => void): Generator<undefined, void> {
    for (let left = length; left > 0;) {
      if (this.#at === this.#chunk.length) yield * this.#more()
      const part = this.#chunk.subarray(this.#at, this.#at + left)
      use(part)
      left -= part.length
      this.#at += part.length
    }
  }

  /** Reads a record that is too large for memory. Its headers are not parsed. */
  * #hashRecord (length: number): Generator<undefined, BatchRecord> {
    const end = this.#position + length
    const pass = (bytes: number, use: (part: Uint8Array) => void = () => {}): Generator<undefined, void> => {
      if (bytes < 0 || bytes > end - this.#position) throw new BatchError(`a field of ${bytes} bytes in a record of ${length} bytes`)
      return this.#pass(bytes, use)
    }
    yield * pass(1)
    const timestampDelta = yield * this.#varlong(MAX_VARLONG_BYTES)
    const offsetDelta = Number(yield * this.#varlong(MAX_VARINT_BYTES))
    const keyBytes = Number(yield * this.#varlong(MAX_VARINT_BYTES))
    if (keyBytes !== -1) yield * pass(keyBytes)
    const valueBytes = Number(yield * this.#varlong(MAX_VARINT_BYTES))
    const hash = createHash('sha256')
    if (valueBytes !== -1) yield * pass(valueBytes, part => { hash.update(part) })
    yield * pass(end - this.#position)
    return omitted({ offsetDelta, timestampDelta }, Math.max(valueBytes, 0), hash.digest('hex'))
  }

  /** Number of bytes read so far. */
  get #position (): number {
    return this.#before + this.#at
  }
}

/** Omits the content of a record whose header objects would exceed the limit. */
function bounded (record: BatchRecord, maxRecordBytes: number): BatchRecord {
  const { value, headers } = record
  if (headers.length * HEADER_OVERHEAD <= maxRecordBytes) return record
  const hash = createHash('sha256')
  return omitted(record, value?.length ?? 0, hash.update(value ?? '').digest('hex'))
}

function omitted (
  { offsetDelta, timestampDelta }: Pick<BatchRecord, 'offsetDelta' | 'timestampDelta'>, bytes: number, sha256: string
): BatchRecord {
  return { offsetDelta, timestampDelta, key: null, value: null, headers: [], omitted: { bytes, sha256 } }
}
