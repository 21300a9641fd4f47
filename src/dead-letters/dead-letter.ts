// A dead letter: a record that could not be processed, whole, with where it came from, which node gave up on it and why. In a topic it is
// the record itself with the report appended to its headers, so that what stands before the report is the record exactly as it was.
import { AlertStreamError, errorCode, messageOf } from '../pipeline/errors.ts'
import type { DeadLetter } from '../pipeline/node.ts'
import { headerText, isKafkaRecord, type KafkaHeader, type OutgoingRecord, textHeader } from '../kafka/record.ts'

/** Headers that a letter adds, in this order, `reason` first. Values are UTF-8 text; numbers are decimal. */
export const deadLetterHeaders = {
  /** Stable error code. */
  reason: 'dead-letter-reason',
  message: 'dead-letter-message',
  /** The node that gave up. */
  node: 'dead-letter-node',
  /** `topic[partition]@offset`, `file.avro#17`. */
  position: 'dead-letter-position',
  attempts: 'dead-letter-attempts',
  topic: 'dead-letter-topic',
  partition: 'dead-letter-partition',
  offset: 'dead-letter-offset',
  /** Of the original record, in milliseconds since 1970. */
  timestamp: 'dead-letter-timestamp',
  /** Only where the record was too large for this topic: the size in bytes of its value, which was left out (and key and headers, if need be). */
  omitted: 'dead-letter-omitted-bytes'
} as const

/** Header of a record that was sent back by redrive: how often. Part of the record, not of the report. */
export const redrivenHeader = 'dead-letter-redriven'

/** Where in Kafka a record was. */
export interface LetterOrigin {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** Milliseconds since 1970. */
  readonly timestamp: bigint
}

export interface Letter {
  /** Stable error code. */
  readonly reason: string
  readonly message: string
  readonly node: string
  readonly position: string
  readonly attempts: number
  /** Undefined where the record did not come from Kafka. */
  readonly origin: LetterOrigin | undefined
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** The record's own, without the report. */
  readonly headers: readonly KafkaHeader[]
  /** Bytes of the value where it was left out; then key and headers may be missing too. */
  readonly omittedBytes?: number | undefined
}

/** A long message must not make the headers outgrow the record. */
const MAX_MESSAGE = 2000

/** The letter for a record that a node gave up on. */
export function letterOf ({ record: { value }, origin, node, error, attempts }: DeadLetter): Letter {
  const place = error instanceof AlertStreamError && error.where !== undefined ? ` (${error.where})` : ''
  const report = {
    reason: errorCode(error),
    message: (messageOf(error) + place).slice(0, MAX_MESSAGE),
    node,
    position: origin.position,
    attempts
  }
  if (!isKafkaRecord(value)) return { ...report, origin: undefined, key: null, value: bytesOf(value), headers: [] }
  const { topic, partition, offset, timestamp, key, headers } = value
  return { ...report, origin: { topic, partition, offset, timestamp }, key, value: value.value, headers }
}

/** The headers that a letter adds. */
export function reportHeaders (letter: Letter): KafkaHeader[] {
  const { origin, omittedBytes } = letter
  const header = (name: keyof typeof deadLetterHeaders, value: string | number | bigint): KafkaHeader => textHeader(deadLetterHeaders[name], String(value))
  return [
    header('reason', letter.reason), header('message', letter.message), header('node', letter.node), header('position', letter.position),
    header('attempts', letter.attempts),
    ...origin === undefined
      ? []
      : [header('topic', origin.topic), header('partition', origin.partition), header('offset', origin.offset), header('timestamp', origin.timestamp)],
    ...omittedBytes === undefined ? [] : [header('omitted', omittedBytes)]
  ]
}

/** The letter as it is produced. */
export function letterRecord (letter: Letter): OutgoingRecord {
  return { key: letter.key, value: letter.value, headers: [...letter.headers, ...reportHeaders(letter)] }
}

/** The letter that a record of a topic is; undefined where it is none. What is missing in its report is empty. */
export function readLetter ({ key, value, headers }: Pick<OutgoingRecord, 'key' | 'value' | 'headers'>): Letter | undefined {
  // The last one: a letter's record may have been a letter itself.
  const at = headers.findLastIndex(([name, text]) => text !== null && name.toString() === deadLetterHeaders.reason)
  if (at < 0) return undefined
  const report = { headers: headers.slice(at) }
  const text = (name: keyof typeof deadLetterHeaders): string | undefined => headerText(report, deadLetterHeaders[name])
  const whole = (name: keyof typeof deadLetterHeaders): bigint | undefined => wholeNumber(text(name))
  const [topic, partition, offset, omitted] = [text('topic'), whole('partition'), whole('offset'), whole('omitted')]
  return {
    reason: text('reason') ?? '',
    message: text('message') ?? '',
    node: text('node') ?? '',
    position: text('position') ?? '',
    attempts: Number(whole('attempts') ?? 0n),
    origin: topic === undefined || partition === undefined || offset === undefined
      ? undefined
      : { topic, partition: Number(partition), offset, timestamp: whole('timestamp') ?? -1n },
    key,
    value,
    headers: headers.slice(0, at),
    ...omitted === undefined ? {} : { omittedBytes: Number(omitted) }
  }
}

/** How often a record was sent back already. */
export function redrivenCount (record: { readonly headers: readonly KafkaHeader[] }): number {
  return Number(wholeNumber(headerText(record, redrivenHeader)) ?? 0n)
}

/** The letter's record as it is sent back: as it was, with the count of how often. */
export function redrivenRecord (letter: Letter, topic: string): OutgoingRecord {
  const others = letter.headers.filter(([name]) => name.toString() !== redrivenHeader)
  return { topic, key: letter.key, value: letter.value, headers: [...others, textHeader(redrivenHeader, String(redrivenCount(letter) + 1))] }
}

function wholeNumber (text: string | undefined): bigint | undefined {
  return text !== undefined && /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined
}

/** A record's bytes where it is or has some (`bytes`, `value`, `data`), else JSON with bigints and bytes as strings. */
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
    // A Buffer arrives here as its own toJSON: look at what it was.
    const was = this[name]
    return was instanceof Uint8Array ? Buffer.from(was.buffer, was.byteOffset, was.byteLength).toString('base64') : inner
  }) as string | undefined
  return Buffer.from(json ?? 'null')
}
