// What the index keeps of one delivery of an alert: a row, or a rejection if the record is not a valid alert.
import type { KafkaRecord } from '../kafka/record.ts'
import { topicIdBytes } from '../provenance/provenance.ts'

/** Where an alert was in Kafka. All fields are null if that is not known. */
export interface Delivery {
  readonly topic: string | null
  /** UUID of the topic, 16 bytes. */
  readonly topicId: Buffer | null
  readonly partition: number | null
  readonly offset: bigint | null
  /** Milliseconds since 1970. */
  readonly timestamp: bigint | null
  readonly key: Buffer | null
}

/** The fields of the triggering source that the index has, with the names of the newest schema. */
export interface SourceFields {
  readonly visit: bigint | null
  readonly detector: number | null
  readonly diaObjectId: bigint | null
  readonly ssObjectId: bigint | null
  /** Days, MJD, TAI. */
  readonly midpointMjdTai: number | null
  /** Degrees. */
  readonly ra: number | null
  /** Degrees. */
  readonly dec: number | null
  /** HEALPix number of the position, nested, order 29. */
  readonly healpix29: bigint | null
  readonly band: string | null
  /** nJy. */
  readonly psfFlux: number | null
  /** nJy. */
  readonly psfFluxErr: number | null
  readonly snr: number | null
  readonly reliability: number | null
}

/** A row of the index. The names are those of the Parquet columns. */
export interface IndexRow extends SourceFields, Delivery {
  readonly id: bigint
  /** Night (day_obs) of a packed id, as YYYYMMDD. */
  readonly night: number | null
  readonly schemaId: bigint
  readonly frameBytes: number
  /** SHA-256 of the frame. */
  readonly sha256: Buffer
}

/** Position of a record in Kafka. */
export type Position = Pick<KafkaRecord, 'topic' | 'topicId' | 'partition' | 'offset' | 'timestamp'>

/** A record that is not a valid alert. */
export interface Rejection {
  /** Code of the error. */
  readonly code: string
}

/** What one record of Kafka or one object of the archive becomes. */
export interface Entry {
  /** undefined if the row comes from the archive. */
  readonly consumed: Position | undefined
  readonly outcome: IndexRow | Rejection
}

export function isRejected (outcome: IndexRow | Rejection): outcome is Rejection {
  return 'code' in outcome
}

export const noDelivery: Delivery = { topic: null, topicId: null, partition: null, offset: null, timestamp: null, key: null }

export function deliveryOf (record: Omit<KafkaRecord, 'value' | 'omitted'>): Delivery {
  const { topic, topicId, partition, offset, timestamp, key } = record
  return {
    topic, topicId: topicId === undefined ? null : sharedTopicId(topicId), partition, offset, timestamp,
    // A copy, because the key is a view of the memory of the whole record.
    key: key === null ? null : Buffer.from(key)
  }
}

let lastTopicId: { readonly text: string, readonly bytes: Buffer } | undefined

function sharedTopicId (text: string): Buffer {
  if (lastTopicId?.text !== text) lastTopicId = { text, bytes: topicIdBytes(text) }
  return lastTopicId.bytes
}

/** Estimated memory of a row in bytes, without its key: the object, boxed numbers and bigints, and the hash. */
const rowBytes = 800

export function heldBytes ({ outcome }: Entry): number {
  return rowBytes + (isRejected(outcome) ? 0 : outcome.key?.length ?? 0)
}
