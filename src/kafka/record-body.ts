// Parses one record of a batch (format v2) from its bytes, checking every length. The fields are views of these bytes.
import { BatchError } from './batch-errors.ts'
import type { KafkaHeader, OmittedValue } from './record.ts'

/** A record, relative to its batch. */
export interface BatchRecord {
  readonly offsetDelta: number
  readonly timestampDelta: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly KafkaHeader[]
  readonly omitted?: OmittedValue | undefined
}

export const MAX_VARINT_BYTES = 5
export const MAX_VARLONG_BYTES = 10

/** Error: BatchError. */
export function parseRecord (body: Buffer): BatchRecord {
  const r = new BodyReader(body)
  r.skip(1) // attributes, which are unused
  const timestampDelta = r.varlong()
  const offsetDelta = r.varint()
  const key = r.bytes()
  const value = r.bytes()
  const headers = Array.from({ length: r.headerCount() }, (): KafkaHeader => {
    const name = r.bytes()
    if (name === null) throw new BatchError('the name of a header is null')
    return [name, r.bytes()]
  })
  r.end()
  return { offsetDelta, timestampDelta, key, value, headers }
}

/** Decodes the zigzag encoding of signed numbers. */
export function zigzag (value: bigint): bigint {
  return (value >> 1n) ^ -(value & 1n)
}

class BodyReader {
  readonly #body: Buffer
  #at = 0

  constructor (body: Buffer) {
    this.#body = body
  }

  skip (bytes: number): void {
    this.#advance(bytes)
  }

  varint (): number {
    let value = 0
    for (let index = 0; index < MAX_VARINT_BYTES; index++) {
      const byte = this.#body[this.#advance(1)]!
      value += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    throw tooLong(MAX_VARINT_BYTES)
  }

  varlong (): bigint {
    let value = 0n
    for (let index = 0; index < MAX_VARLONG_BYTES; index++) {
      const byte = this.#body[this.#advance(1)]!
      value |= BigInt(byte & 0x7f) << BigInt(7 * index)
      if (byte < 0x80) return zigzag(value)
    }
    throw tooLong(MAX_VARLONG_BYTES)
  }

  /** A byte array with its length; null if the length is -1. */
  bytes (): Buffer | null {
    const length = this.varint()
    if (length === -1) return null
    const at = this.#advance(length)
    return this.#body.subarray(at, at + length)
  }

  headerCount (): number {
    const count = this.varint()
    // A header has at least two bytes, so a larger count is damage.
    if (count < 0 || count * 2 > this.#body.length - this.#at) throw new BatchError(`a record states ${count} headers`)
    return count
  }

  end (): void {
    if (this.#at !== this.#body.length) throw new BatchError(`a record is ${this.#body.length - this.#at} bytes longer than its fields`)
  }

  #advance (bytes: number): number {
    const at = this.#at
    if (bytes < 0 || bytes > this.#body.length - at) throw new BatchError(`a field of ${bytes} bytes exceeds its record`)
    this.#at += bytes
    return at
  }
}

export function tooLong (bytes: number): BatchError {
  return new BatchError(`a number has more than ${bytes} bytes`)
}
