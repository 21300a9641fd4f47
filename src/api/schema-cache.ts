// Schemas in memory: they are few, immutable, and requested by every client. Concurrent requests for one id share one read.
// A missing schema is cached only briefly, because the ingester may be about to store it. Failures are not cached.
import { LRUCache } from 'lru-cache'
import { type ArchiveReader } from '../stores/archive.ts'
import { entityTag } from './conditional.ts'

interface CachedSchema {
  readonly body: Buffer
  readonly tag: string
}

const absentForMs = 1000

export class SchemaCache {
  /** A lookup that waits for a read in progress is a miss. */
  readonly lookups = { hits: 0, misses: 0 }
  readonly #archive: Pick<ArchiveReader, 'getSchema'>
  readonly #known: LRUCache<number, CachedSchema | 'absent'>
  readonly #loading = new Map<number, Promise<CachedSchema | undefined>>()

  /** `max`: number of schemas to keep. A survey schema takes about 50 KB. */
  constructor (archive: Pick<ArchiveReader, 'getSchema'>, max: number) {
    this.#archive = archive
    this.#known = new LRUCache({ max })
  }

  async get (id: number): Promise<CachedSchema | undefined> {
    const known = this.#known.get(id)
    if (known !== undefined) {
      this.lookups.hits++
      return known === 'absent' ? undefined : known
    }
    this.lookups.misses++
    let loading = this.#loading.get(id)
    if (loading === undefined) {
      loading = this.#load(id).finally(() => { this.#loading.delete(id) })
      this.#loading.set(id, loading)
    }
    return loading
  }

  async #load (id: number): Promise<CachedSchema | undefined> {
    const text = await this.#archive.getSchema(id)
    if (text === undefined) {
      this.#known.set(id, 'absent', { ttl: absentForMs })
      return undefined
    }
    const body = Buffer.from(text)
    const schema = { body, tag: entityTag(body, 'identity') }
    this.#known.set(id, schema)
    return schema
  }
}
