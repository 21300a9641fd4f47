// Remembers which alerts have been archived lately, so that a re-delivery costs neither a write nor a look at the store.
// A key is remembered only once its write is durable; copies that come meanwhile wait for that write; failures are not remembered.
// Bounded: the least recently seen keys are forgotten, and then the store itself finds the copy identical.
import { LRUCache } from 'lru-cache'

export interface Deduplicator {
  /**
   * Runs `write` unless this key was written before ('duplicate') or is being written now (waits, then 'duplicate').
   * Rejects as `write` does; callers that waited for a write that failed then try their own.
   */
  once<R> (key: string, write: () => Promise<R>): Promise<R | 'duplicate'>
  /** Whether this key was written before: `once` would not write it again. */
  has (key: string): boolean
  /** Keys remembered now. */
  readonly size: number
}

/** The key of an alert: its id and the CRC32C of its frame, so that other content under the same id is not taken for a copy. */
export function dedupeKey (id: string, frameCrc32c: number): string {
  return `${id}:${frameCrc32c.toString(36)}`
}

/** `max`: keys to remember, at roughly 150 bytes each. */
export function createDeduplicator ({ max }: { readonly max: number }): Deduplicator {
  const written = new LRUCache<string, true>({ max })
  const writing = new Map<string, Promise<unknown>>()

  async function perform<R> (key: string, write: () => Promise<R>): Promise<R> {
    // Entered in the table before `write` runs, as every step up to the first await is synchronous.
    const result = Promise.resolve().then(write)
    writing.set(key, result)
    try {
      const outcome = await result
      written.set(key, true)
      return outcome
    } finally {
      writing.delete(key)
    }
  }

  return {
    get size () { return written.size },
    has: key => written.has(key),
    async once (key, write) {
      for (;;) {
        if (written.get(key) === true) return 'duplicate'
        const other = writing.get(key)
        if (other === undefined) return perform(key, write)
        // Its failure is reported to its own caller, which was the first to wait and so has cleared the table when this goes on.
        const failed = await other.then(() => false, () => true)
        if (!failed) return 'duplicate'
      }
    }
  }
}
