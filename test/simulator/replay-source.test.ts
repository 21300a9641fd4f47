import t, { type Test } from 'tap'
import { completionMarker } from '../../src/simulator/completion-mark.ts'
import { textHeader, type OutgoingRecord } from '../../src/kafka/record.ts'
import type { Logger } from '../../src/pipeline/log.ts'
import type { SourceRecord } from '../../src/pipeline/node.ts'
import { burstProfile, fastProfile, offsetsProfile, planBursts } from '../../src/simulator/profiles.ts'
import { replaySource, type PassReport, type ReplayOptions, type ReplayRecord } from '../../src/simulator/replay-source.ts'
import { wholeTopic } from '../../src/simulator/static-topic.ts'
import { PassSeconds } from '../../src/simulator/ticks.ts'
import { adminFor, connect, contextOf, eventually, outgoing, produce, pull } from '../kafka/support.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const spec = (partitions: number) => ({ partitions, replicas: 1 })

/** `count` records in turn over the partitions, the last of each marked as create-stream marks it. */
function load (count: number, partitions: number, name = 'v', marked = true): OutgoingRecord[] {
  const counts = Array.from({ length: partitions }, (_, partition) => Math.ceil((count - partition) / partitions))
  const marker = completionMarker({ load: uniqueName('load'), alerts: count, partitions: counts })
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

interface Logged { readonly level: string, readonly facts: Record<string, unknown>, readonly message: string }

/** A replay that is pulled; each record settles as it comes unless `hold` says otherwise, which holds up the records after it too. */
function play (t: Test, options: Partial<ReplayOptions> & { topic: string }, hold?: (record: ReplayRecord) => Promise<void>) {
  const reports: PassReport[] = []
  const logged: Logged[] = []
  const source = replaySource({ connection, intervalMs: -1, acceptUnmarked: false, profile: fastProfile, onPass: report => { reports.push(report) }, ...options })
  const to = (level: string) => (facts: object, message: string) => { logged.push({ level, facts: facts as Record<string, unknown>, message }) }
  const log = { debug: to('debug'), info: to('info'), warn: to('warn'), error: to('error') } as unknown as Logger
  const context = { ...contextOf(), log }
  const pulling = pull(source, context, async record => {
    await hold?.(record.value)
    source.settled?.(record)
  })
  t.teardown(async () => { await pulling.stop().catch(() => {}) })
  const values = (pass: number): string[] => pulling.records.filter(({ value }) => value.pass === pass).map(({ value }) => value.record.value!.toString())
  return { source, reports, logged, pulling, values, context }
}

await t.test('once: every record one time, reported with its bytes, and the source ends', async t => {
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

await t.test('paced, records come in the order of their offsets, each due as long after the first as its offset says', async t => {
  const topic = await loadedTopic(60)
  const { pulling, values } = play(t, { topic, profile: offsetsProfile })
  await pulling.ended
  t.strictSame(values(1), load(60, 3).map(({ value }) => value!.toString()))
  const first = pulling.records[0]!.value.dueAt
  for (const [index, { value }] of pulling.records.entries()) t.ok(Math.abs(value.dueAt - first - index) < 1e-6)
})

await t.test('in a burst all are due at once, and each partition keeps its order', async t => {
  const topic = await loadedTopic(60)
  const { pulling } = play(t, { topic })
  await pulling.ended
  t.equal(new Set(pulling.records.map(({ value }) => value.dueAt)).size, 1)
  for (let partition = 0; partition < 3; partition++) {
    const offsets = pulling.records.map(({ value }) => value.record).filter(record => record.partition === partition).map(({ offset }) => offset)
    t.strictSame(offsets, Array.from({ length: 20 }, (_, offset) => BigInt(offset)))
  }
})

await t.test('in bursts, alerts come in the order of their offsets, those of a burst due at one moment', async t => {
  const topic = await loadedTopic(60)
  const options = { bursts: 9, seconds: 0.2, seed: 5 }
  const { pulling, values } = play(t, { topic, profile: burstProfile(options) })
  await pulling.ended
  t.strictSame(values(1), load(60, 3).map(({ value }) => value!.toString()))
  const { sizes, startMs } = planBursts(60, 1, options)
  const due = pulling.records.map(({ value }) => value.dueAt)
  const began = due[0]! - startMs[0]!
  for (const [index, wanted] of sizes.flatMap((size, burst) => new Array<number>(size).fill(startMs[burst]!)).entries()) {
    t.ok(Math.abs(due[index]! - began - wanted) < 1e-6, `alert ${index}`)
  }
})

await t.test('how late: the longest time from when an alert was due to when it settled; without times of their own none is', async t => {
  const topic = await loadedTopic(10)
  const late = play(t, { topic, profile: offsetsProfile }, async ({ dueAt }) => { while (performance.now() < dueAt + 30) await new Promise(resolve => setTimeout(resolve, 5)) })
  await late.pulling.ended
  t.ok(late.reports[0]!.lateSeconds! >= 0.03)
  const fast = play(t, { topic })
  await fast.pulling.ended
  t.match(fast.reports, [{ lateSeconds: undefined }])
})

for (const [name, profile] of Object.entries({ fastProfile, offsetsProfile })) {
  await t.test(`a smaller visit is the first alerts in the order of their offsets, in every pass (${name})`, async t => {
    const topic = await loadedTopic(60)
    const { pulling, values, reports } = play(t, { topic, profile, visitSize: 25, intervalMs: 0 })
    await pulling.until(() => reports.length >= 2)
    await pulling.stop()
    for (const pass of [1, 2]) t.strictSame(values(pass), load(25, 3).map(({ value }) => value!.toString()))
    t.match(reports.slice(0, 2), [{ alerts: 25, interrupted: undefined }, { alerts: 25, interrupted: undefined }])
  })

  await t.test(`a larger visit plays each alert several times in a row, evenly, exactly as many as asked for (${name})`, async t => {
    const topic = await loadedTopic(60)
    const { pulling, values, reports } = play(t, { topic, profile, visitSize: 150, repeats: true })
    await pulling.ended
    t.match(reports, [{ alerts: 150, interrupted: undefined }])
    t.equal(pulling.records.length, 150)
    const counts = [...Map.groupBy(values(1), value => value).values()].map(({ length }) => length)
    t.equal(counts.length, 60)
    t.ok(counts.every(count => count === 2 || count === 3), String(counts))
    t.equal(new Set(values(1).filter((value, index, all) => value !== all[index - 1])).size, values(1).filter((value, index, all) => value !== all[index - 1]).length, 'copies follow each other')
    t.equal(new Set(pulling.records.map(({ value }) => value.place)).size, 150, 'no two have the same place')
  })
}

await t.test('an alert has the same place in every pass and profile: partition after partition', async t => {
  const topic = await loadedTopic(20)
  const expected = (value: ReplayRecord): number => [0, 7, 14][value.record.partition]! + Number(value.record.offset)
  for (const profile of [fastProfile, offsetsProfile]) {
    const { pulling } = play(t, { topic, profile })
    await pulling.ended
    for (const { value } of pulling.records) t.equal(value.place, expected(value))
    t.strictSame(pulling.records.map(({ value }) => value.place).sort((a, b) => a - b), Array.from({ length: 20 }, (_, place) => place))
  }
})

await t.test('a visit larger than the topic without repetition: once an error, in a loop waited for', async t => {
  const topic = await loadedTopic(9)
  await t.rejects(play(t, { topic, visitSize: 10 }).pulling.ended, {
    code: 'STATIC_TOPIC_SMALL', message: 'the static topic cannot be played: it holds 9 alerts, a visit is to have 10', hint: /--fresh-ids/
  })
  const { source, pulling, reports } = play(t, { topic, visitSize: 10, intervalMs: 20 })
  await eventually(() => source.waitingFor === 'it holds 9 alerts, a visit is to have 10')
  await admin.recreateTopic(topic, spec(3))
  await produce(connection, topic, load(12, 3))
  await pulling.until(() => reports.length > 0)
  t.match(reports[0], { alerts: 10, interrupted: undefined })
})

await t.test('passes that are given a second each have another one, the same for all their alerts', async t => {
  const topic = await loadedTopic(6)
  const { pulling, reports } = play(t, { topic, intervalMs: 0, seconds: new PassSeconds() })
  await pulling.until(() => reports.length >= 2)
  await pulling.stop()
  const [first, second] = [1, 2].map(pass => new Set(pulling.records.filter(({ value }) => value.pass === pass).map(({ value }) => value.second)))
  t.equal(first!.size, 1)
  t.equal(second!.size, 1)
  t.ok([...second!][0]! > [...first!][0]!)
})

await t.test('once: a topic that is missing, empty, unmarked or does not add up is an error that says so', async t => {
  const empty = uniqueName('static')
  await admin.createTopic(empty, spec(2))
  const twice = await loadedTopic(9)
  await produce(connection, twice, load(9, 3, 'again'))
  const cases: Array<[string, RegExp]> = [
    [uniqueName('none'), /it does not exist/],
    [empty, /it is empty/],
    [await loadedTopic(9, 3, false), /it holds 9 records and no mark of a finished load/],
    [twice, /partition 0 holds 6 records, the load put 3 there/]
  ]
  for (const [topic, message] of cases) {
    await t.rejects(play(t, { topic }).pulling.ended, { code: 'STATIC_TOPIC_INCOMPLETE', message, where: `${topic} at ${kafka}` })
    t.match(await wholeTopic(admin, connection, topic), message)
  }
})

await t.test('a topic without mark is played where that is accepted, an empty one is not', async t => {
  const { pulling, reports } = play(t, { topic: await loadedTopic(9, 3, false), acceptUnmarked: true })
  await pulling.ended
  t.match(reports, [{ alerts: 9 }])
  const empty = uniqueName('static')
  await admin.createTopic(empty, spec(2))
  await t.rejects(play(t, { topic: empty, acceptUnmarked: true }).pulling.ended, { code: 'STATIC_TOPIC_INCOMPLETE' })
})

await t.test('in a loop it waits for a topic that is missing, then incomplete, and plays it when it is whole; the wait is no lateness', async t => {
  const topic = uniqueName('static')
  const { source, pulling, logged, reports, values } = play(t, { topic, intervalMs: 20 })
  await eventually(() => source.waitingFor === 'it does not exist')
  await admin.createTopic(topic, spec(3))
  await eventually(() => source.waitingFor === 'it is empty')
  const records = load(30, 3)
  await produce(connection, topic, records.slice(0, 20))
  await eventually(() => source.waitingFor === 'it holds 20 records and no mark of a finished load')
  t.equal(pulling.records.length, 0)
  await produce(connection, topic, records.slice(20))
  await pulling.until(() => reports.length > 0)
  t.equal(source.waitingFor, undefined)
  t.match(reports[0], { pass: 1, alerts: 30, interrupted: undefined })
  t.equal(new Set(values(1)).size, 30)
  // Whatever the first pass itself took: it was not the wait of seconds that made it late.
  const late = logged.filter(({ message }) => message.startsWith('cannot keep up')).map(({ facts }) => facts)
  t.ok(late.every(({ lateSeconds, tookSeconds, ticksLeftOut }) => Number(lateSeconds) + Number(ticksLeftOut) * 0.02 <= Number(tookSeconds) + 1), JSON.stringify(late))
})

await t.test('a pass that takes longer than the interval is told of with figures, and followed at once', async t => {
  const topic = await loadedTopic(6)
  const { source, pulling, logged, reports } = play(t, { topic, intervalMs: 1 }, async () => { await new Promise(resolve => setTimeout(resolve, 2)) })
  await pulling.until(() => reports.length >= 3)
  const late = logged.find(({ message }) => message === 'cannot keep up: the pass took longer than the repeat interval')
  t.match(late, { level: 'warn', facts: { alerts: 6, tookSeconds: Number, intervalSeconds: 0.001, lateSeconds: Number, ticksLeftOut: Number } })
  t.ok(Number(late?.facts['tookSeconds']) >= 0.012)
  t.ok(source.overruns.lateMs > 0 && source.overruns.leftOut >= Number(late?.facts['ticksLeftOut']), 'and it is added up')
  t.ok(reports.every(({ alerts }) => alerts === 6))
})

await t.test('the next pass does not begin before every record of the one before has settled', async t => {
  const topic = await loadedTopic(6)
  const reports: PassReport[] = []
  const source = replaySource({ connection, topic, intervalMs: 0, acceptUnmarked: false, profile: fastProfile, onPass: report => { reports.push(report) } })
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

await t.test('recreated in the midst of a pass: the pass ends early, none holds a record twice or of the other topic, the next is whole', async t => {
  const topic = uniqueName('static')
  const big = (name: string) => load(300, 3, name).map(each => ({ ...each, value: Buffer.concat([each.value!, Buffer.alloc(60_000, '.')]) }))
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
    t.equal(new Set(seen).size, seen.length, `pass ${pass} holds nothing twice`)
    t.equal(seen.length, alerts)
    t.ok(new Set(seen.map(value => value.slice(0, 3))).size <= 1, `pass ${pass} is of one topic`)
    if (interrupted === undefined) t.equal(seen.length, 300, `pass ${pass} is whole`)
  }
  t.match(reports[1], { pass: 2, interrupted: /deleted or recreated/ })
  t.ok(reports[1]!.alerts < 300, `${reports[1]!.alerts} of 300`)
  t.match(reports[2], { pass: 3, alerts: 300, interrupted: undefined })
  t.ok(values(3).every(value => value.startsWith('new-')))
})

await t.test('once, a topic recreated in the midst is an error', async t => {
  const topic = uniqueName('static')
  await admin.createTopic(topic, spec(1))
  await produce(connection, topic, load(300, 1).map(each => ({ ...each, value: Buffer.alloc(60_000) })))
  let recreated: Promise<unknown> | undefined
  const { pulling } = play(t, { topic }, async () => { await (recreated ??= admin.recreateTopic(topic, spec(1))) })
  await t.rejects(pulling.ended, { code: 'KAFKA_TOPIC_RECREATED' })
})

await t.test('stopped in the midst of a pass it reports what was published, as stopped', async t => {
  const topic = await loadedTopic(30)
  const { pulling, reports, context, source } = play(t, { topic, intervalMs: 1000 }, async () => {
    if (pulling.records.length === 10) context.stop()
  })
  await pulling.ended
  t.match(reports, [{ pass: 1, alerts: 10, interrupted: 'stopped' }])
  t.equal(source.ending.aborted, true)
  await source.flush?.()
  t.equal(reports.length, 1, 'once')
})

await t.test('given up at a record it is reported when the graph flushes', async t => {
  const topic = await loadedTopic(30)
  const reports: PassReport[] = []
  const source = replaySource({ connection, topic, intervalMs: -1, acceptUnmarked: false, profile: fastProfile, onPass: report => { reports.push(report) } })
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
