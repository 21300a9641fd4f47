import t from 'tap'
import { alertSummary, createRegistryClient, parseFrame } from '../../src/avro/index.ts'
import { surveySchema } from '../generator/support.ts'
import { adminFor, everyRecord, outgoing, produce } from '../kafka/support.ts'
import { CLOSED_PORT, uniqueName, useStack } from '../support/stack.ts'
import { alertFile, connectionTo, linesOf, Program } from './support.ts'

const stack = await useStack(t)
const program = new Program(stack)
const connection = await connectionTo(stack)
const admin = adminFor(t, connection)
const newest = await surveySchema('11.1')
const subject = uniqueName('alert-packet')
const registry = createRegistryClient({ url: stack.registry })
const { id: schemaId } = await registry.register(subject, newest.text)

const topic = uniqueName('static')
const created = await program.run('create-stream', [await alertFile(t, { alerts: 20 }), '--dst-topic', topic, '--subject', subject])
if (created.code !== 0) throw new Error(created.stderr)
const records = await everyRecord(connection, topic)

interface Line {
  time: string
  position: string
  size: number
  id?: string
  schemaId?: number
  history?: number
  midpointMjdTai?: number
  problem?: string
}
const jsonLines = (stdout: string): Line[] => linesOf(stdout).map(line => JSON.parse(line) as Line)

await t.test('prints timestamp, id, history and size of each alert, and exits at the end of the topic', async t => {
  const { code, stdout, stderr } = await program.run('print-stream', ['--topic', topic])
  t.match({ code, stderr }, { code: 0, stderr: '' })
  const expected = records.map(({ timestamp, value }) => {
    const { id, history } = alertSummary(newest.decode(parseFrame(value!).datum))
    return `${new Date(Number(timestamp)).toISOString()}  ${id}  history ${history}  ${value!.length} bytes`
  })
  t.strictSame(linesOf(stdout).sort(), expected.sort())
  t.ok(expected.some(line => !/history 0 /.test(line)))
})

await t.test('--json prints one object per line, and --src-topic is an alias of --topic', async t => {
  const { code, stdout } = await program.run('print-stream', ['--src-topic', topic, '--json'])
  t.equal(code, 0)
  const lines = jsonLines(stdout)
  t.equal(lines.length, 20)
  for (const record of records) {
    const alert = alertSummary(newest.decode(parseFrame(record.value!).datum))
    const line = lines.find(({ position }) => position === `${topic}[${record.partition}]@${record.offset}`)
    t.strictSame(line, {
      time: new Date(Number(record.timestamp)).toISOString(), position: line?.position, size: record.value!.length, id: String(alert.id),
      schemaId, history: alert.history, midpointMjdTai: alert.midpointMjdTai
    })
  }
})

await t.test('exits after --count lines, and when the reader closes stdout', async t => {
  const counted = await program.run('print-stream', ['--topic', topic, '--count', '7'])
  t.match(counted, { code: 0, stderr: '' })
  t.equal(linesOf(counted.stdout).length, 7)
  const cli = program.start(t, 'print-stream', ['--topic', topic, '--follow'])
  await cli.waitFor(/bytes\n/)
  cli.child.stdout?.destroy()
  // The program detects the closed pipe when it prints the next line, so produce more records.
  for (const record of records) await produce(connection, topic, [{ ...record, topic }])
  t.match(await cli.finished, { code: 0, signal: null, stderr: '' })
})

await t.test('until stopped, --from latest prints only new records, and --follow prints existing and new records', async t => {
  const own = uniqueName('topic')
  await admin.createTopic(own, { partitions: 2, replicas: 1 })
  const some = records.slice(0, 6).map(({ key, value, headers }) => ({ key, value, headers }))
  await produce(connection, own, some.slice(0, 2))
  const latest = program.start(t, 'print-stream', ['--topic', own, '--from', 'latest', '--json'])
  const follow = program.start(t, 'print-stream', ['--topic', own, '--follow', '--json'])
  await follow.waitFor(/\n.*\n/)
  // The test cannot observe when `latest` has its start position, so it produces alerts until the program prints an alert.
  let sent = 2
  let seen = false
  const first = latest.waitFor(/\n/).then(() => { seen = true })
  while (!seen) {
    await produce(connection, own, [some[sent % 6]!])
    sent++
    await new Promise(resolve => setTimeout(resolve, 200))
  }
  await first
  await follow.waitFor(new RegExp(`(.*\n){${sent}}`))
  const [one, two] = [await latest.stop(), await follow.stop('SIGINT')]
  t.equal(one.code, 0)
  t.equal(two.code, 0)
  t.equal(jsonLines(two.stdout).length, sent)
  const positions = new Set(jsonLines(one.stdout).map(({ position }) => position))
  t.ok(positions.size >= 1 && positions.size <= sent - 2, `printed ${positions.size} of ${sent} records`)
  const old = jsonLines(two.stdout).slice(0, 2).map(({ position }) => position)
  t.ok(old.every(position => !positions.has(position)), '--from latest prints no record from before the start')
})

