// Reads the alerts of a batch with the schemas that the archive has captured.
import { parseSchema, type AlertSchema } from '../avro/schema.ts'
import { schemaCache } from '../avro/schema-cache.ts'
import type { Logger } from '../pipeline/index.ts'
import { Slots } from '../pipeline/slots.ts'
import { readBatch } from '../provenance/read-batch.ts'
import { verifiedAlertOf } from '../provenance/verified-alert.ts'
import type { Archive } from '../stores/archive.ts'
import { storeErrors } from '../stores/errors.ts'
import type { GroupedAlert } from './group-source.ts'

/** `content` is undefined if the alert cannot be read. */
export interface ReadAlert extends GroupedAlert {
  readonly content: { readonly schemaId: number, readonly schema: AlertSchema, readonly datum: Buffer } | undefined
}

/** Number of objects that are read at the same time. */
const reads = 16

/** Returns a function that reads alerts, in their order. Errors: STORE_* (retryable or fatal). Damaged alerts are logged. */
export function alertsReader (
  archive: () => Pick<Archive, 'findAlert' | 'getSchema'>, log: Logger
): (alerts: readonly GroupedAlert[], signal: AbortSignal) => Promise<readonly ReadAlert[]> {
  const slots = new Slots(reads)
  const schemas = schemaCache(async id => {
    const where = `schema ${id} of the archive`
    const text = await archive().getSchema(id)
    if (text === undefined) throw storeErrors.OBJECT_CORRUPT('the archive does not have the schema of the alert', { where })
    return parseSchema(text, where)
  })

  async function read ({ id }: GroupedAlert): Promise<ReadAlert['content']> {
    const { schemaId, datum } = await verifiedAlertOf(archive(), id.toString())
    const schema = await schemas(schemaId)
    schema.checkDatum(datum)
    return { schemaId, schema, datum }
  }

  return async (alerts, signal) => {
    const contents = await readBatch(alerts, { slots, read, message: 'cannot export an archived alert', log }, signal)
    return alerts.map((alert, index) => ({ ...alert, content: contents[index] }))
  }
}
