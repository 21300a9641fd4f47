// Caches what is made of a schema, by schema id: a schema id never changes its schema.
import { LRUCache } from 'lru-cache'

/** Far more than a stream has; garbage ids fail to load, so they are not kept. */
const MAX_SCHEMAS = 512

/**
 * Returns a function that loads each schema id once and returns cached values synchronously. Concurrent callers share one load. A failed
 * load rejects for all of them and is not remembered. The least recently used ids are forgotten.
 */
export function schemaCache<V extends object> (load: (id: number) => Promise<V>): (id: number) => V | Promise<V> {
  // A load goes on if its id is evicted meanwhile: its callers still wait for it.
  const cache = new LRUCache<number, V>({ max: MAX_SCHEMAS, ignoreFetchAbort: true, fetchMethod: id => load(id) })
  return id => cache.get(id) ?? cache.forceFetch(id)
}
