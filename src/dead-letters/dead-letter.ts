// A dead letter is a complete record that could not be processed, with its origin, the node that failed and the reason. In a topic, a dead
// letter has the key, value and headers of the original record, followed by report headers.
import { AlertStreamError, errorCode, messageOf } from '../pipeline/errors.ts'
import type { DeadLetter } from '../pipeline/node.ts'
import { headerText, isKafkaRecord, type KafkaHeader, type OutgoingRecord, textHeader } from '../kafka/record.ts'

/** Report headers in the order in which they are written. `reason` must be first. Values are UTF-8 text; numbers are decimal. */
const reportHeaderNames = {
  reason: 'dead-letter-reason',
  message: 'dead-letter-message',
  node: 'dead-letter-node',
  /** `topic[partition]@offset` or `file.avro#17`. */
  position: 'dead-letter-position',
  attempts: 'dead-letter-attempts',
  topic: 'dead-letter-topic',
  partition: 'dead-letter-partition',
  offset: 'dead-letter-offset',
  timestamp: 'dead-letter-timestamp',
  /** Size of the value in bytes. Present only if the value was omitted, because the record was too large to read or for the topic. */
  omitted: 'dead-letter-omitted-bytes',
  /** SHA-256 of the value in hex. Present only if the record was too large to read. */
  omittedSha256: 'dead-letter-omitted-sha256'
} as const
type ReportField = keyof typeof reportHeaderNames

/** Header with the number of times that redrive has sent a record back. The header is part of the record, not of the report. */
export const redrivenHeader = 'dead-letter-redriven'

/** Headers with the position and timestamp at which a redriven record was first. Like `redrivenHeader`, they are part of the record. */
const originHeaderNames = {
  topic: 'dead-letter-origin-topic',
  partition: 'dead-letter-origin-partition',
  offset: 'dead-letter-origin-offset',
  timestamp: 'dead-letter-origin-timestamp'
} as const
const TOPIC_NAME = /^[A-Za-z0-9._-]{1,249}$/
const MAX_PARTITION = 2n ** 31n - 1n

/** Origin of a record that came from Kafka. */
export interface KafkaOrigin {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** Milliseconds since 1970. */
  readonly timestamp: bigint
}

/** A dead letter as it is stored in a topic or a store. */
export interface DeadLetterRecord {
  /** Stable error code. */
  readonly reason: string
  readonly message: string
  /** Node that failed. */
  readonly node: string
  readonly position: string
  readonly attempts: number
  /** Undefined if the record did not come from Kafka. */
  readonly origin: KafkaOrigin | undefined
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Headers of the original record, without the report. */
  readonly headers: readonly KafkaHeader[]
  /** Size of the value in bytes if the value was omitted. The key and headers may then be omitted too. */
  readonly omittedBytes?: number | undefined
  /** SHA-256 of the value in hex, if the record was too large to read. */
  readonly omittedSha256?: string | undefined
}

/** Maximum length of the error message in the headers, in characters. Without a limit, the headers could be larger than the record. */
const MAX_MESSAGE_CHARACTERS = 2000
/** Upper bound of the bytes that the report adds to a record: a character has up to three bytes, and the position may be a path. */
export const maxReportBytes = 3 * MAX_MESSAGE_CHARACTERS + 8192

export function toDeadLetterRecord ({ record: { value }, origin, node, error, attempts }: DeadLetter): DeadLetterRecord {
  const where = error instanceof AlertStreamError && error.where !== undefined ? ` (${error.where})` : ''
  const report = {
    reason: errorCode(error),
    message: (messageOf(error) + where).slice(0, MAX_MESSAGE_CHARACTERS),
    node,
    position: origin.position,
    attempts
  }
  if (!isKafkaRecord(value)) return { ...report, origin: undefined, key: null, value: bytesOf(value), headers: [] }
  const { topic, partition, offset, timestamp, key, headers, omitted } = value
  const kept = { ...report, origin: { topic, partition, offset, timestamp }, key, headers }
  if (omitted === undefined) return { ...kept, value: value.value }
  return { ...kept, value: Buffer.alloc(0), omittedBytes: omitted.bytes, omittedSha256: omitted.sha256 }
}

export function reportHeaders (deadLetter: DeadLetterRecord): KafkaHeader[] {
  const { origin, omittedBytes, omittedSha256 } = deadLetter
  const header = (name: ReportField, value: string | number | bigint): KafkaHeader => textHeader(reportHeaderNames[name], String(value))
  return [
    header('reason', deadLetter.reason), header('message', deadLetter.message), header('node', deadLetter.node),
    header('position', deadLetter.position), header('attempts', deadLetter.attempts),
    ...origin === undefined ? [] : (['topic', 'partition', 'offset', 'timestamp'] as const).map(name => header(name, origin[name])),
    ...omittedBytes === undefined ? [] : [header('omitted', omittedBytes)],
    ...omittedSha256 === undefined ? [] : [header('omittedSha256', omittedSha256)]
  ]
}

/** The record to produce to the dead-letter topic. */
export function toKafkaRecord (deadLetter: DeadLetterRecord): OutgoingRecord {
  return { key: deadLetter.key, value: deadLetter.value, headers: [...deadLetter.headers, ...reportHeaders(deadLetter)] }
}

