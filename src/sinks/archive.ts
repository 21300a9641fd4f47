// The archive as a sink: the gzipped frame under the alert's id. Resolves when the object is durable, or when the same alert is there already.
import type { Sink } from '../pipeline/index.ts'
import { dedupeKey, defaultGzipLevel, gzipFrame, type Archive, type Deduplicator } from '../stores/index.ts'

/** An alert on its way into the archive. */
export interface ArchivableAlert {
  /** Canonical decimal. */
  readonly id: string
  /** The Kafka value, exactly as it was sent. */
  readonly frame: Buffer
  readonly crc32c: number
  /** Gzip of the frame; absent where the alert was archived moments ago. */
  readonly gz: Buffer | undefined
}

export interface ArchiveSinkStats {
  /** Objects written. */
  written: number
  /** Alerts that were there already, byte for byte. */
  identical: number
  writtenBytes: number
}

export interface ArchiveSink extends Sink<ArchivableAlert> {
  readonly stats: ArchiveSinkStats
}

/** @param archive opened with the graph; the sink does not close it. Errors: ARCHIVE_CONFLICT (another alert has this id), STORE_*. */
export function archiveSink (archive: () => Archive, dedupe: Deduplicator, detail: string, gzipLevel = defaultGzipLevel): ArchiveSink {
  const stats: ArchiveSinkStats = { written: 0, identical: 0, writtenBytes: 0 }
  return {
    kind: 'object store',
    detail,
    stats,
    async write ({ id, frame, crc32c, gz }) {
      const outcome = await dedupe.once(dedupeKey(id, crc32c), async () => {
        const body = gz ?? await gzipFrame(frame, gzipLevel)
        const put = await archive().putAlert(id, body, crc32c)
        if (put === 'written') stats.writtenBytes += body.length
        return put
      })
      if (outcome === 'written') stats.written++
      else stats.identical++
    }
  }
}
