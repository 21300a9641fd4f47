// Makes the entries of the index from Kafka records. It runs the checks of the ingester: a record that the ingester would dead-letter is
// rejected. Other errors (a server is down, access is denied) are not the record's fault and are thrown.
import type { RegistryClient } from '../avro/registry.ts'
import { schemaCache } from '../avro/schema-cache.ts'
import type { PackedIdFormat } from '../ids/packed-id.ts'
import type { SchemaLookupOptions } from '../ingest/schema-lookup.ts'
import { unframe } from '../ingest/unframe.ts'
import { writerSchemaLookup } from '../ingest/writer-schemas.ts'
import { position, type KafkaRecord } from '../kafka/record.ts'
import { errorCode, isFatal, isRetryable, messageOf, silent } from '../pipeline/index.ts'
import { projectionOf } from './projection.ts'
import { deliveryOf, type Entry } from './row.ts'

/** Number of rejected records that are logged one by one. */
const loggedRejections = 20

/** Errors: REGISTRY_*, NOT_A_REGISTRY (retryable). */
export function recordIndexer (
  registry: Pick<RegistryClient, 'schemaById' | 'url'>, packedIds: PackedIdFormat, options: SchemaLookupOptions
): (record: KafkaRecord) => Promise<Entry> {
  const { log = silent } = options
  const lookUp = writerSchemaLookup(registry, options)
  const projections = schemaCache(async schemaId => ({ project: projectionOf((await lookUp(schemaId)).schema, packedIds) }))
  let rejections = 0

  return async record => {
    const { topic, topicId, partition, offset, timestamp } = record
    const consumed = { topic, topicId, partition, offset, timestamp }
    try {
      const framed = unframe(record)
      const { project } = await projections(framed.schemaId)
      return { consumed, outcome: project(framed, deliveryOf(record)) }
    } catch (error) {
      if (isRetryable(error) || isFatal(error)) throw error
      if (rejections++ < loggedRejections) {
        const last = rejections === loggedRejections ? '; more rejected records are only counted' : ''
        const fields = { record: position(record), code: errorCode(error), error: messageOf(error) }
        log.warn(fields, `rejected a record: not a valid alert${last}`)
      }
      return { consumed, outcome: { code: errorCode(error) } }
    }
  }
}
