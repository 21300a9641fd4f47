// When passes begin: on a grid of ticks, so that what a pass takes longer or shorter never moves the later ones. Times are of a clock that
// nobody sets (milliseconds of the process), so that a correction of the machine's time neither hurries nor halts a replay.
import { setTimeout as sleep } from 'node:timers/promises'

/** When the next pass begins, and how well the grid was kept. */
export interface NextTick {
  /** The tick that the next pass belongs to; not after `now` where the pass before was late. */
  readonly tick: number
  /** Milliseconds that the next pass begins after its tick; 0 in time. */
  readonly lateMs: number
  /** Ticks that were wholly over when the pass ended. */
  readonly leftOut: number
}

/** The tick after `tick`, asked for at time `now`, on the grid of `intervalMs` (0: no grid, at once). Late, it is the newest one that has come. */
export function nextTick (tick: number, intervalMs: number, now: number): NextTick {
  if (intervalMs === 0) return { tick: now, lateMs: 0, leftOut: 0 }
  const next = tick + intervalMs
  if (now <= next) return { tick: next, lateMs: 0, leftOut: 0 }
  const leftOut = Math.floor((now - next) / intervalMs)
  const reached = next + leftOut * intervalMs
  return { tick: reached, lateMs: now - reached, leftOut }
}

/** setTimeout takes less than 2^31 ms; from there on it fires at once. */
const LONGEST_SLEEP_MS = 1_000_000_000

/** Sleeps until `performance.now()` has reached the time, or the signal aborts; never rejects. */
export async function sleepUntil (time: number, signal: AbortSignal): Promise<void> {
  for (let left = time - performance.now(); left > 0 && !signal.aborted; left = time - performance.now()) {
    await sleep(Math.min(Math.ceil(left), LONGEST_SLEEP_MS), undefined, { signal }).catch(() => {})
  }
}

/**
 * Gives each pass a second of the clock (whole seconds since 1970, UTC) that no other pass has, nor any of an earlier process that ended before
 * this one began: what is named after that second is then unique. `next` resolves when that second has come.
 */
export class PassSeconds {
  readonly #now: () => number
  #last: number

  /** `now` gives milliseconds since 1970. */
  constructor (now: () => number = Date.now) {
    this.#now = now
    this.#last = Math.floor(now() / 1000)
  }

  async next (signal: AbortSignal): Promise<number> {
    const second = this.#last = Math.max(Math.floor(this.#now() / 1000), this.#last + 1)
    // Where somebody set the clock back, its second is far: the number is still unique, and nobody waits an hour for it.
    const left = Math.min(second * 1000 - this.#now(), 1000)
    await sleepUntil(performance.now() + left, signal)
    return second
  }
}
