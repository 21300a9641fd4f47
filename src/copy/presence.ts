// Finds out without reading complete objects whether an object has already been copied, so that a repeated copy is fast.
import { constants, gunzipSync } from 'node:zlib'
import type { ObjectStart, ObjectStore } from '../stores/object-store.ts'
import type { ArchivedKey } from './archived-keys.ts'

/** Holds the gzip header with its provenance, if no header or key of the Kafka record is long, and the beginning of the alert. */
const START_BYTES = 4096

/**
 * Whether the destination has the object: size and first 4 KiB are equal, and the SHA-256 in the metadata if both objects have one.
 * Of an object that is not compressed in the source, only the beginning is compared. Rejects with a STORE_* error.
 */
export async function isPresent (
  from: ObjectStore, { key, kind, compressed }: ArchivedKey, to: ObjectStore, destination: string
): Promise<boolean> {
  const there = await to.getStart(destination, START_BYTES)
  if (there === undefined) return false
  const here = await from.getStart(key, START_BYTES)
  if (here === undefined) return false
  if (here.sha256 !== undefined && there.sha256 !== undefined && here.sha256 !== there.sha256) return false
  if (kind === 'alert' && !compressed) return beginsLike(here, there)
  return here.size === there.size && here.start.equals(there.start)
}

function beginsLike ({ start: frame }: ObjectStart, { start: gz }: ObjectStart): boolean {
  let inflated: Buffer
  try {
    inflated = gunzipSync(gz, { finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    return false
  }
  const length = Math.min(frame.length, inflated.length)
  return length > 0 && frame.subarray(0, length).equals(inflated.subarray(0, length))
}
