// Scrapes each mode while the system runs. A mode must export exactly the metrics in docs/metrics.md, in valid Prometheus text format.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { documentedMetrics } from '../support/metrics-document.ts'
import { parsePrometheus, type PrometheusFamily } from '../support/prometheus.ts'
import { startCli, tempDir, uniqueName, useStack, type RunningCli } from '../support/stack.ts'
import { alertRecords, ingestArgs, registerAlerts, storeUrl, whileRunning } from './archive-support.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)
const topics = { source: uniqueName('static'), simulated: uniqueName('simulated') }
const root = join(await tempDir(t), 'store')
await admin.createTopic(topics.source, { partitions: 2, replicas: 1 })
const records = alertRecords(alerts, 20, 2)
await produce(connection, topics.source, [...records, { key: null, value: Buffer.from('not an alert'), headers: [], partition: 0 }])

const play = startCli(t, [
  'play-stream', '--broker', kafka, '--src-topic', topics.source, '--dst-topic', topics.simulated, '--create-dst-topic',
  '--dst-topic-partitions', '2', '--accept-unmarked', '--repeat-interval', '3', '--burst', '--admin-port', '0'
])
await play.waitFor(/^pass 1: /m)
const target = { kafka, registry, topic: topics.simulated, group: uniqueName('g'), dead: uniqueName('dead'), root }
const ingest = startCli(t, ingestArgs(target, '--visit-gap', '1', '--admin-port', '0'))
await ingest.waitFor(/"msg":"visit archived"/)
const serve = startCli(t, ['serve', '--alert-store', storeUrl(root), '--listen-port', '0', '--admin-port', '0'])
const [, api] = await serve.waitFor(/serving (http:\S+)\n/)
const paths = [`/alerts/${String(records[0]!.key)}`, '/alerts/1', `/schemas/${alerts.schemaId}`, `/schemas/${alerts.schemaId}`]
for (const path of paths) await (await fetch(api + path)).arrayBuffer()
const ids = join(await tempDir(t), 'ids.txt')
await writeFile(ids, records.map(({ key }) => `${String(key)}\n`).join(''))
const replay = startCli(t, [
  'replay', '--broker', kafka, '--alert-store', storeUrl(root), '--ids', ids, '--dst-topic', uniqueName('replayed'), '--create-dst-topic',
  '--rate', '0.1', '--admin-port', '0'
])
await replay.waitFor(/"msg":"found the alerts of the replay"/)

async function scrape (cli: RunningCli): Promise<Map<string, PrometheusFamily>> {
  const [, port] = await cli.waitFor(/"port":(\d+),"msg":"admin port is open"/)
  return parsePrometheus(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
}

/** Metrics that may have no samples. */
const quiet = ['nodejs_active_requests']

for (const [mode, cli] of [['ingest', ingest], ['play-stream', play], ['replay', replay], ['serve', serve]] as const) {
  await t.test(`${mode} exports exactly the metrics that docs/metrics.md lists, with their type, help and labels`, async t => {
    const listed = await documentedMetrics(mode)
    const scraped = await scrape(cli)
    const ofProcess = (name: string): boolean => !name.startsWith('alert_stream_')
    // The set of process metrics depends on the platform.
    const names = (all: Iterable<string>): string[] => [...all].filter(name => process.platform === 'linux' || !ofProcess(name)).sort()
    t.strictSame(names(scraped.keys()), names(listed.keys()))
    for (const [name, { type, help, samples }] of scraped) {
      const { labels, ...rest } = listed.get(name)!
      t.strictSame({ type, help }, rest, name)
      if (ofProcess(name)) continue
      const expected = [...labels].sort()
      for (const sample of samples) t.strictSame(Object.keys(sample.labels).filter(label => label !== 'le').sort(), expected, name)
      const mayBeEmpty = quiet.includes(name) || (['play-stream', 'replay'].includes(mode) && name === 'alert_stream_dead_letters_total')
      if (!mayBeEmpty) t.not(samples.length, 0, `${name} has a sample`)
    }
  })
}

await t.test('the values match what was published, archived and served', async t => {
  t.equal((await scrape(play)).get('alert_stream_pass_alerts')?.samples[0]?.value, 21)
  t.equal((await play.stop()).code, 0)
  await whileRunning(ingest, async () =>
    (await sum('alert_stream_kafka_lag_records')) === 0 && (await sum('alert_stream_kafka_commit_age_seconds')) === 0)
  const families = await scrape(ingest)
  const one = (name: string, labels: object = {}): number | undefined =>
    families.get(name.replace(/_(count|sum)$/, ''))?.samples.find(sample =>
      sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value))?.value
  t.equal(one('alert_stream_alerts_archived_total', { outcome: 'written' }), 20)
  t.equal(one('alert_stream_store_operation_seconds_count', { store: 'alerts', operation: 'put', outcome: 'written' }), 20)
  t.equal(one('alert_stream_store_operation_seconds_count', { store: 'schemas', operation: 'put', outcome: 'written' }), 1)
  const dead = one('alert_stream_dead_letters_total', { node: 'unframe', reason: 'FRAME_BAD_MAGIC' })
  t.equal(dead, one('alert_stream_records_out_total', { node: 'dead-letters' }))
  const archived = one('alert_stream_records_out_total', { node: 'archive' })!
  t.equal(archived, 20 * dead!, 'each pass has 20 alerts and one bad record')
  t.equal(one('alert_stream_alert_age_seconds_count'), archived)
  t.ok(one('alert_stream_visits_total', { topic: topics.simulated })! >= 1)
  t.equal(one('alert_stream_kafka_assigned_partitions', { topic: topics.simulated }), 2)
  t.equal(one('alert_stream_kafka_rebalances_total'), 1)
  const http = await scrape(serve)
  t.strictSame(http.get('alert_stream_http_requests_total')?.samples.map(({ labels, value }) => [labels.route, labels.status, value]),
    [['/v1/alerts/:id', '200', 1], ['/v1/alerts/:id', '404', 1], ['/v1/schemas/:id', '200', 2]])
  t.strictSame(http.get('alert_stream_schema_cache_lookups_total')?.samples.map(({ value }) => value), [1, 1])
})

async function sum (name: string): Promise<number> {
  return ((await scrape(ingest)).get(name)?.samples ?? []).reduce((total, { value }) => total + value, 0)
}

await t.test('logs one line per visit with the outcomes of its alerts, and the position of a dead-lettered record', async t => {
  for (const cli of [ingest, serve]) t.equal((await cli.stop()).code, 0)
  const lines = ingest.stderr.trimEnd().split('\n').map(line => JSON.parse(line) as Record<string, unknown>)
  const visits = lines.filter(({ msg }) => msg === 'visit archived')
  t.match(visits[0], {
    level: 40, topic: topics.simulated, alerts: Number, written: 20, identical: Number, deadLetters: Number, bytes: Number,
    seconds: Number, maxAgeSeconds: Number, lag: Number, began: /^\d{4}-.*Z$/
  })
  const [, archived, deadLetters] = /^archived (\d+) alerts: .* (\d+) dead letters$/m.exec(ingest.stdout)!
  const total = (field: string): number => visits.reduce((all, visit) => all + Number(visit[field]), 0)
  t.equal(total('written') + total('identical'), Number(archived))
  t.equal(total('deadLetters'), Number(deadLetters))
  t.match(lines.find(({ msg }) => msg === 'record dead-lettered'), {
    node: 'unframe', topic: topics.simulated, partition: Number, offset: Number, code: 'FRAME_BAD_MAGIC', record: /\[\d\]@\d+$/
  })
})
