// Limits the queries that run at the same time. Further queries wait for a short time and are then rejected.
import { searchErrors } from './errors.ts'

export class QuerySlots {
  readonly #limit: number
  readonly #waitMs: number
  #running = 0
  readonly #waiting = new Set<() => void>()

  constructor (limit: number, waitMs: number) {
    this.#limit = limit
    this.#waitMs = waitMs
  }

  /** Settles as `work` does. Rejects with SEARCH_BUSY if no slot is free in time, and with the reason of the signal if it aborts. */
  async run<T> (signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#enter(signal)
    try {
      return await work()
    } finally {
      const [next] = this.#waiting
      if (next === undefined) this.#running--
      else next()
    }
  }

  async #enter (signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#running < this.#limit) {
      this.#running++
      return
    }
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(enter)
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
      }
      const enter = (): void => { leave(); resolve() }
      const abort = (): void => { leave(); reject(signal.reason) }
      const timer = setTimeout(() => {
        leave()
        reject(searchErrors.SEARCH_BUSY(`${this.#running} queries are running`))
      }, this.#waitMs)
      this.#waiting.add(enter)
      signal.addEventListener('abort', abort, { once: true })
    })
  }
}
