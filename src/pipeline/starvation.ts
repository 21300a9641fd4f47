// Tells the batches of a graph when a source waits, for credit or for the settlement of its records in flight. Batches then pass on what
// they hold, because a source that waits sends nothing that could fill them.
import type { Starvation } from './batch.ts'
import type { Credits } from './credits.ts'

export class SourceStarvation implements Starvation {
  readonly #credits: ReadonlyMap<string, Credits>
  readonly #listeners = new Set<() => void>()
  /** The sources that wait until their records in flight have settled. */
  readonly #waiting = new Set<string>()

  constructor (credits: ReadonlyMap<string, Credits>) {
    this.#credits = credits
  }

  get starved (): boolean {
    for (const each of this.#credits.values()) if (each.starved) return true
    return this.#waiting.size > 0
  }

  watch (listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  /** Calls the listeners, because a source has started to wait for credit. */
  notify (): void {
    for (const listener of this.#listeners) listener()
  }

  /** Records whether a source waits for the settlement of its records in flight. */
  awaitSettlement (source: string, waiting: boolean): void {
    if (!waiting) {
      this.#waiting.delete(source)
    } else if (!this.#waiting.has(source)) {
      this.#waiting.add(source)
      this.notify()
    }
  }
}
