// What must hold of settlement, whatever the graph: the promise on which offsets are committed.
import t from 'tap'
import { createGraph } from '../../src/pipeline/index.ts'
import { drive, RecordingDeadLetters, RecordingSink } from '../../src/pipeline/test-driver.ts'
import { failureOf, Numbers, quick, testErrors, turns, until } from '../support/pipeline.ts'

const nowhere = { kind: 'none', async * records () {} }
const bad = (): Error => testErrors.TEST_BAD_RECORD('bad')

await t.test('a record settles only when every branch of a fan-out has', async t => {
  const builder = createGraph('g')
  const port = builder.source<number>('numbers', nowhere)
  for (const branch of ['a', 'b', 'c']) port.to(branch, new RecordingSink<number>())
  const driver = drive(builder.build())
  for (const branch of ['a', 'b', 'c']) driver.sink(branch).hold()
  const outcome = driver.source<number>('numbers').push(1)
  for (const branch of ['b', 'a', 'c']) {
    await until(() => driver.sink(branch).writing === 1)
    t.same(driver.source('numbers').outcomes, [], `before ${branch}`)
    driver.sink(branch).release()
    await turns()
  }
  t.equal((await outcome).failure, undefined)
  await driver.finish()
})

await t.test('a record settles only when everything that it was split into has', async t => {
  const builder = createGraph('g')
  builder.source<number>('numbers', nowhere).split('parts', n => [n, n, n]).to('sink', new RecordingSink<number>())
  const driver = drive(builder.build())
  const sink = driver.sink<number>('sink')
  sink.hold()
  const outcome = driver.source<number>('numbers').push(1)
  for (let written = 0; written < 3; written++) {
    await until(() => sink.writing === 1)
    t.same(driver.source('numbers').outcomes, [])
    sink.release()
    if (written < 2) sink.hold()
    await until(() => sink.values.length === written + 1)
  }
  t.equal((await outcome).failure, undefined)
  await driver.finish()
})

await t.test('a record that is split into nothing, or filtered, settles as done', async t => {
  const builder = createGraph('g')
  builder.source<number>('numbers', nowhere).split('parts', n => new Array<number>(n).fill(n)).filter('odd', n => n % 2 === 1).to('sink', new RecordingSink<number>())
  const driver = drive(builder.build())
  const outcomes = await Promise.all([0, 1, 2].map(n => driver.source<number>('numbers').push(n)))
  t.same(outcomes.map(outcome => outcome.failure), [undefined, undefined, undefined])
  await driver.finish()
  t.same(driver.sink('sink').values, [1])
})

await t.test('a record of a batch settles only when the batch is durable', async t => {
  const builder = createGraph('g')
  builder.source<number>('numbers', nowhere).toBatches('sink', new RecordingSink<number>(), { count: 2, ms: Infinity })
  const driver = drive(builder.build())
  driver.sink('sink').hold()
  const outcomes = [1, 2].map(n => driver.source<number>('numbers').push(n))
  await until(() => driver.sink('sink').writing === 1)
  await turns()
  t.same(driver.source('numbers').outcomes, [])
  driver.sink('sink').release()
  await Promise.all(outcomes)
  t.same(driver.sink('sink').batches, [[1, 2]])
  await driver.finish()
})

await t.test('a dead letter settles only when its write is durable', async t => {
  const durable = Promise.withResolvers<void>()
  const numbers = new Numbers(1)
  const builder = createGraph('g', { deadLetters: { kind: 'slow', write: () => durable.promise } })
  builder.source('numbers', numbers).step('picky', () => { throw bad() }).to('sink', new RecordingSink<never>())
  const run = builder.build().run()
  await until(() => run.meters().at(-1)?.inFlight === 1)
  await turns()
  t.equal(numbers.settlements.size, 0)
  durable.resolve()
  await run.done
  t.same([...numbers.settlements], [['0', [undefined]]])
})

