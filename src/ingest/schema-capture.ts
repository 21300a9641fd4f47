// Captures the schema of each alert: writes it to the archive before the alert, once per schema id and process. Concurrent alerts share a
// capture. If a capture fails, the next alert retries it. A record is dead-lettered only if its schema is unknown or has no alert id.
import { isSameSchema } from '../avro/canonical-form.ts'
import type { RegistryClient } from '../avro/registry.ts'
import { schemaCache } from '../avro/schema-cache.ts'
import type { WriterSchema } from '../avro/writer-schema.ts'
import { AlertStreamError, defineErrors } from '../pipeline/errors.ts'
import { silent } from '../pipeline/log.ts'
import type { Archive } from '../stores/archive.ts'
import { retryableStoreError } from '../stores/errors.ts'
import type { SchemaLookupOptions } from './schema-lookup.ts'
import { writerSchemaLookup } from './writer-schemas.ts'

const captureErrors = defineErrors({
  // Fatal: the error affects every alert of this schema, and retrying does not help.
  SCHEMA_ID_REUSED: {
    hint: 'The archive has schemas of another schema registry: correct --schema-registry-url, or use another archive.',
    fatal: true
  }
})

/**
 * Resolves with the parsed schema once it is durable in the archive. Errors: UNKNOWN_SCHEMA (bad record), also if the text of the registry
 * is not a schema of records; SCHEMA_ID_REUSED (fatal); REGISTRY_*, NOT_A_REGISTRY (retryable); STORE_* (retryable or fatal).
 */
export type SchemaCapture = (schemaId: number) => WriterSchema | Promise<WriterSchema>

export function schemaCapture (
  registry: Pick<RegistryClient, 'schemaById' | 'url'>, archive: () => Pick<Archive, 'putSchema' | 'getSchema'>,
  options: SchemaLookupOptions = {}
): SchemaCapture {
  const { log = silent } = options
  const lookUp = writerSchemaLookup(registry, options)

  async function capture (schemaId: number): Promise<WriterSchema> {
    const { text, schema } = await lookUp(schemaId)
    if (!schema.checked) {
      log.warn({ schemaId, registry: registry.url },
        'the schema cannot be compiled: its alerts are archived by their first field, without a check of the other fields')
    }
    try {
      await archive().putSchema(schemaId, text)
    } catch (error) {
      if (!(error instanceof AlertStreamError) || error.code !== 'ARCHIVE_CONFLICT') throw retryableStoreError(error)
      if (!await isArchived(schemaId, text)) {
        const message = `schema id ${schemaId} has one schema in the archive and another in the registry`
        throw captureErrors.SCHEMA_ID_REUSED(message, { where: registry.url, cause: error })
      }
      log.info({ schemaId, registry: registry.url }, 'the archive has the schema in another spelling, which it keeps')
    }
    return schema
  }

  /** Whether the archive has the schema under the id in any spelling. */
  async function isArchived (schemaId: number, text: string): Promise<boolean> {
    const archived = await archive().getSchema(schemaId).catch((error: unknown) => { throw retryableStoreError(error) })
    return archived !== undefined && isSameSchema(archived, text)
  }

  return schemaCache(capture)
}
