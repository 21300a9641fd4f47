// Captures the schema of an alert into the archive, whole, before the first alert that needs it goes on: once per id and process, concurrent
// alerts wait for the one capture. A capture that failed is not remembered: the next alert tries again (of an unknown id, see unknown-schemas.ts).
// Only a schema that the registry does not have, or that is no alert's, is the alert's own fault; a registry that refuses or is none says
// nothing about the alert.
import { parseSchema, type AlertSchema, type RegistryClient } from '../avro/index.ts'
import { AlertStreamError, defineErrors } from '../pipeline/index.ts'
import type { Archive } from '../stores/index.ts'
import { faultsOfTheStore, retryable } from '../sinks/archive.ts'
import { patientLookup, type UnknownSchemaOptions } from './unknown-schemas.ts'

export const captureErrors = defineErrors({
  // No alert is at fault, and waiting does not mend it.
  SCHEMA_ID_REUSED: {
    hint: 'The registry is not the one that this archive was filled from: use the right --schema-registry-url, or another archive.',
    fatal: true
  }
})

/**
 * Resolves with the parsed schema when its text is durable in the archive. Errors: UNKNOWN_SCHEMA, SCHEMA_INVALID; fatal: SCHEMA_ID_REUSED;
 * retryable: REGISTRY_*, NOT_A_REGISTRY; STORE_* as the store has it.
 */
export type SchemaCapture = (schemaId: number) => AlertSchema | Promise<AlertSchema>

const faultsOfTheRegistry = new Set(['REGISTRY_REFUSED', 'NOT_A_REGISTRY'])

export function schemaCapture (
  registry: Pick<RegistryClient, 'schemaById' | 'url'>, archive: () => Pick<Archive, 'putSchema'>, unknown: UnknownSchemaOptions = {}
): SchemaCapture {
  const lookUp = patientLookup(registry, unknown)
  const captured = new Map<number, AlertSchema>()
  const pending = new Map<number, Promise<AlertSchema>>()

  async function capture (schemaId: number): Promise<AlertSchema> {
    const text = await lookUp(schemaId).catch((error: unknown) => { throw retryable(error, faultsOfTheRegistry) })
    const schema = parseSchema(text, `schema ${schemaId} of ${registry.url}`)
    try {
      await archive().putSchema(schemaId, text)
    } catch (error) {
      if (!(error instanceof AlertStreamError) || error.code !== 'ARCHIVE_CONFLICT') throw retryable(error, faultsOfTheStore)
      throw captureErrors.SCHEMA_ID_REUSED(`the archive has another schema under id ${schemaId} than the registry`, { where: registry.url, cause: error })
    }
    captured.set(schemaId, schema)
    return schema
  }

  return schemaId => {
    const known = captured.get(schemaId)
    if (known !== undefined) return known
    let work = pending.get(schemaId)
    if (work === undefined) {
      work = capture(schemaId).finally(() => pending.delete(schemaId))
      pending.set(schemaId, work)
    }
    return work
  }
}
