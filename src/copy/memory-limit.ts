// Limits the bytes of the objects that a copy holds in memory. A store tells the size of an object when it begins to send the object. If
// the object does not fit then, it is not received, and is read again as soon as there is room. One object of any size is always admitted.
import { storeErrors } from '../stores/errors.ts'
import type { Admit } from '../stores/object-store.ts'

interface Waiting {
  readonly owner: object
  readonly bytes: number
  readonly resume: () => void
}

export class MemoryLimit {
  readonly #limit: number
  readonly #held = new Map<object, number>()
  readonly #waiting: Waiting[] = []
  #bytes = 0

  /** @param limit in bytes */
  constructor (limit: number) {
    this.#limit = limit
  }

  /** Bytes of the objects that have been admitted and not released. */
  get bytes (): number { return this.#bytes }

  /**
   * Calls `read` until the object is admitted, at most twice unless its size changes. Settles as `read` does.
   * @param owner holds the bytes until `release`
   */
  async read<T> (owner: object, read: (admit: Admit) => Promise<T>): Promise<T> {
    for (;;) {
      let missing: number | undefined
      const admit = (bytes: number): void => {
        if (this.#take(owner, bytes)) return
        missing = bytes
        // Caught below. The error of the store may have this one as its cause.
        throw storeErrors.OBJECT_TOO_LARGE('the object does not fit beside those in memory')
      }
      try {
        return await read(admit)
      } catch (error) {
        if (missing === undefined) throw error
        await this.#wait(owner, missing)
      }
    }
  }

  release (owner: object): void {
    this.#bytes -= this.#held.get(owner) ?? 0
    this.#held.delete(owner)
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#hold(next.owner, next.bytes)
      next.resume()
    }
  }

  #fits (bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#limit
  }

  #hold (owner: object, bytes: number): void {
    this.#held.set(owner, bytes)
    this.#bytes += bytes
  }

  /** Does not overtake objects that wait. */
  #take (owner: object, bytes: number): boolean {
    const held = this.#held.get(owner) ?? 0
    if (held >= bytes) return true
    if (held === 0 && this.#waiting.length > 0) return false
    if (this.#bytes > held && this.#bytes - held + bytes > this.#limit) return false
    this.#bytes -= held
    this.#hold(owner, bytes)
    return true
  }

  async #wait (owner: object, bytes: number): Promise<void> {
    // An object that turned out to be larger gives its bytes back, so that two such objects cannot wait for each other.
    this.release(owner)
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#hold(owner, bytes)
      return
    }
    await new Promise<void>(resume => { this.#waiting.push({ owner, bytes, resume }) })
  }
}
