// Stops and restarts each dependency of a mode. /readyz names only the stopped dependency, and the program stays live.
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { adminFor, connect, outgoing, produce } from '../kafka/support.ts'
import { alertRecords, archivedIds, ingestArgs, registerAlerts, registryProxy, storeUrl, whileRunning } from '../modes/archive-support.ts'
import { startCli, tempDir, useOwnKafka, useStack, type RunningCli } from '../support/stack.ts'

const { registry } = await useStack(t)
const kafka = await useOwnKafka(t)
const proxy = await registryProxy(t, registry)
const alerts = await registerAlerts(registry)
const folder = await tempDir(t)
const at = { kafka: kafka.broker, registry: proxy.url, topic: 'alerts', group: 'g', dead: 'dead', root: join(folder, 'alerts') }
const schemaRoot = join(folder, 'schemas')
const connection = await connect(kafka.broker)
const admin = adminFor(t, connection)
await admin.createTopic('static', { partitions: 1, replicas: 1 })

interface Probe { readonly status: number, readonly checks: Readonly<Record<string, string>> }

class Probed {
  readonly cli: RunningCli
  #url: string | undefined

  constructor (cli: RunningCli) {
    this.cli = cli
  }

  async get (path: string): Promise<Response> {
    this.#url ??= `http://127.0.0.1:${(await this.cli.waitFor(/"port":(\d+),"msg":"admin port is open"/))[1]}`
    return await fetch(this.#url + path)
  }

  async probe (): Promise<Probe> {
    const response = await this.get('/readyz')
    return { status: response.status, checks: (await response.json() as Probe).checks }
  }

  /** The value of a sample. `series` is the metric name with the labels, as exported. */
  async metric (series: string): Promise<number> {
    const line = (await (await this.get('/metrics')).text()).split('\n').find(each => each.startsWith(`${series} `))
    return line === undefined ? NaN : Number(line.slice(series.length))
  }

  async untilMetric (series: string, enough: (value: number) => boolean): Promise<void> {
    await whileRunning(this.cli, async () => enough(await this.metric(series)))
  }

  /** Waits until the checks in `names`, and no others, fail. Returns the last probe. */
  async untilFailing (...names: string[]): Promise<Probe> {
    let last: Probe | undefined
    await whileRunning(this.cli, async () => {
      last = await this.probe()
      return failing(last).join() === names.join()
    })
    return last!
  }
}

function failing ({ checks }: Probe): string[] {
  return Object.keys(checks).filter(name => checks[name] !== 'ok')
}

const ingest = new Probed(startCli(t, ingestArgs(at, '--schema-store', storeUrl(schemaRoot), '--wait-for-topic', '--admin-port', '0')))

await t.test('/readyz names a missing topic until the topic exists', async t => {
  const topics = `KAFKA_TOPIC_MISSING: waiting for alerts (${kafka.broker})`
  t.match(await ingest.untilFailing('topics'), { status: 503, checks: { topics } })
  await admin.createTopic(at.topic, { partitions: 2, replicas: 1 })
  t.match(await ingest.untilFailing(), { status: 200 })
  await produce(connection, at.topic, alertRecords(alerts, 10, 2))
  await whileRunning(ingest.cli, async () => (await archivedIds(at.root)).length === 10)
})

await t.test('/readyz names the schema registry while it is down or does not respond', async t => {
  proxy.set('down')
  t.match(await ingest.untilFailing('registry'), { status: 503, checks: { registry: /^REGISTRY_UNAVAILABLE: .*\/subjects/ } })
  proxy.set('hold')
  await whileRunning(ingest.cli, async () => {
    const probe = await ingest.probe()
    return failing(probe).join() === 'registry' && /HEALTH_NO_ANSWER|did not respond within/.test(probe.checks.registry ?? '')
  })
  proxy.set('up')
  t.match(await ingest.untilFailing(), { status: 200 })
})

for (const [name, root] of [['alert-store', at.root], ['schema-store', schemaRoot]] as const) {
  await t.test(`/readyz names the ${name} while it is missing`, async t => {
    await rename(root, `${root}.away`)
    t.match(await ingest.untilFailing(name), { status: 503, checks: { [name]: /^STORE_MISSING: / } })
    await rename(`${root}.away`, root)
    t.match(await ingest.untilFailing(), { status: 200 })
  })
}

await t.test('/readyz of serve names the store while it is missing', async t => {
  await mkdir(join(folder, 'served'))
  const serving = ['serve', '--alert-store', storeUrl(join(folder, 'served')), '--listen-port', '0', '--admin-port', '0']
  const serve = new Probed(startCli(t, serving))
  await serve.untilFailing()
  await rename(join(folder, 'served'), join(folder, 'served.away'))
  t.match(await serve.untilFailing('store'), { status: 503 })
  await rename(join(folder, 'served.away'), join(folder, 'served'))
  await serve.untilFailing()
  t.equal((await serve.cli.stop()).code, 0)
})

await t.test('ingest and play-stream name the stopped broker, stay live, respond to scrapes and recover without a restart', async t => {
  const play = new Probed(startCli(t, [
    'play-stream', '--broker', kafka.broker, '--src-topic', 'static', '--dst-topic', at.topic, '--accept-unmarked',
    '--repeat-interval', '1', '--burst', '--admin-port', '0'
  ]))
  t.match(await play.untilFailing('static-topic'), { status: 503, checks: { 'static-topic': /^STATIC_TOPIC_INCOMPLETE: .*\(static\)/ } })
  // The missing store holds these alerts in flight until the broker is down. They are then archived, but their offsets cannot be committed.
  await rename(at.root, `${at.root}.away`)
  await produce(connection, at.topic, alertRecords(alerts, 5, 2, 900n))
  await ingest.untilMetric('alert_stream_records_in_flight{node="archive"}', value => value === 5)
  await kafka.kill()
  await rename(`${at.root}.away`, at.root)
  await ingest.untilMetric('alert_stream_kafka_commits_total{outcome="failed"}', value => value >= 3)
  t.ok(await ingest.metric('alert_stream_kafka_commit_age_seconds') > 0)
  t.match(await ingest.untilFailing('broker'), { status: 503, checks: { broker: /^KAFKA_/ } })
  t.match(await play.untilFailing('broker'), { status: 503 })
  t.equal((await ingest.get('/livez')).status, 200)
  t.equal((await play.get('/livez')).status, 200)
  t.equal(await ingest.metric('alert_stream_kafka_up'), 0)
  t.notMatch(await (await ingest.get('/metrics')).text(), /^alert_stream_kafka_lag_records\{/m)
  await useOwnKafka(t, { dataDir: kafka.dataDir, port: Number(kafka.broker.split(':')[1]) })
  await play.untilFailing('static-topic')
  await ingest.untilFailing()
  await produce(await connect(kafka.broker), 'static', [outgoing('x', { value: alerts.frame(7n) })])
  t.match(await play.untilFailing(), { status: 200 })
  await whileRunning(ingest.cli, async () => (await archivedIds(at.root)).length === 16)
  t.equal(await ingest.metric('alert_stream_kafka_up'), 1)
  await ingest.untilMetric('alert_stream_kafka_commit_age_seconds', value => value === 0)
  t.equal((await play.cli.stop()).code, 0)
  t.equal((await ingest.cli.stop()).code, 0)
})

await t.test('ingest logs each outage of the tests above in one or two lines, however many records were delayed', async t => {
  const lines = ingest.cli.stderr.trimEnd().split('\n').map(line => JSON.parse(line) as Record<string, unknown>)
  const logged = (msg: string): Array<Record<string, unknown>> => lines.filter(line => line.msg === msg)
  t.match(logged('attempt failed; retrying'), [
    { node: 'archive', topic: at.topic, partition: Number, offset: Number, alertId: /^\d+$/, code: 'STORE_MISSING' }
  ])
  t.match(logged('recovered'), [{ node: 'archive', tries: Number }])
  t.equal(logged('cannot commit offsets: retrying at every commit interval').length, 1)
  t.equal(logged('offset commits succeed again').length, 1)
  t.equal(logged('kafka is unavailable: retrying').length, 1)
})
