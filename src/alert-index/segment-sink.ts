// Sink that writes the entries of a flush as segments, one for each night. A write resolves when all segments of the flush are durable.
import { Histogram, type HistogramSnapshot, type Sink } from '../pipeline/index.ts'
import { checksumsOf } from '../stores/checksums.ts'
import { retryableStoreError } from '../stores/errors.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { isRejected, type Entry } from './row.ts'
import { isSameContent, metadataKey, segmentsOf, type Segment, type SegmentMetadata, type SegmentSource } from './segment.ts'
import { SegmentEncoder } from './segment-encoder.ts'
import { segmentMetadata } from './segment-metadata.ts'

/** Counts of durable entries and segments. */
interface SegmentStats {
  readonly rows: number
  readonly rejected: number
  readonly segments: number
  readonly bytes: number
  /** Duration of the flushes in seconds, from the collected entries until the last segment is durable. */
  readonly flushes: HistogramSnapshot
  /** Age of the oldest entry that is not durable, in seconds; 0 if all are. */
  readonly oldestSeconds: number
}

export interface SegmentSink extends Sink<readonly Entry[]> {
  /** Call with each new entry, for the age of the oldest. Returns the entry. */
  collected (entry: Entry): Entry
  stats (): SegmentStats
}

interface SegmentSinkOptions {
  /** Returns the open store. Called by `write` only; the sink does not close it. */
  readonly store: () => Pick<ObjectStore, 'put'>
  /** URL of the store, for descriptions. */
  readonly target: string
  readonly source: SegmentSource
  /** Name and version of the program, for the metadata of segments. */
  readonly writer: string
}

const contentType = 'application/vnd.apache.parquet'
const flushBounds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Errors: STORE_* (retryable or fatal). ARCHIVE_CONFLICT if the key of a segment has another content. */
export function segmentSink ({ store, target, source, writer }: SegmentSinkOptions): SegmentSink {
  const encoder = new SegmentEncoder()
  const flushes = new Histogram(flushBounds)
  const counts = { rows: 0, rejected: 0, segments: 0, bytes: 0 }
  /** Times at which the entries that are not durable were collected, oldest first. */
  const pending = new Map<Entry, number>()

  /** Resolves to the bytes of the segment. */
  async function put ({ key, rows, metadata }: Segment): Promise<number> {
    const complete: SegmentMetadata = { ...metadata, writer, createdAt: new Date().toISOString() }
    const file = await encoder.encode(rows, { [metadataKey]: JSON.stringify(complete) })
    const same = (existing: Buffer): boolean => {
      const found = segmentMetadata(existing)
      return found !== undefined && isSameContent(found, metadata)
    }
    const meta = { contentType, ...checksumsOf(file), same }
    await store().put(key, file, meta).catch((error: unknown) => { throw retryableStoreError(error) })
    return file.length
  }

  return {
    kind: 'object store',
    detail: `Parquet segments in ${target}`,
    collected (entry) {
      pending.set(entry, performance.now())
      return entry
    },
    stats () {
      const oldest = pending.values().next().value
      return { ...counts, flushes: flushes.read(), oldestSeconds: oldest === undefined ? 0 : (performance.now() - oldest) / 1000 }
    },
    async write (entries) {
      const start = performance.now()
      const segments = segmentsOf(entries, source)
      let bytes = 0
      for (const segment of segments) bytes += await put(segment)
      // Counted at the end, because a flush that fails is repeated as a whole.
      flushes.observe((performance.now() - start) / 1000)
      counts.segments += segments.length
      counts.bytes += bytes
      for (const entry of entries) {
        pending.delete(entry)
        counts[isRejected(entry.outcome) ? 'rejected' : 'rows']++
      }
    },
    close: async () => { await encoder.close() }
  }
}
