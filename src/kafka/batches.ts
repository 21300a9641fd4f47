// Groups records into batches that brokers accept: a batch has records of one partition, in order, and at most `limit` bytes. Groups the
// batches of several partitions into sends of bounded size. Sequential sends preserve the order of records within a partition.
import { type OutgoingRecord, recordBytes } from './record.ts'
import { WholeBatch } from './whole-batch.ts'

/** A record with topic, partition and timestamp resolved. */
export interface AddressedRecord {
  readonly topic: string
  readonly partition: number
  readonly timestamp: bigint
  readonly record: OutgoingRecord
}

/** What one request writes to a partition: records in order, which the client encodes, or an encoded batch. */
export interface PartitionBatch {
  readonly topic: string
  readonly partition: number
  /** Number of records. */
  readonly count: number
  readonly content: readonly AddressedRecord[] | WholeBatch
}

interface OpenBatch {
  readonly topic: string
  readonly partition: number
  readonly content: AddressedRecord[] | WholeBatch
  bytes: number
}

/** Size of the header of a record batch (format v2), in bytes. */
const BATCH_OVERHEAD = 61
/** Maximum bytes that the encoding adds to the content of a record (lengths, deltas, counts, attributes) and of a header (two lengths). */
const RECORD_OVERHEAD = 36
const HEADER_OVERHEAD = 10
const MAX_SEND_BYTES = 8 * 1024 * 1024
/** Maximum difference of timestamps in a batch. The client library encodes differences of 2^30 ms (12 days) or more incorrectly. */
const MAX_SPAN_MS = 2n ** 30n - 1n

/** Returns an upper bound for the uncompressed size of a batch that contains only this record, in bytes. */
export function batchBytes (record: OutgoingRecord): number {
  return BATCH_OVERHEAD + sizeOf(record)
}

export class Batches {
  /** The batches of each partition, by `topic/partition`. */
  readonly #partitions = new Map<string, OpenBatch[]>()

  /** Appends a record to the batches of its partition. `limit` is the maximum size of a batch of this partition, in bytes. */
  add (addressed: AddressedRecord, limit: number): void {
    const { topic, partition, timestamp, record } = addressed
    const batches = this.#batchesOf(topic, partition)
    const size = sizeOf(record)
    const last = batches.at(-1)
    if (last !== undefined && !(last.content instanceof WholeBatch) && last.bytes + size <= limit) {
      const first = last.content[0]!
      if (span(timestamp, first.timestamp) <= MAX_SPAN_MS) {
        last.content.push(addressed)
        last.bytes += size
        return
      }
    }
    batches.push({ topic, partition, content: [addressed], bytes: BATCH_OVERHEAD + size })
  }

  /** Appends an encoded batch, which must not exceed the limit of the partition. */
  addWhole (topic: string, batch: WholeBatch): void {
    const { partition, bytes } = batch
    this.#batchesOf(topic, partition).push({ topic, partition, content: batch, bytes })
  }

  /** Returns sends in order: the first batch of every partition, then the second batch of every partition, ..., split at MAX_SEND_BYTES. */
  sends (): PartitionBatch[][] {
    const partitions = [...this.#partitions.values()]
    const sends: PartitionBatch[][] = []
    for (let round = 0; partitions.some(batches => batches.length > round); round++) {
      let send: PartitionBatch[] = []
      let sendBytes = 0
      for (const batch of partitions.flatMap(batches => batches[round] ?? [])) {
        if (send.length > 0 && sendBytes + batch.bytes > MAX_SEND_BYTES) {
          sends.push(send)
          send = []
          sendBytes = 0
        }
        send.push(partitionBatch(batch))
        sendBytes += batch.bytes
      }
      sends.push(send)
    }
    return sends
  }

  #batchesOf (topic: string, partition: number): OpenBatch[] {
    const key = `${topic}/${partition}`
    const batches = this.#partitions.get(key) ?? []
    this.#partitions.set(key, batches)
    return batches
  }
}

export function partitionBatch ({ topic, partition, content }: Omit<PartitionBatch, 'count'>): PartitionBatch {
  return { topic, partition, content, count: content instanceof WholeBatch ? content.count : content.length }
}

function sizeOf (record: OutgoingRecord): number {
  return recordBytes(record) + RECORD_OVERHEAD + HEADER_OVERHEAD * record.headers.length
}

function span (a: bigint, b: bigint): bigint {
  return a < b ? b - a : a - b
}
