// The ids of the archived schemas. A listing is reused for some seconds, because every consumer asks for it when it starts.
import { LRUCache } from 'lru-cache'
import type { ObjectStore } from '../stores/object-store.ts'
import { schemaKeys } from '../stores/schema-keys.ts'

/** How long a listing is reused, in milliseconds. New schemas appear a few times per year. */
const listingMs = 10_000

/** Returns a function that resolves to the ids in ascending order. It rejects with a STORE_* error. */
export function schemaIds (store: Pick<ObjectStore, 'list' | 'url'>): () => Promise<readonly number[]> {
  const listings = new LRUCache<'ids', readonly number[]>({
    max: 1,
    ttl: listingMs,
    async fetchMethod () {
      const ids = new Set<number>()
      for await (const { id } of schemaKeys(store)) ids.add(id)
      return [...ids].sort((a, b) => a - b)
    }
  })
  return async () => await listings.forceFetch('ids')
}
