// Keeps schemas in memory, because they are few, immutable and requested by every client. Concurrent requests for an id share one read.
// The absence of a schema is cached for 1 s only, because the ingester may be about to store the schema. Failures are not cached.
import { LRUCache } from 'lru-cache'
import { type ArchiveReader } from '../stores/archive.ts'
import { entityTag } from './conditional.ts'

interface CachedSchema {
  readonly body: Buffer
  readonly tag: string
}

const absentForMs = 1000

export class SchemaCache {
  /** A lookup that joins a read in progress counts as a miss. */
  readonly lookups = { hits: 0, misses: 0 }
  readonly #schemas: LRUCache<number, CachedSchema | 'absent'>

  /** `max`: number of schemas to keep. A survey schema takes about 50 KB. */
  constructor (archive: Pick<ArchiveReader, 'getSchema'>, max: number) {
    this.#schemas = new LRUCache({
      max,
      // If an id is evicted during its read, the read continues, because requests still wait for the schema.
      ignoreFetchAbort: true,
      async fetchMethod (id, _stale, { options }) {
        const text = await archive.getSchema(id)
        if (text === undefined) {
          options.ttl = absentForMs
          return 'absent'
        }
        const body = Buffer.from(text)
        return { body, tag: entityTag(body, 'identity') }
      }
    })
  }

  /** Resolves to undefined if the schema is not archived. Rejects with the error of the archive if the read fails. */
  async get (id: number): Promise<CachedSchema | undefined> {
    const cached = this.#schemas.get(id)
    if (cached === undefined) this.lookups.misses++
    else this.lookups.hits++
    const schema = cached ?? await this.#schemas.forceFetch(id)
    return schema === 'absent' ? undefined : schema
  }
}
