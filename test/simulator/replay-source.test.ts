import t, { type Test } from 'tap'
import { completionMarkerHeader } from '../../src/simulator/completion-marker.ts'
import { textHeader, type OutgoingRecord } from '../../src/kafka/record.ts'
import type { Logger } from '../../src/pipeline/log.ts'
import type { SourceRecord } from '../../src/pipeline/node.ts'
import { planBursts } from '../../src/simulator/burst-plan.ts'
import { burstProfile, fastProfile, interleavedProfile, offsetsProfile } from '../../src/simulator/profiles.ts'
import type { PassReport, ReplayRecord } from '../../src/simulator/replay-pass.ts'
import { replaySource, type ReplayOptions } from '../../src/simulator/replay-source.ts'
import { checkStaticTopic } from '../../src/simulator/static-topic.ts'
import { PassSeconds } from '../../src/simulator/ticks.ts'
import { adminFor, connect, contextOf, eventually, outgoing, produce, pull } from '../kafka/support.ts'
import { kafkaProxy, leaderless } from '../support/kafka-proxy.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const spec = (partitions: number) => ({ partitions, replicas: 1 })

/** `count` records, round-robin over the partitions. As after create-stream, each partition's last record has a completion marker. */
function load (count: number, partitions: number, name = 'v', marked = true): OutgoingRecord[] {
  const counts = Array.from({ length: partitions }, (_, partition) => Math.ceil((count - partition) / partitions))
  const marker = completionMarkerHeader({ load: uniqueName('load'), alerts: count, partitions: counts })
  return Array.from({ length: count }, (_, index) => outgoing(`${name}-${index}`, {
    partition: index % partitions,
    headers: [textHeader('alertsim-time-offset', (index / 1000).toFixed(6)), ...(marked && index >= count - partitions ? [marker] : [])]
  }))
}

async function loadedTopic (count: number, partitions = 3, marked = true): Promise<string> {
  const topic = uniqueName('static')
  await admin.createTopic(topic, spec(partitions))
  await produce(connection, topic, load(count, partitions, 'v', marked))
  return topic
}

interface Logged { readonly level: string, readonly fields: Record<string, unknown>, readonly message: string }

type Options = Partial<Omit<ReplayOptions, 'wholeBatchesTo'>> & { topic: string }

/** Runs a replay. Each record settles when `hold` resolves. Until then, no later record is pulled. */
function play (t: Test, options: Options, hold?: (record: ReplayRecord) => Promise<void>) {
  const reports: PassReport[] = []
  const logged: Logged[] = []
  const source = replaySource({
    connection, intervalMs: -1, acceptUnmarked: false, profile: fastProfile, onPass: report => { reports.push(report) }, ...options
  })
  const to = (level: string) => (fields: object, message: string) => {
    logged.push({ level, fields: fields as Record<string, unknown>, message })
  }
  const log = { debug: to('debug'), info: to('info'), warn: to('warn'), error: to('error') } as unknown as Logger
  const context = { ...contextOf(), log }
  const pulling = pull(source, context, async record => {
    await hold?.(record.value)
    source.settled?.(record)
  })
  t.teardown(async () => { await pulling.stop().catch(() => {}) })
  const values = (pass: number): string[] =>
    pulling.records.filter(({ value }) => value.pass === pass).map(({ value }) => value.record.value!.toString())
  return { source, reports, logged, pulling, values, context }
}

await t.test('a single pass emits every record once, reports the bytes and ends', async t => {
  const topic = await loadedTopic(50)
  const { reports, pulling, values, source } = play(t, { topic })
  await pulling.ended
  t.strictSame(new Set(values(1)), new Set(load(50, 3).map(({ value }) => value!.toString())))
  t.equal(pulling.records.length, 50)
  t.match(reports, [{ pass: 1, alerts: 50, interrupted: undefined }])
  t.equal(reports.length, 1)
  t.ok(reports[0]!.bytes > 50 * (3 + 20 + 8))
  t.equal(source.passes, 1)
})

