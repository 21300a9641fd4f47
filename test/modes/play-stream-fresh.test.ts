// play-stream with new ids and times in every pass. A Python consumer checks the alerts. Some records cannot be decoded.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { createRegistryClient } from '../../src/avro/index.ts'
import { decodeId } from '../../src/ids/packed-id.ts'
import { headerText } from '../../src/kafka/record.ts'
import { partitionFor } from '../../src/kafka/murmur2.ts'
import { encodeFrame } from '../avro/support.ts'
import { surveySchema } from '../generator/support.ts'
import { adminFor, everyRecord, outgoing, produce } from '../kafka/support.ts'
import { CLOSED_PORT, uniqueName, usePython, useStack } from '../support/stack.ts'
import { registryProxy } from './archive-support.ts'
import { alertFile, connectionTo, contentOf, linesOf, passesOf, Program, load, replayTopics } from './support.ts'

const stack = await useStack(t)
const python = await usePython(t)
const program = new Program(stack)
const connection = await connectionTo(stack)
const admin = adminFor(t, connection)
const subject = uniqueName('alert-packet')
const registry = createRegistryClient({ url: stack.registry })
const ids: Record<string, number> = {}
for (const version of ['7.4', '11.1']) ids[version] = (await registry.register(subject, (await surveySchema(version)).text)).id
const FRESH = ['--fresh-ids', '--fresh-times']
const ONCE = ['--repeat-interval', '-1', '--burst']

/** Whether an id is from a visit of today or yesterday. The generated alerts have ids of a fixed night. */
function isFresh (id: bigint): boolean {
  const { night = '' } = decodeId(id) ?? {}
  const nights = [0, 12].map(hours => new Date(Date.now() - hours * 3_600_000 - 43_200_000).toISOString().slice(0, 10).replaceAll('-', ''))
  return nights.includes(night)
}

interface FreshReport { readonly alerts: number[], readonly ids: number, readonly seconds: number[] }

/** Compares both topics with a Python reader that shares no code with this program. */
async function readIndependently (source: string, destination: string): Promise<FreshReport> {
  const script = join(import.meta.dirname, 'independent_fresh_reader.py')
  const { stdout } = await promisify(execFile)(python, [script, stack.kafka, source, destination, stack.registry], { maxBuffer: 1 << 24 })
  return JSON.parse(stdout) as FreshReport
}

for (const version of ['7.4', '11.1']) {
  await t.test(`alerts of schema ${version}: each pass and each run has new ids and times, and no other field changes`, async t => {
    const { source, destination, flags } = replayTopics()
    await load(program, subject, source, await alertFile(t, { version, alerts: 40 }), '--schema-version', version)
    const begun = Date.now() / 1000
    const cli = program.start(t, 'play-stream', [...flags, '--dst-topic-partitions', '3', ...FRESH, '--repeat-interval', '0.2', '--burst'])
    await cli.waitFor(/^pass 2: 40 .*\n/m)
    const looped = await cli.stop()
    t.equal(looped.code, 0)
    const visit = ['--repeat-interval', '-1', '--profile', 'dmtn-149', '--burst-seconds', '0.1', '--visit-size', '100']
    const once = await program.run('play-stream', [...flags, ...FRESH, ...visit])
    t.match(once, { code: 0, stdout: /^pass 1: 100 alerts/ }, once.stderr)
    const counts = passesOf(looped.stdout).map(({ alerts }) => alerts).filter(alerts => alerts > 0)
    const all = counts.reduce((sum, count) => sum + count, 100)
    const report = await readIndependently(source, destination)
    t.match(report, { alerts: [...counts, 100], ids: all, visits: counts.length + 1, taken: 0, valid: true, moved: true, problems: [] })
    const inTime = report.seconds.every(second => second >= Math.floor(begun) - 3 && second <= Date.now() / 1000)
    t.ok(inTime, 'the ids of a pass contain the second in which the pass began')
    const records = await everyRecord(connection, destination)
    t.ok(records.every(({ key, partition }) => partition === partitionFor(key!, 3)), 'the new key determines the partition')
  })
}

