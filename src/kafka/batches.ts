// Groups records into batches that brokers accept: a batch has records of one partition, in order, and at most `limit` bytes. Groups the
// batches of several partitions into sends of bounded size. Sequential sends preserve the order of records within a partition.
import { type OutgoingRecord, recordBytes } from './record.ts'

/** A record with topic, partition and timestamp resolved. */
export interface AddressedRecord {
  readonly topic: string
  readonly partition: number
  readonly timestamp: bigint
  readonly record: OutgoingRecord
}

interface PartitionBatches {
  readonly batches: AddressedRecord[][]
  /** Size of the last batch, in bytes. */
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
  readonly #partitions = new Map<string, PartitionBatches>()

  /** Appends a record to the batches of its partition. `limit` is the maximum size of a batch of this partition, in bytes. */
  add (addressed: AddressedRecord, limit: number): void {
    const key = `${addressed.topic}/${addressed.partition}`
    let partition = this.#partitions.get(key)
    if (partition === undefined) {
      partition = { batches: [[]], bytes: BATCH_OVERHEAD }
      this.#partitions.set(key, partition)
    }
    const size = sizeOf(addressed.record)
    const first = partition.batches.at(-1)![0]
    if (first !== undefined && (partition.bytes + size > limit || span(addressed.timestamp, first.timestamp) > MAX_SPAN_MS)) {
      partition.batches.push([])
      partition.bytes = BATCH_OVERHEAD
    }
    partition.bytes += size
    partition.batches.at(-1)!.push(addressed)
  }

  /** Returns sends in order: the first batch of every partition, then the second batch of every partition, ..., split at MAX_SEND_BYTES. */
  sends (): AddressedRecord[][] {
    const partitions = [...this.#partitions.values()].map(partition => partition.batches)
    const sends: AddressedRecord[][] = []
    for (let round = 0; partitions.some(batches => batches.length > round); round++) {
      let send: AddressedRecord[] = []
      let bytes = 0
      for (const batches of partitions) {
        const batch = batches[round] ?? []
        const size = batch.reduce((sum, { record }) => sum + sizeOf(record), 0)
        if (send.length > 0 && bytes + size > MAX_SEND_BYTES) {
          sends.push(send)
          send = []
          bytes = 0
        }
        send.push(...batch)
        bytes += size
      }
      if (send.length > 0) sends.push(send)
    }
    return sends
  }
}

function sizeOf (record: OutgoingRecord): number {
  return recordBytes(record) + RECORD_OVERHEAD + HEADER_OVERHEAD * record.headers.length
}

function span (a: bigint, b: bigint): bigint {
  return a < b ? b - a : a - b
}
