// Counts the alerts of a night: from the manifest of its revision, and the later segments that the revision does not cover. Segments never
// change, so that a count is valid for its set of segments. If segments that the revision covers were deleted, its own files are read.
import { LRUCache } from 'lru-cache'
import type { SegmentKey } from '../alert-index/segment-key.ts'
import { sha256 } from '../stores/checksums.ts'
import type { Engine } from './engine.ts'
import { coveredSegments, type Revision, type RevisionCatalogue } from './revision-catalogue.ts'
import type { SegmentCache } from './segment-cache.ts'
import type { SegmentCatalogue } from './segment-catalogue.ts'
import { idRange, type SegmentStatistics } from './segment-statistics.ts'
import { newIdsStatement } from './statements.ts'

interface NightCounterOptions {
  readonly segments: SegmentCatalogue
  readonly revisions: Pick<RevisionCatalogue, 'newest'>
  readonly cache: Pick<SegmentCache, 'use'>
  readonly engine: Pick<Engine, 'query'>
}

/** Counts in memory. */
const maxCounts = 1000

export class NightCounter {
  readonly #options: NightCounterOptions
  readonly #counts = new LRUCache<string, number>({ max: maxCounts })

  constructor (options: NightCounterOptions) {
    this.#options = options
  }

  /**
   * Number of distinct ids of a night. `listed`: its segments. Default: those of a listing that may be reused. Rejects with a SEARCH_*,
   * SEGMENT_* or STORE_* error.
   */
  async count (night: string, signal: AbortSignal, listed?: readonly SegmentKey[]): Promise<number> {
    const { segments: catalogue, revisions } = this.#options
    const revision = (await revisions.newest([night])).get(night)
    const segments = listed ?? await catalogue.list([night])
    const uncovered = segments.filter(({ key }) => revision?.segments.has(key) !== true)
    if (uncovered.length === 0) return revision?.alerts ?? 0
    const identity = sha256(Buffer.from([night, String(revision?.revision), ...uncovered.map(({ key }) => key)].join('\n')))
    let added = this.#counts.get(identity)
    if (added === undefined) {
      this.#counts.set(identity, added = await this.#newIds(uncovered, revision, new Set(segments.map(({ key }) => key)), signal))
    }
    return (revision?.alerts ?? 0) + added
  }

  /** Number of distinct ids of `segments` that the revision does not have. `present`: keys of the segments in the store. */
  async #newIds (
    segments: readonly SegmentKey[], revision: Revision | undefined, present: ReadonlySet<string>, signal: AbortSignal
  ): Promise<number> {
    const { segments: catalogue, cache, engine } = this.#options
    const added = await catalogue.select(segments, signal, ({ rows }) => rows > 0)
    if (added.length === 0) return 0
    const spans = added.map(({ statistics }) => idRange(statistics))
    const isWanted = (statistics: SegmentStatistics): boolean => {
      const { min, max } = idRange(statistics)
      return statistics.rows > 0 && spans.some(span => span.min <= max && span.max >= min)
    }
    const covered = revision === undefined ? [] : coveredSegments(revision, present)
    const others = covered === undefined ? revision!.byObject : await catalogue.select(covered, signal, isWanted)
    const keys = [...added, ...others].map(({ key }) => key)
    const [[count] = []] = await cache.use(keys, signal, async paths => {
      const { sql, parameters } = newIdsStatement(paths.slice(0, added.length), paths.slice(added.length))
      return await engine.query(sql, parameters, signal)
    })
    return Number(count)
  }
}