await t.test('a failing dead-letter sink fails the graph and the record is not settled as done', async t => {
  const numbers = new Numbers(3)
  const letters = new RecordingDeadLetters()
  letters.fail = () => testErrors.TEST_BAD_RECORD('dead letters refused')
  const builder = createGraph('g', { deadLetters: letters })
  builder.source('numbers', numbers).step('picky', () => { throw bad() }).to('sink', new RecordingSink<never>())
  t.match(await failureOf(builder.build().run().done), { message: 'dead letters refused' })
  t.same(numbers.settlements.get('0')?.map(failure => failure?.message), ['dead letters refused'])
  t.ok([...numbers.settlements.values()].every(([failure]) => failure !== undefined), 'nor is any record after it')
})

await t.test('a retryable error is retried, and is never dead-lettered', async t => {
  let tries = 0
  const numbers = new Numbers(1)
  const letters = new RecordingDeadLetters()
  const builder = createGraph('g', { deadLetters: letters, retry: quick })
  builder.source('numbers', numbers).to('sink', { kind: 'down', async write () { tries++; throw testErrors.TEST_SERVER_DOWN('down') } })
  t.match(await failureOf(builder.build().run().done), { code: 'TEST_SERVER_DOWN' })
  t.equal(tries, quick.attempts)
  t.same(letters.written, [])
  t.match(numbers.settlements.get('0'), [{ code: 'TEST_SERVER_DOWN' }])
})

await t.test('a retryable error of a batch is never dead-lettered either', async t => {
  const numbers = new Numbers(4)
  const letters = new RecordingDeadLetters()
  const builder = createGraph('g', { deadLetters: letters, retry: quick })
  builder.source('numbers', numbers).toBatches('sink', { kind: 'down', async writeBatch () { throw testErrors.TEST_SERVER_DOWN('down') } }, { count: 4, ms: Infinity })
  t.match(await failureOf(builder.build().run().done), { code: 'TEST_SERVER_DOWN' })
  t.same(letters.written, [])
  t.ok([...numbers.settlements.values()].every(([failure]) => failure !== undefined))
})

await t.test('one bad record in a batch takes no other with it', async t => {
  const numbers = new Numbers(10)
  const letters = new RecordingDeadLetters()
  const sink = new RecordingSink<number>()
  sink.fail = n => n === 3 ? bad() : undefined
  const builder = createGraph('g', { deadLetters: letters })
  builder.source('numbers', numbers).toBatches('sink', sink, { count: 5, ms: Infinity })
  await builder.build().run().done
  t.same(sink.values, [0, 1, 2, 4, 5, 6, 7, 8, 9])
  t.same(letters.written.map(letter => letter.record.value), [3])
  t.ok([...numbers.settlements.values()].every(times => times.length === 1 && times[0] === undefined))
})

await t.test('a batch that a step cannot take loses none of its records: each is a dead letter', async t => {
  const numbers = new Numbers(6)
  const letters = new RecordingDeadLetters()
  const builder = createGraph('g', { deadLetters: letters })
  builder.source('numbers', numbers).batch('batches', { count: 3, ms: Infinity }).step('picky', () => { throw bad() }).to('sink', new RecordingSink<never>())
  await builder.build().run().done
  t.same(letters.written.map(letter => letter.record.value), [0, 1, 2, 3, 4, 5])
})

await t.test('a failure in one branch of a fan-out is the record\'s outcome, though the others wrote it', async t => {
  const numbers = new Numbers(1)
  const written = new RecordingSink<number>()
  const builder = createGraph('g')
  const port = builder.source('numbers', numbers)
  port.to('good', written)
  port.step('wait', async n => { await until(() => written.values.length === 1); return n }).to('bad', { kind: 'bad', async write () { throw bad() } })
  t.match(await failureOf(builder.build().run().done), { code: 'TEST_BAD_RECORD' })
  t.match(numbers.settlements.get('0'), [{ code: 'TEST_BAD_RECORD' }])
})
