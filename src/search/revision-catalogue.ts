// The revisions of an index: the newest complete one of each night, and their manifests. A revision whose files cannot be read is not used
// for some minutes; the segments that it covers hold the same alerts.
import { LRUCache } from 'lru-cache'
import { findManifest, listRevisions, parseRevisionKey, type RevisionFile } from '../alert-index/revision.ts'
import { parseSegmentKey, type SegmentKey } from '../alert-index/segment-key.ts'
import { errorCode, messageOf, type Logger } from '../pipeline/index.ts'
import { Slots } from '../pipeline/slots.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { SegmentCatalogue } from './segment-catalogue.ts'
import { statisticsOfSummary } from './segment-statistics.ts'

export interface Revision {
  readonly night: string
  readonly revision: number
  /** Keys of the segments that it covers. */
  readonly segments: ReadonlySet<string>
  /** Rows of these segments: all deliveries. Undefined if the manifest does not have them. */
  readonly deliveries: number | undefined
  /** Number of distinct frames, which are the rows of its files. */
  readonly rows: number
  /** Number of distinct ids. */
  readonly alerts: number
  /** In the order of diaObjectId. */
  readonly byObject: readonly RevisionFile[]
  /** In the order of healpix29. */
  readonly byPosition: readonly RevisionFile[]
}

/**
 * The segments that a revision covers. Undefined unless all of them are in the store: lifecycle rules may delete segments before a newer
 * revision covers the later ones. The files of the revision have the same alerts.
 * @param present keys of the segments in the store
 */
export function coveredSegments ({ segments }: Pick<Revision, 'segments'>, present: ReadonlySet<string>): SegmentKey[] | undefined {
  const keys = [...segments]
  if (keys.some(key => !present.has(key))) return undefined
  return keys.map(key => parseSegmentKey(key)).filter(key => key !== undefined)
}

interface RevisionCatalogueOptions {
  readonly store: Pick<ObjectStore, 'get' | 'list' | 'url'>
  readonly segments: Pick<SegmentCatalogue, 'remember'>
  /** How long a listing is reused, in milliseconds. */
  readonly refreshMs: number
  readonly log: Logger
}

/** Manifests that are read at the same time. */
const reads = 8
const maxListings = 1000
/** Memory of the manifests, in bytes. */
const maxManifestBytes = 32 * 1024 * 1024
/** Estimated memory of a key or of a file of a manifest, in bytes. */
const entryBytes = 300
/** How long a damaged revision is not used, in milliseconds. */
const distrustMs = 300_000
const maxDistrusted = 10_000

export class RevisionCatalogue {
  readonly #options: RevisionCatalogueOptions
  readonly #slots = new Slots(reads)
  readonly #listings: LRUCache<string, Map<string, number>>
  readonly #manifests = new LRUCache<string, Revision>({
    maxSize: maxManifestBytes,
    sizeCalculation: ({ segments, byObject, byPosition }) => entryBytes * (1 + segments.size + byObject.length + byPosition.length)
  })
  readonly #distrusted = new LRUCache<string, true>({ max: maxDistrusted, ttl: distrustMs })
  /** SHA-256 of the files of the manifests in memory, by key. */
  readonly #checksums = new LRUCache<string, string>({ max: 100_000 })

  constructor (options: RevisionCatalogueOptions) {
    this.#options = options
    this.#listings = new LRUCache({
      max: maxListings,
      ttl: Math.max(1, options.refreshMs),
      fetchMethod: async night => {
        const numbers = await listRevisions(options.store, night === '' ? undefined : night)
        return new Map([...numbers].flatMap(([name, { complete }]) => complete === undefined ? [] : [[name, complete] as const]))
      }
    })
  }

  /** The newest complete revisions of these nights, or of all nights, by night. Those without a valid manifest are left out. */
  async newest (nights: readonly string[] = ['']): Promise<ReadonlyMap<string, Revision>> {
    const listed = await Promise.all(nights.map(night => this.#listings.fetch(night)))
    const found = await Promise.all(listed.flatMap(each => [...each ?? []]).map(([night, number]) => this.get(night, number)))
    return new Map(found.flatMap(revision => revision === undefined ? [] : [[revision.night, revision]]))
  }

  /** Resolves to undefined if the manifest is missing or damaged. Rejects with a STORE_* error. */
  async get (night: string, number: number): Promise<Revision | undefined> {
    const name = `${night}/${number}`
    const known = this.#manifests.get(name)
    if (known !== undefined) return known
    if (this.#distrusted.has(`${name}/manifest`)) return undefined
    try {
      const read = await this.#slots.run(() => this.#read(night, number))
      // Not distrusted: the number may be one that a client made up, and be written later.
      if (read === undefined) this.#options.log.debug({ night, revision: number }, 'the revision does not exist')
      else this.#manifests.set(name, read)
      return read
    } catch (error) {
      if (errorCode(error) !== 'OBJECT_CORRUPT') throw error
      this.#distrusted.set(`${name}/manifest`, true)
      this.#log(night, number, error, 'cannot read the manifest of a revision; searching its segments instead')
      return undefined
    }
  }

  /** Whether the files of a revision may be read. */
  isTrusted ({ night, revision }: Revision): boolean {
    return !this.#distrusted.has(`${night}/${revision}`)
  }

  /**
   * Does not use the revisions of these files for some minutes, because reading them failed. Returns false if none of the keys is a file of
   * a revision that was in use.
   */
  distrust (keys: readonly string[], error: unknown): boolean {
    let changed = false
    for (const key of keys) {
      const parsed = parseRevisionKey(key)
      if (parsed === undefined) continue
      const name = `${parsed.night}/${parsed.revision}`
      if (this.#distrusted.has(name)) continue
      this.#distrusted.set(name, true)
      changed = true
      this.#log(parsed.night, parsed.revision, error, 'cannot read a file of a revision; searching its segments instead')
    }
    return changed
  }

  /** SHA-256 in hex of a file of a revision in memory. */
  checksum (key: string): string | undefined {
    return this.#checksums.get(key)
  }

  #log (night: string, revision: number, error: unknown, what: string): void {
    this.#options.log.error({ night, revision, code: errorCode(error), error: messageOf(error) },
      `${what}; delete the revision and run "alert-stream compact" again`)
  }

  async #read (night: string, number: number): Promise<Revision | undefined> {
    const { store, segments: catalogue } = this.#options
    const manifest = await findManifest(store, night, number)
    if (manifest === undefined) return undefined
    const { segments, segmentSummaries, rows, alerts, files } = manifest
    segmentSummaries.forEach((summary, index) => { catalogue.remember(segments[index]!, statisticsOfSummary(summary)) })
    for (const { key, sha256 } of [...files.byObject, ...files.byPosition]) this.#checksums.set(key, sha256)
    const deliveries = segmentSummaries.reduce((sum, each) => sum + each.rows, 0)
    return { night, revision: number, segments: new Set(segments), deliveries, rows, alerts, ...files }
  }
}
