import t from 'tap'
import { createGraph, noRetry, silent, type NodeStats, type Port } from '../../src/pipeline/index.ts'
import type { RecordContext } from '../../src/pipeline/node.ts'
import type { GraphOptions } from '../../src/pipeline/graph.ts'
import { drive, RecordingDeadLetters, RecordingSink, type TestDriver } from '../../src/pipeline/test-driver.ts'
import { failureOf, Numbers, quick, testErrors } from '../support/pipeline.ts'

const bad = (what = 'bad'): Error => testErrors.TEST_BAD_RECORD(what)
const shut = (what = 'shut'): Error => testErrors.TEST_SHUT(what)
const down = (what = 'down'): Error => testErrors.TEST_SERVER_DOWN(what)

function start (declare: (numbers: Port<number>) => void, options: GraphOptions = { deadLetters: new RecordingDeadLetters() }): TestDriver {
  const builder = createGraph('test', { retry: quick, ...options })
  declare(builder.source('numbers', { kind: 'none', async * records () {} }))
  return drive(builder.build())
}
const push = (driver: TestDriver, ...values: number[]) =>
  Promise.all(values.map(value => driver.source<number>('numbers').push(value)))
const stats = (driver: TestDriver, node: string): NodeStats => driver.run.nodeStats(node)!

await t.test('a step may return a value, a promise or any thenable', async t => {
  const thenable = { then: (resolve: (value: number) => void) => resolve(9) } as unknown as Promise<number>
  const driver = start(port => port.step('any', n => [n, Promise.resolve(n * 2), thenable][n]!).to('sink', new RecordingSink<number>()))
  await push(driver, 0, 1, 2)
  await driver.finish()
  t.same(driver.sink('sink').values, [0, 2, 9])
})

await t.test('a step gets the origin of the record and the number of the attempt', async t => {
  const contexts: RecordContext[] = []
  const driver = start(port => port.step('look', (n, context) => {
    contexts.push(context)
    if (context.attempt === 1) throw down()
    return n
  }).to('sink', new RecordingSink<number>()))
  await push(driver, 5)
  await driver.finish()
  t.match(contexts, [{ attempt: 1, origin: { node: 'numbers', position: 'test#0' } }, { attempt: 2 }])
})

for (const [how, raise] of [
  ['throws', (error: Error) => { throw error }],
  ['rejects', (error: Error) => Promise.reject(error)]
] as const) {
  await t.test(`if a step ${how} for good, the source record is dead-lettered and settles as done`, async t => {
    const driver = start(port => port
      .step('text', n => `n${n}`)
      .step('picky', async text => text === 'n2' ? raise(bad()) as never : text)
      .to('sink', new RecordingSink<string>()))
    const outcomes = await push(driver, 1, 2, 3)
    await driver.finish()
    t.same(driver.sink('sink').values, ['n1', 'n3'])
    t.match(driver.deadLetters?.written, [{
      record: { value: 2, position: 'test#1' }, node: 'picky', attempts: 1, error: { code: 'TEST_BAD_RECORD' }, origin: { node: 'numbers' }
    }])
    t.same(outcomes.map(outcome => outcome.failure), [undefined, undefined, undefined])
    t.match(stats(driver, 'picky'), { in: 3, out: 2, failed: 1, retried: 0, deadLettered: 1, inFlight: 0 })
    t.match(stats(driver, 'dead-letters'), { in: 1, out: 1, failed: 0, inFlight: 0 })
  })
}

await t.test('the stats count every failed attempt', async t => {
  const driver = start(port => port.step('late', (n, { attempt }) => {
    if (attempt < 3) throw down()
    return n
  }).to('sink', new RecordingSink<number>()))
  await push(driver, 1)
  await driver.finish()
  t.match(stats(driver, 'late'), { in: 1, out: 1, failed: 2, retried: 2, deadLettered: 0 })
})

await t.test('a sink retries a retryable error and dead-letters a bad record', async t => {
  const driver = start(port => port.to('sink', new RecordingSink<number>()))
  driver.sink<number>('sink').fail = (n, attempt) => n === 1 && attempt < 3 ? down() : n === 2 ? bad() : undefined
  await push(driver, 1, 2, 3)
  await driver.finish()
  t.same(driver.sink('sink').values, [1, 3])
  t.match(driver.deadLetters?.written, [{ node: 'sink', record: { value: 2 } }])
  t.match(stats(driver, 'sink'), { in: 3, out: 2, failed: 3, retried: 2, deadLettered: 1, inFlight: 0 })
})

await t.test('without dead letters, a bad record fails the graph and settles with the failure', async t => {
  const driver = start(port => port.step('picky', () => { throw bad() }).to('sink', new RecordingSink<never>()), {})
  const [outcome] = await push(driver, 1)
  t.match(outcome?.failure, { code: 'TEST_BAD_RECORD' })
  t.match(await failureOf(driver.run.done), { code: 'TEST_BAD_RECORD' })
})

