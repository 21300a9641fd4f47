// The processed offsets of a partition: all offsets below the commit offset, and ranges above it. Kafka stores one offset per partition and
// group, with up to 4096 bytes of metadata. The ranges are deflated into that metadata, so that an unprocessed dead letter neither blocks
// later dead letters nor causes them to be sent again.
import { deflateRawSync, inflateRawSync } from 'node:zlib'

/** `from` is inclusive, `to` is exclusive. */
interface OffsetRange { from: bigint, to: bigint }

export class ProcessedOffsets {
  #commitOffset: bigint
  /** Ranges above the commit offset, ascending, with gaps between them. */
  readonly #ranges: OffsetRange[] = []

  /** @param encoded result of `encode` for this commit offset; ignored if it is invalid */
  constructor (commitOffset: bigint, encoded = '') {
    this.#commitOffset = commitOffset
    this.#ranges = decodeRanges(commitOffset, encoded)
  }

  /** The offset to commit: all lower offsets have been processed. */
  get commitOffset (): bigint {
    return this.#commitOffset
  }

  has (offset: bigint): boolean {
    const range = this.#ranges[this.#indexAbove(offset)]
    return offset < this.#commitOffset || (range !== undefined && range.from <= offset)
  }

  /** Marks `from` (inclusive) to `to` (exclusive) as processed. */
  add (from: bigint, to = from + 1n): void {
    if (to <= from || to <= this.#commitOffset) return
    const ranges = this.#ranges
    const first = this.#indexAbove(from - 1n)
    let last = first
    let merged: OffsetRange = { from, to }
    while (last < ranges.length && ranges[last]!.from <= to) {
      const range = ranges[last++]!
      merged = { from: range.from < merged.from ? range.from : merged.from, to: range.to > merged.to ? range.to : merged.to }
    }
    if (merged.from > this.#commitOffset) {
      ranges.splice(first, last - first, merged)
    } else {
      ranges.splice(0, last)
      this.#commitOffset = merged.to
    }
  }

  /** The ranges above the commit offset as text, or '' if there are no ranges. */
  encode (): string {
    if (this.#ranges.length === 0) return ''
    const bytes: number[] = []
    let at = this.#commitOffset
    for (const { from, to } of this.#ranges) {
      pushVarint(bytes, from - at)
      pushVarint(bytes, to - from)
      at = to
    }
    return deflateRawSync(Buffer.from(bytes), { level: 9 }).toString('base64url')
  }

  /** Index of the first range that ends above `offset`. */
  #indexAbove (offset: bigint): number {
    let [low, high] = [0, this.#ranges.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#ranges[middle]!.to > offset) high = middle
      else low = middle + 1
    }
    return low
  }
}

function decodeRanges (commitOffset: bigint, encoded: string): OffsetRange[] {
  if (encoded === '') return []
  try {
    const bytes = inflateRawSync(Buffer.from(encoded, 'base64url'))
    const ranges: OffsetRange[] = []
    let at = commitOffset
    for (let index = 0; index < bytes.length;) {
      const [gap, length] = [0n, 0n].map(() => {
        let value = 0n
        for (let shift = 0n; ; shift += 7n) {
          const byte = bytes[index++]
          if (byte === undefined) throw new RangeError('truncated')
          value |= BigInt(byte & 0x7f) << shift
          if (byte < 0x80) return value
        }
      }) as [bigint, bigint]
      const from = at + gap
      at = from + length
      ranges.push({ from, to: at })
    }
    return ranges
  } catch {
    // Ignore invalid metadata, because sending a dead letter twice is better than losing a dead letter.
    return []
  }
}

function pushVarint (bytes: number[], value: bigint): void {
  let rest = value
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
}
