// Exponential backoff per key, such as a partition or a broker. A failure makes only its own key wait. The outage of a key lasts from its
// first failure until `recover`.
import type { Clock } from './clock.ts'

export interface OutageBackoffOptions {
  readonly clock: Clock
  /** Ends all waits. */
  readonly signal: AbortSignal
  /** Wait after each consecutive failure, in ms. The last wait repeats. Default: 100 ms to 1 s. */
  readonly delaysMs?: readonly number[] | undefined
  /** Called when a key has waited. */
  onElapsed (key: string): void
}

interface Outage {
  /** Number of failures since the last recovery. */
  failures: number
  /** Time of the next attempt, in ms. */
  retryAt: number
}

const DELAYS_MS: readonly number[] = [100, 250, 500, 1000]

export class OutageBackoff {
  readonly #options: OutageBackoffOptions
  readonly #outages = new Map<string, Outage>()

  constructor (options: OutageBackoffOptions) {
    this.#options = options
  }

  /** Makes the key wait. Returns the number of failures since its last recovery. */
  fail (key: string): number {
    const { clock, signal, delaysMs = DELAYS_MS, onElapsed } = this.#options
    const outage = this.#outages.get(key) ?? { failures: 0, retryAt: 0 }
    this.#outages.set(key, outage)
    const failures = ++outage.failures
    const delay = delaysMs[Math.min(failures, delaysMs.length) - 1]!
    outage.retryAt = clock.now() + delay
    void clock.sleep(delay, signal).then(() => {
      // If the key has failed again in the meantime, the later wait counts. If the outage has ended, the key does not wait.
      if (outage.failures !== failures || this.#outages.get(key) !== outage) return
      // A timer may fire a little early.
      outage.retryAt = 0
      onElapsed(key)
    })
    return failures
  }

  /** Ends the outage of the key, and its wait. */
  recover (key: string): void {
    this.#outages.delete(key)
  }

  /** Whether the key must not be tried now. Keys that failed together are tried together. */
  isWaiting (key: string): boolean {
    const outage = this.#outages.get(key)
    return outage !== undefined && this.#options.clock.now() < outage.retryAt
  }
}
