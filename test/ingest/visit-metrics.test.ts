import { mock } from 'node:test'
import t from 'tap'
import { VisitMetrics } from '../../src/ingest/visit-metrics.ts'
import type { KafkaRecord } from '../../src/kafka/record.ts'

mock.timers.enable({ apis: ['setInterval', 'Date'] })
t.teardown(() => { mock.timers.reset() })

interface Line { readonly level: string, readonly msg: string, readonly [field: string]: unknown }

function visitMetrics (lag: () => Promise<number | undefined> = async () => 7) {
  const lines: Line[] = []
  const at = (level: string) => (fields: object, msg: string): void => { lines.push({ level, ...fields, msg }) }
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  const visitOf = ({ key }: KafkaRecord): number | undefined => key === null ? undefined : Number(key.toString())
  return { lines, metrics: new VisitMetrics({ topics: ['alerts', 'other'], gapMs: 5000, visitOf, log, lag }) }
}

let offset = 0n
/** A record. In these tests, the visit is the key. */
const record = (timestamp: number | bigint, topic = 'alerts', visit?: number) => {
  const key = visit === undefined ? null : Buffer.from(String(visit))
  const value = { topic, partition: 0, offset: offset++, timestamp: BigInt(timestamp), key, value: Buffer.alloc(50), headers: [] }
  return { value, bytes: 500, position: 'x' }
}
const turn = async (): Promise<void> => { await new Promise(resolve => setImmediate(resolve)) }

await t.test('logs one line per visit when all records of the visit have settled and the gap has passed', async t => {
  const { lines, metrics } = visitMetrics()
  mock.timers.setTime(100_000)
  const records = [record(98_000), record(99_000), record(99_500)]
  for (const each of records) metrics.observer.pulled!(each)
  mock.timers.setTime(101_000)
  metrics.observer.wrote!(records[0]!, 'archive', 'written')
  metrics.observer.wrote!(records[1]!, 'archive', 'identical')
  metrics.observer.wrote!(records[2]!, 'archive', 'written')
  mock.timers.tick(4000)
  t.equal(lines.length, 0)
  mock.timers.tick(2000)
  await turn()
  t.strictSame(lines, [{
    level: 'info', topic: 'alerts', began: '1970-01-01T00:01:38.000Z', alerts: 3, written: 2, identical: 1, deadLetters: 0, bytes: 150,
    seconds: 3, maxAgeSeconds: 3, lag: 7, msg: 'visit archived'
  }])
  t.match(metrics.topics, [{ topic: 'alerts', visits: 1, overruns: 0, alerts: 3 }, { topic: 'other', visits: 0 }])
  t.strictSame([metrics.ages.read().count, metrics.ages.read().sum], [3, 3 + 2 + 1.5])
  await metrics.close()
})

await t.test('logs a warning for a visit with a dead letter or an overrun; each topic has its own visits', async t => {
  const { lines, metrics } = visitMetrics()
  mock.timers.setTime(140_000)
  const late = record(140_000, 'other')
  metrics.observer.pulled!(late)
  mock.timers.setTime(200_000)
  const dead = record(200_000)
  metrics.observer.pulled!(dead)
  metrics.observer.deadLettered!(dead, 'unframe', new Error('bad'))
  metrics.observer.wrote!(late, 'archive', 'written')
  mock.timers.tick(6000)
  await turn()
  t.match(lines, [
    { level: 'warn', topic: 'alerts', alerts: 1, written: 0, deadLetters: 1, maxAgeSeconds: 0 },
    { level: 'warn', topic: 'other', alerts: 1, seconds: 60, overrunSeconds: 23 }
  ])
  t.match(metrics.topics, [{ overruns: 0 }, { overruns: 1 }])
  t.equal(metrics.ages.read().count, 1, 'a dead letter has no age')
  await metrics.close()
})

await t.test('visits read from a backlog have no overrun and cause no warning', async t => {
  const { lines, metrics } = visitMetrics()
  mock.timers.setTime(10_000_000)
  const backlog = [1_000_000, 1_037_000, 1_074_000].map(timestamp => record(timestamp))
  for (const each of backlog) metrics.observer.pulled!(each)
  for (const each of backlog) metrics.observer.wrote!(each, 'archive', 'written')
  mock.timers.tick(6000)
  await turn()
  t.equal(lines.length, 3)
  t.ok(lines.every(({ level, overrunSeconds }) => level === 'info' && overrunSeconds === undefined))
  t.match(metrics.topics[0], { visits: 3, overruns: 0 })
  await metrics.close()
})

await t.test('close logs open visits with their unsettled records and does not count these visits; an unknown lag is omitted', async t => {
  const { lines, metrics } = visitMetrics(async () => undefined)
  mock.timers.setTime(300_000)
  const [done, stuck] = [record(299_000), record(299_100)]
  for (const each of [done, stuck]) metrics.observer.pulled!(each)
  metrics.observer.wrote!(done, 'archive', 'written')
  await metrics.close()
  t.match(lines, [{ level: 'warn', alerts: 1, unsettled: 1, lag: undefined, msg: 'visit not fully archived' }])
  t.match(metrics.topics[0], { visits: 0, overruns: 0, alerts: 0 })
  t.equal(metrics.topics[0]!.durations.read().count, 0)
})

await t.test('accepts a timestamp in the future that is outside the range of JavaScript dates', async t => {
  const { lines, metrics } = visitMetrics()
  mock.timers.setTime(400_000)
  const far = record(2n ** 62n)
  metrics.observer.pulled!(far)
  metrics.observer.wrote!(far, 'archive', 'written')
  await metrics.close()
  t.match(lines, [{ began: `${2 ** 62} ms`, seconds: 0, maxAgeSeconds: 0 }])
  t.strictSame([metrics.ages.read().count, metrics.ages.read().sum], [1, 0])
})

await t.test('the log line and the metrics carry the visit; a later part of the visit does not count as another visit', async t => {
  const { lines, metrics } = visitMetrics()
  const visit = 2026112300123
  for (const [now, count] of [[500_000, 3], [520_000, 2]] as const) {
    mock.timers.setTime(now)
    const records = Array.from({ length: count }, () => record(now, 'alerts', visit))
    for (const each of records) metrics.observer.pulled!(each)
    for (const each of records) metrics.observer.wrote!(each, 'archive', 'written')
    mock.timers.tick(6000)
    await turn()
  }
  t.match(lines, [{ visit, alerts: 3, part: undefined, msg: 'visit archived' }, { visit, alerts: 2, part: 2, msg: 'visit archived' }])
  t.match(metrics.topics[0], { visits: 1, visit, alerts: 5 })
  await metrics.close()
})

await t.test('dead letters without a visit are logged, but do not count as a visit', async t => {
  const { lines, metrics } = visitMetrics()
  mock.timers.setTime(600_000)
  const [alert, garbage] = [record(599_000, 'alerts', 2026112300123), record(600_000)]
  for (const each of [alert, garbage]) metrics.observer.pulled!(each)
  metrics.observer.wrote!(alert, 'archive', 'written')
  metrics.observer.deadLettered!(garbage, 'unframe', new Error('bad'))
  mock.timers.tick(6000)
  await turn()
  t.match(lines, [
    { level: 'info', visit: 2026112300123, alerts: 1, deadLetters: 0 },
    { level: 'warn', visit: undefined, alerts: 1, deadLetters: 1, msg: 'dead letters without a visit' }
  ])
  t.match(metrics.topics[0], { visits: 1, visit: 2026112300123, alerts: 1 })
  await metrics.close()
})
