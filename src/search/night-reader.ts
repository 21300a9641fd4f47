// The nights of the index. A night is final while its newest revision covers all its segments; its counts then come from the manifest, and
// otherwise from the segments.
import { LRUCache } from 'lru-cache'
import { readManifest, revisionNumbers, type Manifest, type NightContent } from '../alert-index/revision.ts'
import { keysOf, listSegments, segmentPrefix } from '../alert-index/segment-key.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { framesOf, nightContent, type NightSources } from './night-content.ts'
import type { RunQuery } from './query-runner.ts'
import { parquet, statement } from './statements.ts'

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
  readonly run: RunQuery
}

/** Manifests of which the number of alerts and the segments are in memory. */
const maxCovered = 200

/** Calls reject with a SEARCH_*, SEGMENT_* or STORE_* error, with OBJECT_CORRUPT if a manifest is damaged, and with the client's reason. */
export class NightReader {
  readonly #options: NightReaderOptions
  readonly #covered = new LRUCache<string, { readonly alerts: number, readonly segments: ReadonlySet<string> }>({ max: maxCovered })

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
        const { files: _files, ...manifest } = await readManifest(store, night, complete)
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
    const { store, cache, engine } = this.#options
    const segments = keysOf(await listSegments(store, night))
    if (segments.length === 0) return undefined
    const { complete } = await revisionNumbers(store, night)
    const covered = complete === undefined ? undefined : await this.#manifest(night, complete)
    const rest = { night, segments: segments.length, revision: complete ?? null }
    if (covered !== undefined && coversAll(covered.segments, segments)) return { ...rest, alerts: covered.alerts, final: true }
    const [[alerts] = []] = await cache.use(segments, signal, async paths => {
      const { sql, parameters } = statement(parameters => `SELECT count(DISTINCT "id") FROM ${parquet(parameters, paths)}`)
      return await engine.query(sql, parameters, signal)
    })
    return { ...rest, alerts: Number(alerts), final: false }
  }

  async #manifest (night: string, revision: number) {
    const key = `${night}/${revision}`
    let covered = this.#covered.get(key)
    if (covered === undefined) {
      const { alerts, segments }: Manifest = await readManifest(this.#options.store, night, revision)
      this.#covered.set(key, covered = { alerts, segments: new Set(segments) })
    }
    return covered
  }
}

function coversAll (covered: ReadonlySet<string>, segments: readonly string[]): boolean {
  return segments.every(key => covered.has(key))
}
