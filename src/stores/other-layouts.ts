// Finds out which layouts other than the configured one hold objects, so that a store with one layout costs no extra request per object.
// One listing of one key per layout decides, at the first write or miss. A layout with objects is remembered. A layout without objects is
// listed again after 10 s, because another process may have begun to write it. Until then, its first objects are neither compared nor read.
import { layouts, prefixes, type ArchivedKind, type Layout } from './layouts.ts'
import type { ObjectStore } from './object-store.ts'

const relistMs = 10_000

export class OtherLayouts {
  readonly #store: Pick<ObjectStore, 'list'>
  readonly #kind: ArchivedKind
  readonly #now: () => number
  readonly #empty: Set<Layout>
  readonly #used: Layout[] = []
  #listedAt = -Infinity
  #listing: Promise<void> | undefined

  /** @param layout the configured layout, which is never listed */
  constructor (store: Pick<ObjectStore, 'list'>, kind: ArchivedKind, layout: Layout, now = () => performance.now()) {
    this.#store = store
    this.#kind = kind
    this.#now = now
    this.#empty = new Set(layouts.filter(other => other !== layout))
  }

  /** The other layouts that hold objects. Concurrent calls share the listings. Rejects with a STORE_* error if a listing fails. */
  async used (): Promise<readonly Layout[]> {
    if (this.#empty.size > 0 && this.#now() - this.#listedAt >= relistMs) {
      this.#listing ??= this.#list().finally(() => { this.#listing = undefined })
      await this.#listing
    }
    return this.#used
  }

  async #list (): Promise<void> {
    for (const layout of this.#empty) {
      for await (const _ of this.#store.list(prefixes[layout][this.#kind], { limit: 1 })) {
        this.#empty.delete(layout)
        this.#used.push(layout)
      }
    }
    this.#listedAt = this.#now()
  }
}
