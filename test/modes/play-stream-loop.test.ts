// play-stream with a repeat interval, while the static topic is loaded and recreated and a broker restarts.
import t from 'tap'
import { createRegistryClient } from '../../src/avro/index.ts'
import { decodeId } from '../../src/ids/packed-id.ts'
import { surveySchema } from '../generator/support.ts'
import { adminFor, eventually, everyRecord } from '../kafka/support.ts'
import { uniqueName, useOwnKafka, useStack } from '../support/stack.ts'
import { alertFile, connectionTo, contentOf, passesOf, Program, load, replayTopics } from './support.ts'

const stack = await useStack(t)
const program = new Program(stack)
const connection = await connectionTo(stack)
const admin = adminFor(t, connection)
const subject = uniqueName('alert-packet')
await createRegistryClient({ url: stack.registry }).register(subject, (await surveySchema('11.1')).text)
const file = await alertFile(t, { alerts: 30 })

const create = (topic: string, path = file, ...flags: string[]) => load(program, subject, topic, path, ...flags)

await t.test('is not ready while the static topic is missing, plays it once per interval, and exits with 0 when stopped', async t => {
  const { source, destination, flags } = replayTopics()
  const cli = program.start(t, 'play-stream', [...flags, '--repeat-interval', '1', '--burst', '--admin-port', '0', '--log-level', 'info'])
  const [, port] = await cli.waitFor(/"port":(\d+),"msg":"admin port is open"/)
  const get = async (path: string) => await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  await cli.waitFor(/"reason":"the static topic does not exist","msg":"waiting for the static topic"/)
  const waiting = await fetch(`http://127.0.0.1:${port}/readyz`)
  t.equal(waiting.status, 503)
  t.strictSame(await waiting.json(), {
    ready: false,
    checks: { run: 'ok', broker: 'ok', 'static-topic': `STATIC_TOPIC_INCOMPLETE: the static topic does not exist (${source})` }
  })
  t.equal(await get('/livez'), 'OK\n')
  await create(source)
  await cli.waitFor(/^pass 3: .*\n/m)
  t.strictSame(JSON.parse(await get('/readyz')), { ready: true, checks: { run: 'ok', broker: 'ok', 'static-topic': 'ok' } })
  t.match(JSON.parse(await get('/status')), {
    state: 'running', graph: { graph: 'play-stream' }, stats: { lastPass: { alerts: 30 } },
    nodes: [{ node: 'static-topic' }, { node: 'pace' }, { node: 'simulated-topic' }]
  })
  t.match(await get('/metrics'), /^alert_stream_records_out_total\{node="simulated-topic"\} \d+$/m)
  t.match(await get('/metrics'), /^alert_stream_passes_total\{outcome="whole"\} \d+$/m)
  const { code, stdout } = await cli.stop()
  t.equal(code, 0)
  const played = passesOf(stdout)
  for (const pass of played.slice(0, -1)) t.match(pass, { alerts: 30, interrupted: undefined }, `pass ${pass.pass} has all alerts`)
  const printed = played.reduce((sum, { alerts }) => sum + alerts, 0)
  t.equal((await everyRecord(connection, destination)).length, printed, 'the printed counts match the topic')
})

await t.test('continues when create-stream recreates the topic: no pass has duplicates, and later passes are complete', async t => {
  const { source, destination, flags } = replayTopics()
  await create(source)
  const cli = program.start(t, 'play-stream', [...flags, '--repeat-interval', '0.5', '--burst'])
  await cli.waitFor(/^pass 2: .*\n/m)
  const other = await alertFile(t, { alerts: 45, seed: 9 })
  for (const path of [other, file]) {
    await create(source, path, '--create-topic')
    const soFar = passesOf(cli.stdout).length
    await eventually(() => passesOf(cli.stdout).length >= soFar + 2)
  }
  const { code, stdout } = await cli.stop()
  t.equal(code, 0)
  const keys = (await everyRecord(connection, destination)).map(({ key }) => key!.toString())
  const sets = await Promise.all([file, other].map(async path => {
    const topic = uniqueName('reference')
    await create(topic, path)
    return new Set((await everyRecord(connection, topic)).map(({ key }) => key!.toString()))
  }))
  let at = 0
  const played = passesOf(stdout).map(({ pass, alerts, interrupted }, index, all) => {
    const seen = keys.slice(at, at += alerts)
    t.equal(new Set(seen).size, alerts, `pass ${pass} has no duplicates`)
    const load = sets.findIndex(set => seen.every(key => set.has(key)))
    t.ok(load >= 0, `all alerts of pass ${pass} come from one load of the static topic`)
    if (interrupted === undefined) t.equal(alerts, sets[load]!.size, `pass ${pass} is complete`)
    else t.ok(index === all.length - 1 || /recreated|exist|keeps/.test(interrupted), interrupted)
    return { load, complete: interrupted === undefined }
  })
  t.equal(at, keys.length, 'the printed passes account for every record of the destination topic')
  const loads = played.filter(({ complete }) => complete).map(({ load }) => load)
  t.strictSame(loads.filter((load, index, all) => load !== all[index - 1]), [0, 1, 0], 'the loads are played in order')
})

