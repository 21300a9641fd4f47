// Every metric of the program's own, once: name, type, labels, unit, which modes have it, what it says and when to worry. What /metrics
// answers and docs/metrics.md are both made from it; a mode that has a metric which is not here, or lacks one that is, fails its test.
// Names are `alert_stream_*`, units are seconds and bytes, counters end in `_total`. Labels have few values: never an id, an offset or a text.

export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  /** What it counts or measures: `records`, `seconds`, `bytes` ... */
  readonly unit: string
  readonly modes: readonly string[]
  /** One sentence. */
  readonly help: string
  /** A condition that somebody should hear of, and why. */
  readonly alert?: string
}

/** Modes that run a graph and have an admin port. */
const graphs = ['ingest', 'play-stream'] as const
const ingest = ['ingest'] as const
const play = ['play-stream'] as const
const serve = ['serve'] as const
const all = [...graphs, ...serve] as const

function table<const T extends Readonly<Record<`alert_stream_${string}`, MetricSpec>>> (specs: T): T {
  return specs
}

export const catalogue = table({
  alert_stream_info: {
    type: 'gauge', labels: ['mode', 'version'], unit: '1', modes: all,
    help: 'Always 1: which mode of which version this process runs.'
  },
  alert_stream_state: {
    type: 'gauge', labels: ['state'], unit: '1', modes: all,
    help: '1 for the state that the mode is in (created, running, draining, stopped, failed), 0 for the others.',
    alert: 'state="running" is 0 for 5 minutes: it cannot start, or hangs in its drain.'
  },

  alert_stream_records_in_total: { type: 'counter', labels: ['node'], unit: 'records', modes: graphs, help: 'Records that entered the node; of a source: were read.' },
  alert_stream_records_out_total: {
    type: 'counter', labels: ['node'], unit: 'records', modes: graphs, help: 'Records that left the node; of a sink: are durable; of dead-letters: are buried.',
    alert: 'rate 0 at the sink while the lag grows: nothing gets through.'
  },
  alert_stream_records_dropped_total: { type: 'counter', labels: ['node'], unit: 'records', modes: graphs, help: 'Records that a filter let go.' },
  alert_stream_records_in_flight: { type: 'gauge', labels: ['node'], unit: 'records', modes: graphs, help: 'Records that entered the node and have not left; of a source: are not settled.' },
  alert_stream_tries_failed_total: {
    type: 'counter', labels: ['node'], unit: 'tries', modes: graphs, help: 'Tries that failed, those included that were repeated.',
    alert: 'rate above 0 for 5 minutes: a server that the node needs is in trouble; the log says which.'
  },
  alert_stream_tries_repeated_total: { type: 'counter', labels: ['node'], unit: 'tries', modes: graphs, help: 'Tries that repeated a failed one.' },
  alert_stream_node_latency_seconds: { type: 'histogram', labels: ['node'], unit: 'seconds', modes: graphs, help: 'Time from entering the node to leaving it, retries included; of a source: to settlement.' },
  alert_stream_dead_letters_total: {
    type: 'counter', labels: ['node', 'reason'], unit: 'records', modes: graphs, help: 'Records that went to the dead letters, by the node that gave up on them and the stable code of the error.',
    alert: 'any increase of `alert_stream_records_out_total{node="dead-letters"}`, which is there from the start (a reason appears with its first record, and Prometheus sees no increase in that): somebody has to look at them and redrive them.'
  },
  alert_stream_source_bytes_total: { type: 'counter', labels: ['node'], unit: 'bytes', modes: graphs, help: 'Bytes that the source handed over, as they count against its credit.' },
  alert_stream_source_starved_seconds_total: {
    type: 'counter', labels: ['node'], unit: 'seconds', modes: graphs, help: 'Time for which the source waited for credit: what comes after it was the bottleneck.',
    alert: 'rate above 0.9 for 10 minutes while the lag grows: it is at its limit.'
  },
  alert_stream_source_unsettled_bytes: { type: 'gauge', labels: ['node'], unit: 'bytes', modes: graphs, help: 'Bytes of records that the source has out and that have not settled.' },
  alert_stream_source_credit_records: { type: 'gauge', labels: ['node'], unit: 'records', modes: graphs, help: 'Unsettled records at which the source waits.' },
  alert_stream_source_credit_bytes: { type: 'gauge', labels: ['node'], unit: 'bytes', modes: graphs, help: 'Unsettled bytes at which the source waits.' },

  alert_stream_kafka_up: {
    type: 'gauge', labels: [], unit: '1', modes: ingest, help: '1 where the brokers answered this scrape in time; 0 where they did not, and then there is no lag.',
    alert: '0 for 2 minutes: the brokers are out of reach.'
  },
  alert_stream_kafka_lag_records: {
    type: 'gauge', labels: ['topic', 'partition'], unit: 'records', modes: ingest,
    help: 'Records of the partition (of those that this process owns) that are not settled, by the brokers\' word; absent while they do not answer.',
    alert: 'sum by (topic) above 10,000 (a visit) for 5 minutes: alerts come faster than they are archived.'
  },
  alert_stream_kafka_settled_offset: { type: 'gauge', labels: ['topic', 'partition'], unit: 'offset', modes: ingest, help: 'Offset before which everything has settled: what may be committed.' },
  alert_stream_kafka_committed_offset: { type: 'gauge', labels: ['topic', 'partition'], unit: 'offset', modes: ingest, help: 'Offset that was committed last.' },
  alert_stream_kafka_commit_age_seconds: {
    type: 'gauge', labels: [], unit: 'seconds', modes: ingest,
    help: 'Time since the last successful commit, or since the first record after it where that is later; 0 while nothing is uncommitted.',
    alert: 'above 120: records are stuck or commits fail; a restart would read all since then again.'
  },
  alert_stream_kafka_commits_total: { type: 'counter', labels: ['outcome'], unit: 'commits', modes: ingest, help: 'Commits of offsets, by outcome: done, failed.' },
  alert_stream_kafka_rebalances_total: {
    type: 'counter', labels: [], unit: 'joins', modes: ingest, help: 'How often the group has given this process its partitions; 1 after the start.',
    alert: 'more than 6 in an hour: members come and go.'
  },
  alert_stream_kafka_generation: { type: 'gauge', labels: [], unit: 'generation', modes: ingest, help: 'Generation of the group that this process is in; -1 before it has joined.' },
  alert_stream_kafka_assigned_partitions: { type: 'gauge', labels: ['topic'], unit: 'partitions', modes: ingest, help: 'Partitions of the topic that this process owns.' },
  alert_stream_kafka_lost_records_total: {
    type: 'counter', labels: ['topic', 'partition'], unit: 'records', modes: ingest, help: 'Records that the topic\'s retention removed before they were read.',
    alert: 'any increase: alerts are lost; raise the retention or the ingester\'s speed.'
  },

  alert_stream_alerts_archived_total: { type: 'counter', labels: ['outcome'], unit: 'alerts', modes: ingest, help: 'Alerts that are durable in the store, by outcome: written, identical (there already, byte for byte).' },
  alert_stream_archived_bytes_total: { type: 'counter', labels: [], unit: 'bytes', modes: ingest, help: 'Bytes of the objects that were written, compressed.' },
  alert_stream_alert_age_seconds: {
    type: 'histogram', labels: [], unit: 'seconds', modes: ingest, help: 'Time from the Kafka timestamp of an alert until it was durable in the store.',
    alert: '99th percentile above 60 for two visits: alerts are late.'
  },
  alert_stream_visits_total: { type: 'counter', labels: ['topic'], unit: 'visits', modes: ingest, help: 'Visits (bursts of records) that are over: every record of them has settled.' },
  alert_stream_visit_alerts: { type: 'gauge', labels: ['topic'], unit: 'alerts', modes: ingest, help: 'Records of the last visit.' },
  alert_stream_visit_duration_seconds: { type: 'histogram', labels: ['topic'], unit: 'seconds', modes: ingest, help: 'Time from the first record\'s Kafka timestamp until the last record of a visit was durable.' },
  alert_stream_visit_overruns_total: {
    type: 'counter', labels: ['topic'], unit: 'visits', modes: ingest, help: 'Visits that were not durable after 37 s, or when the next one began.',
    alert: 'more than 3 in 10 minutes: visits pile up.'
  },

  alert_stream_store_operation_seconds: {
    type: 'histogram', labels: ['store', 'operation', 'outcome'], unit: 'seconds', modes: [...ingest, ...serve],
    help: 'Time that one call of a store (alerts, schemas, dead-letters) took: put (written, identical, conflict, failed) or get (found, absent, failed).',
    alert: 'outcome="failed" increases for 5 minutes, or the 99th percentile of put is above 10: the store is down or slow.'
  },

  alert_stream_passes_total: {
    type: 'counter', labels: ['outcome'], unit: 'passes', modes: play, help: 'Passes over the static topic, by outcome: whole, interrupted.',
    alert: 'outcome="whole" does not increase for three intervals: nothing is published.'
  },
  alert_stream_pass_duration_seconds: { type: 'histogram', labels: [], unit: 'seconds', modes: play, help: 'Time from the beginning of a pass until its last alert was published.' },
  alert_stream_pass_alerts: { type: 'gauge', labels: [], unit: 'alerts', modes: play, help: 'Alerts of the last pass.' },
  alert_stream_pass_alert_late_seconds: {
    type: 'gauge', labels: [], unit: 'seconds', modes: play, help: 'How long after it was due the latest alert of the last pass was published; 0 where --profile fast sets no times.',
    alert: 'above 5: the alerts of a visit do not leave when the profile wants it.'
  },
  alert_stream_pass_alerts_unmodified_total: {
    type: 'counter', labels: [], unit: 'alerts', modes: play, help: 'Alerts that --fresh-ids or --fresh-times could not change and that were copied as they are.',
    alert: 'any increase: consumers see the same ids again; the log says why.'
  },
  alert_stream_pass_late_seconds_total: {
    type: 'counter', labels: [], unit: 'seconds', modes: play, help: 'How late passes began, added up: the pass before took longer than the interval.',
    alert: 'any increase: the simulator cannot keep up with its interval.'
  },
  alert_stream_pass_ticks_skipped_total: { type: 'counter', labels: [], unit: 'ticks', modes: play, help: 'Ticks at which no pass could begin, as the pass before lasted beyond the next one too.' },

  alert_stream_http_requests_total: {
    type: 'counter', labels: ['route', 'status'], unit: 'requests', modes: serve, help: 'Requests that were answered, by route (other: none matched) and status.',
    alert: 'more than 1 % with status 5xx for 5 minutes.'
  },
  alert_stream_http_request_duration_seconds: {
    type: 'histogram', labels: ['route'], unit: 'seconds', modes: serve, help: 'Time from a request\'s arrival until its answer was sent.',
    alert: '99th percentile above 1 for 5 minutes.'
  },
  alert_stream_http_requests_in_flight: { type: 'gauge', labels: [], unit: 'requests', modes: serve, help: 'Requests that are being answered.' },
  alert_stream_http_requests_aborted_total: { type: 'counter', labels: [], unit: 'requests', modes: serve, help: 'Requests whose client went away before the answer was sent.' },
  alert_stream_http_response_bytes_total: { type: 'counter', labels: [], unit: 'bytes', modes: serve, help: 'Bytes of answers\' bodies as sent.' },
  alert_stream_schema_cache_lookups_total: { type: 'counter', labels: ['result'], unit: 'lookups', modes: serve, help: 'Schemas that were asked for, by whether they were in memory: hit, miss.' }
})

export type Catalogue = typeof catalogue
export type MetricName = keyof Catalogue
