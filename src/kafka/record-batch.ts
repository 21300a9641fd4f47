// Record batches of format v2 as they are stored and fetched: the header is parsed, the records stay raw and compressed. `checkBatch`
// detects damage, by the checksum (CRC32C) of the batch and by header fields that contradict each other.
import { crc32c, hex32 } from '../stores/crc32c.ts'
import { replacePrefix } from '../stores/crc32c-combine.ts'
import type { Chunks } from './response-reader.ts'

export interface RecordBatch {
  readonly firstOffset: bigint
  readonly lastOffsetDelta: number
  readonly partitionLeaderEpoch: number
  readonly crc: number
  readonly attributes: number
  readonly firstTimestamp: bigint
  readonly maxTimestamp: bigint
  readonly producerId: bigint
  /** Number of records. Smaller than the range of offsets if the topic is compacted. */
  readonly count: number
  /** Size of the whole batch, in bytes. */
  readonly bytes: number
  /** The bytes that the checksum covers: from the attributes to the end of the batch. */
  readonly checked: Chunks
}

/** Batches of one partition in a fetch response. */
export interface SplitBatches {
  readonly batches: RecordBatch[]
  /** Why the bytes after the last batch are not a batch. */
  readonly damage?: string | undefined
}

/** The fields of a batch that its producer sets. */
export interface ProducerFields {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** Sequence number of the first record. */
  readonly sequence: number
  readonly firstTimestamp: bigint
  readonly maxTimestamp: bigint
}

/** Attributes of a batch. */
export const IS_TRANSACTIONAL = 1 << 4
export const IS_CONTROL = 1 << 5
export const IS_LOG_APPEND_TIME = 1 << 3

const LENGTH_AT = 8
const MAGIC_AT = 16
const CRC_AT = 17
const ATTRIBUTES_AT = 21
/** Bytes before the part whose size the length field states: first offset and length. */
const PREFIX_BYTES = 12
const HEADER_BYTES = 61
const SUPPORTED_MAGIC = 2

/**
 * Splits the bytes of a partition into batches, without decoding their records. A broker may cut the last batch off, but it always returns
 * the first batch completely, so an incomplete first batch is damaged.
 */
export function splitBatches (bytes: Chunks): SplitBatches {
  const batches: RecordBatch[] = []
  for (let at = 0; at < bytes.length;) {
    const left = bytes.length - at
    if (left > MAGIC_AT) {
      const magic = bytes.readInt8(at + MAGIC_AT)
      if (magic !== SUPPORTED_MAGIC) return { batches, damage: `record format ${magic} is not supported, only format ${SUPPORTED_MAGIC}` }
      const size = bytes.readInt32BE(at + LENGTH_AT) + PREFIX_BYTES
      if (size < HEADER_BYTES) return { batches, damage: `the length of the batch is ${size} bytes, less than its header` }
      if (size <= left) {
        batches.push(parseHeader(bytes, at, size))
        at += size
        continue
      }
    }
    if (batches.length > 0) break
    return { batches, damage: `the batch is incomplete: the broker returned only ${left} bytes of it` }
  }
  return { batches }
}

/** Returns why the batch is damaged, or undefined if it is intact. */
export function checkBatch (batch: RecordBatch): string | undefined {
  const { crc, checked, count, lastOffsetDelta } = batch
  let actual = 0
  for (const chunk of checked.buffers) actual = crc32c(chunk, actual)
  if (actual !== crc) return `its CRC32C is 0x${hex32(actual)}, but its header states 0x${hex32(crc)}`
  if (lastOffsetDelta < 0 || count < 0 || count > lastOffsetDelta + 1) {
    return `its header states ${count} records at ${lastOffsetDelta + 1} offsets`
  }
  return undefined
}

export function lastOffset ({ firstOffset, lastOffsetDelta }: RecordBatch): bigint {
  return firstOffset + BigInt(lastOffsetDelta)
}

/**
 * The first offset after a damaged batch: where the next batch begins if that batch is intact, or where the damaged header says, if its
 * fields agree. Undefined if neither can be trusted.
 */
export function offsetAfter (damaged: RecordBatch, following: RecordBatch | undefined): bigint | undefined {
  if (following !== undefined && checkBatch(following) === undefined) return following.firstOffset
  return damaged.count === damaged.lastOffsetDelta + 1 ? lastOffset(damaged) + 1n : undefined
}

/** The records of a batch, compressed as the attributes state. */
export function payloadOf ({ checked }: RecordBatch): Chunks {
  return checked.subarray(HEADER_BYTES - ATTRIBUTES_AT)
}

/**
 * The header of a batch that is produced again. Apart from the producer's fields, only the offset, the leader epoch and the type of the
 * timestamps differ, which the leader sets. The checksum covers the payload as it was when `batch` was checked.
 */
export function producedHeader (batch: RecordBatch, fields: ProducerFields): Buffer {
  const before = batch.checked.slice(0, HEADER_BYTES - ATTRIBUTES_AT)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeInt32BE(batch.bytes - PREFIX_BYTES, LENGTH_AT)
  header.writeInt32BE(-1, 12)
  header.writeInt8(SUPPORTED_MAGIC, MAGIC_AT)
  before.copy(header, ATTRIBUTES_AT)
  header.writeInt16BE(batch.attributes & ~IS_LOG_APPEND_TIME, ATTRIBUTES_AT)
  header.writeBigInt64BE(fields.firstTimestamp, 27)
  header.writeBigInt64BE(fields.maxTimestamp, 35)
  header.writeBigInt64BE(fields.producerId, 43)
  header.writeInt16BE(fields.producerEpoch, 51)
  header.writeInt32BE(fields.sequence, 53)
  header.writeUInt32BE(replacePrefix(batch.crc, before, header.subarray(ATTRIBUTES_AT), batch.bytes - HEADER_BYTES), CRC_AT)
  return header
}

function parseHeader (bytes: Chunks, at: number, size: number): RecordBatch {
  const header = bytes.slice(at, at + HEADER_BYTES)
  return {
    firstOffset: header.readBigInt64BE(0),
    partitionLeaderEpoch: header.readInt32BE(12),
    crc: header.readUInt32BE(CRC_AT),
    attributes: header.readInt16BE(ATTRIBUTES_AT),
    lastOffsetDelta: header.readInt32BE(23),
    firstTimestamp: header.readBigInt64BE(27),
    maxTimestamp: header.readBigInt64BE(35),
    producerId: header.readBigInt64BE(43),
    count: header.readInt32BE(57),
    bytes: size,
    checked: bytes.subarray(at + ATTRIBUTES_AT, at + size)
  }
}
