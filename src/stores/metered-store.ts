// Measures duration and outcome of each put and get of a store.
import { AlertStreamError, Histogram, type HistogramSnapshot } from '../pipeline/index.ts'
import type { ObjectStore, PutOutcome } from './object-store.ts'

type Operation = 'put' | 'get'
/** `conflict` (the key already has different content) is not counted as `failed`, because the store itself works. */
type Outcome = PutOutcome | 'found' | 'absent' | 'conflict' | 'failed'

interface OperationKey {
  /** Name of the store, such as `alerts`. */
  readonly store: string
  readonly operation: Operation
  readonly outcome: Outcome
}

/** Upper bounds of the histogram buckets, in seconds per call. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Call durations of all stores of a process, by store, operation and outcome. */
export class StoreStats {
  readonly #operations = new Map<string, OperationKey & { readonly histogram: Histogram }>()

  observe (key: OperationKey, seconds: number): void {
    const id = `${key.store} ${key.operation} ${key.outcome}`
    let entry = this.#operations.get(id)
    if (entry === undefined) this.#operations.set(id, entry = { ...key, histogram: new Histogram(BOUNDS) })
    entry.histogram.observe(seconds)
  }

  read (): ReadonlyArray<OperationKey & { readonly histogram: HistogramSnapshot }> {
    return [...this.#operations.values()].map(({ histogram, ...key }) => ({ ...key, histogram: histogram.read() }))
  }
}

/** Wraps a store so that its puts and gets are recorded in `stats` under `name`. */
export function metered (store: ObjectStore, name: string, stats: StoreStats): ObjectStore {
  async function timed<T> (operation: Operation, call: () => Promise<T>, outcomeOf: (result: T) => Outcome): Promise<T> {
    const start = performance.now()
    let outcome: Outcome = 'failed'
    try {
      const result = await call()
      outcome = outcomeOf(result)
      return result
    } catch (error) {
      if (error instanceof AlertStreamError && error.code === 'ARCHIVE_CONFLICT') outcome = 'conflict'
      // The store has found the object, but the caller did not admit it.
      else if (operation === 'get' && error instanceof AlertStreamError && !error.code.startsWith('STORE_')) outcome = 'found'
      throw error
    } finally {
      stats.observe({ store: name, operation, outcome }, (performance.now() - start) / 1000)
    }
  }

  return {
    url: store.url,
    put: (key, body, meta) => timed('put', () => store.put(key, body, meta), outcome => outcome),
    get: (key, admit) => timed('get', () => store.get(key, admit), object => object === undefined ? 'absent' : 'found'),
    compare: (key, body, meta) => timed('get', () => store.compare(key, body, meta), outcome => outcome),
    getStart: (key, bytes) => timed('get', () => store.getStart(key, bytes), object => object === undefined ? 'absent' : 'found'),
    list: (prefix, range) => store.list(prefix, range),
    check: () => store.check(),
    close: () => store.close()
  }
}
