// The segments of an index: listings, which are reused for a short time, so that new segments are found soon, and the ranges of their
// columns, which are read from the footer of each segment once or come from the manifest of a revision.
import { LRUCache } from 'lru-cache'
import { listSegments, type SegmentKey } from '../alert-index/segment-key.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { Engine } from './engine.ts'
import type { SegmentCache } from './segment-cache.ts'
import { readStatistics, type SegmentStatistics } from './segment-statistics.ts'

interface CatalogueOptions {
  readonly store: Pick<ObjectStore, 'list'>
  readonly cache: Pick<SegmentCache, 'use'>
  readonly engine: Pick<Engine, 'query'>
  /** How long a listing is reused, in milliseconds. */
  readonly refreshMs: number
}

/** Segments whose footers are read by one statement. */
const footersAtOnce = 32
/** Footers in memory: about 1 kB each. */
const maxFooters = 100_000
/** Listings in memory: of a night, or of all nights under the empty name. */
const maxListings = 1000

export class SegmentCatalogue {
  readonly #options: CatalogueOptions
  readonly #listings: LRUCache<string, Map<string, SegmentKey[]>>
  readonly #statistics = new LRUCache<string, SegmentStatistics>({ max: maxFooters })

  constructor (options: CatalogueOptions) {
    this.#options = options
    this.#listings = new LRUCache({
      max: maxListings,
      // lru-cache keeps an entry without `ttl` for ever, so 0 is replaced by the shortest time.
      ttl: Math.max(1, options.refreshMs),
      fetchMethod: async night => Map.groupBy(await listSegments(options.store, night === '' ? undefined : night), each => each.night)
    })
  }

  /** Number of segments whose ranges are in memory. */
  get size (): number { return this.#statistics.size }

  /** The segments of these nights, or of all nights, in the order of their keys. */
  async list (nights?: readonly string[]): Promise<readonly SegmentKey[]> {
    const all = this.#listings.get('')
    if (nights === undefined) return [...(all ?? await this.#listings.fetch(''))?.values() ?? []].flat()
    return (await Promise.all(nights.map(async night => (all ?? await this.#listings.fetch(night))?.get(night) ?? []))).flat()
  }

  /** Adds ranges that are known without reading the segment. */
  remember (key: string, statistics: SegmentStatistics): void {
    this.#statistics.set(key, statistics)
  }

  /** The wanted ones of the segments, with their statistics. Rejects like `SegmentCache.use`. */
  async select (
    segments: readonly SegmentKey[], signal: AbortSignal, isWanted: (statistics: SegmentStatistics) => boolean
  ): Promise<ReadonlyArray<SegmentKey & { readonly statistics: SegmentStatistics }>> {
    const unknown = segments.filter(({ key }) => !this.#statistics.has(key)).map(({ key }) => key)
    for (let at = 0; at < unknown.length; at += footersAtOnce) await this.#readFooters(unknown.slice(at, at + footersAtOnce), signal)
    return segments.map(segment => ({ ...segment, statistics: this.#statistics.get(segment.key) ?? unread }))
      .filter(({ statistics }) => isWanted(statistics))
  }

  async #readFooters (keys: readonly string[], signal: AbortSignal): Promise<void> {
    const { cache, engine } = this.#options
    await cache.use(keys, signal, async paths => {
      const read = await readStatistics(engine, paths, signal)
      keys.forEach((key, index) => { this.#statistics.set(key, read[index]!) })
    })
  }
}

/** Of a segment whose footer was dropped from memory by those of later segments: any query may need it. */
const unread: SegmentStatistics = { rows: 1, columns: new Map() }
