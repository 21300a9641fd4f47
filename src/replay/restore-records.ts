// Restores the Kafka records of archived alerts: the frame, and key, headers and timestamp from the provenance. The headers that redrive
// has added are left out. The partition of a record depends on the record alone, so a record that is sent again goes to the same partition:
// records with a key are left to the producer, which uses the key; records without one go to the partition with their original number.
// Without provenance, partition and timestamp come from the index.
import { withoutRedriveHeaders } from '../dead-letters/dead-letter.ts'
import type { OutgoingRecord } from '../kafka/record.ts'
import type { Logger } from '../pipeline/index.ts'
import { Slots } from '../pipeline/slots.ts'
import { readBatch } from '../provenance/read-batch.ts'
import { verifiedAlertOf } from '../provenance/verified-alert.ts'
import type { Archive } from '../stores/archive.ts'
import type { AlertPosition, TableAlert } from './alert-table.ts'
import { replayErrors } from './errors.ts'

/** Alerts that follow each other in the order, with the records of those that could be read. */
export interface RestoredBatch {
  readonly alerts: readonly TableAlert[]
  readonly records: readonly OutgoingRecord[]
}

interface RestoreOptions {
  readonly archive: () => Pick<Archive, 'findAlert'>
  readonly allowIncomplete: boolean
  /** Number of partitions of the destination topic. */
  readonly partitions: () => number
  readonly log: Logger
}

/** Number of objects that are read at the same time. */
const reads = 16

/**
 * Returns a function that restores the records of a batch, in its order. A damaged or deleted object is logged and left out. Errors:
 * STORE_* (retryable or fatal), REPLAY_INCOMPLETE, REPLAY_INDEX_DIFFERS.
 */
export function recordsRestorer (
  { archive, allowIncomplete, partitions, log }: RestoreOptions
): (alerts: readonly TableAlert[], signal: AbortSignal) => Promise<RestoredBatch> {
  const slots = new Slots(reads)

  async function restore ({ id, position }: TableAlert): Promise<OutgoingRecord> {
    const { frame, provenance } = await verifiedAlertOf(archive(), id.toString())
    const where = `alert ${id}`
    if ((provenance === undefined || provenance.truncated.length > 0) && !allowIncomplete) {
      const what = provenance === undefined ? 'has no provenance' : `has provenance without ${provenance.truncated.join(' and ')}`
      throw replayErrors.REPLAY_INCOMPLETE(`the object ${what}`, { where })
    }
    if (provenance === undefined) {
      const incomplete = { key: null, value: frame, headers: [] }
      // Without a position, the alert is at the end of the order, and is sent with the current time.
      if (position === undefined) return { ...incomplete, partition: Number(id % BigInt(partitions())) }
      return { ...incomplete, timestamp: position.timestamp, partition: position.partition % partitions() }
    }
    const { record } = provenance
    if (position !== undefined && !isSame(record, position)) {
      throw replayErrors.REPLAY_INDEX_DIFFERS('the Kafka position in the index differs from that in the object', { where })
    }
    const { key, timestamp } = record
    const restored = { key, value: frame, timestamp, headers: withoutRedriveHeaders(record.headers) }
    return key === null ? { ...restored, partition: record.partition % partitions() } : restored
  }

  return async (alerts, signal) => {
    const records = await readBatch(alerts, { slots, read: restore, message: 'left out an archived alert', log }, signal)
    return { alerts, records: records.filter(record => record !== undefined) }
  }
}

function isSame (a: AlertPosition, b: AlertPosition): boolean {
  return a.topic === b.topic && a.partition === b.partition && a.offset === b.offset && a.timestamp === b.timestamp
}
