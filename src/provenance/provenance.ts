// The provenance of an archived alert: the Kafka record from which the object was written, and the identity of its frame. It is in the gzip
// header of the object, in the extra field LA (docs/provenance.avsc). A checksum covers it, because the checksum of gzip does not.
import { crc32 } from 'node:zlib'
import { singleObjectHeader } from '../avro/fingerprint.ts'
import { parseSchema, type AlertValue } from '../avro/schema.ts'
import type { KafkaHeader, KafkaRecord } from '../kafka/record.ts'
import { AlertStreamError, messageOf } from '../pipeline/errors.ts'
import { hex32 } from '../stores/crc32c.ts'
import { extraField, gzipHeader, maxFieldBytes, withExtraField } from '../stores/gzip-header.ts'
import { provenanceErrors } from './errors.ts'
import { provenanceSchema } from './provenance-schema.ts'

/** The record that was archived, without its value. */
export type ArchivedRecord = Omit<KafkaRecord, 'value' | 'omitted'>

/** Where a redriven record was first. */
export type FirstRecord = Pick<KafkaRecord, 'topic' | 'partition' | 'offset' | 'timestamp'>

type TruncatedPart = 'headers' | 'key'

/** What is known about the object itself. */
interface ArchivedFrame {
  /** SHA-256 of the frame, 64 lower-case hex digits. */
  readonly sha256: string
  readonly frameBytes: number
  /** Milliseconds since 1970. */
  readonly archivedAt: number
}

export interface Provenance extends ArchivedFrame {
  /** Length of the gzip data without extra fields. */
  readonly gzipBytes: number
  /** Key and headers are null and empty if they were left out. */
  readonly record: ArchivedRecord
  readonly truncated: readonly TruncatedPart[]
  /** Undefined unless the record was redriven. */
  readonly redrivenFrom: FirstRecord | undefined
}

export interface ObjectWithProvenance {
  readonly object: Buffer
  /** What did not fit into the gzip header. */
  readonly truncated: readonly TruncatedPart[]
}

const FIELD_ID = 'LA'
const CHECKSUM_BYTES = 4
const NO_CHECKSUM = Buffer.alloc(CHECKSUM_BYTES)
/** Each header takes at least this many bytes in addition to its name and value. */
const HEADER_OVERHEAD = 2
const schema = parseSchema(provenanceSchema)
const prefix = singleObjectHeader(provenanceSchema)

/**
 * Returns a copy, from `allocateOwn`, of a gzip member with the provenance in its header.
 * @param gz a gzip member without extra fields
 */
export function withProvenance (
  gz: Buffer, frame: ArchivedFrame, record: ArchivedRecord, redrivenFrom?: FirstRecord | undefined
): ObjectWithProvenance {
  const values = { ...frame, gzipBytes: gz.length, record, redrivenFrom }
  const seconds = Number(record.timestamp) / 1000
  for (const truncated of [[], ['headers'], ['headers', 'key']] as const) {
    const data = encode({ ...values, truncated })
    if (data !== undefined) return { object: withExtraField(gz, { id: FIELD_ID, data }, seconds), truncated }
  }
  throw new Error(`the provenance of ${record.topic} does not fit into a gzip header`)
}

/**
 * Reads the provenance from the header of an object. Returns undefined if the object has none. Errors: PROVENANCE_DAMAGED;
 * PROVENANCE_UNKNOWN if it has another schema.
 * @param start the first bytes of the object, at least to the end of its gzip header
 */
export function readProvenance (start: Buffer, where?: string): Provenance | undefined {
  try {
    const data = extraField(start, FIELD_ID)
    return data === undefined ? undefined : decode(data, where)
  } catch (cause) {
    if (cause instanceof AlertStreamError && cause.code === 'PROVENANCE_UNKNOWN') throw cause
    throw provenanceErrors.PROVENANCE_DAMAGED(`the provenance in the gzip header is damaged: ${messageOf(cause)}`, { where, cause })
  }
}

/**
 * Reads the identity of the frame from the first bytes of an object. Returns undefined unless the bytes have the complete, undamaged
 * provenance of an object of this size.
 */
export function frameIdentity (start: Buffer, size: number): Pick<Provenance, 'sha256' | 'frameBytes'> | undefined {
  try {
    const provenance = readProvenance(start)
    if (provenance === undefined || provenance.frameBytes < 0) return undefined
    return size === objectBytes(provenance, start) ? provenance : undefined
  } catch {
    return undefined
  }
}

