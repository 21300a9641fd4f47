// The nights of the index. A night is final while its newest revision covers all its segments; its counts then come from the manifest, and
// otherwise from the segments.
import { readManifest, revisionNumbers, type NightContent } from '../alert-index/revision.ts'
import { keysOf, listSegments, segmentPrefix } from '../alert-index/segment-key.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { framesOf, nightContent, type NightSources } from './night-content.ts'
import type { NightCounter } from './night-counter.ts'
import type { RunQuery } from './query-runner.ts'
import type { RevisionCatalogue } from './revision-catalogue.ts'

/** A night in a listing. */
export interface NightSummary {
  readonly night: string
  /** Number of distinct ids. */
  readonly alerts: number
  readonly segments: number
  readonly final: boolean
  /** Number of the newest complete revision, also if it does not cover all segments. */
  readonly revision: number | null
}

/** `revision`, `createdAt` and `writer` are null unless the night is final. */
export interface Night extends NightContent {
  readonly final: boolean
  readonly revision: number | null
  readonly createdAt: string | null
  readonly writer: string | null
}

interface NightReaderOptions extends NightSources {
  readonly store: Pick<ObjectStore, 'get' | 'list' | 'url'>
  readonly revisions: Pick<RevisionCatalogue, 'get'>
  readonly counter: Pick<NightCounter, 'count'>
  readonly run: RunQuery
}

/** Calls reject with a SEARCH_*, SEGMENT_* or STORE_* error, with OBJECT_CORRUPT if a manifest is damaged, and with the client's reason. */
export class NightReader {
  readonly #options: NightReaderOptions

  constructor (options: NightReaderOptions) {
    this.#options = options
  }

  /** Nights after `after` in ascending order. `next`: the night after which the next page begins, undefined on the last page. */
  async nights (
    after: string | undefined, limit: number, client: AbortSignal
  ): Promise<{ nights: NightSummary[], next: string | undefined }> {
    return await this.#options.run(client, async signal => {
      const nights: NightSummary[] = []
      for (let night = await this.#following(after); night !== undefined; night = await this.#following(night)) {
        signal.throwIfAborted()
        if (nights.length === limit) return { nights, next: nights.at(-1)!.night }
        const summary = await this.#summary(night, signal)
        if (summary !== undefined) nights.push(summary)
      }
      return { nights, next: undefined }
    })
  }

  /** Resolves to undefined if the night has no segments. */
  async night (night: string, client: AbortSignal): Promise<Night | undefined> {
    return await this.#options.run(client, async signal => {
      const { store, cache } = this.#options
      const segments = keysOf(await listSegments(store, night))
      if (segments.length === 0) return undefined
      const { complete } = await revisionNumbers(store, night)
      if (complete !== undefined) {
        const { files: _files, segmentSummaries: _summaries, ...manifest } = await readManifest(store, night, complete)
        if (coversAll(new Set(manifest.segments), segments)) return { ...manifest, final: true }
      }
      const content = await cache.use(segments, signal, async paths =>
        await nightContent(this.#options, night, segments, paths, framesOf(paths), signal))
      return { ...content, final: false, revision: null, createdAt: null, writer: null }
    })
  }

  /** The first night after `after` that has segments. */
  async #following (after: string | undefined): Promise<string | undefined> {
    const all = segmentPrefix()
    // "0" is the character after "/", and ":" the one after "9".
    const from = after === undefined ? `${all}0` : `${all}${after}0`
    for await (const key of this.#options.store.list(all, { from, before: `${all}:` })) {
      const night = /^([0-9]{8})\//.exec(key.slice(all.length))?.[1]
      if (night !== undefined) return night
    }
    return undefined
  }

  async #summary (night: string, signal: AbortSignal): Promise<NightSummary | undefined> {
    const { store, counter, revisions } = this.#options
    const segments = await listSegments(store, night)
    if (segments.length === 0) return undefined
    const { complete } = await revisionNumbers(store, night)
    const revision = complete === undefined ? undefined : await revisions.get(night, complete)
    const final = revision !== undefined && coversAll(revision.segments, keysOf(segments))
    const alerts = final ? revision.alerts : await counter.count(night, signal, segments)
    return { night, alerts, segments: segments.length, final, revision: complete ?? null }
  }
}

function coversAll (covered: ReadonlySet<string>, segments: readonly string[]): boolean {
  return segments.every(key => covered.has(key))
}
