// Passes begin on a grid of ticks, so that a slow or fast pass does not shift later passes. Times are from the monotonic clock
// (`performance.now()`), so that a change of the system time does not speed up or stall a replay.
import { setTimeout as sleep } from 'node:timers/promises'

export interface NextTick {
  /** Tick of the next pass. The tick is in the past if the previous pass overran. */
  readonly tick: number
  /** Milliseconds by which the next pass begins after its tick. */
  readonly lateMs: number
  /** Ticks at which no pass could begin. */
  readonly skipped: number
}

/** Returns the tick that follows `tick`. If that tick has passed, returns the latest tick up to `now`. With interval 0, returns `now`. */
export function nextTick (tick: number, intervalMs: number, now: number): NextTick {
  if (intervalMs === 0) return { tick: now, lateMs: 0, skipped: 0 }
  const next = tick + intervalMs
  if (now <= next) return { tick: next, lateMs: 0, skipped: 0 }
  const skipped = Math.floor((now - next) / intervalMs)
  const latest = next + skipped * intervalMs
  return { tick: latest, lateMs: now - latest, skipped }
}

/** Longest delay passed to setTimeout, which fires at once for delays of 2^31 ms or more. */
const MAX_SLEEP_MS = 1_000_000_000

/** Sleeps until `performance.now()` reaches `time` or the signal aborts. Never rejects. */
export async function sleepUntil (time: number, signal: AbortSignal): Promise<void> {
  for (let left = time - performance.now(); left > 0 && !signal.aborted; left = time - performance.now()) {
    await sleep(Math.min(Math.ceil(left), MAX_SLEEP_MS), undefined, { signal }).catch(() => {})
  }
}

/**
 * Assigns a distinct second (Unix time) to each pass, because new ids contain it. Each second is later than the start of this process, so
 * no pass of an earlier process has the same second. `next` resolves when the assigned second begins.
 */
export class PassSeconds {
  readonly #step: number
  readonly #now: () => number
  #last: number

  /**
   * @param step assigned seconds are multiples of this number
   * @param now returns the system time in milliseconds since 1970
   */
  constructor (step = 1, now: () => number = Date.now) {
    this.#step = step
    this.#now = now
    this.#last = this.#current()
  }

  async next (signal: AbortSignal): Promise<number> {
    const second = this.#last = Math.max(this.#current(), this.#last + this.#step)
    // If the system clock was set back, `second` may lie far in the future. It is unique anyway, so wait at most one step for it.
    const left = Math.min(second * 1000 - this.#now(), this.#step * 1000)
    await sleepUntil(performance.now() + left, signal)
    return second
  }

  #current (): number {
    return Math.floor(this.#now() / 1000 / this.#step) * this.#step
  }
}
