// Reads the archive's side of a night: the ids of the alerts in all layouts, and the SHA-256 of the frame in each of their objects.
import { MemoryLimit } from '../copy/memory-limit.ts'
import { idRanges, type PackedIdFormat } from '../ids/packed-id.ts'
import { errorCode, messageOf, type Source } from '../pipeline/index.ts'
import { frameIdentity } from '../provenance/provenance.ts'
import { verifiedAlert } from '../provenance/verified-alert.ts'
import { listAlerts, type ListedAlert } from '../stores/alert-listing.ts'
import { storeErrors } from '../stores/errors.ts'
import { maxGzipBytes } from '../stores/gzip.ts'
import { gzipped } from '../stores/layouts.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { checkError } from './errors.ts'

/** An object of an alert. Without `sha256` and `damage`, the object was deleted after it had been listed. */
interface HashedObject {
  readonly key: string
  /** SHA-256 of its frame. */
  readonly sha256?: string
  /** Why the frame cannot be read. */
  readonly damage?: string
}

export interface HashedAlert {
  readonly id: string
  readonly objects: readonly HashedObject[]
}

interface NightListing {
  readonly store: () => Pick<ObjectStore, 'list' | 'url'>
  /** URL of the store, for descriptions. */
  readonly target: string
  readonly night: string
  readonly packedIds: PackedIdFormat
}

export interface NightSource extends Source<ListedAlert> {
  /** Number of alerts listed. */
  readonly listed: number
  /** Whether all alerts were listed. */
  readonly ended: boolean
}

/** Emits the alerts of a night in all layouts. Errors: ID_OUT_OF_RANGE, STORE_*. */
export function archivedNight ({ store, target, night, packedIds }: NightListing): NightSource {
  const progress = { listed: 0, ended: false }
  return {
    kind: 'object store',
    detail: `${target}: night ${night}`,
    get listed () { return progress.listed },
    get ended () { return progress.ended },
    async * records ({ drain }) {
      for await (const value of listAlerts(idRanges({ night }, packedIds), { store: store(), format: packedIds })) {
        if (drain.aborted) return
        progress.listed++
        yield { value, bytes: value.keys.reduce((sum, key) => sum + key.length, value.id.length), position: `alert ${value.id}` }
      }
      progress.ended = true
    }
  }
}

interface HasherOptions {
  readonly store: () => Pick<ObjectStore, 'get' | 'getStart' | 'url'>
  /** Whether the SHA-256 in the provenance of an object counts, without reading the frame. */
  readonly headersOnly: boolean
  readonly maxFrameBytes: number
  /** Memory for objects, in bytes. */
  readonly maxBytes: number
}

/** Bytes of an object that contain its provenance, except if its record has many headers. */
const headBytes = 1024
/** The frame of an alert is about twice as long as its gzip. */
const memoryPerByte = 3
const damages = new Set(['OBJECT_CORRUPT', 'OBJECT_TOO_LARGE'])

/** Errors: STORE_* and VERIFY_CHECK_FAILED, all retryable or fatal. */
export function frameHasher (
  { store, headersOnly, maxFrameBytes, maxBytes }: HasherOptions
): (alert: ListedAlert) => Promise<HashedAlert> {
  const memory = new MemoryLimit(maxBytes)

  async function statedHash (key: string): Promise<string | undefined> {
    const head = await store().getStart(key, headBytes)
    if (head === undefined) return undefined
    const stated = frameIdentity(head.start, head.size)?.sha256
    // A contradiction is found when the frame is read.
    return head.sha256 === undefined || head.sha256 === stated ? stated : undefined
  }

  async function frameHash (id: string, key: string, compressed: boolean): Promise<string | undefined> {
    const where = `${store().url}: ${key}`
    const owner = {}
    try {
      const object = await memory.read(owner, async admit => await store().get(key, bytes => {
        if (bytes > maxGzipBytes(maxFrameBytes)) throw storeErrors.OBJECT_TOO_LARGE(`the object has ${bytes} bytes`, { where })
        admit(memoryPerByte * bytes)
      }))
      if (object === undefined) return undefined
      return (await verifiedAlert({ ...object, where }, { id, compressed }, maxFrameBytes)).checksums.sha256
    } finally {
      memory.release(owner)
    }
  }

  async function hashed (id: string, key: string): Promise<HashedObject> {
    const compressed = key.endsWith(gzipped)
    try {
      const stated = headersOnly && compressed ? await statedHash(key) : undefined
      const sha256 = stated ?? await frameHash(id, key, compressed)
      return sha256 === undefined ? { key } : { key, sha256 }
    } catch (error) {
      if (damages.has(errorCode(error))) return { key, damage: messageOf(error) }
      throw checkError(error)
    }
  }

  return async ({ id, keys }) => {
    const objects: HashedObject[] = []
    for (const key of keys) objects.push(await hashed(id, key))
    return { id, objects }
  }
}
