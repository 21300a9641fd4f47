// Remembers recently archived alerts, so that a redelivered alert is neither compressed nor written again. An alert is remembered only
// after its write succeeded. The least recently seen alerts are evicted. If an evicted alert is redelivered, the store finds it identical.
import { LRUCache } from 'lru-cache'

export class Deduplicator {
  readonly #written: LRUCache<string, true>
  readonly #writing = new Map<string, Promise<unknown>>()

  /** @param max number of alerts to remember, about 240 bytes each */
  constructor (max: number) {
    this.#written = new LRUCache({ max })
  }

  /**
   * Runs `write` and rejects as `write` does. If the same alert (id and SHA-256 of its frame) is already written, resolves to 'duplicate'
   * instead. If another call is writing the alert, waits for that write. If that write fails, the next waiting call runs its own `write`.
   */
  async once<R> (id: string, frameSha256: string, write: () => Promise<R>): Promise<R | 'duplicate'> {
    const key = `${id}:${frameSha256}`
    for (;;) {
      if (this.#written.get(key) === true) return 'duplicate'
      const other = this.#writing.get(key)
      if (other === undefined) return this.#write(key, write)
      // If the other write fails, the call that runs it removes the key and rejects, before this call tries again.
      const succeeded = await other.then(() => true, () => false)
      if (succeeded) return 'duplicate'
    }
  }

  async #write<R> (key: string, write: () => Promise<R>): Promise<R> {
    // `write` runs in a microtask, so the key is registered before `write` starts.
    const result = Promise.resolve().then(write)
    this.#writing.set(key, result)
    try {
      const outcome = await result
      this.#written.set(key, true)
      return outcome
    } finally {
      this.#writing.delete(key)
    }
  }
}
