// Time for the Kafka consumer. Tests pass a clock that they advance themselves.
import { setTimeout as delay } from 'node:timers/promises'

export interface Clock {
  /** Monotonic time, in ms. */
  now (): number
  /** Resolves after `ms`, or as soon as the signal aborts. Never rejects. */
  sleep (ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: async (ms, signal) => { await delay(ms, undefined, { signal }).catch(() => {}) }
}
