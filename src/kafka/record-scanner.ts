// Reads the lengths, deltas and keys of the records of an uncompressed batch, and skips their values, so that the cost of a record does not
// depend on its size. The bytes may be in chunks of any size.
import { MAX_VARLONG_BYTES } from './record-body.ts'

export interface ScannedRecord {
  /** Size of the record without its length, in bytes. */
  readonly bytes: number
  readonly timestampDelta: number
  readonly offsetDelta: number
  readonly key: Buffer | null
  /** The first bytes of the value. */
  readonly valueHead: Buffer | null
  /** Number of headers. */
  readonly headers: number
  /** Total size of key, value and headers, in bytes. */
  readonly contentBytes: number
}

/** Thrown at bytes that are not a record. */
class NotARecord extends Error {}

export class RecordScanner {
  readonly #chunks: readonly Uint8Array[]
  readonly #headBytes: number
  #chunk = 0
  #at = 0
  /** Bytes left in all chunks. */
  #left: number

  /** @param headBytes number of bytes of each value to return */
  constructor (chunks: readonly Uint8Array[], headBytes: number) {
    this.#chunks = chunks
    this.#headBytes = headBytes
    this.#left = chunks.reduce((sum, { length }) => sum + length, 0)
  }

  get atEnd (): boolean {
    return this.#left === 0
  }

  /** Returns undefined if the next bytes are not a record. Then no further record can be read. */
  next (): ScannedRecord | undefined {
    try {
      return this.#record()
    } catch (error) {
      if (error instanceof NotARecord) return undefined
      throw error
    }
  }

  #record (): ScannedRecord {
    const bytes = this.#varint()
    const end = this.#left - bytes
    this.#skip(1) // attributes, which are unused
    const timestampDelta = this.#varint()
    const offsetDelta = this.#varint()
    const keyBytes = this.#varint()
    const key = keyBytes === -1 ? null : this.#bytes(keyBytes)
    const valueBytes = this.#varint()
    const valueHead = valueBytes === -1 ? null : this.#bytes(Math.min(valueBytes, this.#headBytes))
    if (valueHead !== null) this.#skip(valueBytes - valueHead.length)
    const headers = this.#varint()
    // A header has at least two bytes, so a larger number is damage.
    if (headers < 0 || headers * 2 > bytes) throw new NotARecord()
    let headerBytes = 0
    for (let index = 0; index < headers; index++) {
      const nameBytes = this.#varint()
      this.#skip(nameBytes)
      const contentBytes = this.#varint()
      if (contentBytes !== -1) this.#skip(contentBytes)
      headerBytes += nameBytes + Math.max(contentBytes, 0)
    }
    if (this.#left !== end) throw new NotARecord()
    const contentBytes = Math.max(keyBytes, 0) + Math.max(valueBytes, 0) + headerBytes
    return { bytes, timestampDelta, offsetDelta, key, valueHead, headers, contentBytes }
  }

  #varint (): number {
    let value = 0
    for (let index = 0; index < MAX_VARLONG_BYTES; index++) {
      const byte = this.#byte()
      value += (byte & 0x7f) * 2 ** (7 * index)
      if (byte >= 0x80) continue
      if (value > Number.MAX_SAFE_INTEGER) break
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    throw new NotARecord()
  }

  #byte (): number {
    if (this.#left === 0) throw new NotARecord()
    if (this.#at === this.#chunks[this.#chunk]!.length) this.#nextChunk()
    this.#left--
    return this.#chunks[this.#chunk]![this.#at++]!
  }

  /** A copy of the next bytes, so that it retains no chunk. */
  #bytes (length: number): Buffer {
    const copy = Buffer.allocUnsafe(this.#checked(length))
    let filled = 0
    this.#pass(length, part => {
      copy.set(part, filled)
      filled += part.length
    })
    return copy
  }

  #skip (length: number): void {
    this.#pass(this.#checked(length), () => {})
  }

  #pass (length: number, use: (part: Uint8Array) => void): void {
    for (let rest = length; rest > 0;) {
      const chunk = this.#chunks[this.#chunk]!
      const bytes = Math.min(rest, chunk.length - this.#at)
      if (bytes > 0) use(chunk.subarray(this.#at, this.#at + bytes))
      this.#at += bytes
      rest -= bytes
      if (rest > 0) this.#nextChunk()
    }
    this.#left -= length
  }

  #nextChunk (): void {
    do this.#chunk++
    while (this.#chunks[this.#chunk]!.length === 0)
    this.#at = 0
  }

  /** Returns the length if as many bytes are left. */
  #checked (length: number): number {
    if (length < 0 || length > this.#left) throw new NotARecord()
    return length
  }
}
