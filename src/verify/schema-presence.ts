// Checks that the archive has the schemas of archived alerts. Each schema id is looked up once.
import { LRUCache } from 'lru-cache'
import { messageOf } from '../pipeline/index.ts'
import type { ArchiveReader } from '../stores/archive.ts'

export interface SchemaProblem {
  readonly problem: 'missing' | 'different'
  readonly reason: string
}

/** A stream has far fewer schemas than this. An id that is evicted is looked up again. */
const MAX_SCHEMAS = 10_000

export class SchemaPresence {
  readonly #archive: () => Pick<ArchiveReader, 'getSchema'>
  readonly #lookups = new LRUCache<number, Promise<unknown>>({ max: MAX_SCHEMAS })
  /** Number of schemas that the archive has. */
  present = 0

  constructor (archive: () => Pick<ArchiveReader, 'getSchema'>) {
    this.#archive = archive
  }

  /** Resolves with the problem of a schema for the first caller with its id, and with undefined for all others. Errors: STORE_*. */
  async check (schemaId: number): Promise<SchemaProblem | undefined> {
    const other = this.#lookups.get(schemaId)
    if (other !== undefined) {
      await other
      return undefined
    }
    const lookup = this.#lookUp(schemaId)
    this.#lookups.set(schemaId, lookup)
    try {
      const problem = await lookup
      if (problem === undefined) this.present++
      return problem
    } catch (error) {
      this.#lookups.delete(schemaId)
      throw error
    }
  }

  async #lookUp (schemaId: number): Promise<SchemaProblem | undefined> {
    const text = await this.#archive().getSchema(schemaId)
    if (text === undefined) return { problem: 'missing', reason: 'the archive has no schema with this id' }
    try {
      JSON.parse(text)
      return undefined
    } catch (error) {
      return { problem: 'different', reason: `the archived schema is not JSON: ${messageOf(error)}` }
    }
  }
}
