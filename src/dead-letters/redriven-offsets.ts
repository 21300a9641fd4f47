// Which records of a partition are done with, where they are not done in order: everything below an offset, and runs beyond it. Kafka keeps one
// offset per partition and group; the runs go into the text that it keeps beside it (4096 bytes), deflated, so that a letter that is left
// in its place neither holds the others back nor makes them come again. Pure.
import { deflateRawSync, inflateRawSync } from 'node:zlib'

/** From (inclusive) and to (exclusive). */
interface Run { from: bigint, to: bigint }

export class DoneOffsets {
  #low: bigint
  /** Beyond `low`, ascending, with gaps between them. */
  readonly #runs: Run[] = []

  /** @param encoded what `encode` gave for this `low`; text that it did not give means that nothing beyond is known to be done */
  constructor (low: bigint, encoded = '') {
    this.#low = low
    this.#runs = decodeRuns(low, encoded)
  }

  /** Everything below is done: the offset to commit. */
  get low (): bigint {
    return this.#low
  }

  has (offset: bigint): boolean {
    const run = this.#runs[this.#find(offset)]
    return offset < this.#low || (run !== undefined && run.from <= offset)
  }

  /** Marks `from` (inclusive) to `to` (exclusive) as done. */
  add (from: bigint, to = from + 1n): void {
    if (to <= from || to <= this.#low) return
    const runs = this.#runs
    const first = this.#find(from - 1n)
    let last = first
    let merged: Run = { from, to }
    while (last < runs.length && runs[last]!.from <= to) {
      const run = runs[last++]!
      merged = { from: run.from < merged.from ? run.from : merged.from, to: run.to > merged.to ? run.to : merged.to }
    }
    if (merged.from > this.#low) {
      runs.splice(first, last - first, merged)
    } else {
      runs.splice(0, last)
      this.#low = merged.to
    }
  }

  /** The runs beyond `low`; '' where there are none. */
  encode (): string {
    if (this.#runs.length === 0) return ''
    const bytes: number[] = []
    let at = this.#low
    for (const { from, to } of this.#runs) {
      varint(bytes, from - at)
      varint(bytes, to - from)
      at = to
    }
    return deflateRawSync(Buffer.from(bytes), { level: 9 }).toString('base64url')
  }

  /** Index of the first run that ends beyond `offset`. */
  #find (offset: bigint): number {
    let [low, high] = [0, this.#runs.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#runs[middle]!.to > offset) high = middle
      else low = middle + 1
    }
    return low
  }
}

function decodeRuns (low: bigint, encoded: string): Run[] {
  if (encoded === '') return []
  try {
    const bytes = inflateRawSync(Buffer.from(encoded, 'base64url'))
    const runs: Run[] = []
    let at = low
    for (let index = 0; index < bytes.length;) {
      const lengths = [0n, 0n].map(() => {
        let value = 0n
        for (let shift = 0n; ; shift += 7n) {
          const byte = bytes[index++]
          if (byte === undefined) throw new RangeError('cut short')
          value |= BigInt(byte & 0x7f) << shift
          if (byte < 0x80) return value
        }
      }) as [bigint, bigint]
      const from = at + lengths[0]
      at = from + lengths[1]
      runs.push({ from, to: at })
    }
    return runs
  } catch {
    // Doing something again is the lesser evil.
    return []
  }
}

function varint (bytes: number[], value: bigint): void {
  let rest = value
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
}
