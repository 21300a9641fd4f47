import t from 'tap'
import { ingestFamilies } from '../../src/ingest/metrics.ts'
import { emptyGroupStats, type GroupStats } from '../../src/kafka/group-stats.ts'
import { exposition } from '../../src/metrics/exposition.ts'
import { Histogram } from '../../src/pipeline/index.ts'
import { StoreStats } from '../../src/stores/metered-store.ts'
import { parsePrometheus } from '../support/prometheus.ts'

const partition = (topic: string, partition: number, settled: bigint, committed?: bigint): GroupStats['partitions'][number] =>
  ({ topic, partition, committed, settled })

type Lags = ReadonlyArray<{ readonly topic: string, readonly partition: number, readonly records: number }>

/** Returns the samples of a metric by their label values. */
async function scrape (given: Partial<GroupStats>, lags: Lags | 'no response' = []): Promise<(name: string) => Record<string, number>> {
  const stats: GroupStats = { ...emptyGroupStats, ...given }
  const families = ingestFamilies({
    topics: ['a', 'b'], source: { stats: () => stats }, stats: { written: 1, identical: 2, writtenBytes: 3, truncated: 6, writeLimit: 7 },
    checks: { unchecked: 4, visitMismatches: 5 },
    compressor: { name: 'isal', level: 2, library: 'libisal.so.2' }, stores: new StoreStats(),
    visits: { ages: new Histogram([1]), topics: [] }, lags: async () => lags === 'no response' ? undefined : lags
  })
  const scraped = parsePrometheus(await exposition(families).metrics())
  return name => Object.fromEntries(scraped.get(name)!.samples.map(({ labels, value }) => [Object.values(labels).join('/'), value]))
}

await t.test('exports the number of assigned partitions for every topic, even if it is 0', async t => {
  const assigned = 'alert_stream_kafka_assigned_partitions'
  t.strictSame((await scrape({}))(assigned), { a: 0, b: 0 })
  t.strictSame((await scrape({ partitions: [partition('b', 0, 1n), partition('b', 3, 1n)] }))(assigned), { a: 0, b: 2 })
})

await t.test('exports 0 for an assigned partition without lost records; keeps counting lost records of revoked partitions', async t => {
  const partitions = [partition('a', 0, 1n), partition('a', 1, 1n)]
  const samples = await scrape({ partitions, lost: [{ topic: 'a', partition: 1, records: 7 }, { topic: 'b', partition: 0, records: 2 }] })
  t.strictSame(samples('alert_stream_kafka_lost_records_total'), { 'a/0': 0, 'a/1': 7, 'b/0': 2 })
})

await t.test('exports the records that a truncation removed, by partition', async t => {
  const partitions = [partition('a', 0, 1n), partition('a', 1, 1n)]
  const samples = await scrape({ partitions, truncated: [{ topic: 'a', partition: 1, records: 5 }] })
  t.strictSame(samples('alert_stream_kafka_truncated_records_total'), { 'a/0': 0, 'a/1': 5 })
})

await t.test('exports which partitions are stopped and how many batches were skipped, for every assigned partition', async t => {
  const samples = await scrape({
    partitions: [partition('a', 0, 1n), partition('a', 1, 1n)],
    stopped: [{ topic: 'a', partition: 1, offset: 7n, reason: 'checksum', oversized: false }],
    skipped: [{ topic: 'a', partition: 0, batches: 2 }]
  })
  t.strictSame(samples('alert_stream_kafka_partition_stopped'), { 'a/0': 0, 'a/1': 1 })
  t.strictSame(samples('alert_stream_kafka_skipped_batches_total'), { 'a/0': 2, 'a/1': 0 })
})

await t.test('exports the number of alerts whose provenance was truncated', async t => {
  t.strictSame((await scrape({}))('alert_stream_provenance_truncated_total'), { '': 6 })
})

await t.test('exports the compressor with its level and library', async t => {
  t.strictSame((await scrape({}))('alert_stream_compressor_info'), { 'isal/2/libisal.so.2': 1 })
})

await t.test('exports no committed offset for a partition without a commit', async t => {
  const partitions = [partition('a', 0, 5n), partition('a', 1, 9n, 8n)]
  const samples = await scrape({ partitions, commits: 4, failedCommits: 1, commitAgeMs: 1500 }, [{ topic: 'a', partition: 0, records: 3 }])
  t.strictSame(samples('alert_stream_kafka_settled_offset'), { 'a/0': 5, 'a/1': 9 })
  t.strictSame(samples('alert_stream_kafka_committed_offset'), { 'a/1': 8 })
  t.strictSame(samples('alert_stream_kafka_commits_total'), { done: 4, failed: 1 })
  t.strictSame(samples('alert_stream_kafka_commit_age_seconds'), { '': 1.5 })
  t.strictSame([samples('alert_stream_kafka_up'), samples('alert_stream_kafka_lag_records')], [{ '': 1 }, { 'a/0': 3 }])
})

await t.test('exports the alerts that were not checked, and those whose visit contradicts their id', async t => {
  const samples = await scrape({})
  t.strictSame([samples('alert_stream_alerts_unchecked_total'), samples('alert_stream_visit_mismatches_total')], [{ '': 4 }, { '': 5 }])
})

await t.test('if the brokers do not respond, kafka_up is 0 and the lag has no samples', async t => {
  const samples = await scrape({ partitions: [partition('a', 0, 1n)] }, 'no response')
  t.strictSame([samples('alert_stream_kafka_up'), samples('alert_stream_kafka_lag_records')], [{ '': 0 }, {}])
})
