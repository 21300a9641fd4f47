// Limits the number of concurrent writes, and adapts the limit to the latency of the store. More writes at once help while their latency
// stays about the same, as in a bucket behind a slow network. If the latency grows instead, the writes only queue in the store, as in a
// file system on one disk. The limit starts small and doubles, then grows slowly; it is halved when writes queue or the store is
// overloaded.
import { isRetryable } from '../pipeline/retry.ts'

/** First limit, and lowest limit after an overload. It is small, so that the first measurements show the latency without a queue. */
const firstLimit = 4
/** Minimum number of writes per measurement. Each measurement also has at least as many writes as the limit. */
const leastWrites = 16
/** Growth of the mean latency that means a queue: beyond it, twice as many writes at once add less than a third to the throughput. */
const queueing = 1.5

export class WriteLimit {
  readonly #max: number
  readonly #now: () => number
  readonly #waiting: Array<() => void> = []
  #running = 0
  #limit: number
  /** Whether the limit still doubles with each measurement. */
  #doubles = true
  /** Lowest mean latency since the last comparison with half of the writes. */
  #lowest = Infinity
  /** Limit and latency before the limit was halved to find out whether the writes queue. */
  #halved: { readonly limit: number, readonly latency: number } | undefined
  // The current measurement: writes that started after the last one.
  #since = -Infinity
  #count = 0
  #totalMs = 0
  /** Writes that started when the limit was reached. */
  #full = 0

  /** @param max upper bound of the limit */
  constructor (max: number, now = () => performance.now()) {
    this.#max = max
    this.#now = now
    this.#limit = Math.min(firstLimit, max)
  }

  get current (): number {
    return this.#limit
  }

  /** Runs the task when fewer tasks than the limit are running. Tasks start in order. */
  async run<R> (task: () => Promise<R>): Promise<R> {
    if (this.#running < this.#limit) this.#running++
    else await new Promise<void>(resolve => { this.#waiting.push(resolve) })
    const full = this.#running >= this.#limit
    const start = this.#now()
    try {
      const result = await task()
      if (start >= this.#since) this.#measure(this.#now() - start, full)
      return result
    } catch (error) {
      if (start >= this.#since && isRetryable(error)) this.#overloaded()
      throw error
    } finally {
      this.#running--
      this.#startWaiting()
    }
  }

  #startWaiting (): void {
    while (this.#running < this.#limit && this.#waiting.length > 0) {
      this.#running++
      this.#waiting.shift()!()
    }
  }

  #measure (ms: number, full: boolean): void {
    this.#totalMs += ms
    this.#count++
    if (full) this.#full++
    if (this.#count < Math.max(leastWrites, this.#limit)) return
    // If most writes started below the limit, the latency says nothing about the limit.
    if (this.#full > this.#count / 2) this.#adapt(this.#totalMs / this.#count)
    this.#restart()
  }

  #adapt (latency: number): void {
    const halved = this.#halved
    this.#halved = undefined
    if (halved !== undefined) {
      const queued = halved.latency > queueing * latency
      this.#lowest = queued ? latency : halved.latency
      // The latency did not depend on the number of writes: the store itself has become slower.
      if (!queued) this.#limit = halved.limit
      this.#doubles &&= !queued
    } else if (latency > queueing * this.#lowest && this.#limit > 1) {
      this.#halved = { limit: this.#limit, latency }
      this.#limit = Math.ceil(this.#limit / 2)
    } else {
      this.#lowest = Math.min(this.#lowest, latency)
      this.#limit = Math.min(this.#max, this.#doubles ? 2 * this.#limit : Math.ceil(this.#limit + Math.sqrt(this.#limit)))
    }
  }

  /** Called for the first write of a measurement that failed because the store is overloaded or unavailable. */
  #overloaded (): void {
    this.#doubles = false
    this.#halved = undefined
    this.#limit = Math.max(Math.min(firstLimit, this.#limit), Math.ceil(this.#limit / 2))
    this.#restart()
  }

  #restart (): void {
    this.#since = this.#now()
    this.#count = 0
    this.#totalMs = 0
    this.#full = 0
  }
}
