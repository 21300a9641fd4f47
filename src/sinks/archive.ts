// Archives alerts: compresses each frame, adds its provenance to the gzip header and writes it under the alert's id. A write resolves when
// the object is durable.
// De-duplicates: an alert with the same id and content as a recent alert counts as identical and is not compressed or written again.
import type { Compressor } from '../compression/compressor.ts'
import type { Sink } from '../pipeline/node.ts'
import { freeOwn } from '../pipeline/own-memory.ts'
import type { Archive } from '../stores/archive.ts'
import { withProvenance, type ArchivedRecord, type FirstRecord } from '../provenance/provenance.ts'
import { checksumsOf } from '../stores/checksums.ts'
import { Deduplicator } from '../stores/deduplicator.ts'
import { retryableStoreError } from '../stores/errors.ts'
import { WriteLimit } from './write-limit.ts'

export interface ArchivableAlert {
  /** Alert id as a canonical decimal number. */
  readonly id: string
  /** The Kafka value, unchanged. */
  readonly frame: Buffer
  /** The record that has the frame as its value. */
  readonly origin: ArchivedRecord
  /** Where a redriven record was first. */
  readonly redrivenFrom?: FirstRecord | undefined
}

export interface ArchiveSinkStats {
  written: number
  /** Alerts that were already archived with the same content. */
  identical: number
  /** Compressed bytes of the objects written. */
  writtenBytes: number
  /** Written objects whose provenance lacks headers, or headers and key, because they are too long. */
  truncated: number
  /** Current limit of concurrent writes. */
  readonly writeLimit: number
}

export interface ArchiveSink extends Sink<ArchivableAlert> {
  readonly stats: ArchiveSinkStats
}

export interface ArchiveSinkOptions {
  /** Returns the open archive. Called by `write` only; the sink does not close it. */
  readonly archive: () => Pick<Archive, 'putAlert'>
  /** Where alerts are stored, for descriptions. */
  readonly target: string
  readonly compressor: Compressor
  /** Maximum number of objects written concurrently. Fewer are written if the latency of the store grows with their number. */
  readonly writes: number
}

/** Number of alerts remembered (240 bytes each). A visit has fewer alerts, so a rebalance during a visit causes no duplicate write. */
const REMEMBERED_ALERTS = 100_000

/** Writes resolve with `written` or `identical`. Errors: ARCHIVE_CONFLICT, ALERT_ID_INVALID (bad records); STORE_* (retryable or fatal). */
export function archiveSink ({ archive, target, compressor, writes }: ArchiveSinkOptions): ArchiveSink {
  const writing = new WriteLimit(writes)
  const stats: ArchiveSinkStats = {
    written: 0, identical: 0, writtenBytes: 0, truncated: 0, get writeLimit () { return writing.current }
  }
  const recent = new Deduplicator(REMEMBERED_ALERTS)
  return {
    kind: 'object store',
    detail: `gzip by ${compressor.name}, level ${compressor.level}, to ${target}`,
    stats,
    async write ({ id, frame, origin, redrivenFrom }) {
      const checksums = checksumsOf(frame)
      const outcome = await recent.once(id, checksums.sha256, async () => {
        const { object, truncated } = await compressor.gzip(frame, gz => {
          const identity = { sha256: checksums.sha256, frameBytes: frame.length, archivedAt: Date.now() }
          return withProvenance(gz, identity, origin, redrivenFrom)
        })
        const put = await writing.run(async () => archive().putAlert(id, object, checksums))
          .catch((error: unknown) => { throw retryableStoreError(error) })
        if (put === 'written') {
          stats.writtenBytes += object.length
          if (truncated.length > 0) stats.truncated++
          freeOwn(object)
        }
        return put
      })
      const counted = outcome === 'written' ? 'written' : 'identical'
      stats[counted]++
      return counted
    }
  }
}
