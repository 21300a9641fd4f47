// Limits how many asynchronous calls run at the same time. Further calls wait and start in the order of their arrival.
export class Slots {
  readonly #limit: number
  #running = 0
  readonly #waiting: Array<() => void> = []

  constructor (limit: number) {
    this.#limit = limit
  }

  /** Number of calls that wait for a slot. */
  get waiting (): number { return this.#waiting.length }

  /** Settles as `work` does. */
  async run<T> (work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#limit) this.#running++
    else await new Promise<void>(resolve => { this.#waiting.push(resolve) })
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
