import t from 'tap'
import { createGraph } from '../../src/pipeline/index.ts'
import { drive, RecordingDeadLetters, RecordingSink } from '../../src/pipeline/test-driver.ts'
import { failureOf, testErrors, turns, until } from '../support/pipeline.ts'

function graph () {
  const broker = (): never => { throw new Error('a test never comes here') }
  const builder = createGraph('real', { deadLetters: { kind: 'topic', write: broker } })
  const port = builder.source<number>('topic', { kind: 'broker', records: broker, open: broker }, { records: 4 }).step('plus', n => n + 1)
  port.to('store', { kind: 'store', open: broker, write: broker })
  port.toBatches('log', { kind: 'log', open: broker, writeBatch: broker }, { count: 2 })
  return builder.build()
}

await t.test('it runs the real graph with every outside part swapped', async t => {
  const driver = drive(graph())
  const outcomes = [1, 2, 3].map(n => driver.source<number>('topic').push(n))
  await driver.finish()
  t.same(driver.sink('store').values, [2, 3, 4])
  t.same(driver.sink('log').batches, [[2, 3], [4]])
  t.same((await Promise.all(outcomes)).map(({ failure }) => failure), [undefined, undefined, undefined])
  t.equal(driver.source('topic').flushed, 1)
  t.equal(driver.sink('store').closed, true)
  t.equal(driver.run.state, 'stopped')
})

await t.test('a push tells how its record settled, and writes can be held and released', async t => {
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

await t.test('a held write ends with an abort, as a part\'s pending work should', async t => {
  const driver = drive(graph(), { settleMs: 1e9 })
  driver.sink('store').hold()
  const outcome = driver.source<number>('topic').push(1)
  await until(() => driver.sink('store').writing === 1)
  t.match(await failureOf(driver.run.abort()), { code: 'GRAPH_ABORTED' })
  t.match((await outcome).failure, { code: 'GRAPH_ABORTED' })
})

await t.test('many idle waits leave no listeners behind', async t => {
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

await t.test('dead letters stay in memory, and can be made to fail', async t => {
  const letters = new RecordingDeadLetters()
  letters.fail = () => testErrors.TEST_BAD_RECORD('full')
  await t.rejects(letters.write({} as never), { code: 'TEST_BAD_RECORD' })
  t.same(letters.written, [])
})

await t.test('a wrong node name says what there is', async t => {
  const driver = drive(graph())
  t.throws(() => driver.sink('shop'), { message: "the graph has no such node 'shop': it has store, log" })
  await driver.run.drain()
  t.ok(driver.sink('store') instanceof RecordingSink)
})
