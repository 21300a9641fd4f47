// Keeps schemas in memory, because they are few, immutable and requested by every client. Concurrent requests for an id share one read.
// Neither failures nor missing schemas are cached: the ingester may be about to store the schema, or the archive may be away.
import { LRUCache } from 'lru-cache'
import type { ArchiveReader } from '../stores/archive.ts'
import { sha256 } from '../stores/checksums.ts'
import { entityTag } from './conditional.ts'

interface CachedSchema {
  readonly body: Buffer
  readonly tag: string
}

/** Bytes of all schemas in memory. */
const maxBytes = 64 * 1024 * 1024

export class SchemaCache {
  /** A lookup that joins a read in progress counts as a miss. */
  readonly lookups = { hits: 0, misses: 0 }
  readonly #schemas: LRUCache<number, CachedSchema>

  /** `max`: number of schemas to keep. A survey schema takes about 50 KB. */
  constructor (archive: Pick<ArchiveReader, 'getSchema'>, max: number) {
    this.#schemas = new LRUCache({
      max,
      maxSize: maxBytes,
      sizeCalculation: ({ body }) => Math.max(1, body.length),
      // If an id is evicted during its read, the read continues, because requests still wait for the schema.
      ignoreFetchAbort: true,
      async fetchMethod (id) {
        const text = await archive.getSchema(id)
        if (text === undefined) return undefined
        const body = Buffer.from(text)
        return { body, tag: entityTag(sha256(body), 'identity') }
      }
    })
  }

  /** Resolves to undefined if the schema is not archived. Rejects with the error of the archive if the read fails. */
  async get (id: number): Promise<CachedSchema | undefined> {
    const cached = this.#schemas.get(id)
    if (cached === undefined) this.lookups.misses++
    else this.lookups.hits++
    return cached ?? await this.#schemas.fetch(id)
  }
}
