// The demo, run as from a terminal: first start, restart, SIGKILL and the restart after SIGKILL.
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { isAlive } from '../../src/devstack/process-identity.ts'
import { waitUntil } from '../../src/devstack/wait-until.ts'
import type { NodeStats } from '../../src/pipeline/index.ts'
import { scramConf, withConfluent, type PythonCase } from '../access/support.ts'
import { documentedMetrics } from '../support/metrics-document.ts'
import { parsePrometheus } from '../support/prometheus.ts'
import { runCli, tempDir, usePython } from '../support/stack.ts'
import { archivedVisits } from './archive-support.ts'
import { countsIn, exists, leftovers, readServers, startDemo } from './demo-support.ts'

const stateDir = join(await tempDir(t), 'state')
const demoFile = join(stateDir, 'demo.json')
const flags = ['--alerts', '40', '--interval', '3']
let visits = 0

await t.test('a first start prints endpoints and visit lines in plain text, and Ctrl-C, even twice, stops all processes', async t => {
  const other = createServer()
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => { other.close() })
  const { port } = other.address() as AddressInfo
  const demo = startDemo(t, stateDir, [...flags, '--port', String(port)], { ALERT_STREAM_LAYOUT: 'v1', ALERT_STREAM_LIMIT: '3' })
  const [, apiPort] = await demo.waitFor(new RegExp(`^port ${port} is in use; the API uses port (\\d+)$`, 'm'))
  await demo.waitFor(/A visit is published every 3 s/)

  const { admin, ...file } = JSON.parse(await readFile(demoFile, 'utf8')) as { readonly admin: Record<string, string> }
  const archive = `file://${stateDir}/archive`
  t.match(file, { kafka: /^127\.0\.0\.1:\d+$/, registry: /^http:\/\/127\.0\.0\.1:\d+\/apis\/ccompat\/v7$/ })
  t.strictSame({ ...file, kafka: '', registry: '' }, {
    kafka: '', registry: '', api: `http://127.0.0.1:${apiPort}`, archive: { alerts: archive, schemas: archive },
    index: `file://${stateDir}/index`,
    topics: { static: 'alerts-static', simulated: 'alerts-simulated', deadLetters: 'alerts-dead-letters' },
    group: 'alertdb-ingester', pid: demo.pid
  })
  const servers = await readServers(stateDir)
  t.equal(servers.size, 6)

  const second = await runCli(['demo', '--state-dir', stateDir])
  t.equal(second.code, 1)
  t.match(second.stderr, new RegExp(`^DEMO_RUNNING: another demo \\(process ${demo.pid}\\) uses this state folder; .*${apiPort}`, 'm'))
  t.ok(await exists(demoFile), 'the second demo does not delete demo.json of the running demo')

  const [first] = await demo.waitFor(/^visit 1: .*$/m)
  t.match(first, /^visit 1: published 40 in [\d.]+ s, archived 40 in [\d.]+ s, 40 new, lag 0, dead letters 0, visit id \d{13}$/)
  t.strictSame(await archivedVisits(join(stateDir, 'archive')), [/\d{13}$/.exec(first)?.[0]])
  t.strictSame(Object.keys(admin).sort(), ['index', 'ingest', 'play-stream', 'serve'])
  for (const [mode, url] of Object.entries(admin)) {
    t.equal((await fetch(`${url}/readyz`)).status, 200, mode)
    const scraped = parsePrometheus(await (await fetch(`${url}/metrics`)).text())
    const relevant = (names: Iterable<string>): string[] =>
      [...names].filter(name => name.startsWith('alert_stream_') || process.platform === 'linux').sort()
    const documented = await documentedMetrics(mode)
    t.strictSame(relevant(scraped.keys()), relevant(documented.keys()), `${mode} exports exactly the metrics of docs/metrics.md`)
  }
  const [next] = await demo.waitFor(/^visit 2: .*$/m)
  t.match(next, /published 40 .* archived 40 in .*, 0 new, lag 0/)
  const visit = /\d{13}$/.exec(first)?.[0]
  const count = async (): Promise<unknown> => await (await fetch(`http://127.0.0.1:${apiPort}/v1/alerts?visit=${visit}&count=only`)).json()
  await waitUntil(async () => JSON.stringify(await count()) === '{"count":40}', 60_000, 200)
  t.strictSame(await count(), { count: 40 }, 'search finds the alerts of the visit')
  const { nodes } = await (await fetch(`${admin.ingest}/status`)).json() as { nodes: NodeStats[] }
  t.strictSame(nodes.map(({ node }) => node), ['kafka', 'unframe', 'capture-schema', 'archive', 'dead-letters'])
  // On a busy machine, a third visit may have arrived in the meantime.
  t.ok(nodes.slice(0, 4).every(({ out }) => out >= 80), '/status shows the totals per node, not the counts of one visit')
  t.equal(nodes.at(-1)?.out, 0)
  t.ok(await exists(join(stateDir, 'archive/v2/schemas')), 'the user\'s ALERT_STREAM_* settings do not reach the child processes')

  demo.signal('SIGINT')
  demo.signal('SIGINT')
  t.equal(await demo.finished, 0, demo.stderr)
  t.match(demo.stdout, /stopping: .*\nstopped\n$/)
  t.notMatch(demo.stdout + demo.stderr, /^\{/m, 'the demo prints no JSON log lines')
  t.notOk(await exists(demoFile))
  t.strictSame(await leftovers(stateDir, servers), [])
  visits = [...demo.stdout.matchAll(/^visit (\d+)/gm)].map(([, visit]) => Number(visit)).at(-1)!
})

