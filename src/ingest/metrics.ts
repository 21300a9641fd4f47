// The ingester's own figures for /metrics: its place in the group, what it has archived, how its stores and visits do.
import { family, single, type Family } from '../metrics/index.ts'
import type { ArchiveSinkStats } from '../sinks/archive.ts'
import type { KafkaGroupSource } from '../sources/kafka-group.ts'
import { storeFamily } from '../metrics/store-metrics.ts'
import type { StoreStats } from '../stores/index.ts'
import type { PartitionLag } from './consumer-lag.ts'
import type { IngestWatch } from './visit-metrics.ts'

export interface IngestFigures {
  readonly topics: readonly string[]
  readonly source: Pick<KafkaGroupSource, 'stats'>
  readonly stats: ArchiveSinkStats
  readonly stores: StoreStats
  readonly watch: Pick<IngestWatch, 'ages' | 'visits'>
  /** Undefined where the brokers do not answer in time. */
  readonly lags: () => Promise<readonly PartitionLag[] | undefined>
}

export function ingestFamilies ({ topics, source, stats, stores, watch, lags }: IngestFigures): Family[] {
  return [
    ...groupFamilies(source, topics),
    family('alert_stream_kafka_up', async () => [{ value: await lags() === undefined ? 0 : 1 }]),
    family('alert_stream_kafka_lag_records', async () =>
      (await lags() ?? []).map(({ topic, partition, records }) => ({ labels: { topic, partition: String(partition) }, value: records }))),
    family('alert_stream_alerts_archived_total', () => (['written', 'identical'] as const).map(outcome => ({ labels: { outcome }, value: stats[outcome] }))),
    single('alert_stream_archived_bytes_total', () => stats.writtenBytes),
    single('alert_stream_alert_age_seconds', () => watch.ages.read()),
    family('alert_stream_visits_total', () => watch.visits.map(({ topic, visits: value }) => ({ labels: { topic }, value }))),
    family('alert_stream_visit_alerts', () => watch.visits.map(({ topic, alerts: value }) => ({ labels: { topic }, value }))),
    family('alert_stream_visit_duration_seconds', () => watch.visits.map(({ topic, durations }) => ({ labels: { topic }, value: durations.read() }))),
    family('alert_stream_visit_overruns_total', () => watch.visits.map(({ topic, overruns: value }) => ({ labels: { topic }, value }))),
    storeFamily(stores)
  ]
}

function groupFamilies (source: Pick<KafkaGroupSource, 'stats'>, topics: readonly string[]): Family[] {
  const at = (topic: string, partition: number) => ({ topic, partition: String(partition) })
  return [
    family('alert_stream_kafka_settled_offset', () =>
      source.stats().partitions.map(({ topic, partition, settled }) => ({ labels: at(topic, partition), value: Number(settled) }))),
    family('alert_stream_kafka_committed_offset', () => source.stats().partitions.flatMap(({ topic, partition, committed }) =>
      committed === undefined ? [] : [{ labels: at(topic, partition), value: Number(committed) }])),
    single('alert_stream_kafka_commit_age_seconds', () => source.stats().commitAgeMs / 1000),
    family('alert_stream_kafka_commits_total', () => {
      const { commits, failedCommits } = source.stats()
      return [{ labels: { outcome: 'done' }, value: commits }, { labels: { outcome: 'failed' }, value: failedCommits }]
    }),
    single('alert_stream_kafka_rebalances_total', () => source.stats().joins),
    single('alert_stream_kafka_generation', () => source.stats().generation),
    family('alert_stream_kafka_assigned_partitions', () => {
      const { partitions } = source.stats()
      return topics.map(topic => ({ labels: { topic }, value: partitions.filter(owned => owned.topic === topic).length }))
    }),
    // 0 for what lost nothing: of a series that begins with its first loss, Prometheus sees no increase.
    family('alert_stream_kafka_lost_records_total', () => {
      const { partitions, lost } = source.stats()
      const whole = partitions.filter(owned => !lost.some(({ topic, partition }) => topic === owned.topic && partition === owned.partition))
      return [...whole.map(owned => ({ ...owned, records: 0 })), ...lost].map(({ topic, partition, records }) => ({ labels: at(topic, partition), value: records }))
    })
  ]
}