/** The size that an object with this provenance must have. */
export function objectBytes ({ gzipBytes }: Provenance, start: Buffer): number {
  return gzipBytes + (gzipHeader(start)?.extraBytes ?? 0)
}

/** Returns undefined if the encoding is too long. */
function encode ({ sha256, frameBytes, gzipBytes, archivedAt, record, truncated, redrivenFrom }: Provenance): Buffer | undefined {
  const key = truncated.includes('key') ? null : record.key
  const headers = truncated.includes('headers') ? [] : record.headers
  // Checked first, because a record may have headers of any size.
  if (minimumBytes(key, headers) > maxFieldBytes) return undefined
  const datum = schema.encode({
    sha256: Buffer.from(sha256, 'hex'), frameBytes: BigInt(frameBytes), gzipBytes: BigInt(gzipBytes), archivedAt: BigInt(archivedAt),
    topic: record.topic, topicId: record.topicId === undefined ? null : topicIdBytes(record.topicId),
    partition: record.partition, offset: record.offset, leaderEpoch: record.leaderEpoch,
    timestamp: record.timestamp, timestampType: record.timestampType ?? 'Unknown',
    key, headers: headers.map(([name, value]) => ({ name: name.toString(), value })),
    truncated, redrivenFrom: redrivenFrom ?? null, checksum: NO_CHECKSUM
  })
  const length = prefix.length + datum.length
  if (length > maxFieldBytes) return undefined
  const data = Buffer.allocUnsafe(length)
  prefix.copy(data)
  datum.copy(data, prefix.length)
  data.writeUInt32LE(checksumOf(data), length - CHECKSUM_BYTES)
  return data
}

function minimumBytes (key: Buffer | null, headers: readonly KafkaHeader[]): number {
  return headers.reduce((sum, [name, value]) => sum + HEADER_OVERHEAD + name.length + (value?.length ?? 0), key?.length ?? 0)
}

/** Throws Error if the data are damaged, PROVENANCE_UNKNOWN if they have another schema. */
function decode (data: Buffer, where?: string): Provenance {
  if (data.length < prefix.length + CHECKSUM_BYTES) throw new Error(`it has only ${data.length} bytes`)
  const [stated, actual] = [data.readUInt32LE(data.length - CHECKSUM_BYTES), checksumOf(data)]
  if (stated !== actual) throw new Error(`its CRC-32 is ${hex32(actual)}, but it states ${hex32(stated)}`)
  const header = data.subarray(0, prefix.length)
  if (!header.equals(prefix)) {
    throw provenanceErrors.PROVENANCE_UNKNOWN(`the provenance has an unknown schema: it begins with ${header.toString('hex')}`, { where })
  }
  const datum = data.subarray(prefix.length)
  schema.checkDatum(datum)
  return fromValue(schema.decode(datum))
}

function fromValue (value: AlertValue): Provenance {
  const { sha256, topicId, timestampType, headers, redrivenFrom, ...rest } = value as unknown as Encoded
  const { topic, partition, offset, leaderEpoch, timestamp, key } = rest
  return {
    sha256: sha256.toString('hex'),
    frameBytes: Number(rest.frameBytes),
    gzipBytes: Number(rest.gzipBytes),
    archivedAt: Number(rest.archivedAt),
    record: {
      topic, topicId: topicId === null ? undefined : uuid(topicId), partition, offset, leaderEpoch, timestamp,
      timestampType: timestampType === 'Unknown' ? undefined : timestampType,
      key, headers: headers.map(({ name, value: content }): KafkaHeader => [Buffer.from(name), content])
    },
    truncated: rest.truncated,
    redrivenFrom: redrivenFrom === null ? undefined : { ...redrivenFrom }
  }
}

/** A decoded value of the schema. */
interface Encoded extends Pick<KafkaRecord, 'topic' | 'partition' | 'offset' | 'leaderEpoch' | 'timestamp' | 'key'> {
  readonly sha256: Buffer
  readonly frameBytes: bigint
  readonly gzipBytes: bigint
  readonly archivedAt: bigint
  readonly topicId: Buffer | null
  readonly timestampType: 'Unknown' | NonNullable<KafkaRecord['timestampType']>
  readonly headers: ReadonlyArray<{ readonly name: string, readonly value: Buffer | null }>
  readonly truncated: readonly TruncatedPart[]
  readonly redrivenFrom: FirstRecord | null
}

/** The 16 bytes of a topic id in the notation of a UUID. */
export function topicIdBytes (uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex')
}

function uuid (bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function checksumOf (data: Buffer): number {
  return crc32(data.subarray(0, -CHECKSUM_BYTES))
}