await t.test('without --fresh-ids and --fresh-times, copies records unmodified without the registry, even with --visit-size', async t => {
  const { source, destination, flags } = replayTopics()
  await load(program, subject, source, await alertFile(t))
  const nowhere = ['--schema-registry-url', `http://127.0.0.1:${CLOSED_PORT}`]
  t.match(await program.run('play-stream', [...flags, ...ONCE, ...nowhere]), { code: 0, stderr: '' })
  const before = await everyRecord(connection, source)
  t.strictSame((await everyRecord(connection, destination)).map(contentOf).sort(), before.map(contentOf).sort())
  const smaller = replayTopics()
  const args = ['--src-topic', source, ...smaller.flags.slice(2), ...ONCE, ...nowhere, '--visit-size', '5']
  t.match(await program.run('play-stream', args), { code: 0, stdout: /^pass 1: 5 alerts/ })
  const offset = (record: typeof before[number]): number => Number(headerText(record, 'alertsim-time-offset'))
  const first = before.toSorted((a, b) => offset(a) - offset(b) || a.partition - b.partition).slice(0, 5)
  t.strictSame((await everyRecord(connection, smaller.destination)).map(contentOf).sort(), first.map(contentOf).sort())
  t.match(await program.run('play-stream', [...flags, ...ONCE, '--visit-size', '13']), {
    code: 1, stderr: /^STATIC_TOPIC_SMALL: the static topic holds 12 alerts, but --visit-size is 13 .*--fresh-ids/m
  })
})

await t.test('if records cannot be decoded, copies these records unmodified, counts them, and logs one record per error code', async t => {
  const { source, destination, flags } = replayTopics()
  await admin.createTopic(source, { partitions: 1, replicas: 1 })
  const loaded = uniqueName('static')
  await load(program, subject, loaded, await alertFile(t, { alerts: 4 }))
  const alerts = await everyRecord(connection, loaded)
  const cut = alerts[0]!.value!.subarray(0, 50)
  const strange = [
    outgoing('no frame'), outgoing('no frame either'), { key: Buffer.from('tombstone'), value: null, headers: [] },
    { key: null, value: encodeFrame(2_000_000_000, Buffer.from([2])), headers: [] }, { key: null, value: cut, headers: [] }
  ]
  await produce(connection, source, [...strange, ...alerts.map(({ key, value, headers }) => ({ key, value, headers }))])
  const { code, stdout, stderr } = await program.run('play-stream', [...flags, ...FRESH, ...ONCE, '--accept-unmarked'])
  t.equal(code, 0)
  t.match(stdout, /^pass 1: 9 alerts in .* MB\/s, 5 unmodified\n$/)
  const logged = linesOf(stderr).map(line => JSON.parse(line) as { code: string, position: string, pass: number })
  t.strictSame(logged.map(({ code }) => code), ['FRAME_BAD_MAGIC', 'FRAME_EMPTY', 'UNKNOWN_SCHEMA', 'DATUM_INVALID'])
  t.match(logged[0], { pass: 1, position: `${source}[0]@0` })
  const after = await everyRecord(connection, destination)
  t.strictSame(after.slice(0, 5).map(contentOf), strange.map(contentOf))
  const keys = after.slice(5).map(({ key }) => BigInt(key!.toString()))
  t.equal(new Set(keys).size, 4)
  t.ok(keys.every(key => isFresh(key)))
})

await t.test('while the registry is down, alerts wait, no alert is copied unmodified, and /readyz names the registry', async t => {
  const { source, destination, flags } = replayTopics()
  await load(program, subject, source, await alertFile(t))
  const double = await registryProxy(t, stack.registry)
  double.set('down')
  const registryFlags = ['--schema-registry-url', double.url]
  const cli = program.start(t, 'play-stream', [...flags, ...FRESH, '--burst', ...registryFlags, '--admin-port', '0', '--log-level', 'info'])
  const [, port] = await cli.waitFor(/"port":(\d+),"msg":"admin port is open"/)
  const get = async (path: string) => await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  await cli.waitFor(/"node":"refresh".*REGISTRY_UNAVAILABLE|REGISTRY_UNAVAILABLE.*"node":"refresh"/)
  t.match(JSON.parse(await get('/readyz')), { ready: false, checks: { broker: 'ok', registry: /^REGISTRY_UNAVAILABLE/ } })
  double.set('up')
  await cli.waitFor(/^pass 1: 12 alerts/m)
  t.match(JSON.parse(await get('/readyz')), { ready: true, checks: { registry: 'ok' } })
  const metrics = await get('/metrics')
  t.match(metrics, /^alert_stream_pass_alerts_unmodified_total 0$/m)
  t.match(metrics, /^alert_stream_pass_alert_late_seconds 0$/m)
  t.equal((await cli.stop()).code, 0)
  t.ok((await everyRecord(connection, destination)).every(({ key }) => isFresh(BigInt(key!.toString()))))
})
