// Remembers recently archived alerts, so that a redelivered alert is neither compressed nor written again. An alert is remembered only
// after its write succeeded. Memory is bounded: the least recently seen alerts are evicted. The store reports those as identical.
import { LRUCache } from 'lru-cache'

export class Deduplicator {
  readonly #written: LRUCache<string, true>
  readonly #writing = new Map<string, Promise<unknown>>()

  /** @param max alerts to remember; each takes about 150 bytes */
  constructor (max: number) {
    this.#written = new LRUCache({ max })
  }

  /**
   * Runs `write`, unless the same alert (id and CRC32C of its frame) is already written or being written. Then it waits for that write and
   * resolves with `duplicate`. Rejects as `write` does. If a write fails, the next waiting call runs its own.
   */
  async once<R> (id: string, frameCrc32c: number, write: () => Promise<R>): Promise<R | 'duplicate'> {
    const key = `${id}:${frameCrc32c.toString(36)}`
    for (;;) {
      if (this.#written.get(key) === true) return 'duplicate'
      const other = this.#writing.get(key)
      if (other === undefined) return this.#write(key, write)
      // The call that made the write reports its failure. It has removed the key before this call continues.
      const succeeded = await other.then(() => true, () => false)
      if (succeeded) return 'duplicate'
    }
  }

  async #write<R> (key: string, write: () => Promise<R>): Promise<R> {
    // Everything up to the first await is synchronous: the key is registered before `write` runs.
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
