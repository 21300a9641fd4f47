import t from 'tap'
import type { GroupStats } from '../../src/kafka/group-stats.ts'
import { exposition } from '../../src/metrics/exposition.ts'
import { ingestFamilies } from '../../src/ingest/metrics.ts'
import { Histogram } from '../../src/pipeline/index.ts'
import { StoreStats } from '../../src/stores/index.ts'
import { parsePrometheus } from '../support/prometheus.ts'

const partition = (topic: string, partition: number, settled: bigint, committed?: bigint) => ({ topic, partition, position: settled, committed, settled, pending: 0, end: undefined })

async function scrape (reading: Partial<GroupStats>, lags: { readonly topic: string, readonly partition: number, readonly records: number }[] | undefined = []) {
  const figures: GroupStats = { partitions: [], generation: -1, joins: 0, commits: 0, failedCommits: 0, commitAgeMs: 0, lost: [], missing: [], ...reading }
  const families = ingestFamilies({
    topics: ['a', 'b'], source: { stats: () => figures }, stats: { written: 1, identical: 2, writtenBytes: 3 }, stores: new StoreStats(),
    watch: { ages: new Histogram([1]), visits: [] }, lags: async () => lags
  })
  const scraped = parsePrometheus(await exposition(families, { processMetrics: false }).metrics())
  return (name: string): Record<string, number> =>
    Object.fromEntries(scraped.get(name)!.samples.map(({ labels, value }) => [Object.values(labels).join('/'), value]))
}

await t.test('each topic says how many of its partitions are owned, also where none is', async t => {
  t.strictSame((await scrape({}))('alert_stream_kafka_assigned_partitions'), { a: 0, b: 0 })
  t.strictSame((await scrape({ partitions: [partition('b', 0, 1n), partition('b', 3, 1n)] }))('alert_stream_kafka_assigned_partitions'), { a: 0, b: 2 })
})

await t.test('a partition is there with 0 lost records before it loses any, so that the first loss is an increase; what was lost stays counted elsewhere', async t => {
  const partitions = [partition('a', 0, 1n), partition('a', 1, 1n)]
  const of = await scrape({ partitions, lost: [{ topic: 'a', partition: 1, records: 7 }, { topic: 'b', partition: 0, records: 2 }] })
  t.strictSame(of('alert_stream_kafka_lost_records_total'), { 'a/0': 0, 'a/1': 7, 'b/0': 2 })
})

await t.test('what was never committed has no committed offset; a lag that nobody knows is absent, and the brokers are not up', async t => {
  const partitions = [partition('a', 0, 5n), partition('a', 1, 9n, 8n)]
  const known = await scrape({ partitions, commits: 4, failedCommits: 1, commitAgeMs: 1500 }, [{ topic: 'a', partition: 0, records: 3 }])
  t.strictSame(known('alert_stream_kafka_settled_offset'), { 'a/0': 5, 'a/1': 9 })
  t.strictSame(known('alert_stream_kafka_committed_offset'), { 'a/1': 8 })
  t.strictSame(known('alert_stream_kafka_commits_total'), { done: 4, failed: 1 })
  t.strictSame(known('alert_stream_kafka_commit_age_seconds'), { '': 1.5 })
  t.strictSame([known('alert_stream_kafka_up'), known('alert_stream_kafka_lag_records')], [{ '': 1 }, { 'a/0': 3 }])
})

await t.test('brokers that do not answer: not up, and no lag', async t => {
  const families = ingestFamilies({
    topics: ['a'], source: { stats: () => ({ partitions: [partition('a', 0, 1n)], generation: 1, joins: 1, commits: 0, failedCommits: 0, commitAgeMs: 0, lost: [], missing: [] }) },
    stats: { written: 0, identical: 0, writtenBytes: 0 }, stores: new StoreStats(), watch: { ages: new Histogram([1]), visits: [] }, lags: async () => undefined
  })
  const scraped = parsePrometheus(await exposition(families, { processMetrics: false }).metrics())
  t.equal(scraped.get('alert_stream_kafka_up')?.samples[0]?.value, 0)
  t.strictSame(scraped.get('alert_stream_kafka_lag_records')?.samples, [])
})