await t.test('a second start reuses alerts, topic, schema id and visit numbers, even after SIGKILL', async t => {
  const demo = startDemo(t, stateDir, flags)
  const [line, visit] = await demo.waitFor(/^visit (\d+): .*$/m)
  t.equal(Number(visit), visits + 1)
  t.strictSame(countsIn(line), { archived: 40, fresh: 0 })
  t.match(demo.stdout, /alerts: .*, already generated\n.*\n {2}schema 11\.1: id 1, version 1 of .*\nalerts-static: already loaded\n/)
  t.notMatch(demo.stdout, /generating|loading|, registered$/m)

  const servers = await readServers(stateDir)
  const running = async (): Promise<boolean[]> => await Promise.all([...servers.values()].map(isAlive))
  demo.signal('SIGKILL')
  t.equal(await demo.finished, null)
  t.strictSame(await running(), [true, true, true, true, true, true], 'a killed demo leaves its servers running')
  t.ok(await exists(demoFile))

  const third = startDemo(t, stateDir, [...flags, '--passes', '1'])
  await third.waitFor(/A visit is published/)
  t.strictSame(await running(), [false, false, false, false, false, false], 'the next start has stopped the servers of the killed demo')
  t.equal(await third.finished, 0, third.stderr)
  t.match(third.stdout, /^visit \d+: published 40 .* lag 0, .*\nstopping: .*\nstopped\n$/m)
  t.strictSame(await leftovers(stateDir, servers), [])
  t.notOk(await exists(demoFile))
})

await t.test('with --secure, an external client can read only with topics and groups that the ACLs allow', async t => {
  const demo = startDemo(t, stateDir, [...flags, '--secure'])
  const [line] = await demo.waitFor(/^visit \d+: .*$/m)
  t.strictSame(countsIn(line), { archived: 40, fresh: 0 })
  t.match(demo.stdout, /alerts-static: already loaded\n/, 'a start with --secure reuses the topic of a start without --secure')
  const file = JSON.parse(await readFile(demoFile, 'utf8')) as { kafka: string, admin: { index: string }, security: Record<string, string> }
  const { kafka, admin, security } = file
  t.match(kafka, /^localhost:\d+$/)
  t.match({ ...security }, { mechanism: 'SCRAM-SHA-512', internal: /^localhost:\d+$/, ca: join(stateDir, 'security/certificates/ca.crt') })
  for (const name of ['ingester', 'indexer']) t.ok(await exists(join(security.certificates!, `alert-database-${name}.key`)))
  const rows = async (): Promise<number> => {
    const metrics = parsePrometheus(await (await fetch(`${admin.index}/metrics`)).text())
    return metrics.get('alert_stream_index_rows_total')?.samples[0]?.value ?? 0
  }
  await waitUntil(async () => await rows() >= 40, 60_000, 200)
  t.ok(await rows() >= 40, 'the indexer reads as its own user and group, and writes the alerts of the visit')
  const passwordFile = join(security.passwords!, 'fink-idfint')
  t.equal((await stat(passwordFile)).mode & 0o777, 0o600)
  for (const each of [kafka, security.internal, security.passwords, security.ca, security.certificates]) {
    t.ok(demo.stdout.includes(each!), `the demo prints ${each}`)
  }

  const conf = scramConf(kafka, security.ca!, 'fink-idfint', (await readFile(passwordFile, 'utf8')).trim())
  const topic = 'alerts-simulated'
  const cases: Array<Omit<PythonCase, 'conf' | 'id'> & { result: string, conf?: Record<string, string> }> = [
    { do: 'read as group', topic, group: 'fink-idfint-testing', count: 40, result: 'ok' },
    { do: 'read as group', topic, group: 'antares-idfint', result: 'GROUP_AUTHORIZATION_FAILED' },
    { do: 'read as group', topic: 'alerts-static', group: 'fink-idfint', result: 'TOPIC_AUTHORIZATION_FAILED' },
    { do: 'write', topic, result: 'TOPIC_AUTHORIZATION_FAILED' },
    { do: 'delete', topic, result: 'TOPIC_AUTHORIZATION_FAILED' },
    { do: 'alter configs', topic, result: 'TOPIC_AUTHORIZATION_FAILED' },
    { do: 'create', topic: 'mine', result: 'TOPIC_AUTHORIZATION_FAILED' },
    { do: 'read', topic, conf: { ...conf, 'sasl.password': 'guessed' }, result: '_AUTHENTICATION' },
    { do: 'read', topic, conf: { ...conf, 'bootstrap.servers': security.internal!, 'security.protocol': 'SSL' }, result: 'no connection' }
  ]
  const results = await withConfluent(await usePython(t), cases.map((each, index) => ({ conf, ...each, id: String(index) })))
  // Without a client certificate, librdkafka reports the TLS alert or the closed connection, whichever librdkafka sees first.
  const normalized = (code: string | undefined): string | undefined => code === '_SSL' || code === '_TRANSPORT' ? 'no connection' : code
  for (const [index, { result, ...each }] of cases.entries()) {
    t.equal(normalized(results.get(String(index))), result, `${each.do} ${each.topic} ${each.group ?? ''}`)
  }

  const servers = await readServers(stateDir)
  demo.signal('SIGINT')
  t.equal(await demo.finished, 0, demo.stderr)
  t.strictSame(await leftovers(stateDir, servers), [])
})

await t.test('--secure with --broker is a usage error', async t => {
  const { code, stderr } = await runCli(['demo', '--secure', '--broker', 'localhost:9092', '--state-dir', stateDir])
  t.equal(code, 2)
  t.match(stderr, /^USAGE_BAD_VALUE: --secure .*--broker/m)
})
