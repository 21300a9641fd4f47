// The archive as a sink: the gzipped frame under the alert's id. Resolves when the object is durable, or when the same alert is there already.
// Only a conflict and an impossible id are the alert's own fault; whatever is wrong with the store is retryable and buries no alert.
import { AlertStreamError, type Sink } from '../pipeline/index.ts'
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

/** Errors of a store that for one object mean: never. For a stream of alerts they mean that the store has to be put right. */
export const faultsOfTheStore: ReadonlySet<string> = new Set(['STORE_PATH_BLOCKED', 'STORE_NO_LINKS', 'STORE_CLOSED'])

/** The same error, retryable if its code is one of `codes`. */
export function retryable (error: unknown, codes: ReadonlySet<string>): unknown {
  if (!(error instanceof AlertStreamError) || error.retryable || !codes.has(error.code)) return error
  const { code, message, hint, where } = error
  return new AlertStreamError(code, message, { hint, retryable: true }, { where, cause: error.cause })
}

/**
 * Its `write` says what it did: `written` or `identical`.
 * @param archive opened with the graph; the sink does not close it. Errors: ARCHIVE_CONFLICT (another alert has this id), ALERT_ID_INVALID;
 * retryable ones: STORE_*.
 */
export function archiveSink (archive: () => Archive, dedupe: Deduplicator, detail: string, gzipLevel = defaultGzipLevel): ArchiveSink {
  const stats: ArchiveSinkStats = { written: 0, identical: 0, writtenBytes: 0 }
  return {
    kind: 'object store',
    detail,
    stats,
    async write ({ id, frame, crc32c, gz }) {
      const outcome = await dedupe.once(dedupeKey(id, crc32c), async () => {
        const body = gz ?? await gzipFrame(frame, gzipLevel)
        const put = await archive().putAlert(id, body, crc32c).catch((error: unknown) => { throw retryable(error, faultsOfTheStore) })
        if (put === 'written') stats.writtenBytes += body.length
        return put
      })
      const done = outcome === 'written' ? 'written' : 'identical'
      stats[done]++
      return done
    }
  }
}
