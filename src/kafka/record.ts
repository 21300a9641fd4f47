// A Kafka record as raw bytes and bigints, not decoded. Order and duplicates of headers are preserved. In keys, values and header
// values, null and empty are distinct.

/** One header of a record. Kafka allows repeated names and null values. */
export type KafkaHeader = readonly [name: Buffer, value: Buffer | null]

/** What is left of a record that exceeds the size limit: the size of its value in bytes, and the SHA-256 of its value in hex. */
export interface OmittedValue {
  readonly bytes: number
  readonly sha256: string
}

/** Estimated memory of a record in addition to its bytes, in bytes: objects, array slots, bigints. */
const RECORD_OVERHEAD = 256
/** Estimated memory of a header in addition to its bytes: the array and two buffers. */
export const HEADER_OVERHEAD = 256

/** Who set the timestamp of a record: its producer, or the broker when it appended the record. */
type TimestampType = 'CreateTime' | 'LogAppendTime'

export interface KafkaRecord {
  readonly topic: string
  /** UUID of the topic, in hex with dashes. A recreated topic has a new one. Undefined if unknown. */
  readonly topicId?: string | undefined
  readonly partition: number
  readonly offset: bigint
  /** Epoch of the partition's leader that wrote the record; -1 if unknown. The same offset in a later epoch may be another record. */
  readonly leaderEpoch: number
  /** Milliseconds since 1970, set by the producer, or by the broker if the topic uses LogAppendTime. */
  readonly timestamp: bigint
  /** Undefined if unknown. */
  readonly timestampType?: TimestampType | undefined
  readonly key: Buffer | null
  /** Value of the record; null for a tombstone. */
  readonly value: Buffer | null
  readonly headers: readonly KafkaHeader[]
  /** Set if the record exceeds the size limit of its source. Key and value are then null, and the headers are empty. */
  readonly omitted?: OmittedValue | undefined
}

/** A record to produce. */
export interface OutgoingRecord {
  /** Default: the topic of the sink. */
  readonly topic?: string | undefined
  /** Default: chosen by the key as in the Java client. Batches of records without a key go to the partitions in turn. */
  readonly partition?: number | undefined
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly KafkaHeader[]
  /** Milliseconds since 1970. Default: now. */
  readonly timestamp?: bigint | undefined
}

/** Formats the position of a record: `topic[partition]@offset`. */
export function position (record: Pick<KafkaRecord, 'topic' | 'partition' | 'offset'>): string {
  return `${record.topic}[${record.partition}]@${record.offset}`
}

/** Returns the last non-null value of the named header as UTF-8 text, or undefined if there is no such header. */
export function headerText (record: Pick<KafkaRecord, 'headers'>, name: string): string | undefined {
  for (let index = record.headers.length - 1; index >= 0; index--) {
    const [key, value] = record.headers[index]!
    if (value !== null && key.toString() === name) return value.toString()
  }
  return undefined
}

export function textHeader (name: string, value: string): KafkaHeader {
  return [Buffer.from(name), Buffer.from(value)]
}

export function isKafkaRecord (value: unknown): value is KafkaRecord {
  const record = value as Partial<KafkaRecord> | null
  return typeof record === 'object' && record !== null && typeof record.topic === 'string' && typeof record.partition === 'number' &&
    typeof record.offset === 'bigint' && Array.isArray(record.headers)
}

/** Returns the total size of key, value and headers, in bytes. */
export function recordBytes (record: { key: Buffer | null, value: Buffer | null, headers: readonly KafkaHeader[] }): number {
  let bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const [name, value] of record.headers) bytes += name.length + (value?.length ?? 0)
  return bytes
}

/** Returns the memory that a record retains, in bytes. */
export function retainedBytes (record: KafkaRecord): number {
  const backing = (record.value ?? record.key)?.buffer.byteLength ?? 0
  return Math.max(backing, recordBytes(record)) + RECORD_OVERHEAD + HEADER_OVERHEAD * record.headers.length
}

/** Formats a timestamp (ms) as ISO 8601, or in ms if it is out of the range of Date: a producer may set any 64-bit timestamp. */
export function formatTimestamp (timestamp: bigint | number): string {
  const date = new Date(Number(timestamp))
  return Number.isNaN(date.getTime()) ? `${timestamp} ms` : date.toISOString()
}