await t.test('prints a record that is not an alert, together with the reason, and continues', async t => {
  const own = uniqueName('topic')
  await admin.createTopic(own, { partitions: 1, replicas: 1 })
  const good = { key: records[0]!.key, value: records[0]!.value, headers: [] }
  const text = JSON.stringify({ type: 'record', name: 'alert', doc: uniqueName('doc'), fields: [{ name: 'name', type: 'string' }] })
  const { id: noAlertId } = await registry.register(uniqueName('other'), text)
  const head = (id: number): Buffer => Buffer.from([0, id >>> 24, id >>> 16 & 255, id >>> 8 & 255, id & 255])
  await produce(connection, own, [
    good,
    outgoing(''),
    { key: null, value: null, headers: [] },
    { key: null, value: Buffer.from([0, 0, 1]), headers: [] },
    outgoing('{"diaSourceId": 1}'),
    { key: null, value: Buffer.concat([head(0x7ffffff0), Buffer.from('xyz')]), headers: [] },
    { key: null, value: Buffer.concat([head(schemaId), Buffer.from('too short')]), headers: [] },
    { key: null, value: Buffer.concat([records[0]!.value!, Buffer.from('!')]), headers: [] },
    { key: null, value: Buffer.concat([head(noAlertId), Buffer.from('\x06abc')]), headers: [] },
    good
  ])
  const { code, stdout, stderr } = await program.run('print-stream', ['--topic', own, '--json'])
  t.match({ code, stderr }, { code: 0, stderr: '' })
  const problems = jsonLines(stdout).map(({ problem }) => problem)
  const expected = [
    undefined, /^FRAME_EMPTY: /, /^FRAME_EMPTY: /, /^FRAME_TOO_SHORT: /, /^FRAME_BAD_MAGIC: /, /^UNKNOWN_SCHEMA: .*2147483632/,
    /^DATUM_INVALID: /, /^DATUM_INVALID: .*1 of its \d+ bytes are left over/,
    /^SCHEMA_NO_ALERT_ID: .*no alertId, no diaSourceId and no long as its first field/, undefined
  ]
  t.equal(problems.length, expected.length)
  for (const [index, problem] of problems.entries()) t.match(problem, expected[index], `reason of record ${index}`)
  const lines = linesOf((await program.run('print-stream', ['--topic', own])).stdout)
  t.equal(lines.filter(line => line.includes('not an alert: ')).length, 8)
  t.match(lines[3], new RegExp(`^\\S+Z {2}${own}\\[0\\]@3 {2}not an alert: FRAME_TOO_SHORT: .* {2}3 bytes$`))
})

await t.test('a missing topic, an unreachable broker and an unavailable registry are one-line errors', async t => {
  const cases: Array<[string[], RegExp]> = [
    [['--topic', 'no-such-topic'], /^KAFKA_TOPIC_MISSING: .*no-such-topic.*\n$/],
    [['--topic', topic, '--log-level', 'error', '--broker', `127.0.0.1:${CLOSED_PORT}`], /^KAFKA_UNREACHABLE: .*\n$/],
    [
      ['--topic', topic, '--log-level', 'error', '--schema-registry-url', `http://127.0.0.1:${CLOSED_PORT}`],
      /^REGISTRY_UNAVAILABLE: .*ECONNREFUSED.*\n$/
    ]
  ]
  for (const [args, stderr] of cases) t.match(await program.run('print-stream', args), { code: 1, stdout: '', stderr })
})
