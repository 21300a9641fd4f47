// How long a store's calls take and how they end, whatever the store: a decorator, so that files and buckets are measured alike.
import { AlertStreamError, Histogram, type HistogramSnapshot } from '../pipeline/index.ts'
import type { ObjectMeta, ObjectStore, PutOutcome, StoredObject } from './object-store.ts'

export type Operation = 'put' | 'get'
/** `conflict`: the store is well, but another object has this key. */
export type Outcome = PutOutcome | 'found' | 'absent' | 'conflict' | 'failed'

export interface OperationStats {
  readonly store: string
  readonly operation: Operation
  readonly outcome: Outcome
  /** Of seconds. */
  readonly histogram: HistogramSnapshot
}

const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** What the stores of one process have done so far. */
export class StoreStats {
  readonly #operations = new Map<string, { readonly store: string, readonly operation: Operation, readonly outcome: Outcome, readonly histogram: Histogram }>()

  observe (store: string, operation: Operation, outcome: Outcome, seconds: number): void {
    const key = `${store} ${operation} ${outcome}`
    let entry = this.#operations.get(key)
    if (entry === undefined) this.#operations.set(key, entry = { store, operation, outcome, histogram: new Histogram(BOUNDS) })
    entry.histogram.observe(seconds)
  }

  read (): OperationStats[] {
    return [...this.#operations.values()].map(({ histogram, ...rest }) => ({ ...rest, histogram: histogram.read() }))
  }
}

/** The same store; its puts and gets are counted under `name`. */
export function metered (store: ObjectStore, name: string, figures: StoreStats): ObjectStore {
  return new MeteredStore(store, name, figures)
}

class MeteredStore implements ObjectStore {
  readonly #store: ObjectStore
  readonly #name: string
  readonly #stats: StoreStats

  constructor (store: ObjectStore, name: string, figures: StoreStats) {
    this.#store = store
    this.#name = name
    this.#stats = figures
  }

  get url (): string { return this.#store.url }

  put (key: string, body: Buffer, meta: ObjectMeta): Promise<PutOutcome> {
    return this.#timed('put', () => this.#store.put(key, body, meta), outcome => outcome)
  }

  get (key: string): Promise<StoredObject | undefined> {
    return this.#timed('get', () => this.#store.get(key), object => object === undefined ? 'absent' : 'found')
  }

  exists (key: string): Promise<boolean> { return this.#store.exists(key) }
  list (prefix: string): AsyncIterable<string> { return this.#store.list(prefix) }
  check (): Promise<void> { return this.#store.check() }
  close (): Promise<void> { return this.#store.close() }

  async #timed<T> (operation: Operation, call: () => Promise<T>, outcomeOf: (result: T) => Outcome): Promise<T> {
    const start = performance.now()
    let outcome: Outcome = 'failed'
    try {
      const result = await call()
      outcome = outcomeOf(result)
      return result
    } catch (error) {
      if (error instanceof AlertStreamError && error.code === 'ARCHIVE_CONFLICT') outcome = 'conflict'
      throw error
    } finally {
      this.#stats.observe(this.#name, operation, outcome, (performance.now() - start) / 1000)
    }
  }
}
