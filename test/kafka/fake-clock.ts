// A clock that stands still until a test advances it.
import type { Clock } from '../../src/kafka/clock.ts'
import { turns } from '../support/pipeline.ts'

export class FakeClock implements Clock {
  #now = 0
  readonly #sleepers = new Set<{ readonly until: number, wake (): void }>()

  now (): number {
    return this.#now
  }

  async sleep (ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return
    await new Promise<void>(resolve => {
      const sleeper = {
        until: this.#now + ms,
        wake: () => {
          this.#sleepers.delete(sleeper)
          signal?.removeEventListener('abort', sleeper.wake)
          resolve()
        }
      }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', sleeper.wake)
    })
  }

  /** Advances the time by `ms` milliseconds: wakes the sleepers in order of their deadlines and lets pending work run. */
  async advance (ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await turns(10)
      const [next] = [...this.#sleepers].filter(({ until }) => until <= end).sort((a, b) => a.until - b.until)
      if (next === undefined) break
      this.#now = Math.max(this.#now, next.until)
      next.wake()
    }
    this.#now = end
    await turns(10)
  }
}
