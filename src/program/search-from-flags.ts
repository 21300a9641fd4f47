// The flags of the search, and the search that they describe. The index store and DuckDB are opened by the first query.
import { join } from 'node:path'
import type { StoreFlagsConfig } from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { AlertStreamError, formatError, type GraphDescription } from '../pipeline/index.ts'
import { openSearch, type Search } from '../search/open-search.ts'
import { SearchStats } from '../search/search-stats.ts'
import type { ArchiveReader } from '../stores/archive.ts'
import { metered, type StoreStats } from '../stores/metered-store.ts'
import { openStore } from '../stores/open-store.ts'
import type { Host } from './mode.ts'
import { bucketOptions, type BucketConfig } from './stores-from-flags.ts'

export const searchFlags = flags({
  'index-store': {
    type: 'text', placeholder: 'URL',
    description: 'Store of the index that `alert-stream index` writes: file:///dir, s3://bucket[/prefix] or gs://bucket[/prefix]. ' +
      'Default: no index, so that /v1/alerts lists only the ids of a visit.'
  },
  'index-cache-dir': {
    type: 'text', placeholder: 'PATH',
    description: 'Folder for copies of index segments, in which each process has a folder of its own. ' +
      'Default: $XDG_CACHE_HOME/alert-stream/segments, or ~/.cache/alert-stream/segments if XDG_CACHE_HOME is not set.'
  },
  'index-cache-mib': {
    type: 'integer', min: 1, max: 1_048_576, default: 1024,
    description: 'Disk space for copies of index segments, in MiB. A query that needs more gets 400.'
  },
  'index-refresh-seconds': {
    type: 'number', min: 0, max: 86_400, default: 5,
    description: 'Time for which a listing of index segments is reused, in seconds. New segments are found after this time.'
  },
  'search-memory-mib': {
    type: 'integer', min: 32, max: 65_536, default: 128,
    description: 'Memory of the search engine, in MiB. A query that needs more uses temporary files of twice this size, then gets 400.'
  },
  'search-queries': {
    type: 'integer', min: 1, max: 8, default: 2,
    description: 'Number of concurrent queries. Further queries wait up to 1 s and then get 429.'
  },
  'search-timeout': {
    type: 'number', min: 0.1, max: 600, default: 10, placeholder: 'SECONDS',
    description: 'Time limit of a query in seconds. A query that takes longer gets 503.'
  },
  'search-page-size': { type: 'integer', min: 1, max: 100_000, default: 10_000, description: 'Maximum number of alerts of a page.' },
  'search-radius': {
    type: 'number', min: 0, max: 180, default: 1, placeholder: 'DEGREES', description: 'Maximum radius of a cone, in degrees.'
  },
  'max-batch-ids': {
    type: 'integer', min: 1, max: 100_000, default: 10_000,
    description: 'Maximum number of ids in a request to /v1/alerts/batch, and of alerts of an object in a response of /v1/objects or ' +
      '/v1/ssobjects.'
  }
})

type Config = ConfigOf<typeof searchFlags> & StoreFlagsConfig & BucketConfig

const mib = 1024 * 1024

interface SearchFromFlags extends Pick<Search, 'segments' | 'cache'> {
  readonly stats: SearchStats
  /** Opens the search once. Resolves to undefined if there is no index, or no search engine. Rejects with a STORE_* or SEARCH_* error. */
  readonly open: () => Promise<Search | undefined>
  close (): Promise<void>
}

export function searchOf (
  config: Config, archive: ArchiveReader, { log, environment, cacheDir }: Pick<Host, 'log' | 'environment' | 'cacheDir'>, stores: StoreStats
): SearchFromFlags {
  const { indexStore: url } = config
  const stats = new SearchStats()
  let opened: Search | undefined
  let opening: Promise<Search | undefined> | undefined
  let unavailable = false
  const closers: Array<() => Promise<void>> = []

  async function start (storeUrl: string): Promise<Search | undefined> {
    const store = metered(await openStore(storeUrl, { ...bucketOptions(config, environment), access: 'read', log }), 'index', stores)
    try {
      opened = await openSearch({
        store, archive, stats, log,
        cacheDir: config.indexCacheDir ?? join(cacheDir, 'segments'),
        cacheBytes: config.indexCacheMib * mib,
        memoryMib: config.searchMemoryMib,
        refreshMs: config.indexRefreshSeconds * 1000,
        queries: config.searchQueries,
        timeoutMs: config.searchTimeout * 1000
      })
    } catch (error) {
      await store.close()
      if (!(error instanceof AlertStreamError) || error.code !== 'SEARCH_UNAVAILABLE') throw error
      unavailable = true
      log.error({ error: formatError(error) }, 'the index cannot be searched')
      return undefined
    }
    const { close } = opened
    closers.push(close, () => store.close())
    return opened
  }

  return {
    stats,
    get segments () { return opened?.segments ?? 0 },
    get cache () { return opened?.cache ?? { bytes: 0, lookups: { hits: 0, misses: 0 } } },
    async open () {
      if (url === undefined || unavailable) return undefined
      // A failure may be temporary, so the next query tries again.
      opening ??= start(url).catch((error: unknown) => {
        opening = undefined
        throw error
      })
      return await opening
    },
    async close () {
      await opening?.catch(() => {})
      for (const close of closers) await close()
    }
  }
}

/** The nodes and edges of the search in the description of `serve`. Without an index, there is only the listing of visits. */
export function describedSearch (
  { indexStore, indexCacheMib, maxBatchIds }: Config, prefix: string
): Pick<GraphDescription, 'nodes' | 'edges'> {
  const sink = { name: 'search', type: 'sink', kind: 'http', detail: `GET ${prefix}/alerts`, limits: {} } as const
  if (indexStore === undefined) return { nodes: [sink], edges: [{ from: 'alert-store', to: 'search', type: 'data' }] }
  return {
    nodes: [
      { name: 'index-store', type: 'source', kind: 'object store', detail: indexStore, limits: {} },
      { name: 'segment-cache', type: 'step', kind: 'cache', limits: { bytes: indexCacheMib * mib } },
      sink,
      { name: 'nights', type: 'sink', kind: 'http', detail: `GET ${prefix}/nights`, limits: {} },
      {
        name: 'objects', type: 'sink', kind: 'http', detail: `GET ${prefix}/objects/{id}, ${prefix}/ssobjects/{id}`,
        limits: { records: maxBatchIds }
      }
    ],
    edges: [
      { from: 'index-store', to: 'segment-cache', type: 'data' }, { from: 'segment-cache', to: 'search', type: 'data' },
      { from: 'segment-cache', to: 'nights', type: 'data' }, { from: 'segment-cache', to: 'objects', type: 'data' },
      { from: 'alert-store', to: 'objects', type: 'data' }, { from: 'schema-cache', to: 'objects', type: 'data' }
    ]
  }
}
