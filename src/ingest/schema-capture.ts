// Captures the schema of each alert: writes it to the archive before the alert, once per schema id and process. Concurrent alerts share a
// capture. If a capture fails, the next alert retries it. A record is dead-lettered only if its schema is unknown or not an alert schema.
import { retryableRegistryError } from '../avro/errors.ts'
import type { RegistryClient } from '../avro/registry.ts'
import { schemaCache } from '../avro/schema-cache.ts'
import { parseSchema, type AlertSchema } from '../avro/schema.ts'
import { AlertStreamError, defineErrors } from '../pipeline/errors.ts'
import type { Archive } from '../stores/archive.ts'
import { retryableStoreError } from '../stores/errors.ts'
import { schemaLookup, type SchemaLookupOptions } from './schema-lookup.ts'

const captureErrors = defineErrors({
  // Fatal: the error affects every alert of this schema, and retrying does not help.
  SCHEMA_ID_REUSED: {
    hint: 'The archive has schemas of another schema registry: correct --schema-registry-url, or use another archive.',
    fatal: true
  }
})

/**
 * Resolves with the parsed schema once its text is durable in the archive. Errors: UNKNOWN_SCHEMA, SCHEMA_INVALID (bad records);
 * SCHEMA_ID_REUSED (fatal); REGISTRY_*, NOT_A_REGISTRY (retryable); STORE_* (retryable or fatal).
 */
export type SchemaCapture = (schemaId: number) => AlertSchema | Promise<AlertSchema>

export function schemaCapture (
  registry: Pick<RegistryClient, 'schemaById' | 'url'>, archive: () => Pick<Archive, 'putSchema'>, options: SchemaLookupOptions = {}
): SchemaCapture {
  const lookUp = schemaLookup(registry, options)

  async function capture (schemaId: number): Promise<AlertSchema> {
    const text = await lookUp(schemaId).catch((error: unknown) => { throw retryableRegistryError(error) })
    const schema = parseSchema(text, `schema ${schemaId} of ${registry.url}`)
    try {
      await archive().putSchema(schemaId, text)
    } catch (error) {
      if (!(error instanceof AlertStreamError) || error.code !== 'ARCHIVE_CONFLICT') throw retryableStoreError(error)
      const message = `schema id ${schemaId} has one schema in the archive and another in the registry`
      throw captureErrors.SCHEMA_ID_REUSED(message, { where: registry.url, cause: error })
    }
    return schema
  }

  return schemaCache(capture)
}
