// The demo from its first start to a start after a kill, as at a terminal.
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { isAlive } from '../../src/devstack/index.ts'
import { scramConf, withConfluent, type PythonCase } from '../access/support.ts'
import { documentedMetrics } from '../support/metrics-document.ts'
import { parsePrometheus } from '../support/prometheus.ts'
import { runCli, tempDir, usePython } from '../support/stack.ts'
import { archivedIn, exists, leftovers, partsOf, startDemo } from './demo-support.ts'

const stateDir = join(await tempDir(t), 'state')
const demoFile = join(stateDir, 'demo.json')
const flags = ['--alerts', '40', '--interval', '3']
let visits = 0

await t.test('a first start prepares all, says where everything is, and prints a line per visit; Ctrl-C, even twice, stops all of it', async t => {
  const holder = createServer()
  holder.listen(0, '127.0.0.1')
  await once(holder, 'listening')
  t.teardown(() => { holder.close() })
  const { port } = holder.address() as AddressInfo
  const demo = startDemo(t, stateDir, [...flags, '--port', String(port)], { ALERT_STREAM_LAYOUT: 'v1', ALERT_STREAM_LIMIT: '3' })
  const [, taken] = await demo.waitFor(new RegExp(`^port ${port} is in use: the API takes (\\d+)$`, 'm'))
  await demo.waitFor(/A visit is published every 3 s/)

  const { admin, ...file } = JSON.parse(await readFile(demoFile, 'utf8')) as { readonly admin: Record<string, string> }
  const archive = `file://${stateDir}/archive`
  t.match(file, { kafka: /^127\.0\.0\.1:\d+$/, registry: /^http:\/\/127\.0\.0\.1:\d+\/apis\/ccompat\/v7$/ })
  t.strictSame({ ...file, kafka: '', registry: '' }, {
    kafka: '', registry: '', api: `http://127.0.0.1:${taken}`, archive: { alerts: archive, schemas: archive },
    topics: { static: 'alerts-static', simulated: 'alerts-simulated', deadLetters: 'alerts-dead-letters' }, group: 'alertdb-ingester', pid: demo.pid
  })
  const parts = await partsOf(stateDir)
  t.equal(parts.size, 5)

  const other = await runCli(['demo', '--state-dir', stateDir])
  t.equal(other.code, 1)
  t.match(other.stderr, new RegExp(`^DEMO_RUNNING: process ${demo.pid} runs a demo there.*${taken}`, 'm'))
  t.ok(await exists(demoFile), 'the one that runs is not disturbed')

  const [first] = await demo.waitFor(/^visit 1: .*$/m)
  t.match(first, /^visit 1: published 40 in [\d.]+ s \(\d+\/s, [\d.]+ MB\/s\) · archived 40 \(40 written\) in [\d.]+ s \(\d+\/s\) · lag 0 · dead letters 0 · static-topic 40 > pace 40 > simulated-topic 40 · kafka 40 > unframe 40 > capture-schema 40 > gzip 40 > archive 40 > dead-letters 0$/)
  t.strictSame(Object.keys(admin).sort(), ['ingest', 'play-stream', 'serve'])
  for (const [mode, url] of Object.entries(admin)) {
    t.equal((await fetch(`${url}/readyz`)).status, 200, mode)
    const scraped = parsePrometheus(await (await fetch(`${url}/metrics`)).text())
    const ours = (names: Iterable<string>): string[] => [...names].filter(name => name.startsWith('alert_stream_') || process.platform === 'linux').sort()
    t.strictSame(ours(scraped.keys()), ours((await documentedMetrics(mode)).keys()), `${mode}: a scrape holds what docs/metrics.md lists, and nothing else`)
  }
  const [second] = await demo.waitFor(/^visit 2: .*$/m)
  t.match(second, /published 40 .* archived 40 \(0 written\) .* lag 0 .* static-topic 80 /)
  t.ok(await exists(join(stateDir, 'archive/v2/schemas')), 'the user\'s own settings for other runs do not change the parts')

  demo.signal('SIGINT')
  demo.signal('SIGINT')
  t.equal(await demo.finished, 0, demo.stderr)
  t.match(demo.stdout, /stopping: .*\nstopped\n$/)
  t.notOk(await exists(demoFile))
  t.strictSame(await leftovers(stateDir, parts), [])
  visits = [...demo.stdout.matchAll(/^visit (\d+)/gm)].map(([, visit]) => Number(visit)).at(-1)!
})

