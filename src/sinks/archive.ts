// Archives alerts: compresses each frame, adds its provenance to the gzip header and writes it under the alert's id. A write resolves when
// the object is durable.
// De-duplicates: an alert with the same id and content as a recent alert counts as identical and is not compressed or written again.
import type { Sink } from '../pipeline/node.ts'
import type { Archive } from '../stores/archive.ts'
import { withProvenance, type ArchivedRecord, type FirstRecord } from '../provenance/provenance.ts'
import { checksumsOf } from '../stores/checksums.ts'
import { Deduplicator } from '../stores/deduplicator.ts'
import { retryableStoreError } from '../stores/errors.ts'
import { gzipFrame } from '../stores/gzip.ts'
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
  readonly gzipLevel: number
  /** Maximum number of frames compressed concurrently. The file store shares Node's thread pool with the compression. */
  readonly gzipThreads: number
  /** Maximum number of objects written concurrently. Fewer are written if the latency of the store grows with their number. */
  readonly writes: number
}

/** Number of alerts remembered (240 bytes each). A visit has fewer alerts, so a rebalance during a visit causes no duplicate write. */
const REMEMBERED_ALERTS = 100_000

/** Writes resolve with `written` or `identical`. Errors: ARCHIVE_CONFLICT, ALERT_ID_INVALID (bad records); STORE_* (retryable or fatal). */
export function archiveSink ({ archive, target, gzipLevel, gzipThreads, writes }: ArchiveSinkOptions): ArchiveSink {
  const writing = new WriteLimit(writes)
  const stats: ArchiveSinkStats = {
    written: 0, identical: 0, writtenBytes: 0, truncated: 0, get writeLimit () { return writing.current }
  }
  const recent = new Deduplicator(REMEMBERED_ALERTS)
  const compressing = concurrencyLimit(gzipThreads)
  return {
    kind: 'object store',
    detail: `gzip level ${gzipLevel} to ${target}`,
    stats,
    async write ({ id, frame, origin, redrivenFrom }) {
      const checksums = checksumsOf(frame)
      const outcome = await recent.once(id, checksums.sha256, async () => {
        const gz = await compressing(() => gzipFrame(frame, gzipLevel))
        const identity = { sha256: checksums.sha256, frameBytes: frame.length, archivedAt: Date.now() }
        const { object, truncated } = withProvenance(gz, identity, origin, redrivenFrom)
        const put = await writing.run(async () => archive().putAlert(id, object, checksums))
          .catch((error: unknown) => { throw retryableStoreError(error) })
        if (put === 'written') {
          stats.writtenBytes += object.length
          if (truncated.length > 0) stats.truncated++
        }
        return put
      })
      const counted = outcome === 'written' ? 'written' : 'identical'
      stats[counted]++
      return counted
    }
  }
}

/** Returns a function that runs at most `max` tasks concurrently; further tasks wait in order. */
function concurrencyLimit (max: number): <R>(task: () => Promise<R>) => Promise<R> {
  const waiting: Array<() => void> = []
  let running = 0
  return async task => {
    if (running < max) running++
    else await new Promise<void>(resolve => { waiting.push(resolve) })
    try {
      return await task()
    } finally {
      // The slot passes to the next waiting task, if any.
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
