// Schemas served by the API, in memory: few, immutable and requested by every client. Concurrent requests for one id share one load.
// A missing schema is remembered for a moment only, since the ingester may be about to archive it; failures are not remembered.
import { LRUCache } from 'lru-cache'
import { type ArchiveReader } from '../stores/archive.ts'
import { entityTag } from './conditional.ts'

export interface CachedSchema {
  readonly body: Buffer
  readonly tag: string
}

const absentForMs = 1000

export class SchemaCache {
  /** Requests answered from memory, and requests that had to load or wait for a load. */
  readonly lookups = { hits: 0, misses: 0 }
  readonly #schemas: LRUCache<number, CachedSchema | 'absent'>

  /** `max`: schemas kept, about 50 KB each for the survey's. */
  constructor (archive: Pick<ArchiveReader, 'getSchema'>, max: number) {
    this.#schemas = new LRUCache({
      max,
      // A load goes on if its id is evicted meanwhile: requests still wait for it.
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

  /** Resolves with undefined if the schema is not archived. Rejects as the archive does. */
  async get (id: number): Promise<CachedSchema | undefined> {
    const cached = this.#schemas.get(id)
    if (cached === undefined) this.lookups.misses++
    else this.lookups.hits++
    const schema = cached ?? await this.#schemas.forceFetch(id)
    return schema === 'absent' ? undefined : schema
  }
}
