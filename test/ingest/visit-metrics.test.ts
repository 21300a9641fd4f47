import { mock } from 'node:test'
import t from 'tap'
import { IngestWatch } from '../../src/ingest/visit-metrics.ts'

mock.timers.enable({ apis: ['setInterval', 'Date'] })
t.teardown(() => { mock.timers.reset() })

interface Line { readonly level: string, readonly msg: string, readonly [field: string]: unknown }

function watch (lag: () => Promise<number | undefined> = async () => 7) {
  const lines: Line[] = []
  const at = (level: string) => (fields: object, msg: string): void => { lines.push({ level, ...fields, msg }) }
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  return { lines, watch: new IngestWatch({ topics: ['alerts', 'other'], gapMs: 5000, log, lag }) }
}

let offset = 0n
const record = (timestamp: number | bigint, topic = 'alerts') => {
  const value = { topic, partition: 0, offset: offset++, timestamp: BigInt(timestamp), key: null, value: Buffer.alloc(50), headers: [] }
  return { value, bytes: 500, position: 'x' }
}
const settle = async (): Promise<void> => { await new Promise(resolve => setImmediate(resolve)) }

await t.test('one line for each visit, a few seconds after its last alert', async t => {
  const { lines, watch: of } = watch()
  mock.timers.setTime(100_000)
  const records = [record(98_000), record(99_000), record(99_500)]
  for (const each of records) of.observer.pulled!(each)
  mock.timers.setTime(101_000)
  of.observer.wrote!(records[0]!, 'archive', 'written')
  of.observer.wrote!(records[1]!, 'archive', 'identical')
  of.observer.wrote!(records[2]!, 'archive', 'written')
  mock.timers.tick(4000)
  t.equal(lines.length, 0)
  mock.timers.tick(2000)
  await settle()
  t.strictSame(lines, [{
    level: 'info', topic: 'alerts', began: '1970-01-01T00:01:38.000Z', alerts: 3, written: 2, identical: 1, deadLetters: 0, bytes: 150,
    seconds: 3, maxAgeSeconds: 3, lag: 7, msg: 'visit archived'
  }])
  t.match(of.visits, [{ topic: 'alerts', visits: 1, overruns: 0, alerts: 3 }, { topic: 'other', visits: 0 }])
  t.strictSame([of.ages.read().count, of.ages.read().sum], [3, 3 + 2 + 1.5])
  await of.close()
})

await t.test('dead letters and overruns are warnings; topics have visits of their own', async t => {
  const { lines, watch: of } = watch()
  mock.timers.setTime(200_000)
  const [dead, late] = [record(200_000), record(140_000, 'other')]
  for (const each of [dead, late]) of.observer.pulled!(each)
  of.observer.deadLettered!(dead, 'unframe', new Error('bad'))
  of.observer.wrote!(late, 'archive', 'written')
  mock.timers.tick(6000)
  await settle()
  t.match(lines, [
    { level: 'warn', topic: 'alerts', alerts: 1, written: 0, deadLetters: 1, maxAgeSeconds: 0 },
    { level: 'warn', topic: 'other', alerts: 1, seconds: 60, overrunSeconds: 23 }
  ])
  t.match(of.visits, [{ overruns: 0 }, { overruns: 1 }])
  t.equal(of.ages.read().count, 1, 'what is no alert of the store has no age')
  await of.close()
})

await t.test('at the end what is open is told, also what has not settled; a lag that nobody knows is left out', async t => {
  const { lines, watch: of } = watch(async () => undefined)
  mock.timers.setTime(300_000)
  const [done, stuck] = [record(299_000), record(299_100)]
  for (const each of [done, stuck]) of.observer.pulled!(each)
  of.observer.wrote!(done, 'archive', 'written')
  await of.close()
  t.match(lines, [{ level: 'warn', alerts: 1, unsettled: 1, lag: undefined, msg: 'a visit is not archived yet' }])
  t.match(of.visits[0], { visits: 0, overruns: 0, alerts: 0 }, 'it is no visit of the metrics: it is not over')
  t.equal(of.visits[0]!.durations.read().count, 0)
})

await t.test('a time that is no date, and one of the future, are told all the same', async t => {
  const { lines, watch: of } = watch()
  mock.timers.setTime(400_000)
  const far = record(2n ** 62n)
  of.observer.pulled!(far)
  of.observer.wrote!(far, 'archive', 'written')
  await of.close()
  t.match(lines, [{ began: `${2 ** 62} ms`, seconds: 0, maxAgeSeconds: 0 }])
  t.strictSame([of.ages.read().count, of.ages.read().sum], [1, 0])
})