for (const [node, declare] of [
  ['step', (port: Port<number>) => port.step('node', n => { if (n === 2) throw shut(); return n }).to('sink', new RecordingSink<number>())],
  ['sink', (port: Port<number>) => port.to('node', new RecordingSink<number>())],
  ['batch sink', (port: Port<number>) => port.toBatches('node', new RecordingSink<number>(), { count: 2, ms: Infinity })]
] as const) {
  await t.test(`a fatal error of a ${node} fails the graph without retries or dead letters`, async t => {
    const driver = start(declare)
    if (node !== 'step') driver.sink<number>('node').fail = n => n === 2 ? shut() : undefined
    const outcomes = await push(driver, 1, 2)
    t.match(await failureOf(driver.run.done), { code: 'TEST_SHUT' })
    t.match(outcomes[1]?.failure, { code: 'TEST_SHUT' })
    t.match(outcomes[0]?.failure, node === 'batch sink' ? { code: 'TEST_SHUT' } : undefined, 'record 1 fails only in a batch')
    t.same(driver.deadLetters?.written, [])
    t.match(stats(driver, 'node'), { failed: 1, retried: 0, deadLettered: 0, inFlight: 0 })
  })
}

await t.test('a fatal error of the dead letters fails the graph with that error', async t => {
  const driver = start(port => port.step('picky', () => { throw bad() }).to('sink', new RecordingSink<never>()))
  driver.deadLetters!.fail = () => shut()
  const [outcome] = await push(driver, 1)
  t.match(outcome?.failure, { code: 'TEST_SHUT' })
  t.match(await failureOf(driver.run.done), { code: 'TEST_SHUT' })
  t.match(stats(driver, 'dead-letters'), { failed: 1, retried: 0 })
})

await t.test('the records of a batch that fails for good are written one at a time', async t => {
  const driver = start(port => port.toBatches('sink', new RecordingSink<number>(), { count: 5, ms: Infinity }))
  driver.sink<number>('sink').fail = n => n === 3 ? bad() : undefined
  const outcomes = await push(driver, 1, 2, 3, 4, 5)
  await driver.finish()
  t.same(driver.sink('sink').batches, [[1], [2], [4], [5]])
  t.match(driver.deadLetters?.written, [{ record: { value: 3 } }])
  t.ok(outcomes.every(outcome => outcome.failure === undefined))
  t.match(stats(driver, 'sink'), { in: 5, out: 4, inFlight: 0, deadLettered: 1 })
})

await t.test('a failed batch is logged even if each of its records is then written alone', async t => {
  const lines: object[] = []
  const log = { ...silent, warn: (fields: object) => { lines.push(fields) } }
  let first = true
  const sink = { kind: 'sink', async writeBatch () { if (first) { first = false; throw bad('no batch') } } }
  const builder = createGraph('test', { retry: quick })
  builder.source('numbers', new Numbers(3)).toBatches('sink', sink, { count: 3 })
  await builder.build().run({ log }).done
  t.strictSame(lines, [{ node: 'sink', record: '0', error: 'no batch' }])
})

await t.test('a batch with a retryable error is retried as a whole', async t => {
  const driver = start(port => port.toBatches('sink', new RecordingSink<number>(), { count: 3, ms: Infinity }))
  driver.sink<number>('sink').fail = (_, attempt) => attempt === 1 ? down() : undefined
  await push(driver, 1, 2, 3)
  await driver.finish()
  t.same(driver.sink('sink').batches, [[1, 2, 3]])
  t.match(stats(driver, 'sink'), { in: 3, out: 3, failed: 1, retried: 1 })
})

await t.test('if a step on a batch fails for good, all records of the batch are dead-lettered', async t => {
  const driver = start(port => port.batch('batches', { count: 3, ms: Infinity }).step('sum', batch => {
    if (batch.includes(2)) throw bad()
    return batch.length
  }).to('sink', new RecordingSink<number>()))
  await push(driver, 1, 2, 3, 4, 5, 6)
  await driver.finish()
  t.same(driver.deadLetters?.written.map(deadLetter => deadLetter.record.value), [1, 2, 3])
  t.same(driver.sink('sink').values, [3])
  t.match(stats(driver, 'sum'), { in: 2, out: 1, deadLettered: 3 })
})

await t.test('writes of dead letters are retried with the graph\'s retry policy', async t => {
  let attempts = 0
  class Flaky extends RecordingDeadLetters {
    override fail = () => ++attempts < 3 ? down() : undefined
  }
  const builder = createGraph('test', { retry: quick, deadLetters: new Flaky() })
  builder.source('numbers', new Numbers(1)).to('sink', { kind: 'rejects', write: () => Promise.reject(bad()) })
  const run = builder.build().run()
  await run.done
  t.equal(attempts, 3)
  t.match(run.nodeStats('dead-letters'), { in: 1, out: 1, failed: 2, retried: 2 })
})

await t.test('a write of a dead letter is not repeated if the sink has its own retry policy', async t => {
  let attempts = 0
  class Single extends RecordingDeadLetters {
    readonly retry = noRetry
    override fail = () => {
      attempts++
      return down()
    }
  }
  const builder = createGraph('test', { retry: quick, deadLetters: new Single() })
  builder.source('numbers', new Numbers(1)).to('sink', { kind: 'rejects', write: () => Promise.reject(bad()) })
  await t.rejects(builder.build().run().done)
  t.equal(attempts, 1)
})

await t.test('if one value of a split is bad, the record is dead-lettered once and the other values are written', async t => {
  const driver = start(port => port.split('parts', n => [n, n * 10, n * 100]).to('sink', new RecordingSink<number>()))
  driver.sink<number>('sink').fail = n => n === 10 ? bad() : undefined
  const [outcome] = await push(driver, 1)
  await driver.finish()
  t.same(driver.sink('sink').values, [1, 100])
  t.equal(driver.deadLetters?.written.length, 1)
  t.equal(outcome?.failure, undefined)
})
