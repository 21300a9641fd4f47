import t from 'tap'
import { createGraph, silent, type Port } from '../../src/pipeline/index.ts'
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
const push = (driver: TestDriver, ...values: number[]) => Promise.all(values.map(value => driver.source<number>('numbers').push(value)))
const meter = (driver: TestDriver, node: string) => driver.run.meters().find(reading => reading.node === node)!

await t.test('a step may give a value, a promise, or anything that has a then', async t => {
  const thenable = { then: (resolve: (value: number) => void) => resolve(9) } as unknown as Promise<number>
  const driver = start(port => port.step('any', n => [n, Promise.resolve(n * 2), thenable][n]!).to('sink', new RecordingSink<number>()))
  await push(driver, 0, 1, 2)
  await driver.finish()
  t.same(driver.sink('sink').values, [0, 2, 9])
})

await t.test('a step hears of the record\'s origin and of the attempt', async t => {
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

for (const [how, raise] of [['throws', (error: Error) => { throw error }], ['rejects', (error: Error) => Promise.reject(error)]] as const) {
  await t.test(`a step that ${how} for good sends the source's record to the dead letters, and the record settles as done`, async t => {
    const driver = start(port => port.step('text', n => `n${n}`).step('picky', async text => text === 'n2' ? raise(bad()) as never : text).to('sink', new RecordingSink<string>()))
    const outcomes = await push(driver, 1, 2, 3)
    await driver.finish()
    t.same(driver.sink('sink').values, ['n1', 'n3'])
    t.match(driver.deadLetters?.written, [{ record: { value: 2, position: 'test#1' }, node: 'picky', attempts: 1, error: { code: 'TEST_BAD_RECORD' }, origin: { node: 'numbers' } }])
    t.same(outcomes.map(outcome => outcome.failure), [undefined, undefined, undefined])
    t.match(meter(driver, 'picky'), { in: 3, out: 2, failed: 1, retried: 0, deadLettered: 1, inFlight: 0 })
    t.match(meter(driver, 'dead-letters'), { in: 1, out: 1, failed: 0, inFlight: 0 })
  })
}

await t.test('every try that fails is counted', async t => {
  const driver = start(port => port.step('late', (n, { attempt }) => { if (attempt < 3) throw down(); return n }).to('sink', new RecordingSink<number>()))
  await push(driver, 1)
  await driver.finish()
  t.match(meter(driver, 'late'), { in: 1, out: 1, failed: 2, retried: 2, deadLettered: 0 })
})

await t.test('a sink\'s write is tried again, then the record is buried or the graph fails', async t => {
  const driver = start(port => port.to('sink', new RecordingSink<number>()))
  driver.sink<number>('sink').fail = (n, attempt) => n === 1 && attempt < 3 ? down() : n === 2 ? bad() : undefined
  await push(driver, 1, 2, 3)
  await driver.finish()
  t.same(driver.sink('sink').values, [1, 3])
  t.match(driver.deadLetters?.written, [{ node: 'sink', record: { value: 2 } }])
  t.match(meter(driver, 'sink'), { in: 3, out: 2, failed: 3, retried: 2, deadLettered: 1, inFlight: 0 })
})

await t.test('without dead letters a bad record fails the graph, and settles with its failure', async t => {
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
  await t.test(`a fatal error of a ${node} is not tried again and buries nothing: the graph fails with it at once`, async t => {
    const driver = start(declare)
    if (node !== 'step') driver.sink<number>('node').fail = n => n === 2 ? shut() : undefined
    const outcomes = await push(driver, 1, 2)
    t.match(await failureOf(driver.run.done), { code: 'TEST_SHUT' })
    t.match(outcomes[1]?.failure, { code: 'TEST_SHUT' })
    t.match(outcomes[0]?.failure, node === 'batch sink' ? { code: 'TEST_SHUT' } : undefined, 'a batch fails as a whole, and is not tried record by record')
    t.same(driver.deadLetters?.written, [])
    t.match(meter(driver, 'node'), { failed: 1, retried: 0, deadLettered: 0, inFlight: 0 })
  })
}

await t.test('dead letters that fail for ever (access denied) fail the graph with that error, not the record\'s', async t => {
  const driver = start(port => port.step('picky', () => { throw bad() }).to('sink', new RecordingSink<never>()))
  driver.deadLetters!.fail = () => shut()
  const [outcome] = await push(driver, 1)
  t.match(outcome?.failure, { code: 'TEST_SHUT' })
  t.match(await failureOf(driver.run.done), { code: 'TEST_SHUT' })
  t.match(meter(driver, 'dead-letters'), { failed: 1, retried: 0 })
})

await t.test('a batch that fails for good is written record by record', async t => {
  const driver = start(port => port.toBatches('sink', new RecordingSink<number>(), { count: 5, ms: Infinity }))
  driver.sink<number>('sink').fail = n => n === 3 ? bad() : undefined
  const outcomes = await push(driver, 1, 2, 3, 4, 5)
  await driver.finish()
  t.same(driver.sink('sink').batches, [[1], [2], [4], [5]])
  t.match(driver.deadLetters?.written, [{ record: { value: 3 } }])
  t.ok(outcomes.every(outcome => outcome.failure === undefined))
  t.match(meter(driver, 'sink'), { in: 5, out: 4, inFlight: 0, deadLettered: 1 })
})

await t.test('that a batch failed is told, even where each of its records then succeeds', async t => {
  const told: object[] = []
  const log = { ...silent, warn: (facts: object) => { told.push(facts) } }
  let first = true
  const sink = { kind: 'sink', async writeBatch () { if (first) { first = false; throw bad('no batch') } } }
  const builder = createGraph('test', { retry: quick })
  builder.source('numbers', new Numbers(3)).toBatches('sink', sink, { count: 3 })
  await builder.build().run({ log }).done
  t.strictSame(told, [{ node: 'sink', record: '0', error: 'no batch' }])
})

await t.test('a batch that fails for a server\'s sake is tried again whole', async t => {
  const driver = start(port => port.toBatches('sink', new RecordingSink<number>(), { count: 3, ms: Infinity }))
  driver.sink<number>('sink').fail = (_, attempt) => attempt === 1 ? down() : undefined
  await push(driver, 1, 2, 3)
  await driver.finish()
  t.same(driver.sink('sink').batches, [[1, 2, 3]])
  t.match(meter(driver, 'sink'), { in: 3, out: 3, failed: 1, retried: 1 })
})

await t.test('when a step on a batch fails for good, every record of the batch is buried, not just its first', async t => {
  const driver = start(port => port.batch('batches', { count: 3, ms: Infinity }).step('sum', batch => {
    if (batch.includes(2)) throw bad()
    return batch.length
  }).to('sink', new RecordingSink<number>()))
  await push(driver, 1, 2, 3, 4, 5, 6)
  await driver.finish()
  t.same(driver.deadLetters?.written.map(letter => letter.record.value), [1, 2, 3])
  t.same(driver.sink('sink').values, [3])
  t.match(meter(driver, 'sum'), { in: 2, out: 1, deadLettered: 3 })
})

await t.test('the dead letters are retried as the graph\'s nodes are', async t => {
  let tries = 0
  class Flaky extends RecordingDeadLetters {
    override fail = () => ++tries < 3 ? down() : undefined
  }
  const builder = createGraph('test', { retry: quick, deadLetters: new Flaky() })
  builder.source('numbers', { kind: 'two', async * records () { yield { value: 1, bytes: 1, position: 'a' } } })
    .to('sink', { kind: 'refuses', write: () => Promise.reject(bad()) })
  const run = builder.build().run()
  await run.done
  t.equal(tries, 3)
  t.match(run.meters().at(-1), { node: 'dead-letters', in: 1, out: 1, failed: 2, retried: 2 })
})

await t.test('a split of one record into many, one of which is bad, buries the record once and writes the others', async t => {
  const driver = start(port => port.split('parts', n => [n, n * 10, n * 100]).to('sink', new RecordingSink<number>()))
  driver.sink<number>('sink').fail = n => n === 10 ? bad() : undefined
  const [outcome] = await push(driver, 1)
  await driver.finish()
  t.same(driver.sink('sink').values, [1, 100])
  t.equal(driver.deadLetters?.written.length, 1)
  t.equal(outcome?.failure, undefined)
})