await t.test('with the offsets profile, records are ordered by time offset and due at their time offset', async t => {
  const topic = await loadedTopic(60)
  const { pulling, values } = play(t, { topic, profile: offsetsProfile })
  await pulling.ended
  t.strictSame(values(1), load(60, 3).map(({ value }) => value!.toString()))
  const first = pulling.records[0]!.value.dueAt
  for (const [index, { value }] of pulling.records.entries()) t.ok(Math.abs(value.dueAt - first - index) < 1e-6)
})

await t.test('with the fast profile, all records are due at once and each partition keeps its order', async t => {
  const topic = await loadedTopic(60)
  const { pulling } = play(t, { topic })
  await pulling.ended
  t.equal(new Set(pulling.records.map(({ value }) => value.dueAt)).size, 1)
  for (let partition = 0; partition < 3; partition++) {
    const records = pulling.records.map(({ value }) => value.record)
    const offsets = records.filter(record => record.partition === partition).map(({ offset }) => offset)
    t.strictSame(offsets, Array.from({ length: 20 }, (_, offset) => BigInt(offset)))
  }
})

await t.test('with the burst profile, records are ordered by time offset, and records of a burst are due together', async t => {
  const topic = await loadedTopic(60)
  const options = { bursts: 9, seconds: 0.2, seed: 5 }
  const { pulling, values } = play(t, { topic, profile: burstProfile(options) })
  await pulling.ended
  t.strictSame(values(1), load(60, 3).map(({ value }) => value!.toString()))
  const { sizes, startMs } = planBursts(60, 1, options)
  const due = pulling.records.map(({ value }) => value.dueAt)
  const began = due[0]! - startMs[0]!
  for (const [index, wanted] of sizes.flatMap((size, burst) => new Array<number>(size).fill(startMs[burst]!)).entries()) {
    t.ok(Math.abs(due[index]! - began - wanted) < 1e-6, `due time of alert ${index}`)
  }
})

await t.test('reports the longest delay between due time and settling, unless the profile sets no due times', async t => {
  const topic = await loadedTopic(10)
  const late = play(t, { topic, profile: offsetsProfile }, async ({ dueAt }) => {
    while (performance.now() < dueAt + 30) await new Promise(resolve => setTimeout(resolve, 5))
  })
  await late.pulling.ended
  t.ok(late.reports[0]!.lateSeconds! >= 0.03)
  const fast = play(t, { topic })
  await fast.pulling.ended
  t.match(fast.reports, [{ lateSeconds: undefined }])
})

for (const [name, profile] of Object.entries({ fastProfile, offsetsProfile })) {
  await t.test(`if the visit is smaller than the topic, every pass has the alerts with the lowest time offsets (${name})`, async t => {
    const topic = await loadedTopic(60)
    const { pulling, values, reports } = play(t, { topic, profile, visitSize: 25, intervalMs: 0 })
    await pulling.until(() => reports.length >= 2)
    await pulling.stop()
    for (const pass of [1, 2]) t.strictSame(values(pass), load(25, 3).map(({ value }) => value!.toString()))
    t.match(reports.slice(0, 2), [{ alerts: 25, interrupted: undefined }, { alerts: 25, interrupted: undefined }])
  })

  await t.test(`a visit larger than the topic repeats all alerts about equally often, up to the visit size (${name})`, async t => {
    const topic = await loadedTopic(60)
    const { pulling, values, reports } = play(t, { topic, profile, visitSize: 150, repeats: true })
    await pulling.ended
    t.match(reports, [{ alerts: 150, interrupted: undefined }])
    t.equal(pulling.records.length, 150)
    const counts = [...Map.groupBy(values(1), value => value).values()].map(({ length }) => length)
    t.equal(counts.length, 60)
    t.ok(counts.every(count => count === 2 || count === 3), String(counts))
    const runs = values(1).filter((value, index, all) => value !== all[index - 1])
    t.equal(new Set(runs).size, runs.length, 'repeats of an alert follow each other')
    t.equal(new Set(pulling.records.map(({ value }) => value.index)).size, 150, 'indexes are distinct')
  })
}

