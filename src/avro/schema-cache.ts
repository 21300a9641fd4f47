// Caches values derived from schemas, by schema id. Cached values never expire, because the schema of an id never changes.
import { LRUCache } from 'lru-cache'

/** A stream has far fewer schemas than this. Unknown ids fail to load, so they take no space in the cache. */
const MAX_SCHEMAS = 512

/**
 * Returns a function that loads each schema id once and returns cached values synchronously. Concurrent callers share one load. A failed
 * load rejects for all its callers and is not cached. If the cache is full, it evicts the least recently used id.
 */
export function schemaCache<V extends object> (load: (id: number) => Promise<V>): (id: number) => V | Promise<V> {
  // If an id is evicted during its load, the load continues, because its callers still wait for it.
  const cache = new LRUCache<number, V>({ max: MAX_SCHEMAS, ignoreFetchAbort: true, fetchMethod: id => load(id) })
  return id => cache.get(id) ?? cache.forceFetch(id)
}
