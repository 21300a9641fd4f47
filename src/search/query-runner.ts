// Runs the work of a query within its limits: a slot of its own, a time limit, and the presence of its client. Counts the outcomes.
import { searchErrors } from './errors.ts'
import type { QuerySlots } from './query-slots.ts'
import type { SearchStats } from './search-stats.ts'

interface RunnerOptions {
  readonly slots: Pick<QuerySlots, 'run'>
  readonly stats: SearchStats
  /** Time limit of a query in milliseconds. */
  readonly timeoutMs: number
}

/**
 * Settles as `work` does, whose signal aborts at the time limit and with `client`. Rejects with SEARCH_BUSY if no slot is free, and with
 * SEARCH_TIMEOUT.
 */
export type RunQuery = <T>(client: AbortSignal, work: (signal: AbortSignal) => Promise<T>) => Promise<T>

export function queryRunner ({ slots, stats, timeoutMs }: RunnerOptions): RunQuery {
  return async (client, work) => {
    const limit = new AbortController()
    const signal = AbortSignal.any([client, limit.signal])
    return await stats.observe(() => slots.run(signal, async () => {
      const timer = setTimeout(() => {
        limit.abort(searchErrors.SEARCH_TIMEOUT(`the query took longer than ${timeoutMs / 1000} s`))
      }, timeoutMs)
      try {
        return await work(signal)
      } finally {
        clearTimeout(timer)
      }
    }))
  }
}
