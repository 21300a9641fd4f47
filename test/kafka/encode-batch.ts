// Encodes record batches (format v2) for tests, including batches that no producer would write. Independent of the code under test.
import { Reader } from '@platformatic/kafka'
import { type RecordBatch, splitBatches, type SplitBatches } from '../../src/kafka/record-batch.ts'
import { tableCrc32c } from '../../src/stores/crc32c-table.ts'

export interface RecordFields {
  readonly offsetDelta: number
  readonly timestampDelta?: number | bigint
  readonly key?: Buffer | null
  readonly value: Buffer | null
  readonly headers?: ReadonlyArray<readonly [name: string, value: Buffer | null]>
}

export interface BatchFields {
  readonly firstOffset: bigint
  /** Default: the offset delta of the last record. */
  readonly lastOffsetDelta?: number
  readonly records: readonly RecordFields[]
  /** Default: the number of records. */
  readonly count?: number
  readonly attributes?: number
  readonly producerId?: bigint
  readonly leaderEpoch?: number
  /** The bytes of the records. Default: the records without compression. */
  readonly payload?: Buffer
}

export function varint (value: number | bigint): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  const bytes: number[] = []
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(rest)])
}

function sized (bytes: Buffer | null): Buffer {
  return bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes])
}

export function encodeRecords (records: readonly RecordFields[]): Buffer {
  return Buffer.concat(records.map(({ offsetDelta, timestampDelta = offsetDelta, key = null, value, headers = [] }) => sized(Buffer.concat([
    Buffer.alloc(1), varint(timestampDelta), varint(offsetDelta), sized(key), sized(value), varint(headers.length),
    ...headers.flatMap(([name, content]) => [sized(Buffer.from(name)), sized(content)])
  ]))))
}

/** Encodes a batch with a valid checksum. Timestamps start at 1000 ms. */
export function encodeBatch ({
  firstOffset, records, lastOffsetDelta = records.at(-1)?.offsetDelta ?? 0, count = records.length, attributes = 0, producerId = -1n,
  leaderEpoch = 0, payload = encodeRecords(records)
}: BatchFields): Buffer {
  const batch = Buffer.concat([Buffer.alloc(61), payload])
  batch.writeBigInt64BE(firstOffset, 0)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(leaderEpoch, 12)
  batch.writeInt8(2, 16)
  batch.writeInt16BE(attributes, 21)
  batch.writeInt32BE(lastOffsetDelta, 23)
  batch.writeBigInt64BE(1000n, 27)
  batch.writeBigInt64BE(9000n, 35)
  batch.writeBigInt64BE(producerId, 43)
  batch.writeInt32BE(count, 57)
  return withChecksum(batch)
}

/** Writes the checksum of the batch into its header. */
function withChecksum (batch: Buffer): Buffer {
  batch.writeUInt32BE(tableCrc32c(batch.subarray(21)), 17)
  return batch
}

/** Parses the bytes of a partition in a fetch response that arrived in chunks of `chunkBytes`. */
export function batchesOf (bytes: Buffer, chunkBytes = bytes.length): SplitBatches {
  const { buffer } = Reader.from(Buffer.alloc(0))
  buffer.buffers.pop()
  for (let at = 0; at < bytes.length; at += chunkBytes) buffer.append(bytes.subarray(at, at + chunkBytes))
  return splitBatches(buffer)
}

/** The batch as the fetcher receives it. */
export function recordBatch (fields: BatchFields): RecordBatch {
  return batchesOf(encodeBatch(fields)).batches[0]!
}
