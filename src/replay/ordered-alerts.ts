// Finds the selected alerts of an archive and their positions in Kafka, and sorts them. A position comes from the index if the index has
// exactly one delivery of the alert, and otherwise from the gzip header of the object, of which only the beginning is read.
import { errorCode, formatError, patientRetry, persist, type Logger } from '../pipeline/index.ts'
import { readProvenance, type Provenance } from '../provenance/provenance.ts'
import type { Archive } from '../stores/archive.ts'
import { retryableStoreError } from '../stores/errors.ts'
import { gzipHeader } from '../stores/gzip-header.ts'
import type { ObjectStart, ObjectStore } from '../stores/object-store.ts'
import { AlertTable, type TableAlert } from './alert-table.ts'
import { replayErrors, tooManyAlerts } from './errors.ts'
import { addIndexRows } from './index-rows.ts'
import type { Selection } from './selection.ts'

export interface OrderedAlerts {
  readonly table: AlertTable
  /** Rows of the table. */
  readonly order: Uint32Array
  /** Number of alerts without a key, headers or timestamp, as far as their gzip headers were read. */
  readonly incomplete: number
  readonly firstIncomplete: bigint | undefined
}

export interface OrderOptions {
  readonly archive: Pick<Archive, 'getAlertStart'> & { readonly alerts: Pick<ObjectStore, 'list' | 'url'> }
  readonly selection: Selection
  readonly index: Pick<ObjectStore, 'get' | 'list' | 'url'> | undefined
  readonly maxAlerts: number
  readonly log: Logger
}

/** Number of gzip headers that are read at the same time. */
const reads = 32
/** Holds the gzip header with its provenance, unless key and headers of the Kafka record are long. */
const startBytes = 4096
/** The longest gzip header. */
const longestHeader = 10 + 2 + 0xffff
/** Of an object without provenance, the size of the frame is unknown. */
const frameBytesPerByte = 4
/** The index has several deliveries of some alerts. Their number is limited, because they are in memory. */
const deliveriesPerAlert = 2

/**
 * Resolves to undefined if the signal aborts. Errors: STORE_*, OBJECT_CORRUPT, REPLAY_TOO_MANY, REPLAY_INDEX_TOO_LARGE,
 * REPLAY_ALERT_MISSING (an id of a file is not archived).
 */
export async function orderedAlerts (options: OrderOptions, signal: AbortSignal): Promise<OrderedAlerts | undefined> {
  try {
    const found = await findAlerts(options, signal)
    if (!signal.aborted) return found
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return undefined
}

async function findAlerts (options: OrderOptions, signal: AbortSignal): Promise<OrderedAlerts> {
  const { archive, selection, index, maxAlerts, log } = options
  const indexed = new AlertTable(index === undefined ? 0 : deliveriesPerAlert * maxAlerts, max =>
    replayErrors.REPLAY_INDEX_TOO_LARGE(`the index has more than ${max} deliveries of the selected alerts`, { where: index?.url }))
  if (index !== undefined) await addIndexRows(indexed, index, selection, signal)
  const find = indexed.finder()
  const table = new AlertTable(maxAlerts, tooManyAlerts)
  let incomplete = 0
  let firstIncomplete: bigint | undefined
  let [fromIndex, stopped] = [0, false]

  const ids = selection.ids(archive.alerts)[Symbol.asyncIterator]()
  async function readPositions (): Promise<void> {
    while (!stopped && !signal.aborted) {
      const { done, value: id } = await ids.next()
      if (done === true) return
      const known = find(id)
      if (known !== undefined) {
        table.add(known)
        fromIndex++
        continue
      }
      const { alert, complete } = await readAlert(id, options, signal)
      table.add(alert)
      if (complete) continue
      incomplete++
      firstIncomplete ??= id
    }
  }
  try {
    await Promise.all(Array.from({ length: reads }, async () => await readPositions()))
  } finally {
    stopped = true
    await ids.return?.()
  }
  log.info({ selection: selection.name, alerts: table.length, fromIndex, incomplete }, 'found the alerts of the replay')
  return { table, order: table.inOrder(), incomplete, firstIncomplete }
}

async function readAlert (
  id: bigint, { archive, log }: OrderOptions, signal: AbortSignal
): Promise<{ readonly alert: TableAlert, readonly complete: boolean }> {
  const read = async (bytes: number): Promise<ObjectStart> => {
    const found = await persist(async () => {
      try {
        return await archive.getAlertStart(id.toString(), bytes)
      } catch (error) {
        throw retryableStoreError(error)
      }
    }, patientRetry, signal)
    if (found !== undefined) return found
    throw replayErrors.REPLAY_ALERT_MISSING(`the alert ${id} is not archived`, { where: archive.alerts.url })
  }
  let object = await read(startBytes)
  if ((gzipHeader(object.start)?.extraBytes ?? 0) > startBytes - 10) object = await read(longestHeader)
  let provenance: Provenance | undefined
  try {
    provenance = readProvenance(object.start, `alert ${id}`)
  } catch (error) {
    log.warn({ code: errorCode(error), error: formatError(error) }, 'the provenance of an alert cannot be read')
  }
  if (provenance === undefined) {
    return { alert: { id, position: undefined, bytes: Math.min(frameBytesPerByte * object.size, 0xffffffff) }, complete: false }
  }
  const { record: { topic, partition, offset, timestamp }, frameBytes, truncated } = provenance
  return { alert: { id, position: { topic, partition, offset, timestamp }, bytes: frameBytes }, complete: truncated.length === 0 }
}
