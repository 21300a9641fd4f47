// Makes the entries of the index from the objects of the archive. The rows are those of the delivery that was archived first, as far as the
// provenance in the gzip header tells.
import { schemaCache } from '../avro/schema-cache.ts'
import { parseFrame } from '../avro/wire-format.ts'
import { parseWriterSchema } from '../avro/writer-schema.ts'
import { idRanges, type PackedIdFormat } from '../ids/packed-id.ts'
import { errorCode, isFatal, isRetryable, messageOf, type Logger, type Source } from '../pipeline/index.ts'
import { Slots } from '../pipeline/slots.ts'
import { readProvenance } from '../provenance/provenance.ts'
import { usedKeySchemes } from '../stores/alert-keys.ts'
import { listAlerts } from '../stores/alert-listing.ts'
import type { Archive } from '../stores/archive.ts'
import { retryableStoreError, storeErrors } from '../stores/errors.ts'
import { projectionOf } from './projection.ts'
import { deliveryOf, noDelivery, type Delivery, type Entry } from './row.ts'

interface ArchivedIdsOptions {
  readonly archive: () => Pick<Archive, 'alerts'>
  /** URL of the archive, for descriptions. */
  readonly target: string
  readonly nights: readonly string[]
  readonly packedIds: PackedIdFormat
  /** Number of ids in one record. */
  readonly count: number
}

/** Emits the ids of archived alerts, in groups of one night. The groups are the same at each run. Errors: ID_OUT_OF_RANGE, STORE_*. */
export function archivedIds ({ archive, target, nights, packedIds, count }: ArchivedIdsOptions): Source<readonly string[]> {
  return {
    kind: 'object store',
    detail: `${target}: nights ${nights.join(', ')}`,
    async * records ({ drain }) {
      const { alerts: store } = archive()
      const schemes = await usedKeySchemes(store)
      for (const night of nights) {
        let ids: string[] = []
        const record = () => ({ value: ids, bytes: ids.length, position: `${night}: alert ${ids[0]}` })
        for await (const { id } of listAlerts(idRanges({ night }, packedIds), { store, format: packedIds, schemes })) {
          if (drain.aborted) return
          ids.push(id)
          if (ids.length < count) continue
          yield record()
          ids = []
        }
        if (ids.length > 0) yield record()
      }
    }
  }
}

/** Number of objects read at the same time. */
const reads = 16

interface ArchivedIndexerOptions {
  readonly archive: () => Pick<Archive, 'findAlert' | 'getSchema'>
  readonly packedIds: PackedIdFormat
  readonly log: Logger
  /** Called for each alert that cannot be indexed. */
  readonly failed: () => void
}

/** Resolves to the entries in the order of the ids, without those that cannot be indexed. Errors: STORE_* (retryable or fatal). */
export function archivedIndexer (
  { archive, packedIds, log, failed }: ArchivedIndexerOptions
): (ids: readonly string[], signal: AbortSignal) => Promise<readonly Entry[]> {
  const slots = new Slots(reads)
  const projections = schemaCache(async schemaId => {
    const where = `schema ${schemaId} of the archive`
    const text = await archive().getSchema(schemaId)
    if (text === undefined) throw storeErrors.OBJECT_CORRUPT('the archive does not have the schema of the alert', { where })
    return { project: projectionOf(parseWriterSchema(text, where), packedIds) }
  })

  async function entryOf (id: string): Promise<Entry> {
    const stored = await archive().findAlert(id)
    if (stored === undefined) throw storeErrors.OBJECT_CORRUPT('the object was deleted after it had been listed', { where: `alert ${id}` })
    const { where } = stored
    const frame = await stored.frame()
    const { schemaId, datum } = parseFrame(frame)
    const { project } = await projections(schemaId)
    const provenance = stored.compressed ? readProvenance(stored.body, where) : undefined
    const delivery: Delivery = provenance === undefined ? noDelivery : deliveryOf(provenance.record)
    const row = project({ frame, schemaId, datum }, delivery)
    if (String(row.id) !== id) throw storeErrors.OBJECT_CORRUPT(`the object holds the alert ${row.id}`, { where })
    const hash = row.sha256.toString('hex')
    if (provenance !== undefined && provenance.sha256 !== hash) {
      const what = `the frame has SHA-256 ${hash}, but the provenance of the object says ${provenance.sha256}`
      throw storeErrors.OBJECT_CORRUPT(what, { where })
    }
    return { consumed: undefined, outcome: row }
  }

  return async (ids, signal) => {
    let failure: unknown
    const entries = await Promise.all(ids.map(async id => await slots.run(async () => {
      signal.throwIfAborted()
      // The first error ends the group, which is then repeated as a whole.
      if (failure !== undefined) throw failure
      try {
        return await entryOf(id)
      } catch (cause) {
        const error = retryableStoreError(cause)
        if (isRetryable(error) || isFatal(error)) throw failure = error
        failed()
        log.error({ alertId: id, code: errorCode(error), error: messageOf(error) }, 'cannot index an archived alert')
        return undefined
      }
    })))
    return entries.filter(entry => entry !== undefined)
  }
}
