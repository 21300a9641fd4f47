// Yields the records of one batch, decompressing only as far as the records are taken. Small batches are read synchronously; a batch that
// does not fit into the memory for decompressed batches is streamed, so that only one chunk and one record of it are in memory.
import { decompress, type Decompressed } from './decompression.ts'
import { payloadOf, type RecordBatch } from './record-batch.ts'
import type { BatchRecord } from './record-body.ts'
import { RecordReader } from './record-reader.ts'
import { releaseBatch } from './response-memory.ts'

export interface BatchLimits {
  /** Memory for decompressed batches, in bytes. Larger batches are streamed. */
  readonly maxBatchBytes: number
  /** Maximum size of a record in memory, in bytes. Larger records are reduced to size and hash. */
  readonly maxRecordBytes: number
}

export const defaultBatchLimits: BatchLimits = { maxBatchBytes: 64 * 1024 * 1024, maxRecordBytes: 32 * 1024 * 1024 }

const CODEC_BITS = 7

/** The memory for decompressed batches, which all partitions of a fetcher share. */
export class BatchMemory {
  readonly limits: BatchLimits
  used = 0
  readonly #maxStreams: number
  readonly #streams = new Set<object>()

  /** @param maxStreams maximum number of batches that are streamed at the same time */
  constructor (limits: BatchLimits, maxStreams = 1) {
    this.limits = limits
    this.#maxStreams = maxStreams
  }

  get available (): number {
    return Math.max(this.limits.maxBatchBytes - this.used, 0)
  }

  /** Whether this reader may stream a batch now. If so, it may until `endStream`. */
  startStream (reader: object): boolean {
    if (!this.#streams.has(reader) && this.#streams.size >= this.#maxStreams) return false
    this.#streams.add(reader)
    return true
  }

  /** Returns whether the reader was streaming, so that another reader can now begin. */
  endStream (reader: object): boolean {
    return this.#streams.delete(reader)
  }
}

export class BatchRecords {
  readonly #batch: RecordBatch
  readonly #memory: BatchMemory
  readonly #reader: RecordReader
  readonly #decompressed: Decompressed
  /** Bytes taken from the shared memory. */
  #reserved = 0
  #held: number

  /** Error: BatchError. */
  constructor (batch: RecordBatch, memory: BatchMemory) {
    const { maxBatchBytes, maxRecordBytes } = memory.limits
    this.#batch = batch
    this.#memory = memory
    this.#reader = new RecordReader({ count: batch.count, lastOffsetDelta: batch.lastOffsetDelta, maxRecordBytes })
    this.#decompressed = decompress(batch.attributes & CODEC_BITS, payloadOf(batch), { available: memory.available, max: maxBatchBytes })
    if (this.#decompressed.kind !== 'whole') {
      this.#held = this.#decompressed.held
      return
    }
    const { bytes } = this.#decompressed
    this.#held = this.#reserved = bytes.length
    memory.used += bytes.length
    this.#reader.feed(bytes)
    this.#reader.finish()
  }

  /** Bytes of this batch that are in memory. */
  get held (): number {
    return this.#held
  }

  /** Whether all records have been returned. */
  get done (): boolean {
    return this.#reader.done
  }

  /** Returns the next record. Returns undefined if all records were returned (`done`) or if `readMore` is needed. Error: BatchError. */
  next (): BatchRecord | undefined {
    for (;;) {
      const record = this.#reader.next()
      if (record !== undefined || this.#reader.done || this.#decompressed.kind !== 'chunks') return record
      const { value, done } = this.#decompressed.chunks.next()
      if (done === true) this.#reader.finish()
      else this.#reader.feed(value)
    }
  }

  /** Decompresses the next part of a streamed batch. Error: BatchError. */
  async readMore (): Promise<void> {
    if (this.#decompressed.kind !== 'stream') return
    const { value, done } = await this.#decompressed.chunks.next()
    if (done === true) this.#reader.finish()
    else this.#reader.feed(value)
  }

  /** Releases the memory of the batch. Must be called once. */
  close (): void {
    this.#memory.used -= this.#reserved
    this.#held = 0
    // A stream that ends early may still be reading the batch in another thread.
    if (this.#decompressed.kind === 'stream') this.#decompressed.chunks.return().catch(() => {})
    else releaseBatch(this.#batch)
  }
}
