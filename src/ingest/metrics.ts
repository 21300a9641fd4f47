// The ingester's metrics for /metrics: consumer group, archived alerts, stores and visits.
import type { CompressorInfo } from '../compression/compressor.ts'
import { family, single, type Family } from '../metrics/index.ts'
import { storeFamily } from '../metrics/store-metrics.ts'
import type { ArchiveSinkStats } from '../sinks/archive.ts'
import type { TopicPartition } from '../kafka/offset-tracker.ts'
import type { KafkaGroupSource } from '../sources/kafka-group.ts'
import type { StoreStats } from '../stores/metered-store.ts'
import type { PartitionLag } from './consumer-lag.ts'
import type { VisitMetrics } from './visit-metrics.ts'

export interface DatumChecks {
  /** Alerts of which only the first field was read, because the rest of their schema cannot be compiled. */
  readonly unchecked: number
  /** Alerts whose field visit contradicts the visit that is packed in their id. */
  readonly visitMismatches: number
}

export interface IngestStats {
  readonly topics: readonly string[]
  readonly source: Pick<KafkaGroupSource, 'stats'>
  readonly stats: ArchiveSinkStats
  readonly checks: DatumChecks
  readonly compressor: CompressorInfo
  readonly stores: StoreStats
  readonly visits: Pick<VisitMetrics, 'ages' | 'topics'>
  /** Resolves with undefined if the brokers do not respond in time. */
  readonly lags: () => Promise<readonly PartitionLag[] | undefined>
}

export function ingestFamilies ({ topics, source, stats, checks, compressor, stores, visits, lags }: IngestStats): Family[] {
  return [
    ...groupFamilies({ topics, source, lags }),
    family('alert_stream_alerts_archived_total', () =>
      (['written', 'identical'] as const).map(outcome => ({ labels: { outcome }, value: stats[outcome] }))),
    single('alert_stream_alerts_unchecked_total', () => checks.unchecked),
    single('alert_stream_visit_mismatches_total', () => checks.visitMismatches),
    family('alert_stream_compressor_info', () => {
      const { name, level, library } = compressor
      return [{ labels: { compressor: name, level: String(level), library }, value: 1 }]
    }),
    single('alert_stream_archived_bytes_total', () => stats.writtenBytes),
    single('alert_stream_write_limit', () => stats.writeLimit),
    single('alert_stream_provenance_truncated_total', () => stats.truncated),
    single('alert_stream_alert_age_seconds', () => visits.ages.read()),
    family('alert_stream_visits_total', () => visits.topics.map(({ topic, visits: value }) => ({ labels: { topic }, value }))),
    family('alert_stream_visit_id', () => visits.topics.map(({ topic, visit: value }) => ({ labels: { topic }, value }))),
    family('alert_stream_visit_alerts', () => visits.topics.map(({ topic, alerts: value }) => ({ labels: { topic }, value }))),
    family('alert_stream_visit_duration_seconds', () =>
      visits.topics.map(({ topic, durations }) => ({ labels: { topic }, value: durations.read() }))),
    family('alert_stream_visit_overruns_total', () => visits.topics.map(({ topic, overruns: value }) => ({ labels: { topic }, value }))),
    storeFamily(stores)
  ]
}

/** Metrics of a consumer group and its brokers. */
export function groupFamilies ({ topics, source, lags }: Pick<IngestStats, 'topics' | 'source' | 'lags'>): Family[] {
  return [
    family('alert_stream_kafka_up', async () => [{ value: await lags() === undefined ? 0 : 1 }]),
    family('alert_stream_kafka_lag_records', async () =>
      (await lags() ?? []).map(({ topic, partition, records }) => ({ labels: partitionLabels(topic, partition), value: records }))),
    family('alert_stream_kafka_settled_offset', () => source.stats().partitions.map(({ topic, partition, settled }) =>
      ({ labels: partitionLabels(topic, partition), value: Number(settled) }))),
    family('alert_stream_kafka_committed_offset', () => source.stats().partitions.flatMap(({ topic, partition, committed }) =>
      committed === undefined ? [] : [{ labels: partitionLabels(topic, partition), value: Number(committed) }])),
    single('alert_stream_kafka_commit_age_seconds', () => source.stats().commitAgeMs / 1000),
    family('alert_stream_kafka_commits_total', () => {
      const { commits, failedCommits } = source.stats()
      return [{ labels: { outcome: 'done' }, value: commits }, { labels: { outcome: 'failed' }, value: failedCommits }]
    }),
    single('alert_stream_kafka_rebalances_total', () => source.stats().joins),
    single('alert_stream_kafka_generation', () => source.stats().generation),
    family('alert_stream_kafka_assigned_partitions', () => {
      const { partitions } = source.stats()
      return topics.map(topic => ({ labels: { topic }, value: partitions.filter(assigned => assigned.topic === topic).length }))
    }),
    family('alert_stream_kafka_lost_records_total', () => recordCounts(source, 'lost')),
    family('alert_stream_kafka_truncated_records_total', () => recordCounts(source, 'truncated')),
    family('alert_stream_kafka_partition_stopped', () => perPartition(source, source.stats().stopped.map(at => ({ ...at, value: 1 })))),
    family('alert_stream_kafka_skipped_batches_total', () =>
      perPartition(source, source.stats().skipped.map(skipped => ({ ...skipped, value: skipped.batches }))))
  ]
}

function recordCounts (source: Pick<KafkaGroupSource, 'stats'>, name: 'lost' | 'truncated') {
  return perPartition(source, source.stats()[name].map(counted => ({ ...counted, value: counted.records })))
}

/**
 * Adds a sample of 0 for every assigned partition without a sample. Every assigned partition has a series from the start, because
 * Prometheus sees no increase if a new series begins above 0.
 */
function perPartition (
  source: Pick<KafkaGroupSource, 'stats'>, samples: ReadonlyArray<TopicPartition & { readonly value: number }>
): Array<{ readonly labels: ReturnType<typeof partitionLabels>, readonly value: number }> {
  const others = source.stats().partitions.filter(assigned =>
    !samples.some(({ topic, partition }) => topic === assigned.topic && partition === assigned.partition))
  return [...others.map(assigned => ({ ...assigned, value: 0 })), ...samples]
    .map(({ topic, partition, value }) => ({ labels: partitionLabels(topic, partition), value }))
}

function partitionLabels (topic: string, partition: number): { readonly topic: string, readonly partition: string } {
  return { topic, partition: String(partition) }
}