await t.test('when stopped, publishes the records in flight without waiting until they are due, and exits with 0', async t => {
  const { source, destination, flags } = replayTopics()
  await create(source, await alertFile(t, { visits: 3, alerts: 8 }))
  const cli = program.start(t, 'play-stream', [...flags, '--repeat-interval', '300'])
  // Wait for the 8 alerts of the first visit. The alerts of the second visit are then in flight, but not due for another 37 s.
  await eventually(async () => await admin.describeTopic(destination) !== undefined && (await admin.endOffsets(destination))[0] === 8n)
  const { code, stdout, stderr } = await cli.stop()
  t.match({ code, stderr }, { code: 0, stderr: '' })
  const [only, ...more] = passesOf(stdout)
  t.strictSame(more, [])
  const records = await everyRecord(connection, destination)
  t.equal(records.length, only?.alerts)
  t.equal(new Set(records.map(contentOf)).size, records.length)
})

await t.test('logs a pass that takes longer than the interval, with statistics, and continues', async t => {
  const { source, flags } = replayTopics()
  await create(source)
  const cli = program.start(t, 'play-stream', [...flags, '--repeat-interval', '0.001', '--burst'])
  const [line] = await cli.waitFor(/^.*cannot keep up.*\n/m)
  const fields = { alerts: 30, tookSeconds: Number, intervalSeconds: 0.001, lateSeconds: Number, ticksSkipped: Number }
  t.match(JSON.parse(line), { level: 40, ...fields })
  await cli.waitFor(/^pass 3: 30 alerts/m)
  t.equal((await cli.stop('SIGINT')).code, 0)
})

await t.test('continues after a broker is killed and restarted between passes', async t => {
  const server = await useOwnKafka(t)
  const own = new Program({ ...stack, kafka: server.broker })
  const { source, flags } = replayTopics()
  t.match(await own.run('create-stream', [file, '--dst-topic', source, '--subject', subject]), { code: 0 })
  const cli = own.start(t, 'play-stream', [...flags, '--repeat-interval', '2', '--burst'])
  await cli.waitFor(/^pass 1: 30 alerts/m)
  await server.kill()
  await cli.waitFor(/waiting for the static topic/)
  await useOwnKafka(t, { dataDir: server.dataDir, port: Number(server.broker.split(':')[1]) })
  const before = passesOf(cli.stdout).length
  await cli.waitFor(new RegExp(`^pass ${before + 2}: 30 alerts.*s\n`, 'm'))
  t.equal((await cli.stop()).code, 0)
})

await t.test('with --overlap, alerts of two visits alternate, and each visit has every alert once', async t => {
  const { source, destination, flags } = replayTopics()
  await create(source, await alertFile(t, { alerts: 400 }))
  const args = ['--profile', 'dmtn-149', '--repeat-interval', '4', '--overlap', '2', '--fresh-ids']
  const cli = program.start(t, 'play-stream', [...flags, ...args])
  await cli.waitFor(/^pass 2: 400 .*\n/m)
  t.equal((await cli.stop()).code, 0)
  t.match(passesOf(cli.stdout).slice(0, 2), [{ pass: 1, alerts: 400, interrupted: undefined }, { pass: 2, alerts: 400 }])
  const ids = (await everyRecord(connection, destination)).map(({ key }) => decodeId(BigInt(key!.toString()))!)
  const visits = [...Map.groupBy(ids, ({ visit }) => visit).values()]
  t.strictSame(visits.slice(0, 2).map(({ length }) => length), [400, 400])
  for (const visit of visits.slice(0, 2)) t.equal(new Set(visit.map(({ counter }) => counter)).size, 400, 'each alert is sent once')
  const [one, two] = visits
  const overlap = ids.slice(ids.indexOf(two![0]!), ids.indexOf(one!.at(-1)!))
  const changes = overlap.filter(({ visit }, index) => index > 0 && visit !== overlap[index - 1]!.visit).length
  t.ok(changes > 10, `the visit changes ${changes} times in ${overlap.length} alerts`)
  for (let detector = 0; detector < 189; detector++) {
    const counters = one!.filter(each => each.detector === detector).map(({ counter }) => counter)
    t.strictSame(counters, counters.toSorted((a, b) => a - b), `detector ${detector} keeps its order`)
  }
})

await t.test('the flags of --profile dmtn-149 are wrong usage without it, and --burst-seconds with --overlap', async t => {
  const { flags } = replayTopics()
  const run = (...args: string[]) => program.run('play-stream', [...flags, ...args])
  for (const flag of ['--bursts', '--burst-seconds', '--seed']) {
    for (const profile of [[], ['--burst'], ['--profile', 'fast'], ['--profile', 'offsets']]) {
      const { code, stderr } = await run(flag, '3', ...profile)
      t.equal(code, 2)
      t.match(stderr, `USAGE_BAD_VALUE: ${flag} needs --profile dmtn-149`)
    }
  }
  t.match(await run('--profile', 'dmtn-149', '--overlap', '2', '--burst-seconds', '3'), {
    code: 2, stderr: /^USAGE_BAD_VALUE: --burst-seconds and --overlap cannot be used together/
  })
})

await t.test('--overlap needs --profile dmtn-149 and less time than the repeat interval', async t => {
  const { flags } = replayTopics()
  const run = (...args: string[]) => program.run('play-stream', [...flags, ...args])
  t.match(await run('--overlap', '2'), { code: 2, stderr: /^USAGE_BAD_VALUE: --overlap needs --profile dmtn-149/ })
  t.match(await run('--profile', 'dmtn-149', '--overlap', '37'), { code: 2, stderr: /--overlap 37 is not less than --repeat-interval 37/ })
  t.match(await run('--profile', 'dmtn-149', '--overlap', '2', '--repeat-interval', '-1'), { code: 2, stderr: /not less than/ })
})