await t.test('alerts are numbered partition after partition, and an alert has the same index with every profile', async t => {
  const topic = await loadedTopic(20)
  const expected = (value: ReplayRecord): number => [0, 7, 14][value.record.partition]! + Number(value.record.offset)
  for (const profile of [fastProfile, offsetsProfile]) {
    const { pulling } = play(t, { topic, profile })
    await pulling.ended
    for (const { value } of pulling.records) t.equal(value.index, expected(value))
    t.strictSame(pulling.records.map(({ value }) => value.index).sort((a, b) => a - b), [...Array(20).keys()])
  }
})

await t.test('if the visit is larger than the topic and alerts may not repeat, a single pass fails and a loop waits', async t => {
  const topic = await loadedTopic(9)
  await t.rejects(play(t, { topic, visitSize: 10 }).pulling.ended, {
    code: 'STATIC_TOPIC_SMALL', message: 'the static topic holds 9 alerts, but --visit-size is 10', hint: /--fresh-ids/
  })
  const { source, pulling, reports } = play(t, { topic, visitSize: 10, intervalMs: 20 })
  await eventually(() => source.waitingFor === 'the static topic holds 9 alerts, but --visit-size is 10')
  await admin.recreateTopic(topic, spec(3))
  await produce(connection, topic, load(12, 3))
  await pulling.until(() => reports.length > 0)
  t.match(reports[0], { alerts: 10, interrupted: undefined })
})

await t.test('each pass has a distinct second, which all its alerts share', async t => {
  const topic = await loadedTopic(6)
  const { pulling, reports } = play(t, { topic, intervalMs: 0, seconds: new PassSeconds() })
  await pulling.until(() => reports.length >= 2)
  await pulling.stop()
  const secondsOf = (pass: number) => new Set(pulling.records.filter(({ value }) => value.pass === pass).map(({ value }) => value.second))
  const [first, second] = [1, 2].map(secondsOf)
  t.equal(first!.size, 1)
  t.equal(second!.size, 1)
  t.ok([...second!][0]! > [...first!][0]!)
})

await t.test('a single pass fails with the reason if the topic is missing, empty, unmarked or inconsistent', async t => {
  const empty = uniqueName('static')
  await admin.createTopic(empty, spec(2))
  const twice = await loadedTopic(9)
  await produce(connection, twice, load(9, 3, 'again'))
  const cases: Array<[string, RegExp]> = [
    [uniqueName('none'), /the static topic does not exist/],
    [empty, /the static topic is empty/],
    [await loadedTopic(9, 3, false), /holds 9 records but no completion marker/],
    [twice, /partition 0 holds 6 records, but the load wrote 3/]
  ]
  for (const [topic, message] of cases) {
    await t.rejects(play(t, { topic }).pulling.ended, {
      code: 'STATIC_TOPIC_INCOMPLETE', message, where: `${topic} at ${kafka}`, hint: /--accept-unmarked/
    })
    t.match(await checkStaticTopic(admin, connection, topic), message)
  }
})

await t.test('with acceptUnmarked, plays an unmarked topic but not an empty topic', async t => {
  const { pulling, reports } = play(t, { topic: await loadedTopic(9, 3, false), acceptUnmarked: true })
  await pulling.ended
  t.match(reports, [{ alerts: 9 }])
  const empty = uniqueName('static')
  await admin.createTopic(empty, spec(2))
  await t.rejects(play(t, { topic: empty, acceptUnmarked: true }).pulling.ended, { code: 'STATIC_TOPIC_INCOMPLETE' })
})

