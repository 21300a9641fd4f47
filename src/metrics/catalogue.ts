// The program's metrics: name, type, unit, modes, labels, help text and alert condition. /metrics and docs/metrics.md are generated from
// this table. Names are `alert_stream_*`, units are seconds and bytes, counters end in `_total`. Labels have few values: never an id, an
// offset or free text.

export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** What the metric counts or measures: `records`, `seconds`, `bytes` ... */
  readonly unit: string
  readonly modes: readonly string[]
  readonly labels: readonly string[]
  readonly help: string
  /** Condition under which to alert an operator, and what this condition means. */
  readonly alert?: string | undefined
}

const metric = <T extends MetricSpec['type']>(type: T) =>
  <const L extends readonly string[]>(unit: string, modes: readonly string[], labels: L, help: string, alert?: string) =>
    ({ type, unit, modes, labels, help, alert })
const counter = metric('counter')
const gauge = metric('gauge')
const histogram = metric('histogram')

/** Modes with a graph and an admin port. */
const graphs = ['ingest', 'index', 'play-stream', 'replay']
const groups = ['ingest', 'index']
const ingest = ['ingest']
const index = ['index']
const play = ['play-stream']
const replay = ['replay']
const serve = ['serve']
const all = [...graphs, ...serve]

export const catalogue = {
  alert_stream_info: gauge('1', all, ['mode', 'version'], 'Always 1. The labels are the mode and the version of this process.'),
  alert_stream_state: gauge('1', all, ['state'], '1 for the current state (created, running, draining, stopped, failed), 0 for the others.',
    'state="running" is 0 for 5 minutes: the mode cannot start, or it hangs while draining.'),

  alert_stream_records_in_total: counter('records', graphs, ['node'], 'Records that entered the node. For a source: pulled records.'),
  alert_stream_records_out_total: counter('records', graphs, ['node'],
    'Records that left the node. For a sink and for dead-letters: durable records.',
    'rate is 0 at the sink while the lag grows: no alert gets through.'),
  alert_stream_records_dropped_total: counter('records', graphs, ['node'], 'Records that a filter dropped.'),
  alert_stream_records_in_flight: gauge('records', graphs, ['node'],
    'Records that entered the node and have not left it. For a source: unsettled records.'),
  alert_stream_tries_failed_total: counter('attempts', graphs, ['node'], 'Failed attempts, including those that were retried.',
    'rate is above 0 for 5 minutes: a server that the node needs is failing. The log names it.'),
  alert_stream_tries_repeated_total: counter('attempts', graphs, ['node'], 'Attempts that retried a failed one.'),
  alert_stream_node_latency_seconds: histogram('seconds', graphs, ['node'],
    'Time from entering the node to leaving it, including retries. For a source: time to settlement.'),
  alert_stream_dead_letters_total: counter('records', graphs, ['node', 'reason'],
    'Dead-lettered records, by the node that failed and the error code.',
    '`alert_stream_records_out_total{node="dead-letters"}` increases: inspect the dead letters and redrive them. (That ' +
    'metric exists from the start. A series with a reason appears with its first dead letter, which increase() does not count.)'),
  alert_stream_source_bytes_total: counter('bytes', graphs, ['node'], 'Bytes of the pulled records, as they count against the credit.'),
  alert_stream_source_starved_seconds_total: counter('seconds', graphs, ['node'],
    'Time during which the source waited for credit because later nodes were the bottleneck.',
    'rate is above 0.9 for 10 minutes while the lag grows: the process is at its limit.'),
  alert_stream_source_unsettled_bytes: gauge('bytes', graphs, ['node'], 'Bytes of the unsettled records of the source.'),
  alert_stream_source_credit_records: gauge('records', graphs, ['node'], 'Number of unsettled records at which the source waits.'),
  alert_stream_source_credit_bytes: gauge('bytes', graphs, ['node'], 'Unsettled bytes at which the source waits.'),

  alert_stream_kafka_up: gauge('1', groups, [], '1 if the brokers responded to this scrape in time. If 0, the lag is absent.',
    'is 0 for 2 minutes: the brokers are unreachable.'),
  alert_stream_kafka_lag_records: gauge('records', groups, ['topic', 'partition'],
    'Unsettled records of an assigned partition, up to its end offset; absent while the brokers do not respond.',
    'sum by (topic) is above 10,000 (one visit) for 5 minutes: alerts arrive faster than they are archived.'),
  alert_stream_kafka_settled_offset: gauge('offset', groups, ['topic', 'partition'],
    'Offset before which all records have settled. It may be committed.'),
  alert_stream_kafka_committed_offset: gauge('offset', groups, ['topic', 'partition'], 'Last committed offset.'),
  alert_stream_kafka_commit_age_seconds: gauge('seconds', groups, [],
    'Time since the last successful commit, or since the first record after it if that is later; 0 if nothing is uncommitted.',
    'is above 120: records are stuck or commits fail. A restart would read all records since that commit again.'),
  alert_stream_kafka_commits_total: counter('commits', groups, ['outcome'], 'Offset commits by outcome: done, failed.'),
  alert_stream_kafka_rebalances_total: counter('joins', groups, [], 'Completed group joins of this process; 1 after the start.',
    'increases by more than 6 in an hour: the group is unstable, because members keep joining and leaving.'),
  alert_stream_kafka_generation: gauge('generation', groups, [],
    'Generation of the consumer group that this process is a member of; -1 before the first join.'),
  alert_stream_kafka_assigned_partitions: gauge('partitions', groups, ['topic'], 'Partitions of the topic assigned to this process.'),
  alert_stream_kafka_lost_records_total: counter('records', groups, ['topic', 'partition'],
    'Records that the topic\'s retention deleted before they were read.',
    'increases: alerts are lost. Raise the retention of the topic or the throughput of the ingester.'),
  alert_stream_kafka_truncated_records_total: counter('records', groups, ['topic', 'partition'],
    'Records that were read before a truncation of the log (unclean leader election, lost disk) removed them from the topic.',
    'increases: the topic has lost records. Ask the producer to send them again; the archive may already hold them.'),
  alert_stream_kafka_partition_stopped: gauge('1', groups, ['topic', 'partition'],
    '1 while the partition is stopped at a damaged record batch, otherwise 0.',
    'is 1: alerts of this partition are not archived. The log names the batch and what to do.'),
  alert_stream_kafka_skipped_batches_total: counter('batches', groups, ['topic', 'partition'],
    'Damaged record batches that were skipped because of --skip-batch.'),

  alert_stream_alerts_archived_total: counter('alerts', ingest, ['outcome'],
    'Alerts that are durable in the store, by outcome: written, identical (the same bytes were already archived).'),
  alert_stream_alerts_unchecked_total: counter('alerts', ingest, [],
    'Alerts of which only the first field was read, because the rest of their schema cannot be compiled.',
    'increases: a producer has registered a schema that is not valid Avro. The log names its id.'),
  alert_stream_visit_mismatches_total: counter('alerts', ingest, [],
    'Alerts whose field visit contradicts the visit that is packed in their id. They are archived by their id.'),
  alert_stream_compressor_info: gauge('1', ingest, ['compressor', 'level', 'library'],
    'Always 1. The labels are the compressor of new objects (libdeflate, isal, zlib), its level and its library. With zlib, each alert ' +
    'takes more CPU time.'),
  alert_stream_archived_bytes_total: counter('bytes', ingest, [], 'Compressed bytes of the written objects.'),
  alert_stream_write_limit: gauge('writes', ingest, [],
    'Current limit of concurrent writes. It grows to --batch-size while the latency of the store stays the same, and falls when it grows.'),
  alert_stream_provenance_truncated_total: counter('alerts', ingest, [],
    'Written alerts whose Kafka headers, or headers and key, do not fit into the provenance in the gzip header of the object.',
    'increases: a producer sends headers of more than 64 kB with each alert. The archive does not have these headers.'),
  alert_stream_alert_age_seconds: histogram('seconds', ingest, [],
    'Time from an alert\'s Kafka timestamp until it was durable in the store.',
    '99th percentile is above 60 for two visits: alerts are archived too late.'),
  alert_stream_visits_total: counter('visits', ingest, ['topic'],
    'Completed visits (all their records have settled). Each ingester counts the visits of which it received records.'),
  alert_stream_visit_id: gauge('1', ingest, ['topic'],
    'The last completed visit: date and 5 digits, as in the field visit of alerts. 0 if the alert ids contain no visit.'),
  alert_stream_visit_alerts: gauge('alerts', ingest, ['topic'],
    'Records of the last completed visit (alert_stream_visit_id) in the partitions of this ingester.'),
  alert_stream_visit_duration_seconds: histogram('seconds', ingest, ['topic'],
    'Time from the Kafka timestamp of a visit\'s first record until its last record was durable.'),
  alert_stream_visit_overruns_total: counter('visits', ingest, ['topic'],
    'Visits that were not durable after 37 s, or when the next visit began if the alert ids contain no visit.',
    'increases by more than 3 in 10 minutes: visits pile up.'),

  alert_stream_index_rows_total: counter('rows', index, [], 'Rows that are durable in segments of the index.',
    'rate is 0 while the lag grows: alerts do not reach the index.'),
  alert_stream_index_rejected_total: counter('records', index, [],
    'Records that are not valid alerts. They are listed in the metadata of a segment that is durable.'),
  alert_stream_index_segments_total: counter('segments', index, [], 'Segments that are durable in the index store.'),
  alert_stream_index_bytes_total: counter('bytes', index, [], 'Bytes of the segments.'),
  alert_stream_index_flush_seconds: histogram('seconds', index, [],
    'Duration of one flush: encoding and writing the segments of the collected rows.',
    '99th percentile is above 10: the index store is slow. A flush must end within a third of the session timeout when partitions are ' +
    'handed over.'),
  alert_stream_index_oldest_row_seconds: gauge('seconds', index, [],
    'Age of the oldest row that is not durable; 0 if there is none. At most --segment-seconds and the duration of a flush.',
    'is above 180: segments cannot be written. The log names the error.'),

  alert_stream_store_operation_seconds: histogram('seconds', [...groups, ...replay, ...serve], ['store', 'operation', 'outcome'],
    'Duration of one operation of a store (alerts, schemas, dead-letters): put (written, identical, conflict, failed) or get (found, ' +
    'absent, failed).',
    'outcome="failed" increases for 5 minutes, or the 99th percentile of put is above 10: the store is down or slow.'),

  alert_stream_passes_total: counter('passes', play, ['outcome'], 'Passes over the static topic by outcome: whole, interrupted.',
    'outcome="whole" does not increase for three intervals: no alerts are published.'),
  alert_stream_pass_duration_seconds: histogram('seconds', play, [], 'Time from the start of a pass until its last alert was published.'),
  alert_stream_pass_alerts: gauge('alerts', play, [], 'Alerts of the last pass.'),
  alert_stream_pass_alerts_in_whole_batches: gauge('alerts', play, [],
    'Alerts of the last pass that were copied in whole record batches, without decoding them (--profile fast).'),
  alert_stream_pass_alert_late_seconds: gauge('seconds', play, [],
    'Largest delay of an alert of the last pass behind its scheduled time; 0 with --profile fast, which has no schedule.',
    'is above 5: alerts are published later than the profile schedules them.'),
  alert_stream_pass_alerts_unmodified_total: counter('alerts', play, [],
    'Alerts that --fresh-ids or --fresh-times could not change and that were published unmodified.',
    'increases: consumers see the same ids again. The log says why.'),
  alert_stream_pass_late_seconds_total: counter('seconds', play, [],
    'Total delay of pass starts, because the previous pass took longer than the interval.',
    'increases: the simulator cannot keep its interval.'),
  alert_stream_pass_ticks_skipped_total: counter('ticks', play, [],
    'Scheduled start times (ticks) without a pass, because the previous pass was still running when the following tick was due.'),

  alert_stream_replay_selected_alerts: gauge('alerts', replay, [],
    'Alerts that --night, --visit or --ids select; 0 until they have been found and sorted.'),
  alert_stream_replay_remaining_alerts: gauge('alerts', replay, [], 'Selected alerts that were not sent yet.'),
  alert_stream_replay_left_out_total: counter('alerts', replay, [],
    'Alerts that were not sent, because their objects are damaged or deleted. The log names each alert.'),

  alert_stream_http_requests_total: counter('requests', serve, ['route', 'status'],
    'Completed requests by route (other: no route matched) and HTTP status.',
    'more than 1 % have status 5xx for 5 minutes.'),
  alert_stream_http_request_duration_seconds: histogram('seconds', serve, ['route'],
    'Time from the arrival of a request until its response was sent.',
    '99th percentile is above 1 for 5 minutes.'),
  alert_stream_http_requests_in_flight: gauge('requests', serve, [], 'Requests in progress.'),
  alert_stream_http_requests_aborted_total: counter('requests', serve, [], 'Requests whose client disconnected before the response.'),
  alert_stream_http_response_bytes_total: counter('bytes', serve, [], 'Bytes of the response bodies as sent.'),
  alert_stream_http_requests_shed_total: counter('requests', serve, ['reason'],
    'Requests that got 503 because of overload, by reason: pressure (event-loop delay or memory), connections, queue (reads waiting for ' +
    'the store), buffers (memory for responses), client-gone (the client disconnected while its request was waiting).',
    'rate is above 1 for 5 minutes: the server needs more replicas, or a client sends too many requests.'),
  alert_stream_http_unusable_objects_total: counter('requests', serve, ['reason'],
    'Requests for stored objects that cannot be served, by reason: damaged, too large. They get status 500, and the log names the object.',
    'increases: restore the objects that the log names.'),
  alert_stream_http_slow_readers_total: counter('requests', serve, [],
    'Responses that were cut off because the client read too slowly.'),
  alert_stream_http_connections: gauge('connections', serve, [], 'Open connections.'),
  alert_stream_http_connections_refused_total: counter('connections', serve, [],
    'Connections that were closed at once because twice --max-connections were open.'),
  alert_stream_http_buffered_bytes: gauge('bytes', serve, [],
    'Memory for alerts that are being read or sent; at most --response-buffer-mib, unless a single alert is larger.'),
  alert_stream_alert_cache_lookups_total: counter('lookups', serve, ['result'],
    'Lookups of alerts to send in the alert cache by result: hit, miss.'),
  alert_stream_alert_cache_bytes: gauge('bytes', serve, [], 'Memory for alerts in the alert cache; at most --cache-mib.'),
  alert_stream_schema_cache_lookups_total: counter('lookups', serve, ['result'], 'Lookups in the schema cache by result: hit, miss.'),

  alert_stream_search_queries_total: counter('queries', serve, ['outcome'],
    'Queries of the index by outcome: ok, rejected (too many at the same time), timeout, stopped (the client disconnected), too broad, ' +
    'segment gone, failed.',
    'outcome="failed" increases: the index store or a segment cannot be read. The log names it.'),
  alert_stream_search_duration_seconds: histogram('seconds', serve, [],
    'Time from the arrival of a query until its result was complete.'),
  alert_stream_search_cache_bytes: gauge('bytes', serve, [], 'Size of the cache of segments; at most --index-cache-mib.'),
  alert_stream_search_cache_lookups_total: counter('lookups', serve, ['result'],
    'Lookups of segments in the cache of segments by result: hit, miss. A miss reads the index store.'),
  alert_stream_search_segments: gauge('segments', serve, [], 'Segments of the index whose column ranges are in memory.')
} satisfies Readonly<Record<`alert_stream_${string}`, MetricSpec>>

export type Catalogue = typeof catalogue
export type MetricName = keyof Catalogue
