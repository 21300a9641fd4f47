// The server's own figures for /metrics.
import type { ApiCounts } from './index.ts'
import { family, single, type Family } from '../metrics/index.ts'

export function httpFamilies (counts: ApiCounts): Family[] {
  return [
    family('alert_stream_http_requests_total', () => Object.entries(counts.requests).flatMap(([route, statuses]) =>
      Object.entries(statuses).map(([status, value]) => ({ labels: { route, status }, value })))),
    family('alert_stream_http_request_duration_seconds', () =>
      [...counts.durations].map(([route, histogram]) => ({ labels: { route }, value: histogram.read() }))),
    single('alert_stream_http_requests_in_flight', () => counts.inFlight),
    single('alert_stream_http_requests_aborted_total', () => counts.aborted),
    single('alert_stream_http_response_bytes_total', () => counts.bytes),
    family('alert_stream_schema_cache_lookups_total', () => [
      { labels: { result: 'hit' }, value: counts.schemas.hits }, { labels: { result: 'miss' }, value: counts.schemas.misses }
    ])
  ]
}
