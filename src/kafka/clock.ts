// The clock of the Kafka consumer. Tests replace the system clock with a clock that they advance.
import { setTimeout as delay } from 'node:timers/promises'

export interface Clock {
  /** Monotonic time, in ms. */
  now (): number
  /** Resolves after `ms` milliseconds, or as soon as `signal` aborts. Never rejects. */
  sleep (ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: async (ms, signal) => { await delay(ms, undefined, { signal }).catch(() => {}) }
}
