// Metric families of a running graph, per node, from the run's stats.
import type { Run, RunState } from '../pipeline/index.ts'
import { family, type Family } from './family.ts'

const states: readonly RunState[] = ['created', 'running', 'draining', 'stopped', 'failed']

export function stateFamily (state: () => RunState): Family {
  return family('alert_stream_state', () => {
    const now = state()
    return states.map(each => ({ labels: { state: each }, value: each === now ? 1 : 0 }))
  })
}

export function graphFamilies (run: Pick<Run, 'meters' | 'latencies' | 'credits'>): Family[] {
  const meters = () => run.meters()
  const credits = () => run.credits()
  /** Meters of the source nodes. No other node counts bytes or has credits. */
  const sources = () => {
    const names = new Set(credits().map(({ node }) => node))
    return meters().filter(({ node }) => names.has(node))
  }
  return [
    family('alert_stream_records_in_total', () => meters().map(({ node, in: value }) => ({ labels: { node }, value }))),
    family('alert_stream_records_out_total', () => meters().map(({ node, out: value }) => ({ labels: { node }, value }))),
    family('alert_stream_records_dropped_total', () => meters().map(({ node, dropped: value }) => ({ labels: { node }, value }))),
    family('alert_stream_records_in_flight', () => meters().map(({ node, inFlight: value }) => ({ labels: { node }, value }))),
    family('alert_stream_tries_failed_total', () => meters().map(({ node, failed: value }) => ({ labels: { node }, value }))),
    family('alert_stream_tries_repeated_total', () => meters().map(({ node, retried: value }) => ({ labels: { node }, value }))),
    family('alert_stream_node_latency_seconds', () => run.latencies().map(({ node, histogram: value }) => ({ labels: { node }, value }))),
    family('alert_stream_dead_letters_total', () =>
      meters().flatMap(({ node, reasons }) => Object.entries(reasons).map(([reason, value]) => ({ labels: { node, reason }, value })))),
    family('alert_stream_source_bytes_total', () => sources().map(({ node, bytes: value }) => ({ labels: { node }, value }))),
    family('alert_stream_source_starved_seconds_total', () =>
      sources().map(({ node, starvedMs }) => ({ labels: { node }, value: starvedMs / 1000 }))),
    family('alert_stream_source_unsettled_bytes', () =>
      credits().map(({ node, unsettled }) => ({ labels: { node }, value: unsettled.bytes }))),
    family('alert_stream_source_credit_records', () => credits().map(({ node, records: value }) => ({ labels: { node }, value }))),
    family('alert_stream_source_credit_bytes', () => credits().map(({ node, bytes: value }) => ({ labels: { node }, value })))
  ]
}
