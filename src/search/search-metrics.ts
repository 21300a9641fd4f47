// Metric families of the search. Before its first query, the search is not open, and all values are 0.
import { family, single, type Family } from '../metrics/index.ts'
import type { SearchStats } from './search-stats.ts'

interface MeasuredSearch {
  readonly stats: SearchStats
  readonly segments: number
  readonly cache: { readonly bytes: number, readonly lookups: { readonly hits: number, readonly misses: number } }
}

export function searchFamilies (search: MeasuredSearch): Family[] {
  return [
    family('alert_stream_search_queries_total', () =>
      Object.entries(search.stats.queries).map(([outcome, value]) => ({ labels: { outcome }, value }))),
    single('alert_stream_search_duration_seconds', () => search.stats.seconds),
    single('alert_stream_search_cache_bytes', () => search.cache.bytes),
    family('alert_stream_search_cache_lookups_total', () => [
      { labels: { result: 'hit' }, value: search.cache.lookups.hits }, { labels: { result: 'miss' }, value: search.cache.lookups.misses }
    ]),
    single('alert_stream_search_segments', () => search.segments)
  ]
}
