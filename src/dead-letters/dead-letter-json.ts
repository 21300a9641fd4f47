// Dead letters as JSON objects in a store. Bytes are base64, and null differs from empty, so the record can be restored exactly. The object
// key depends only on the record and its origin, not on the report. A redelivered record therefore maps to the same object, and a different
// record at the same offset of a recreated topic maps to a different object.
import { createHash } from 'node:crypto'
import { defineErrors } from '../pipeline/errors.ts'
import type { DeadLetterRecord } from './dead-letter.ts'
import type { KafkaHeader } from '../kafka/record.ts'

const deadLetterErrors = defineErrors({
  LETTER_UNREADABLE: { hint: 'The object is damaged or is not a dead letter. Restore it from a copy, or move it out of the store.' }
})

/** Prefix of the keys of all dead letters, and of no other objects. */
export const deadLetterPrefix = 'dead-letters/v1/'
export const deadLetterContentType = 'application/json'

/** A header name that is valid UTF-8 is in `name`, any other header name in `nameBase64`. */
interface HeaderJson { readonly name?: string, readonly nameBase64?: string, readonly value: string | null }

interface DeadLetterJson {
  readonly reason: string
  readonly message: string
  readonly node: string
  readonly position: string
  readonly attempts: number
  /** `topic` to `timestamp` are present only if the record came from Kafka. 64-bit numbers are decimal text. */
  readonly topic?: string
  readonly partition?: number
  readonly offset?: string
  readonly timestamp?: string
  readonly headers: readonly HeaderJson[]
  readonly key: string | null
  readonly value: string | null
  /** Size and SHA-256 of the value, present only if the record was too large to read. */
  readonly omittedBytes?: number
  readonly omittedSha256?: string
}

/** Offsets are zero-padded to this width, so that keys sort by offset. A 64-bit offset has at most 19 digits. */
const OFFSET_DIGITS = 20

/** `dead-letters/v1/{topic}/{partition}/{offset}-{hash}.json`, or `dead-letters/v1/~files/{hash}.json` without Kafka origin. */
export function deadLetterKey (deadLetter: DeadLetterRecord): string {
  const hash = createHash('sha256').update(identityOf(deadLetter)).digest('hex')
  // Topic names cannot contain a tilde, so `~files` cannot be a topic.
  if (deadLetter.origin === undefined) return `${deadLetterPrefix}~files/${hash.slice(0, 32)}.json`
  const { topic, partition, offset } = deadLetter.origin
  return `${deadLetterPrefix}${topic}/${partition}/${String(offset).padStart(OFFSET_DIGITS, '0')}-${hash.slice(0, 16)}.json`
}

export function deadLetterToJson (deadLetter: DeadLetterRecord): Buffer {
  const { reason, message, node, position, attempts, origin, omittedBytes, omittedSha256 } = deadLetter
  const json: DeadLetterJson = {
    reason, message, node, position, attempts,
    ...origin === undefined
      ? {}
      : { topic: origin.topic, partition: origin.partition, offset: String(origin.offset), timestamp: String(origin.timestamp) },
    headers: deadLetter.headers.map(headerToJson),
    key: base64(deadLetter.key),
    value: base64(deadLetter.value),
    ...omittedBytes === undefined ? {} : { omittedBytes },
    ...omittedSha256 === undefined ? {} : { omittedSha256 }
  }
  return Buffer.from(`${JSON.stringify(json, undefined, 1)}\n`)
}

/** Parses the JSON of a dead letter. Error: LETTER_UNREADABLE, with `where` as its location. */
export function deadLetterFromJson (body: Buffer, where?: string): DeadLetterRecord {
  let problem = 'the object is not JSON'
  try {
    const json = JSON.parse(body.toString()) as Partial<DeadLetterJson>
    problem = 'the object is not a dead letter'
    const { topic, partition, offset, timestamp, omittedBytes, omittedSha256 } = json
    return {
      reason: text(json.reason), message: text(json.message), node: text(json.node), position: text(json.position),
      attempts: integer(json.attempts),
      origin: topic === undefined
        ? undefined
        : { topic: text(topic), partition: integer(partition), offset: BigInt(text(offset)), timestamp: BigInt(text(timestamp)) },
      key: bytes(json.key),
      value: bytes(json.value),
      headers: headerList(json.headers).map(({ name, nameBase64, value }): KafkaHeader =>
        [nameBase64 === undefined ? Buffer.from(text(name)) : bytes(nameBase64)!, bytes(value)]),
      ...omittedBytes === undefined ? {} : { omittedBytes: integer(omittedBytes) },
      ...omittedSha256 === undefined ? {} : { omittedSha256: text(omittedSha256) }
    }
  } catch (cause) {
    throw deadLetterErrors.LETTER_UNREADABLE(`cannot read the dead letter: ${problem}`, { where, cause })
  }
}

/** Whether two dead letters contain the same record from the same position. Their reports may differ. */
export function isSameDeadLetter (a: DeadLetterRecord, b: DeadLetterRecord): boolean {
  return identityOf(a) === identityOf(b)
}

function identityOf ({ position, origin, key, value, headers, omittedSha256 }: DeadLetterRecord): string {
  const at = origin === undefined ? position : `${origin.topic} ${origin.partition} ${origin.offset} ${origin.timestamp}`
  const omitted = omittedSha256 === undefined ? [] : [omittedSha256]
  return JSON.stringify([at, base64(key), base64(value), headers.map(([name, content]) => [base64(name), base64(content)]), ...omitted])
}

function headerToJson ([name, value]: KafkaHeader): HeaderJson {
  const asText = name.toString()
  return { ...Buffer.from(asText).equals(name) ? { name: asText } : { nameBase64: name.toString('base64') }, value: base64(value) }
}

function base64 (content: Buffer | null): string | null {
  return content === null ? null : content.toString('base64')
}

function bytes (content: unknown): Buffer | null {
  if (content === null) return null
  const decoded = Buffer.from(text(content), 'base64')
  // Node skips invalid base64 characters. Without this check a damaged value would be read as a shorter value.
  if (decoded.toString('base64') !== content) throw new TypeError('not base64')
  return decoded
}

function text (value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('not a string')
  return value
}

function integer (value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new TypeError('not an integer')
  return value as number
}

function headerList (value: unknown): readonly HeaderJson[] {
  if (!Array.isArray(value)) throw new TypeError('not an array')
  return value as readonly HeaderJson[]
}
