import t from 'tap'
import { exposition } from '../../src/metrics/exposition.ts'
import { family, single } from '../../src/metrics/family.ts'
import { graphFamilies, stateFamily } from '../../src/metrics/graph-metrics.ts'
import { createGraph, Histogram, type RunState, type Source } from '../../src/pipeline/index.ts'
import { drive } from '../../src/pipeline/test-driver.ts'
import { parsePrometheus } from '../support/prometheus.ts'
import { quick, testErrors } from '../support/pipeline.ts'

/** Renders the families, without the process metrics of prom-client. */
async function textOf (...families: Parameters<typeof exposition>[0]): Promise<string> {
  return (await exposition(families).metrics()).match(/.*\balert_stream_.*\n/g)!.join('')
}

await t.test('values are collected at each scrape', async t => {
  let bytes = 1
  const archived = single('alert_stream_archived_bytes_total', () => bytes)
  t.equal(await textOf(archived), [
    '# HELP alert_stream_archived_bytes_total Compressed bytes of the written objects.',
    '# TYPE alert_stream_archived_bytes_total counter',
    'alert_stream_archived_bytes_total 1', ''
  ].join('\n'))
  const registry = exposition([archived])
  bytes = 2
  t.match(await registry.metrics(), /^alert_stream_archived_bytes_total 2$/m)
  bytes = 3
  t.match(await registry.metrics(), /^alert_stream_archived_bytes_total 3$/m)
})

await t.test('a histogram has cumulative buckets, sum and count', async t => {
  const histogram = new Histogram([0.1, 1])
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe(value)
  const text = await textOf(family('alert_stream_http_request_duration_seconds', () =>
    [{ labels: { route: '/v1/alerts/:id' }, value: histogram.read() }]))
  t.strictSame(text.split('\n').slice(2), [
    'alert_stream_http_request_duration_seconds_bucket{route="/v1/alerts/:id",le="0.1"} 2',
    'alert_stream_http_request_duration_seconds_bucket{route="/v1/alerts/:id",le="1"} 3',
    'alert_stream_http_request_duration_seconds_bucket{route="/v1/alerts/:id",le="+Inf"} 4',
    'alert_stream_http_request_duration_seconds_sum{route="/v1/alerts/:id"} 7.65',
    'alert_stream_http_request_duration_seconds_count{route="/v1/alerts/:id"} 4', ''
  ])
  parsePrometheus(text)
})

await t.test('a family without series still has HELP and TYPE lines', async t => {
  const text = await textOf(family('alert_stream_dead_letters_total', () => []))
  t.strictSame(parsePrometheus(text).get('alert_stream_dead_letters_total')?.samples, [])
})

await t.test('label values are escaped', async t => {
  const text = await textOf(family('alert_stream_visits_total', () => [{ labels: { topic: 'a "quoted"\\\nname' }, value: 1 }]))
  t.equal(parsePrometheus(text).get('alert_stream_visits_total')?.samples[0]?.labels.topic, 'a "quoted"\\\nname')
})

await t.test('process metrics are exported', async t => {
  const families = parsePrometheus(await exposition([]).metrics())
  for (const name of [
    'process_resident_memory_bytes', 'process_cpu_seconds_total', 'nodejs_eventloop_lag_p99_seconds', 'nodejs_heap_size_used_bytes'
  ]) t.ok(families.has(name), name)
})

await t.test('two registries in one process export independent values', async t => {
  const one = exposition([single('alert_stream_archived_bytes_total', () => 1)])
  const two = exposition([single('alert_stream_archived_bytes_total', () => 2)])
  t.match(await one.metrics(), /^alert_stream_archived_bytes_total 1$/m)
  t.match(await two.metrics(), /^alert_stream_archived_bytes_total 2$/m)
})

await t.test('alert_stream_state is 1 for the current state and 0 for all other states', async t => {
  let state: RunState = 'created'
  const registry = exposition([stateFamily(() => state)])
  state = 'draining'
  const samples = parsePrometheus(await registry.metrics()).get('alert_stream_state')?.samples
  t.strictSame(samples?.map(({ labels, value }) => [labels.state, value]),
    [['created', 0], ['running', 0], ['draining', 1], ['stopped', 0], ['failed', 0]])
})

await t.test('the metrics of a graph export the stats of its run', async t => {
  const builder = createGraph('test', { retry: quick, deadLetters: { kind: 'bin', write: async () => {} } })
  const none: Source<number> = { kind: 'none', async * records () {} }
  builder.source('numbers', none)
    .step('picky', (n, { attempt }) => {
      if (n === 1) throw testErrors.TEST_BAD_RECORD('x')
      if (n === 2 && attempt === 1) throw testErrors.TEST_SERVER_DOWN('x')
      return n
    })
    .filter('even', n => n % 2 === 0)
    .to('sink', { kind: 'none', write: async () => {} })
  const driver = drive(builder.build())
  const pushing = [0, 1, 2, 3].map(value => driver.source<number>('numbers').push(value, { bytes: 10 }))
  await Promise.all(pushing)
  const families = parsePrometheus(await textOf(...graphFamilies(driver.run)))
  const value = (name: string, labels: object): number | undefined =>
    families.get(name.replace(/_(bucket|sum|count)$/, ''))?.samples.find(sample =>
      sample.name === name && Object.entries(labels).every(([key, each]) => sample.labels[key] === each))?.value
  t.equal(value('alert_stream_records_in_total', { node: 'picky' }), 4)
  t.equal(value('alert_stream_records_out_total', { node: 'sink' }), 2)
  t.equal(value('alert_stream_records_out_total', { node: 'dead-letters' }), 1)
  t.equal(value('alert_stream_records_dropped_total', { node: 'even' }), 1)
  t.equal(value('alert_stream_tries_failed_total', { node: 'picky' }), 2)
  t.equal(value('alert_stream_tries_repeated_total', { node: 'picky' }), 1)
  t.strictSame(families.get('alert_stream_dead_letters_total')?.samples.map(({ labels, value }) => [labels, value]),
    [[{ node: 'picky', reason: 'TEST_BAD_RECORD' }, 1]])
  t.equal(value('alert_stream_node_latency_seconds_count', { node: 'picky' }), 4)
  t.equal(value('alert_stream_source_bytes_total', { node: 'numbers' }), 40)
  t.equal(families.get('alert_stream_source_bytes_total')?.samples.length, 1, 'only source nodes have the metric')
  t.equal(value('alert_stream_source_credit_records', { node: 'numbers' }), 1000)
  t.equal(value('alert_stream_source_unsettled_bytes', { node: 'numbers' }), 0)
  await driver.finish()
})
