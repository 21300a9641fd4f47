// A dead letter as a JSON object of its own, for a store: bytes as base64, null and empty kept apart, so that the record can be had back exactly.
// It holds nothing that changes from one delivery to the next but the report; its key is made of what does not, so that the same record
// delivered again is the same object, and another record at the same offset (of a topic that was recreated) is another one.
import { createHash } from 'node:crypto'
import { defineErrors } from '../pipeline/errors.ts'
import type { Letter } from './dead-letter.ts'
import type { KafkaHeader } from '../kafka/record.ts'

export const letterErrors = defineErrors({
  LETTER_UNREADABLE: { hint: 'It was damaged, or is no dead letter: restore it from a copy, or move it away.' }
})

/** What all letters' keys begin with, and nothing else does. */
export const letterPrefix = 'dead-letters/v1/'
export const letterType = 'application/json'

/** `name` where it is UTF-8, else `nameBase64`. */
interface HeaderJson { readonly name?: string, readonly nameBase64?: string, readonly value: string | null }

interface LetterJson {
  readonly reason: string
  readonly message: string
  readonly node: string
  readonly position: string
  readonly attempts: number
  /** This and the next three only where the record came from Kafka; 64-bit numbers are decimal text. */
  readonly topic?: string
  readonly partition?: number
  readonly offset?: string
  readonly timestamp?: string
  readonly headers: readonly HeaderJson[]
  readonly key: string | null
  readonly value: string | null
}

/** Kafka's offsets have up to 19 digits: in this width they sort as text. */
const OFFSET_DIGITS = 20

/** `dead-letters/v1/{topic}/{partition}/{offset}-{hash}.json`, and `dead-letters/v1/~files/{hash}.json` for what did not come from Kafka. */
export function letterKey (letter: Letter): string {
  const hash = createHash('sha256').update(essence(letter)).digest('hex')
  // No topic's name holds a tilde.
  if (letter.origin === undefined) return `${letterPrefix}~files/${hash.slice(0, 32)}.json`
  const { topic, partition, offset } = letter.origin
  return `${letterPrefix}${topic}/${partition}/${String(offset).padStart(OFFSET_DIGITS, '0')}-${hash.slice(0, 16)}.json`
}

export function encodeLetter (letter: Letter): Buffer {
  const { reason, message, node, position, attempts, origin } = letter
  const json: LetterJson = {
    reason, message, node, position, attempts,
    ...origin === undefined ? {} : { topic: origin.topic, partition: origin.partition, offset: String(origin.offset), timestamp: String(origin.timestamp) },
    headers: letter.headers.map(headerJson),
    key: base64(letter.key),
    value: base64(letter.value)
  }
  return Buffer.from(`${JSON.stringify(json, undefined, 1)}\n`)
}

/** Error: LETTER_UNREADABLE, naming `where`. */
export function decodeLetter (body: Buffer, where?: string): Letter {
  let what = 'it is not JSON'
  try {
    const json = JSON.parse(body.toString()) as Partial<LetterJson>
    what = 'it is no dead letter'
    const { topic, partition, offset, timestamp } = json
    return {
      reason: text(json.reason), message: text(json.message), node: text(json.node), position: text(json.position), attempts: whole(json.attempts),
      origin: topic === undefined ? undefined : { topic: text(topic), partition: whole(partition), offset: BigInt(text(offset)), timestamp: BigInt(text(timestamp)) },
      key: bytes(json.key),
      value: bytes(json.value),
      headers: list(json.headers).map(({ name, nameBase64, value }): KafkaHeader => [nameBase64 === undefined ? Buffer.from(text(name)) : bytes(nameBase64)!, bytes(value)])
    }
  } catch (cause) {
    throw letterErrors.LETTER_UNREADABLE(`the object cannot be read: ${what}`, { where, cause })
  }
}

/** Whether two letters are of the same record at the same place, whatever was reported of it. */
export function sameLetter (a: Letter, b: Letter): boolean {
  return essence(a) === essence(b)
}

function essence ({ position, origin, key, value, headers }: Letter): string {
  const at = origin === undefined ? position : `${origin.topic} ${origin.partition} ${origin.offset} ${origin.timestamp}`
  return JSON.stringify([at, base64(key), base64(value), headers.map(([name, content]) => [base64(name), base64(content)])])
}

function headerJson ([name, value]: KafkaHeader): HeaderJson {
  const asText = name.toString()
  return { ...Buffer.from(asText).equals(name) ? { name: asText } : { nameBase64: name.toString('base64') }, value: base64(value) }
}

function base64 (content: Buffer | null): string | null {
  return content === null ? null : content.toString('base64')
}

function bytes (content: unknown): Buffer | null {
  if (content === null) return null
  const decoded = Buffer.from(text(content), 'base64')
  // Node skips what is not base64: a damaged value must not pass for a shorter one.
  if (decoded.toString('base64') !== content) throw new TypeError('not base64')
  return decoded
}

function text (value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('not a text')
  return value
}

function whole (value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new TypeError('not a whole number')
  return value as number
}

function list (value: unknown): readonly HeaderJson[] {
  if (!Array.isArray(value)) throw new TypeError('not a list')
  return value as readonly HeaderJson[]
}
