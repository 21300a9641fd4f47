import t from 'tap'
import { createGraph } from '../../src/pipeline/index.ts'
import { drive, RecordingDeadLetters, RecordingSink } from '../../src/pipeline/test-driver.ts'
import { failureOf, testErrors, turns, until } from '../support/pipeline.ts'

function graph () {
  const broker = (): never => { throw new Error('a test must not call the real part') }
  const builder = createGraph('real', { deadLetters: { kind: 'topic', write: broker } })
  builder.source<number>('topic', { kind: 'broker', records: broker, open: broker }, { records: 4 })
    .step('plus', n => n + 1)
    .to('store', { kind: 'store', open: broker, write: broker })
  builder.source<number>('file', { kind: 'broker', records: broker, open: broker })
    .toBatches('log', { kind: 'log', open: broker, writeBatch: broker }, { count: 2 })
  return builder.build()
}

await t.test('drive() runs the real graph with replaced sources and sinks', async t => {
  const driver = drive(graph())
  const outcomes = [1, 2, 3].flatMap(n => [driver.source<number>('topic').push(n), driver.source<number>('file').push(n)])
  await driver.finish()
  t.same(driver.sink('store').values, [2, 3, 4])
  t.same(driver.sink('log').batches, [[1, 2], [3]])
  t.ok((await Promise.all(outcomes)).every(({ failure }) => failure === undefined))
  t.equal(driver.source('topic').flushed, 1)
  t.equal(driver.sink('store').closed, true)
  t.equal(driver.run.state, 'stopped')
})

await t.test('push() resolves when the record settles, and a test can hold and release writes', async t => {
  const driver = drive(graph())
  const source = driver.source<number>('topic')
  const store = driver.sink<number>('store')
  store.hold()
  const outcome = source.push(1, { position: 'here', bytes: 7 })
  await until(() => store.writing === 1)
  await turns()
  t.same(source.outcomes, [])
  store.release()
  t.match(await outcome, { record: { value: 1, position: 'here', bytes: 7 }, failure: undefined })
  await driver.run.drain()
})

await t.test('an abort ends a held write', async t => {
  const driver = drive(graph(), { settleMs: 1e9 })
  driver.sink('store').hold()
  const outcome = driver.source<number>('topic').push(1)
  await until(() => driver.sink('store').writing === 1)
  t.match(await failureOf(driver.run.abort()), { code: 'GRAPH_ABORTED' })
  t.match((await outcome).failure, { code: 'GRAPH_ABORTED' })
})

await t.test('a source that waits for pushed records leaks no listeners', async t => {
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => { warnings.push(warning) }
  process.on('warning', onWarning)
  const driver = drive(graph())
  for (let n = 0; n < 50; n++) {
    await driver.source<number>('topic').push(n)
    await turns(2)
  }
  await driver.finish()
  process.off('warning', onWarning)
  t.same(warnings, [])
})

await t.test('a test can make the writing of dead letters fail', async t => {
  const deadLetters = new RecordingDeadLetters()
  deadLetters.fail = () => testErrors.TEST_BAD_RECORD('full')
  await t.rejects(deadLetters.write({} as never), { code: 'TEST_BAD_RECORD' })
  t.same(deadLetters.written, [])
})

await t.test('an unknown node name throws an error that lists the known names', async t => {
  const driver = drive(graph())
  t.throws(() => driver.sink('shop'), { message: "the graph has no sink 'shop': it has store, log" })
  await driver.run.drain()
  t.ok(driver.sink('store') instanceof RecordingSink)
})