await t.test('a loop waits until the topic is complete, and the wait does not count as lateness', async t => {
  const topic = uniqueName('static')
  const { source, pulling, logged, reports, values } = play(t, { topic, intervalMs: 20 })
  await eventually(() => source.waitingFor === 'the static topic does not exist')
  await admin.createTopic(topic, spec(3))
  await eventually(() => source.waitingFor === 'the static topic is empty')
  const records = load(30, 3)
  await produce(connection, topic, records.slice(0, 20))
  await eventually(() => source.waitingFor === 'the static topic holds 20 records but no completion marker')
  t.equal(pulling.records.length, 0)
  await produce(connection, topic, records.slice(20))
  await pulling.until(() => reports.length > 0)
  t.equal(source.waitingFor, undefined)
  t.match(reports[0], { pass: 1, alerts: 30, interrupted: undefined })
  t.equal(new Set(values(1)).size, 30)
  // The first pass may be slow, but its lateness must not include the wait for the topic.
  const late = logged.filter(({ message }) => message.startsWith('cannot keep up')).map(({ fields }) => fields)
  const lateness = ({ lateSeconds, ticksSkipped }: Logged['fields']): number => Number(lateSeconds) + Number(ticksSkipped) * 0.02
  t.ok(late.every(fields => lateness(fields) <= Number(fields['tookSeconds']) + 1), JSON.stringify(late))
})

await t.test('a pass that takes longer than the interval is logged and counted, and the next pass begins at once', async t => {
  const topic = await loadedTopic(6)
  const pause = async (): Promise<void> => { await new Promise(resolve => setTimeout(resolve, 2)) }
  const { source, pulling, logged, reports } = play(t, { topic, intervalMs: 1 }, pause)
  await pulling.until(() => reports.length >= 3)
  const late = logged.find(({ message }) => message === 'cannot keep up: the pass took longer than the repeat interval')
  const fields = { alerts: 6, tookSeconds: Number, intervalSeconds: 0.001, lateSeconds: Number, ticksSkipped: Number }
  t.match(late, { level: 'warn', fields })
  t.ok(Number(late?.fields['tookSeconds']) >= 0.012)
  t.ok(source.overruns.lateMs > 0 && source.overruns.ticksSkipped >= Number(late?.fields['ticksSkipped']), 'overruns are counted')
  t.ok(reports.every(({ alerts }) => alerts === 6))
})

await t.test('a pass begins only after all records of the previous pass have settled', async t => {
  const topic = await loadedTopic(6)
  const reports: PassReport[] = []
  const onPass = (report: PassReport): void => { reports.push(report) }
  const source = replaySource({ connection, topic, intervalMs: 0, acceptUnmarked: false, profile: fastProfile, onPass })
  const iterator = source.records(contextOf())[Symbol.asyncIterator]()
  const next = async () => (await iterator.next() as { value: SourceRecord<ReplayRecord> }).value
  const first = [await next(), await next(), await next(), await next(), await next(), await next()]
  const seventh = next()
  for (const record of first.slice(1)) source.settled?.(record)
  t.strictSame(reports, [])
  source.settled?.(first[0]!)
  t.equal((await seventh).value.pass, 2)
  t.match(reports, [{ pass: 1, alerts: 6 }])
  t.ok(first.every(({ value }) => value.pass === 1))
  const ended = iterator.return?.()
  source.settled?.(await seventh)
  await ended
})

await t.test('with overlaps, a pass begins before the previous one has ended, and each pass emits every record once', async t => {
  const topic = await loadedTopic(120)
  const options = { bursts: 12, seconds: 0.9, seed: 5, overlapSeconds: 0.3 }
  const open = new Set<number>()
  let most = 0
  const profile = interleavedProfile(options)
  const { pulling, values, reports } = play(t, { topic, intervalMs: 600, overlaps: true, profile }, async value => {
    open.add(value.pass)
    most = Math.max(most, open.size)
    while (performance.now() < value.dueAt) await new Promise(resolve => setTimeout(resolve, 2))
    if (values(value.pass).length === 120) open.delete(value.pass)
  })
  await pulling.until(() => reports.length >= 3)
  await pulling.stop()
  t.equal(most, 2, 'two passes run at a time, never three')
  for (const pass of [1, 2, 3]) t.strictSame(new Set(values(pass)), new Set(load(120, 3).map(({ value }) => value!.toString())))
  for (const pass of [1, 2, 3]) t.equal(values(pass).length, 120, `pass ${pass} has no duplicates`)
  t.match(reports.slice(0, 3).map(({ pass, alerts, interrupted }) => ({ pass, alerts, interrupted })), [1, 2, 3].map(pass =>
    ({ pass, alerts: 120, interrupted: undefined })))
  const order = pulling.records.map(({ value }) => value)
  const firstOf = (pass: number): number => order.findIndex(value => value.pass === pass)
  const lastOf = (pass: number): number => order.findLastIndex(value => value.pass === pass)
  t.ok(firstOf(2) < lastOf(1) && firstOf(3) < lastOf(2), 'records of two passes alternate')
  t.ok(order.every(({ dueAt, pass }, index) => index === 0 || dueAt >= order[index - 1]!.dueAt || firstOf(pass) === index))
})