await t.test('a second start uses what is there: nothing generated, nothing loaded, the same schema id, visits counted on', async t => {
  const demo = startDemo(t, stateDir, flags)
  const [line, visit] = await demo.waitFor(/^visit (\d+): .*$/m)
  t.equal(Number(visit), visits + 1)
  t.strictSame(archivedIn(line), { archived: 40, written: 0 })
  t.match(demo.stdout, /alerts: .*, there already\n.*\n {2}schema 11\.1: id 1, version 1 of subject alert-packet, already registered\nalerts-static: loaded already\n/)
  t.notMatch(demo.stdout, /generating|loading/)

  const parts = await partsOf(stateDir)
  demo.signal('SIGKILL')
  t.equal(await demo.finished, null)
  t.strictSame(await Promise.all([...parts.values()].map(isAlive)), [true, true, true, true, true], 'a killed demo leaves its parts behind')
  t.ok(await exists(demoFile))

  const third = startDemo(t, stateDir, [...flags, '--passes', '1'])
  await third.waitFor(/A visit is published/)
  t.strictSame(await Promise.all([...parts.values()].map(isAlive)), [false, false, false, false, false], 'the next start has ended them')
  t.equal(await third.finished, 0, third.stderr)
  t.match(third.stdout, /^visit \d+: published 40 .* lag 0 .*\nstopping: .*\nstopped\n$/m)
  t.strictSame(await leftovers(stateDir, parts), [])
  t.notOk(await exists(demoFile))
})

await t.test('with --secure the same data are behind locked doors: a community broker reads what it may from outside, and nothing else', async t => {
  const demo = startDemo(t, stateDir, [...flags, '--secure'])
  const [line] = await demo.waitFor(/^visit \d+: .*$/m)
  t.strictSame(archivedIn(line), { archived: 40, written: 0 })
  t.match(demo.stdout, /alerts-static: loaded already\n/, 'what an open start loaded')
  const file = JSON.parse(await readFile(demoFile, 'utf8')) as { kafka: string, registry: string, security: Record<string, string> }
  const { kafka, security } = file
  t.match(kafka, /^localhost:\d+$/)
  t.match({ ...security }, { mechanism: 'SCRAM-SHA-512', internal: /^localhost:\d+$/, ca: join(stateDir, 'security/certificates/ca.crt') })
  t.ok(await exists(join(security.certificates!, 'alert-database-ingester.key')))
  const passwordFile = join(security.passwords!, 'fink-idfint')
  t.equal((await stat(passwordFile)).mode & 0o777, 0o600)
  for (const each of [kafka, security.internal, security.passwords, security.ca, security.certificates]) t.ok(demo.stdout.includes(each!), `it says ${each}`)

  const conf = scramConf(kafka, security.ca!, 'fink-idfint', (await readFile(passwordFile, 'utf8')).trim())
  const topic = 'alerts-simulated'
  const cases: Array<Omit<PythonCase, 'conf' | 'id'> & { answer: string, conf?: Record<string, string> }> = [
    { do: 'read as group', topic, group: 'fink-idfint-testing', count: 40, answer: 'ok' },
    { do: 'read as group', topic, group: 'antares-idfint', answer: 'GROUP_AUTHORIZATION_FAILED' },
    { do: 'read as group', topic: 'alerts-static', group: 'fink-idfint', answer: 'TOPIC_AUTHORIZATION_FAILED' },
    { do: 'write', topic, answer: 'TOPIC_AUTHORIZATION_FAILED' },
    { do: 'delete', topic, answer: 'TOPIC_AUTHORIZATION_FAILED' },
    { do: 'change settings', topic, answer: 'TOPIC_AUTHORIZATION_FAILED' },
    { do: 'create', topic: 'mine', answer: 'TOPIC_AUTHORIZATION_FAILED' },
    { do: 'read', topic, conf: { ...conf, 'sasl.password': 'guessed' }, answer: '_AUTHENTICATION' },
    { do: 'read', topic, conf: { ...conf, 'bootstrap.servers': security.internal!, 'security.protocol': 'SSL' }, answer: 'connection refused' }
  ]
  const came = await withConfluent(await usePython(t), cases.map((each, index) => ({ conf, ...each, id: String(index) })))
  // Without a certificate: the alert, or the connection that is gone, whichever librdkafka sees first.
  const plainly = (answer: string | undefined): string | undefined => answer === '_SSL' || answer === '_TRANSPORT' ? 'connection refused' : answer
  for (const [index, { answer, ...each }] of cases.entries()) t.equal(plainly(came.get(String(index))), answer, `${each.do} ${each.topic} ${each.group ?? ''}`)

  const parts = await partsOf(stateDir)
  demo.signal('SIGINT')
  t.equal(await demo.finished, 0, demo.stderr)
  t.strictSame(await leftovers(stateDir, parts), [])
})

await t.test('--secure with somebody else\'s Kafka is refused as usage', async t => {
  const { code, stderr } = await runCli(['demo', '--secure', '--broker', 'localhost:9092', '--state-dir', stateDir])
  t.equal(code, 2)
  t.match(stderr, /^USAGE_BAD_VALUE: --secure .*--broker/m)
})