/** Parses a record of a dead-letter topic. Returns undefined for a record that is not a dead letter. Missing text fields become ''. */
export function parseDeadLetter ({ key, value, headers }: Omit<OutgoingRecord, 'topic'>): DeadLetterRecord | undefined {
  // Use the last report, because the original record may itself be a dead letter.
  const start = headers.findLastIndex(([name, text]) => text !== null && name.toString() === reportHeaderNames.reason)
  if (start < 0) return undefined
  const report = { headers: headers.slice(start) }
  const text = (name: ReportField): string | undefined => headerText(report, reportHeaderNames[name])
  const integer = (name: ReportField): bigint | undefined => parseInteger(text(name))
  const [topic, partition, offset, omitted] = [text('topic'), integer('partition'), integer('offset'), integer('omitted')]
  const omittedSha256 = text('omittedSha256')
  return {
    reason: text('reason') ?? '',
    message: text('message') ?? '',
    node: text('node') ?? '',
    position: text('position') ?? '',
    attempts: Number(integer('attempts') ?? 0n),
    origin: topic === undefined || partition === undefined || offset === undefined
      ? undefined
      : { topic, partition: Number(partition), offset, timestamp: integer('timestamp') ?? -1n },
    key,
    value,
    headers: headers.slice(0, start),
    ...omitted === undefined ? {} : { omittedBytes: Number(omitted) },
    ...omittedSha256 === undefined ? {} : { omittedSha256 }
  }
}

const redriveHeaders: ReadonlySet<string> = new Set([redrivenHeader, ...Object.values(originHeaderNames)])

/** The headers of a record without those that redrive has added to it. */
export function withoutRedriveHeaders (headers: readonly KafkaHeader[]): readonly KafkaHeader[] {
  if (headers.length === 0 || headerText({ headers }, redrivenHeader) === undefined) return headers
  return headers.filter(([name]) => !redriveHeaders.has(name.toString()))
}

/** Number of times that redrive has sent the record back. */
export function redrivenCount (record: { readonly headers: readonly KafkaHeader[] }): number {
  return Number(parseInteger(headerText(record, redrivenHeader)) ?? 0n)
}

/** Where a redriven record was first; undefined if the record was not redriven or its headers do not say it. */
export function redrivenFrom (record: { readonly headers: readonly KafkaHeader[] }): KafkaOrigin | undefined {
  if (record.headers.length === 0 || headerText(record, redrivenHeader) === undefined) return undefined
  const integer = (name: 'partition' | 'offset' | 'timestamp') => parseInteger(headerText(record, originHeaderNames[name]))
  const topic = headerText(record, originHeaderNames.topic)
  const [partition = -1n, offset = -1n, timestamp = -1n] = [integer('partition'), integer('offset'), integer('timestamp')]
  if (topic === undefined || !TOPIC_NAME.test(topic) || partition < 0n || partition > MAX_PARTITION || offset < 0n) return undefined
  return { topic, partition: Number(partition), offset, timestamp }
}

/** The original record to send back, with its redrive count increased by one, and with its first origin. */
export function redrivenRecord (deadLetter: DeadLetterRecord, topic: string): OutgoingRecord {
  const others = deadLetter.headers.filter(([name]) => name.toString() !== redrivenHeader)
  const count = textHeader(redrivenHeader, String(redrivenCount(deadLetter) + 1))
  // A record that was redriven before has the headers of its first origin already.
  const { origin } = deadLetter
  const first = origin === undefined || redrivenFrom(deadLetter) !== undefined ? [] : originHeaders(origin)
  return { topic, key: deadLetter.key, value: deadLetter.value, headers: [...others, ...first, count] }
}

function originHeaders ({ topic, partition, offset, timestamp }: KafkaOrigin): KafkaHeader[] {
  const values = { topic, partition, offset, timestamp }
  return Object.entries(originHeaderNames).map(([name, header]) => textHeader(header, String(values[name as keyof typeof values])))
}

function parseInteger (text: string | undefined): bigint | undefined {
  if (text === undefined || !/^-?\d{1,19}$/.test(text)) return undefined
  const value = BigInt(text)
  return BigInt.asIntN(64, value) === value ? value : undefined
}

/** The bytes of a record that did not come from Kafka: the record itself, its field `bytes`, `value` or `data`, or the record as JSON. */
function bytesOf (value: unknown): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (typeof value === 'object' && value !== null) {
    for (const name of ['bytes', 'value', 'data']) {
      const inner = (value as Record<string, unknown>)[name]
      if (inner instanceof Uint8Array) return Buffer.from(inner.buffer, inner.byteOffset, inner.byteLength)
    }
  }
  const json = JSON.stringify(value, function (this: Record<string, unknown>, name, inner: unknown) {
    if (typeof inner === 'bigint') return inner.toString()
    // JSON.stringify passes the result of Buffer.toJSON as `inner`. `this[name]` is still the Buffer.
    const original = this[name]
    if (!(original instanceof Uint8Array)) return inner
    return Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString('base64')
  }) as string | undefined
  return Buffer.from(json ?? 'null')
}
