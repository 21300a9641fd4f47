// In-process counters of the search.
import { Histogram, type HistogramSnapshot } from '../pipeline/histogram.ts'
import { errorCode } from '../pipeline/errors.ts'

const durations = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Outcomes of a query, by the code of its error. Any other error is `failed`. */
const outcomes = new Map([
  ['SEARCH_TIMEOUT', 'timeout'], ['SEARCH_STOPPED', 'stopped'], ['SEARCH_BUSY', 'rejected'],
  ['SEARCH_TOO_BROAD', 'too broad'], ['SEARCH_MEMORY', 'too broad'], ['SEGMENT_GONE', 'segment gone']
])

export class SearchStats {
  /** Queries by outcome. */
  readonly queries: Record<string, number> = Object.fromEntries(['ok', 'failed', ...outcomes.values()].map(outcome => [outcome, 0]))
  readonly #seconds = new Histogram(durations)

  /** Seconds from the arrival of a query until its result was complete. */
  get seconds (): HistogramSnapshot { return this.#seconds.read() }

  /** Settles as `query` does. */
  async observe<T> (query: () => Promise<T>): Promise<T> {
    const start = performance.now()
    let outcome = 'ok'
    try {
      return await query()
    } catch (error) {
      outcome = outcomes.get(errorCode(error)) ?? 'failed'
      throw error
    } finally {
      this.queries[outcome]!++
      this.#seconds.observe((performance.now() - start) / 1000)
    }
  }
}