await t.test('overlapping passes have distinct seconds; a stop reports both passes', async t => {
  const topic = await loadedTopic(60)
  const profile = interleavedProfile({ bursts: 6, seconds: 2.2, seed: 5, overlapSeconds: 1 })
  const twice = { topic, intervalMs: 1200, overlaps: true, profile, seconds: new PassSeconds() }
  const { pulling, reports, context } = play(t, twice, async value => {
    while (performance.now() < value.dueAt) await new Promise(resolve => setTimeout(resolve, 2))
    if (value.pass === 2) context.stop()
  })
  await pulling.ended
  const seconds = Map.groupBy(pulling.records, ({ value }) => value.second)
  t.strictSame([...seconds.values()].map(records => new Set(records.map(({ value }) => value.pass)).size), [1, 1])
  t.match(reports.map(({ pass, interrupted }) => ({ pass, interrupted })).sort((a, b) => a.pass - b.pass), [
    { pass: 1, interrupted: 'stopped' }, { pass: 2, interrupted: 'stopped' }
  ])
  t.equal(reports.reduce((sum, { alerts }) => sum + alerts, 0), pulling.records.length, 'every emitted record is reported')
})

await t.test('if the topic is recreated, the pass ends early without mixing loads, and a complete pass follows', async t => {
  const topic = uniqueName('static')
  const padding = Buffer.alloc(60_000, '.')
  const big = (name: string) => load(300, 3, name).map(each => ({ ...each, value: Buffer.concat([each.value!, padding]) }))
  await admin.createTopic(topic, spec(3))
  await produce(connection, topic, big('old'))
  let recreated: Promise<void> | undefined
  const { pulling, reports, values } = play(t, { topic, intervalMs: 50 }, async ({ pass }) => {
    if (pass !== 2) return
    recreated ??= (async () => {
      await admin.recreateTopic(topic, spec(3))
      await produce(connection, topic, big('new'))
    })()
    await recreated
  })
  await pulling.until(() => reports.some(({ pass }) => pass >= 4))
  await pulling.stop()
  for (const { pass, alerts, interrupted } of reports) {
    const seen = values(pass).map(value => value.replaceAll('.', ''))
    t.equal(new Set(seen).size, seen.length, `pass ${pass} has no duplicates`)
    t.equal(seen.length, alerts)
    t.ok(new Set(seen.map(value => value.slice(0, 3))).size <= 1, `pass ${pass} is from one load`)
    if (interrupted === undefined) t.equal(seen.length, 300, `pass ${pass} is complete`)
  }
  t.match(reports[1], { pass: 2, interrupted: /deleted or recreated/ })
  t.ok(reports[1]!.alerts < 300, `the interrupted pass published ${reports[1]!.alerts} of 300 alerts`)
  t.match(reports[2], { pass: 3, alerts: 300, interrupted: undefined })
  t.ok(values(3).every(value => value.startsWith('new-')))
})

