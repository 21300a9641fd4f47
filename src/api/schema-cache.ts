// Schemas in memory: they are few, immutable and asked for by every client. Concurrent loads of one id collapse into one; that there is no
// such schema is remembered for a moment only, as the ingester may be about to store it; failures are not remembered.
import { LRUCache } from 'lru-cache'
import { type ArchiveReader } from '../stores/archive.ts'
import { entityTag } from './conditional.ts'

export interface CachedSchema {
  readonly body: Buffer
  readonly tag: string
}

const absentForMs = 1000

export class SchemaCache {
  /** Schemas asked for that were in memory, and others. */
  readonly lookups = { hits: 0, misses: 0 }
  readonly #archive: Pick<ArchiveReader, 'getSchema'>
  readonly #known: LRUCache<number, CachedSchema | 'absent'>
  readonly #loading = new Map<number, Promise<CachedSchema | undefined>>()

  /** `max`: schemas kept, ~50 KB each for the survey's. */
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
