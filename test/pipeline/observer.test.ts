import t from 'tap'
import { createGraph, type Port, type RunObserver } from '../../src/pipeline/index.ts'
import type { RunOptions } from '../../src/pipeline/run-types.ts'
import { drive, RecordingSink } from '../../src/pipeline/test-driver.ts'
import { failureOf, quick, testErrors } from '../support/pipeline.ts'

const bad = (): Error => testErrors.TEST_BAD_RECORD('bad')
const down = (): Error => testErrors.TEST_SERVER_DOWN('down')

function observed (declare: (numbers: Port<number>) => void, options: RunOptions = {}) {
  const heard: string[] = []
  const lines: Array<Record<string, unknown>> = []
  const observer: RunObserver = {
    pulled: ({ value }) => { heard.push(`pulled ${String(value)}`) },
    wrote: ({ value }, node, result) => { heard.push(`wrote ${String(value)} ${node} ${String(result)}`) },
    buried: ({ value }, node, error) => { heard.push(`buried ${String(value)} ${node} ${error.message}`) },
    settled: ({ value }, failure) => { heard.push(`settled ${String(value)}${failure === undefined ? '' : ` ${failure.message}`}`) }
  }
  const keep = (fields: object, msg: string): void => { lines.push({ ...fields, msg }) }
  const builder = createGraph('test', { retry: quick, deadLetters: { kind: 'bin', write: async () => {} } })
  declare(builder.source('numbers', { kind: 'none', async * records () {} }))
  const driver = drive(builder.build(), { observer, log: { debug () {}, info: keep, warn: keep, error: keep }, ...options })
  return { driver, heard, lines, push: (...values: number[]) => Promise.all(values.map(value => driver.source<number>('numbers').push(value))) }
}

await t.test('an observer hears of each record: pulled, written with what the sink says of it, settled', async t => {
  const { driver, heard, push } = observed(port => port.to('sink', { kind: 'x', write: async () => {} }))
  driver.sink<number>('sink').write = async n => n === 1 ? 'written' : 'identical'
  await push(1)
  await push(2)
  await driver.finish()
  t.strictSame(heard, ['pulled 1', 'wrote 1 sink written', 'settled 1', 'pulled 2', 'wrote 2 sink identical', 'settled 2'])
})

await t.test('what was written at a later try is told once', async t => {
  const { driver, heard, push } = observed(port => port.to('sink', { kind: 'x', write: async () => {} }))
  driver.sink<number>('sink').write = async (_, { attempt }) => { if (attempt < 3) throw down(); return 'written' }
  await push(1)
  await driver.finish()
  t.strictSame(heard, ['pulled 1', 'wrote 1 sink written', 'settled 1'])
})

await t.test('a record that is buried is told with node and error, before it settles; one that fails the graph with its failure', async t => {
  const { driver, heard, push } = observed(port => port.step('picky', n => { throw n === 1 ? bad() : down() }).to('sink', new RecordingSink<never>()))
  await push(1)
  await push(2)
  await failureOf(driver.run.done)
  t.strictSame(heard, ['pulled 1', 'buried 1 picky bad', 'settled 1', 'pulled 2', 'settled 2 down'])
})

await t.test('the children of a split are written each, and their record settles once', async t => {
  const { driver, heard, push } = observed(port => port.split('two', n => [n, n]).to('sink', new RecordingSink<number>()))
  await push(4)
  await driver.finish()
  t.strictSame(heard, ['pulled 4', 'wrote 4 sink undefined', 'wrote 4 sink undefined', 'settled 4'])
})

await t.test('log lines about a record carry the facts that the run was given, of the record and of the value in hand', async t => {
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
    { node: 'picky', record: 'test#0', number: 1, text: 'n1', code: 'TEST_BAD_RECORD', error: 'bad', msg: 'a record went to the dead letters' },
    { node: 'picky', record: 'test#1', number: 2, text: 'n2', code: 'TEST_SERVER_DOWN', msg: 'a try failed; trying again' },
    { node: 'picky', tries: 1, msg: 'answers again' }
  ])
})

await t.test('a batch that falls apart is told with its first record', async t => {
  const { driver, lines, push } = observed(port => port.toBatches('sink', new RecordingSink<number>(), { count: 2 }), { logFields: record => ({ number: record.value }) })
  driver.sink<number>('sink').fail = n => n === 2 ? bad() : undefined
  await push(1, 2)
  await driver.finish()
  t.match(lines, [{ node: 'sink', number: 1, msg: 'a batch failed: writing its records one by one' }, { node: 'sink', number: 2, msg: 'a record went to the dead letters' }])
})

await t.test('a thousand records that fail while a server is away are one line', async t => {
  const { driver, lines, push } = observed(port => port.to('sink', { kind: 'x', write: async () => {} }, { concurrency: 1000 }))
  driver.sink<number>('sink').fail = (_, attempt) => attempt < 3 ? down() : undefined
  await push(...Array.from({ length: 1000 }, (_, index) => index))
  await driver.finish()
  const first = lines.filter(({ msg }) => msg === 'a try failed; trying again')
  t.equal(first.length, 1)
  t.ok(lines.length <= 3, JSON.stringify(lines))
  t.equal(driver.sink('sink').values.length, 1000)
})

await t.test('a run tells its credits and latencies', async t => {
  const { driver, push } = observed(port => port.to('sink', new RecordingSink<number>()))
  driver.sink('sink').hold()
  const pushed = push(1, 2)
  await new Promise(resolve => setImmediate(resolve))
  t.match(driver.run.credits(), [{ node: 'numbers', records: 1000, bytes: 64 * 1024 * 1024, unsettled: { records: 2, bytes: 2 } }])
  driver.sink('sink').release()
  await pushed
  await driver.finish()
  t.match(driver.run.credits(), [{ unsettled: { records: 0, bytes: 0 } }])
  t.strictSame(driver.run.latencies().map(({ node, histogram }) => [node, histogram.count]), [['numbers', 2], ['sink', 2], ['dead-letters', 0]])
})