await t.test('a single pass fails if the topic is recreated during the pass', async t => {
  const topic = uniqueName('static')
  await admin.createTopic(topic, spec(1))
  await produce(connection, topic, load(300, 1).map(each => ({ ...each, value: Buffer.alloc(60_000) })))
  let recreated: Promise<unknown> | undefined
  const { pulling } = play(t, { topic }, async () => { await (recreated ??= admin.recreateTopic(topic, spec(1))) })
  await t.rejects(pulling.ended, { code: 'KAFKA_TOPIC_RECREATED' })
})

await t.test('a pass that is stopped is reported as stopped, with the alerts that were published', async t => {
  const topic = await loadedTopic(30)
  const { pulling, reports, context, source } = play(t, { topic, intervalMs: 1000 }, async () => {
    if (pulling.records.length === 10) context.stop()
  })
  await pulling.ended
  t.match(reports, [{ pass: 1, alerts: 10, interrupted: 'stopped' }])
  t.equal(source.ending.aborted, true)
  await source.flush?.()
  t.equal(reports.length, 1, 'the stopped pass is reported only once')
})

await t.test('a pass that failed is reported when the graph flushes', async t => {
  const topic = await loadedTopic(30)
  const reports: PassReport[] = []
  const onPass = (report: PassReport): void => { reports.push(report) }
  const source = replaySource({ connection, topic, intervalMs: -1, acceptUnmarked: false, profile: fastProfile, onPass })
  const iterator = source.records(contextOf())[Symbol.asyncIterator]()
  for (let n = 0; n < 4; n++) {
    const { value } = await iterator.next() as { value: Parameters<NonNullable<typeof source.settled>>[0] }
    source.settled?.(value, n === 3 ? new Error('lost') : undefined)
  }
  await iterator.return?.()
  t.strictSame(reports, [])
  await source.flush?.()
  t.match(reports, [{ pass: 1, alerts: 3, interrupted: 'failed' }])
})

await t.test('a pass whose lookup finds no leader waits and then plays every record', async t => {
  const topic = await loadedTopic(30)
  const proxy = await kafkaProxy(t, kafka)
  const faults = (): void => {
    proxy.fail('Metadata', leaderless(topic), 2)
    proxy.fail('Metadata', 'lose response', 1)
    proxy.fail('ListOffsets', 'lose response', 5)
  }
  const reported: PassReport[] = []
  const { pulling, values, source } = play(t, {
    connection: await connect(proxy.broker), topic, intervalMs: 50,
    onPass: report => {
      reported.push(report)
      faults()
    }
  })
  await eventually(() => reported.length >= 3)
  proxy.heal()
  await pulling.stop()
  for (const { pass, alerts, interrupted } of reported.slice(0, 3)) {
    t.match({ alerts, interrupted }, { alerts: 30, interrupted: undefined }, `pass ${pass} is complete`)
    t.equal(new Set(values(pass)).size, 30)
    t.equal(values(pass).length, 30)
  }
  t.equal(source.passes, reported.length)
})

await t.test('an interrupted pass continues with the next record: none is missing, none is emitted twice', async t => {
  const topic = await loadedTopic(60)
  const proxy = await kafkaProxy(t, kafka)
  const options = { connection: await connect(proxy.broker), topic, profile: offsetsProfile }
  const { reports, pulling, values } = play(t, options, async ({ index }) => {
    if (index !== 10) return
    proxy.fail('Fetch', 'lose response', 2)
    proxy.fail('Metadata', leaderless(topic), 2)
  })
  proxy.fail('Fetch', 'lose response', 2)
  await pulling.ended
  t.match(reports, [{ pass: 1, alerts: 60, interrupted: undefined }])
  t.strictSame(values(1), load(60, 3).map(({ value }) => value!.toString()))
})

await t.test('a single pass waits for the brokers too', async t => {
  const topic = await loadedTopic(10)
  const proxy = await kafkaProxy(t, kafka)
  proxy.fail('Metadata', leaderless(topic), 2)
  const { reports, pulling, source } = play(t, { connection: await connect(proxy.broker), topic })
  await pulling.ended
  t.match(reports, [{ pass: 1, alerts: 10, interrupted: undefined }])
  t.equal(source.waitingFor, undefined)
})
