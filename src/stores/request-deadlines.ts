// Gives each request of a bucket client a deadline, and ends all requests in flight when the client is closed.
import { storeErrors } from './errors.ts'
import type { Operation } from './bucket-errors.ts'

export class RequestDeadlines {
  readonly #requestMs: number
  readonly #inFlight = new Set<AbortController>()
  #closed = false

  /** @param requestMs time from the start of a request to the last byte of its response, in milliseconds */
  constructor (requestMs: number) {
    this.#requestMs = requestMs
  }

  /**
   * Settles as `work` does, or rejects with STORE_UNAVAILABLE at the deadline and when the client is closed. Then the signal aborts, and
   * `work` must end its request.
   */
  async run<T> ({ action, where }: Operation, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const call = new AbortController()
    const aborted = new Promise<never>((_, reject) => {
      call.signal.addEventListener('abort', () => { reject(call.signal.reason as Error) })
    })
    this.#inFlight.add(call)
    const end = (why: string): void => { call.abort(storeErrors.STORE_UNAVAILABLE(`cannot ${action}: ${why}`, { where })) }
    const timer = setTimeout(() => { end(`no complete response within ${this.#requestMs} ms`) }, this.#requestMs)
    if (this.#closed) end('the store is closed')
    try {
      return await Promise.race([aborted, work(call.signal)])
    } finally {
      clearTimeout(timer)
      this.#inFlight.delete(call)
    }
  }

  /** Ends all requests in flight. Later requests end at once. */
  close (): void {
    this.#closed = true
    for (const call of this.#inFlight) call.abort(storeErrors.STORE_UNAVAILABLE('the store was closed during the request'))
  }
}
