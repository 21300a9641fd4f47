import t from 'tap'
import { createGraph, type Port, type RunObserver } from '../../src/pipeline/index.ts'
import type { RunOptions } from '../../src/pipeline/run-types.ts'
import { drive, RecordingSink } from '../../src/pipeline/test-driver.ts'
import { failureOf, quick, testErrors } from '../support/pipeline.ts'

const bad = (): Error => testErrors.TEST_BAD_RECORD('bad')
const down = (): Error => testErrors.TEST_SERVER_DOWN('down')
const sink = { kind: 'x', write: async () => {} }

function observed (declare: (numbers: Port<number>) => void, options: RunOptions = {}) {
  const events: string[] = []
  const lines: Array<Record<string, unknown>> = []
  const observer: RunObserver = {
    pulled: ({ value }) => { events.push(`pulled ${String(value)}`) },
    wrote: ({ value }, node, result) => { events.push(`wrote ${String(value)} ${node} ${String(result)}`) },
    deadLettered: ({ value }, node, error) => { events.push(`dead-lettered ${String(value)} ${node} ${error.message}`) },
    settled: ({ value }, failure) => { events.push(`settled ${String(value)}${failure === undefined ? '' : ` ${failure.message}`}`) }
  }
  const keep = (fields: object, msg: string): void => { lines.push({ ...fields, msg }) }
  const builder = createGraph('test', { retry: quick, deadLetters: { kind: 'bin', write: async () => {} } })
  declare(builder.source('numbers', { kind: 'none', async * records () {} }))
  const driver = drive(builder.build(), { observer, log: { debug () {}, info: keep, warn: keep, error: keep }, ...options })
  const push = (...values: number[]) => Promise.all(values.map(value => driver.source<number>('numbers').push(value)))
  return { driver, events, lines, push }
}

await t.test('an observer is called when a record is pulled, written and settled, with the result of the sink', async t => {
  const { driver, events, push } = observed(port => port.to('sink', sink))
  driver.sink<number>('sink').write = async n => n === 1 ? 'written' : 'identical'
  await push(1)
  await push(2)
  await driver.finish()
  t.strictSame(events, ['pulled 1', 'wrote 1 sink written', 'settled 1', 'pulled 2', 'wrote 2 sink identical', 'settled 2'])
})

await t.test('the observer is called once for a write that succeeds after retries', async t => {
  const { driver, events, push } = observed(port => port.to('sink', sink))
  driver.sink<number>('sink').write = async (_, { attempt }) => { if (attempt < 3) throw down(); return 'written' }
  await push(1)
  await driver.finish()
  t.strictSame(events, ['pulled 1', 'wrote 1 sink written', 'settled 1'])
})

await t.test('a dead letter is observed before its record settles, and a record that fails the graph settles with the failure', async t => {
  const { driver, events, push } = observed(port =>
    port.step('picky', n => { throw n === 1 ? bad() : down() }).to('sink', new RecordingSink<never>()))
  await push(1)
  await push(2)
  await failureOf(driver.run.done)
  t.strictSame(events, ['pulled 1', 'dead-lettered 1 picky bad', 'settled 1', 'pulled 2', 'settled 2 down'])
})

await t.test('the observer is called for each written value of a split record, and once when the record settles', async t => {
  const { driver, events, push } = observed(port => port.split('two', n => [n, n]).to('sink', new RecordingSink<number>()))
  await push(4)
  await driver.finish()
  t.strictSame(events, ['pulled 4', 'wrote 4 sink undefined', 'wrote 4 sink undefined', 'settled 4'])
})

await t.test('log lines about a record have the run\'s log fields', async t => {
  const { driver, lines, push } = observed(
    port => port.step('text', n => `n${n}`).step('picky', async (text, { attempt }) => {
      if (text === 'n1') throw bad()
      if (attempt === 1) throw down()
      return text
    }).to('sink', new RecordingSink<string>()),
    { logFields: (record, value) => ({ number: record.value, text: value }) }
  )
  await push(1)
  await push(2)
  await driver.finish()
  t.match(lines, [
    { node: 'picky', record: 'test#0', number: 1, text: 'n1', code: 'TEST_BAD_RECORD', error: 'bad', msg: 'record dead-lettered' },
    { node: 'picky', record: 'test#1', number: 2, text: 'n2', code: 'TEST_SERVER_DOWN', msg: 'attempt failed; retrying' },
    { node: 'picky', tries: 1, msg: 'recovered' }
  ])
})

await t.test('the log line of a failed batch identifies the first record of the batch', async t => {
  const { driver, lines, push } = observed(
    port => port.toBatches('sink', new RecordingSink<number>(), { count: 2 }),
    { logFields: record => ({ number: record.value }) }
  )
  driver.sink<number>('sink').fail = n => n === 2 ? bad() : undefined
  await push(1, 2)
  await driver.finish()
  t.match(lines, [
    { node: 'sink', number: 1, msg: 'batch failed; writing its records one at a time' },
    { node: 'sink', number: 2, msg: 'record dead-lettered' }
  ])
})

await t.test('an outage in which a thousand records fail is logged once', async t => {
  const { driver, lines, push } = observed(port => port.to('sink', sink, { concurrency: 1000 }))
  driver.sink<number>('sink').fail = (_, attempt) => attempt < 3 ? down() : undefined
  await push(...Array.from({ length: 1000 }, (_, index) => index))
  await driver.finish()
  t.equal(lines.filter(({ msg }) => msg === 'attempt failed; retrying').length, 1)
  t.ok(lines.length <= 3, JSON.stringify(lines))
  t.equal(driver.sink('sink').values.length, 1000)
})

await t.test('a run returns the credits of its sources and the latencies of its nodes', async t => {
  const { driver, push } = observed(port => port.to('sink', new RecordingSink<number>()))
  driver.sink('sink').hold()
  const pushed = push(1, 2)
  await new Promise(resolve => setImmediate(resolve))
  t.match(driver.run.credits(), [{ node: 'numbers', records: 1000, bytes: 64 * 1024 * 1024, unsettled: { records: 2, bytes: 2 } }])
  driver.sink('sink').release()
  await pushed
  await driver.finish()
  t.match(driver.run.credits(), [{ unsettled: { records: 0, bytes: 0 } }])
  const latencies = driver.run.latencies().map(({ node, histogram }) => [node, histogram.count])
  t.strictSame(latencies, [['numbers', 2], ['sink', 2], ['dead-letters', 0]])
})
