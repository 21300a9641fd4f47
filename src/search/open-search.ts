// Opens the search of an index store: engine, cache of segments and catalogue.
import { rm } from 'node:fs/promises'
import type { Logger } from '../pipeline/index.ts'
import { frameIdentity } from '../provenance/provenance.ts'
import type { ArchiveReader } from '../stores/archive.ts'
import { sha256 } from '../stores/checksums.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { AlertSearch, type Page } from './alert-search.ts'
import { Engine } from './engine.ts'
import { Snapshots } from './index-snapshot.ts'
import { NightCounter } from './night-counter.ts'
import { NightReader } from './night-reader.ts'
import { queryRunner } from './query-runner.ts'
import { QuerySlots } from './query-slots.ts'
import { RevisionCatalogue } from './revision-catalogue.ts'
import type { SearchStats } from './search-stats.ts'
import { SegmentCache, createCacheFolder } from './segment-cache.ts'
import { SegmentCatalogue } from './segment-catalogue.ts'

export { type Page }

export interface OpenSearchOptions {
  /** The index store, which the caller closes. */
  readonly store: Pick<ObjectStore, 'get' | 'list' | 'url'>
  readonly archive: Pick<ArchiveReader, 'getAlertStart' | 'getAlert'>
  /** Folder for the cache of segments, in which each process has a folder of its own. */
  readonly cacheDir: string
  readonly cacheBytes: number
  readonly memoryMib: number
  /** How long a listing of segments is reused, in milliseconds. */
  readonly refreshMs: number
  /** Queries that run at the same time. */
  readonly queries: number
  readonly timeoutMs: number
  readonly stats: SearchStats
  readonly log: Logger
}

export interface Search extends Pick<AlertSearch, 'page' | 'count' | 'cursor'>, Pick<NightReader, 'nights' | 'night'> {
  /** Segments whose footers are in memory. */
  readonly segments: number
  readonly cache: { readonly bytes: number, readonly lookups: { readonly hits: number, readonly misses: number } }
  /** Deletes the cache. Queries must have ended. */
  close (): Promise<void>
}

const threads = 2
/** How long a query waits for another one to end, in milliseconds. */
const waitMs = 1000
/** Bytes of an object that contain its provenance, except if its record has many headers. */
const headBytes = 1024

/** Rejects with SEARCH_UNAVAILABLE if DuckDB is not installed, and with SEARCH_CACHE if the cache cannot be created. */
export async function openSearch (options: OpenSearchOptions): Promise<Search> {
  const { store, archive, refreshMs, timeoutMs, stats, log } = options
  const folder = await createCacheFolder(options.cacheDir)
  const engine = await Engine.open({ folder, memoryMib: options.memoryMib, threads })
  const cache: SegmentCache = new SegmentCache({ store, folder, maxBytes: options.cacheBytes, checksum: key => revisions.checksum(key) })
  const segments = new SegmentCatalogue({ store, cache, engine, refreshMs })
  const revisions: RevisionCatalogue = new RevisionCatalogue({ store, segments, refreshMs, log })
  const counter = new NightCounter({ segments, revisions, cache, engine })
  const run = queryRunner({ slots: new QuerySlots(options.queries, waitMs), stats, timeoutMs })
  const search = new AlertSearch({
    engine, cache, revisions, counter, run, snapshots: new Snapshots({ segments, revisions }),
    archivedSha256: id => archivedSha256(archive, id)
  })
  const nights = new NightReader({ store, engine, cache, revisions, counter, run })
  return {
    page: (request, signal) => search.page(request, signal),
    count: (query, signal) => search.count(query, signal),
    cursor: (query, text) => search.cursor(query, text),
    nights: (after, limit, signal) => nights.nights(after, limit, signal),
    night: (night, signal) => nights.night(night, signal),
    get segments () { return segments.size },
    cache,
    async close () {
      engine.close()
      await rm(folder, { recursive: true, force: true })
    }
  }
}

async function archivedSha256 (archive: OpenSearchOptions['archive'], id: string): Promise<string | undefined> {
  const object = await archive.getAlertStart(id, headBytes)
  if (object === undefined) return undefined
  const known = frameIdentity(object.start, object.size)?.sha256 ?? object.sha256
  if (known !== undefined) return known
  const frame = await archive.getAlert(id)
  return frame === undefined ? undefined : sha256(frame)
}
