// A record batch that is written to another topic as it is: only the offset, the leader epoch, the producer, the timestamps and the
// checksum in its header change. Its records are neither decoded nor copied; `toWholeBatch` only reads their lengths, keys and deltas.
import { BatchMemory, BatchRecords } from './batch-records.ts'
import { partitionFor } from './murmur2.ts'
import { IS_LOG_APPEND_TIME, payloadOf, producedHeader, type RecordBatch } from './record-batch.ts'
import { RecordScanner } from './record-scanner.ts'
import { HEADER_OVERHEAD, type OutgoingRecord, position } from './record.ts'
import { releaseBatch } from './response-memory.ts'

/** Where a batch is, and its limits. */
export interface BatchPlace {
  readonly topic: string
  readonly partition: number
  /** Number of partitions of the topic. */
  readonly partitions: number
  /** Maximum size of the batch, in bytes. */
  readonly maxBatchBytes: number
  /** Maximum memory of a record, in bytes. */
  readonly maxRecordBytes: number
}

/** The time at which records are produced replaces their timestamps, to this accuracy in ms. */
const MAX_TIMESTAMP_SPAN_MS = 1000
/** Number of bytes of a value that are kept for its readers. */
const HEAD_BYTES = 16
/** Estimated memory of such a head, in bytes. */
const HEAD_OVERHEAD = 128

export class WholeBatch {
  /** Partition of the batch, in its topic and in the topic to which it is written. */
  readonly partition: number
  /** Number of partitions of its topic. In a topic with another number of partitions, its keys belong to other partitions. */
  readonly partitions: number
  readonly count: number
  /** Position of the first record. */
  readonly position: string
  /** Size of the whole batch, in bytes. */
  readonly bytes: number
  /** Total size of keys, values and headers, in bytes. */
  readonly contentBytes: number
  /** The first bytes of each value. */
  readonly valueHeads: readonly (Buffer | null)[]
  readonly #batch: RecordBatch
  readonly #maxTimestampDelta: number
  #records: readonly OutgoingRecord[] | undefined

  constructor (
    batch: RecordBatch, { topic, partition, partitions }: Pick<BatchPlace, 'topic' | 'partition' | 'partitions'>,
    content: { readonly contentBytes: number, readonly maxTimestampDelta: number, readonly valueHeads: readonly (Buffer | null)[] }
  ) {
    this.#batch = batch
    this.partition = partition
    this.partitions = partitions
    this.count = batch.count
    this.position = position({ topic, partition, offset: batch.firstOffset })
    this.bytes = batch.bytes
    this.contentBytes = content.contentBytes
    this.valueHeads = content.valueHeads
    this.#maxTimestampDelta = content.maxTimestampDelta
  }

  /** Memory that the batch retains, in bytes. */
  get retainedBytes (): number {
    return this.bytes + this.count * HEAD_OVERHEAD
  }

  /** The batch as a producer sends it, in parts. The last record gets the timestamp `now`; the others keep their distance to it. */
  encode ({ id, epoch }: { readonly id: bigint, readonly epoch: number }, sequence: number, now: number): Uint8Array[] {
    const firstTimestamp = BigInt(now - this.#maxTimestampDelta)
    const fields = { producerId: id, producerEpoch: epoch, sequence, firstTimestamp, maxTimestamp: BigInt(now) }
    return [producedHeader(this.#batch, fields), ...payloadOf(this.#batch).buffers]
  }

  /** The records, decoded. Each call returns the same objects. */
  records (): readonly OutgoingRecord[] {
    this.#records ??= decodeAll(this.#batch)
    return this.#records
  }

  /** Frees the memory of the records. Must be called at most once, when the batch and its decoded records need not be sent again. */
  free (): void {
    releaseBatch(this.#batch)
  }
}

/**
 * Returns undefined if the batch cannot be written as it is: it is compressed, transactional, a control batch or compacted; a key belongs
 * to another partition by Kafka's default partitioner, or is missing; the batch or a record is too large; the timestamps of the records are
 * more than a second apart; or the batch is damaged.
 */
export function toWholeBatch (batch: RecordBatch, place: BatchPlace): WholeBatch | undefined {
  const { partition, partitions, maxBatchBytes, maxRecordBytes } = place
  // All other attributes are codecs and kinds of batches that have to be decoded.
  const { attributes, count, lastOffsetDelta } = batch
  if ((attributes & ~IS_LOG_APPEND_TIME) !== 0 || batch.bytes > maxBatchBytes) return undefined
  if (count === 0 || count !== lastOffsetDelta + 1) return undefined
  const scanner = new RecordScanner(payloadOf(batch).buffers, HEAD_BYTES)
  const valueHeads: (Buffer | null)[] = []
  let contentBytes = 0
  let [least, most] = [Infinity, -Infinity]
  for (let index = 0; index < count; index++) {
    const record = scanner.next()
    if (record === undefined || record.offsetDelta !== index || record.key === null) return undefined
    if (record.bytes > maxRecordBytes || record.headers * HEADER_OVERHEAD > maxRecordBytes) return undefined
    if (partitionFor(record.key, partitions) !== partition) return undefined
    least = Math.min(least, record.timestampDelta)
    most = Math.max(most, record.timestampDelta)
    contentBytes += record.contentBytes
    valueHeads.push(record.valueHead)
  }
  if (!scanner.atEnd || most - least > MAX_TIMESTAMP_SPAN_MS) return undefined
  return new WholeBatch(batch, place, { contentBytes, maxTimestampDelta: most, valueHeads })
}

function decodeAll (batch: RecordBatch): OutgoingRecord[] {
  const reader = new BatchRecords(batch, new BatchMemory({ maxBatchBytes: Infinity, maxRecordBytes: Infinity }))
  const records: OutgoingRecord[] = []
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    const { key, value, headers } = record
    records.push({ key, value, headers })
  }
  // The reader is not closed, because that would free the memory of the batch, which may be encoded again. `free` does it.
  return records
}
