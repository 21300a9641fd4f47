// Puts records into batches that brokers accept: per partition at most so many bytes each, in order; and batches of several partitions into
// sends of bounded size, so that the order within each partition is kept when the sends go out one after the other.
import { type OutgoingRecord, recordBytes } from './record.ts'

/** A record with everything decided. */
export interface AddressedRecord {
  readonly topic: string
  readonly partition: number
  readonly timestamp: bigint
  readonly record: OutgoingRecord
}

interface Lane {
  readonly chunks: AddressedRecord[][]
  bytes: number
}

/** Header of a batch. */
const BATCH_OVERHEAD = 61
/** Length, attributes, deltas and counts of a record, at most; each header has two lengths more. */
const RECORD_OVERHEAD = 36
const HEADER_OVERHEAD = 10
const MAX_SEND_BYTES = 8 * 1024 * 1024
/** The library encodes the time between records of one batch wrongly from 2^30 ms (12 days) on: such records go in batches of their own. */
const MAX_SPAN_MS = 2n ** 30n - 1n

/** Bytes that a record takes alone in a batch, uncompressed; a few too many rather than too few. */
export function batchBytes (record: OutgoingRecord): number {
  return BATCH_OVERHEAD + sizeOf(record)
}

export class Batches {
  readonly #lanes = new Map<string, Lane>()

  /** Adds a record behind those of its partition; `limit` is what one batch of it may hold, in bytes. */
  add (addressed: AddressedRecord, limit: number): void {
    const key = `${addressed.topic}/${addressed.partition}`
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = { chunks: [[]], bytes: BATCH_OVERHEAD }
      this.#lanes.set(key, lane)
    }
    const size = sizeOf(addressed.record)
    const first = lane.chunks.at(-1)![0]
    if (first !== undefined && (lane.bytes + size > limit || span(addressed.timestamp, first.timestamp) > MAX_SPAN_MS)) {
      lane.chunks.push([])
      lane.bytes = BATCH_OVERHEAD
    }
    lane.bytes += size
    lane.chunks.at(-1)!.push(addressed)
  }

  /** The next batch of each partition in one send, and so on, while a send stays small. */
  sends (): AddressedRecord[][] {
    const lanes = [...this.#lanes.values()].map(lane => lane.chunks)
    const sends: AddressedRecord[][] = []
    for (let round = 0; lanes.some(chunks => chunks.length > round); round++) {
      let send: AddressedRecord[] = []
      let bytes = 0
      for (const chunks of lanes) {
        const chunk = chunks[round] ?? []
        const size = chunk.reduce((sum, { record }) => sum + sizeOf(record), 0)
        if (send.length > 0 && bytes + size > MAX_SEND_BYTES) {
          sends.push(send)
          send = []
          bytes = 0
        }
        send.push(...chunk)
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
