// Reads the fields of a Kafka response and checks every length against the bytes that are left. The reader of the client library checks
// no lengths: in a damaged response it can read beyond the end, or move backwards.
import type { Reader } from '@platformatic/kafka'
import { kafkaErrors } from './errors.ts'

/** Bytes of a response, in the chunks in which they arrived. */
export type Chunks = Reader['buffer']

const UUID_BYTES = 16

/** Errors: KAFKA_RESPONSE_INVALID. */
export class ResponseReader {
  readonly #bytes: Chunks
  #position: number

  constructor ({ buffer, position }: Pick<Reader, 'buffer' | 'position'>) {
    this.#bytes = buffer
    this.#position = position
  }

  int16 (): number {
    return this.#bytes.readInt16BE(this.#advance(2))
  }

  int32 (): number {
    return this.#bytes.readInt32BE(this.#advance(4))
  }

  int64 (): bigint {
    return this.#bytes.readBigInt64BE(this.#advance(8))
  }

  uuid (): string {
    const at = this.#advance(UUID_BYTES)
    const hex = this.#bytes.toString('hex', at, at + UUID_BYTES)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  string (): string {
    const length = this.#length()
    if (length === undefined) return ''
    const at = this.#advance(length)
    return this.#bytes.toString('utf-8', at, at + length)
  }

  /** A compact byte array; undefined if it is null. */
  bytes (): Chunks | undefined {
    const length = this.#length()
    if (length === undefined) return undefined
    const at = this.#advance(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** A compact array; empty if it is null. */
  array<T> (element: () => T): T[] {
    const length = this.#length() ?? 0
    // Every element has at least one byte, so a larger length is damage.
    if (length > this.#left) throw this.#invalid(`an array states ${length} elements, but only ${this.#left} bytes are left`)
    return Array.from({ length }, element)
  }

  /** Reads tagged fields, and skips those without a handler. */
  taggedFields (handlers: Readonly<Record<number, () => void>> = {}): void {
    const count = this.uvarint()
    for (let index = 0; index < count; index++) {
      const tag = this.uvarint()
      const length = this.uvarint()
      const end = this.#position + length
      if (length > this.#left) throw this.#invalid(`a tagged field states ${length} bytes, but only ${this.#left} are left`)
      handlers[tag]?.()
      if (this.#position > end) throw this.#invalid(`tagged field ${tag} is longer than its length`)
      this.#position = end
    }
  }

  uvarint (): number {
    let value = 0
    for (let index = 0; index < 5; index++) {
      const byte = this.#bytes.get(this.#advance(1))
      value += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) return value
    }
    throw this.#invalid('a number has more than 5 bytes')
  }

  get #left (): number {
    return this.#bytes.length - this.#position
  }

  /** The length of a compact string, array or byte array; undefined for null. */
  #length (): number | undefined {
    const length = this.uvarint()
    return length === 0 ? undefined : length - 1
  }

  #advance (bytes: number): number {
    const at = this.#position
    if (bytes > this.#left) throw this.#invalid(`${bytes} bytes expected, but only ${this.#left} are left`)
    this.#position += bytes
    return at
  }

  #invalid (why: string): Error {
    return kafkaErrors.KAFKA_RESPONSE_INVALID(`the response of the broker is damaged: ${why}`, { where: `byte ${this.#position}` })
  }
}
