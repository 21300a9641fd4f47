// Helpers for pipeline tests: a source of numbers, errors (retryable, fatal, neither), and waits that do not depend on time.
import { defineErrors, type Source, type SourceRecord } from '../../src/pipeline/index.ts'
import type { RetryPolicy } from '../../src/pipeline/retry.ts'

export const testErrors = defineErrors({
  TEST_SERVER_DOWN: { hint: 'Try again.', retryable: true },
  TEST_BAD_RECORD: { hint: 'Correct the record.' },
  TEST_SHUT: { hint: 'Ask for access.', fatal: true }
})

/** Up to three attempts without backoff. */
export const quick: RetryPolicy = { attempts: 3, baseMs: 0, maxMs: 0 }

/** A finite source of numbers. It records the settlements, and the maximum number and total bytes of unsettled records. */
export class Numbers implements Source<number> {
  readonly kind = 'numbers'
  readonly count: number
  readonly bytes: number
  pulled = 0
  maxUnsettled = 0
  maxUnsettledBytes = 0
  unsettled = 0
  returned = false
  /** The outcomes by position. Each position must have exactly one outcome. */
  readonly settlements = new Map<string, (Error | undefined)[]>()

  constructor (count: number, bytes = 1) {
    this.count = count
    this.bytes = bytes
  }

  async * records (): AsyncIterable<SourceRecord<number>> {
    try {
      for (let value = 0; value < this.count; value++) {
        this.pulled++
        this.unsettled++
        this.maxUnsettled = Math.max(this.maxUnsettled, this.unsettled)
        this.maxUnsettledBytes = Math.max(this.maxUnsettledBytes, this.unsettled * this.bytes)
        yield { value, bytes: this.bytes, position: String(value) }
      }
    } finally {
      this.returned = true
    }
  }

  settled ({ position }: SourceRecord<number>, failure?: Error): void {
    this.unsettled--
    this.settlements.set(position, [...(this.settlements.get(position) ?? []), failure])
  }
}

/** Yields to the event loop until the condition holds. If the condition never holds, the test times out. */
export async function until (condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}

/** Yields to the event loop `count` times. The default is enough for all pending work without I/O to finish. */
export async function turns (count = 50): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}

/** Returns the error that a promise rejects with, or undefined if the promise resolves. */
export async function failureOf (promise: Promise<unknown>): Promise<(Error & { code?: string }) | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    return error as Error
  }
}

/** A seeded random generator (mulberry32) of numbers in [0, 1), so that a failing case can be repeated. */
export function seeded (seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6D2B79F5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
