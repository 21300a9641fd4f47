// Metric families of the API server. The values come from the server's stats (request-stats.ts).
import { family, single, type Family } from '../metrics/index.ts'
import type { ApiStats } from './request-stats.ts'

export function httpFamilies (stats: ApiStats): Family[] {
  return [
    family('alert_stream_http_requests_total', () => Object.entries(stats.requests).flatMap(([route, statuses]) =>
      Object.entries(statuses).map(([status, value]) => ({ labels: { route, status }, value })))),
    family('alert_stream_http_request_duration_seconds', () =>
      [...stats.durations].map(([route, histogram]) => ({ labels: { route }, value: histogram.read() }))),
    single('alert_stream_http_requests_in_flight', () => stats.inFlight),
    single('alert_stream_http_requests_aborted_total', () => stats.aborted),
    single('alert_stream_http_response_bytes_total', () => stats.bytes),
    family('alert_stream_http_requests_shed_total', () => byReason(stats.shed)),
    family('alert_stream_http_unusable_objects_total', () => byReason(stats.unusableObjects)),
    single('alert_stream_http_slow_readers_total', () => stats.slowReaders),
    single('alert_stream_http_connections', () => stats.connections.open),
    single('alert_stream_http_connections_refused_total', () => stats.connections.refused),
    single('alert_stream_http_buffered_bytes', () => stats.buffers.bufferedBytes),
    family('alert_stream_alert_cache_lookups_total', () => byResult(stats.buffers.cacheLookups)),
    single('alert_stream_alert_cache_bytes', () => stats.buffers.cachedBytes),
    family('alert_stream_schema_cache_lookups_total', () => byResult(stats.schemas))
  ]
}

function byResult ({ hits, misses }: { readonly hits: number, readonly misses: number }) {
  return [{ labels: { result: 'hit' }, value: hits }, { labels: { result: 'miss' }, value: misses }]
}

function byReason (counts: Readonly<Record<string, number>>) {
  return Object.entries(counts).map(([reason, value]) => ({ labels: { reason }, value }))
}
