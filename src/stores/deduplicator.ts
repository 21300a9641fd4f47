// Remembers recently archived alerts, so that a redelivered alert is neither compressed nor written again.
// An alert is remembered only after its write succeeded. Memory is bounded: the least recently seen alerts are
// forgotten, and the store then reports their objects as identical.
import { LRUCache } from 'lru-cache'

export class Deduplicator {
  readonly #written: LRUCache<string, true>
  readonly #writing = new Map<string, Promise<unknown>>()

  /** @param max alerts to remember; each takes about 150 bytes */
  constructor (max: number) {
    this.#written = new LRUCache({ max })
  }

  /**
   * Runs `write` unless the same alert (id and CRC32C of its frame) has been written, or is being written: then waits for that write and
   * resolves with `duplicate`. Rejects as `write` does. If a write fails, the next call that waits for it runs its own.
   */
  async once<R> (id: string, frameCrc32c: number, write: () => Promise<R>): Promise<R | 'duplicate'> {
    const key = `${id}:${frameCrc32c.toString(36)}`
    for (;;) {
      if (this.#written.get(key) === true) return 'duplicate'
      const other = this.#writing.get(key)
      if (other === undefined) return this.#write(key, write)
      // A failure is reported by the call that made the write; that call has removed the key before this one continues.
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
