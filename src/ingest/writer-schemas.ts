// Looks up the writer schemas of alerts in the schema registry.
import { registryErrors, retryableRegistryError } from '../avro/errors.ts'
import type { RegistryClient } from '../avro/registry.ts'
import { parseWriterSchema, type WriterSchema } from '../avro/writer-schema.ts'
import { messageOf } from '../pipeline/errors.ts'
import { schemaLookup, type SchemaLookupOptions } from './schema-lookup.ts'

interface RegisteredSchema {
  readonly text: string
  readonly schema: WriterSchema
}

/**
 * Looks up writer schemas in the registry, and waits for unknown ids. Errors: UNKNOWN_SCHEMA (bad record), also if the text of the registry
 * is not a schema of records; REGISTRY_*, NOT_A_REGISTRY (retryable).
 */
export function writerSchemaLookup (
  registry: Pick<RegistryClient, 'schemaById' | 'url'>, options: SchemaLookupOptions = {}
): (schemaId: number) => Promise<RegisteredSchema> {
  return schemaLookup(async schemaId => {
    const text = await registry.schemaById(schemaId).catch((error: unknown) => { throw retryableRegistryError(error) })
    try {
      return { text, schema: parseWriterSchema(text, `schema ${schemaId} of ${registry.url}`) }
    } catch (cause) {
      const what = `the schema registry has no usable schema with id ${schemaId}: ${messageOf(cause)}`
      throw registryErrors.UNKNOWN_SCHEMA(what, { where: registry.url, cause })
    }
  }, registry.url, options)
}
