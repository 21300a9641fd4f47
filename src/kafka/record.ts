// A Kafka record as the rest of the program sees it: bytes and bigints, nothing decoded. Order and duplicates of headers are kept, and null
// keys, values and header values stay apart from empty ones. Each record owns its bytes, so that holding one never holds a whole fetch.

/** One header; Kafka allows the same name more than once and a null value. */
export type KafkaHeader = readonly [name: Buffer, value: Buffer | null]

export interface KafkaRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** Milliseconds since 1970: the producer's, or the broker's where the topic says LogAppendTime. */
  readonly timestamp: bigint
  readonly key: Buffer | null
  /** null is a tombstone. */
  readonly value: Buffer | null
  readonly headers: readonly KafkaHeader[]
}

/** What a sink is given to produce. */
export interface OutgoingRecord {
  /** Default: the sink's topic. */
  readonly topic?: string | undefined
  /** Default: by the key, as Java's client does; without a key, partitions take turns by batch. */
  readonly partition?: number | undefined
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly KafkaHeader[]
  /** Milliseconds since 1970. Default: now. */
  readonly timestamp?: bigint | undefined
}

/** `topic[partition]@offset`. */
export function position (record: Pick<KafkaRecord, 'topic' | 'partition' | 'offset'>): string {
  return `${record.topic}[${record.partition}]@${record.offset}`
}

/** The last header of that name as UTF-8 text, as Java's `lastHeader` does; undefined where there is none or it is null. */
export function headerText (record: Pick<KafkaRecord, 'headers'>, name: string): string | undefined {
  for (let index = record.headers.length - 1; index >= 0; index--) {
    const [key, value] = record.headers[index]!
    if (value !== null && key.toString() === name) return value.toString()
  }
  return undefined
}

/** A header from text. */
export function textHeader (name: string, value: string): KafkaHeader {
  return [Buffer.from(name), Buffer.from(value)]
}

/** Whether a value of unknown kind is a KafkaRecord. */
export function isKafkaRecord (value: unknown): value is KafkaRecord {
  const record = value as Partial<KafkaRecord> | null
  return typeof record === 'object' && record !== null && typeof record.topic === 'string' && typeof record.partition === 'number' &&
    typeof record.offset === 'bigint' && Array.isArray(record.headers)
}

/** Bytes of key, value and headers. */
export function recordBytes (record: { key: Buffer | null, value: Buffer | null, headers: readonly KafkaHeader[] }): number {
  let bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const [name, value] of record.headers) bytes += name.length + (value?.length ?? 0)
  return bytes
}
