// Settlement: a record settles as done only when it is durable, dropped by a filter or dead-lettered. Offset commits rely on this.
import t from 'tap'
import { createGraph } from '../../src/pipeline/index.ts'
import { drive, RecordingDeadLetters, RecordingSink } from '../../src/pipeline/test-driver.ts'
import { failureOf, Numbers, quick, testErrors, turns, until } from '../support/pipeline.ts'

const nowhere = { kind: 'none', async * records () {} }
const bad = (): Error => testErrors.TEST_BAD_RECORD('bad')

await t.test('a split record settles only when all its values have settled', async t => {
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

await t.test('a record that is dropped by a filter, or split into no values, settles as done', async t => {
  const builder = createGraph('g')
  builder.source<number>('numbers', nowhere)
    .split('parts', n => new Array<number>(n).fill(n))
    .filter('odd', n => n % 2 === 1)
    .to('sink', new RecordingSink<number>())
  const driver = drive(builder.build())
  const outcomes = await Promise.all([0, 1, 2].map(n => driver.source<number>('numbers').push(n)))
  t.same(outcomes.map(outcome => outcome.failure), [undefined, undefined, undefined])
  await driver.finish()
  t.same(driver.sink('sink').values, [1])
})

await t.test('if one value of a split record fails, the record settles with the failure, even if other values are written', async t => {
  const numbers = new Numbers(1)
  const written: number[] = []
  const builder = createGraph('g')
  builder.source('numbers', numbers).split('parts', () => [1, 2]).to('sink', {
    kind: 'sink',
    async write (n) {
      if (n === 2) throw bad()
      written.push(n)
    }
  })
  t.match(await failureOf(builder.build().run().done), { code: 'TEST_BAD_RECORD' })
  t.same(written, [1])
  t.match(numbers.settlements.get('0'), [{ code: 'TEST_BAD_RECORD' }])
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

await t.test('a dead-lettered record settles only when the dead letter is durable', async t => {
  const durable = Promise.withResolvers<void>()
  const numbers = new Numbers(1)
  const builder = createGraph('g', { deadLetters: { kind: 'slow', write: () => durable.promise } })
  builder.source('numbers', numbers).step('picky', () => { throw bad() }).to('sink', new RecordingSink<never>())
  const run = builder.build().run()
  await until(() => run.nodeStats('dead-letters')?.inFlight === 1)
  await turns()
  t.equal(numbers.settlements.size, 0)
  durable.resolve()
  await run.done
  t.same([...numbers.settlements], [['0', [undefined]]])
})

await t.test('if the dead-letter sink fails, the graph fails and no record settles as done', async t => {
  const numbers = new Numbers(3)
  const deadLetters = new RecordingDeadLetters()
  deadLetters.fail = () => testErrors.TEST_BAD_RECORD('dead letters rejected')
  const builder = createGraph('g', { deadLetters })
  builder.source('numbers', numbers).step('picky', () => { throw bad() }).to('sink', new RecordingSink<never>())
  t.match(await failureOf(builder.build().run().done), { message: 'dead letters rejected' })
  t.same(numbers.settlements.get('0')?.map(failure => failure?.message), ['dead letters rejected'])
  t.ok([...numbers.settlements.values()].every(([failure]) => failure !== undefined))
})

await t.test('a retryable error is retried and never dead-lettered', async t => {
  let attempts = 0
  const numbers = new Numbers(1)
  const deadLetters = new RecordingDeadLetters()
  const builder = createGraph('g', { deadLetters, retry: quick })
  builder.source('numbers', numbers).to('sink', {
    kind: 'down',
    async write () {
      attempts++
      throw testErrors.TEST_SERVER_DOWN('down')
    }
  })
  t.match(await failureOf(builder.build().run().done), { code: 'TEST_SERVER_DOWN' })
  t.equal(attempts, quick.attempts)
  t.same(deadLetters.written, [])
  t.match(numbers.settlements.get('0'), [{ code: 'TEST_SERVER_DOWN' }])
})

await t.test('a retryable error of a batch is never dead-lettered', async t => {
  const numbers = new Numbers(4)
  const deadLetters = new RecordingDeadLetters()
  const builder = createGraph('g', { deadLetters, retry: quick })
  builder.source('numbers', numbers)
    .toBatches('sink', { kind: 'down', async writeBatch () { throw testErrors.TEST_SERVER_DOWN('down') } }, { count: 4, ms: Infinity })
  t.match(await failureOf(builder.build().run().done), { code: 'TEST_SERVER_DOWN' })
  t.same(deadLetters.written, [])
  t.ok([...numbers.settlements.values()].every(([failure]) => failure !== undefined))
})

await t.test('a bad record in a batch does not affect the other records of the batch', async t => {
  const numbers = new Numbers(10)
  const deadLetters = new RecordingDeadLetters()
  const sink = new RecordingSink<number>()
  sink.fail = n => n === 3 ? bad() : undefined
  const builder = createGraph('g', { deadLetters })
  builder.source('numbers', numbers).toBatches('sink', sink, { count: 5, ms: Infinity })
  await builder.build().run().done
  t.same(sink.values, [0, 1, 2, 4, 5, 6, 7, 8, 9])
  t.same(deadLetters.written.map(deadLetter => deadLetter.record.value), [3])
  t.ok([...numbers.settlements.values()].every(outcomes => outcomes.length === 1 && outcomes[0] === undefined))
})

await t.test('if a step rejects a batch, each record of the batch is dead-lettered', async t => {
  const numbers = new Numbers(6)
  const deadLetters = new RecordingDeadLetters()
  const builder = createGraph('g', { deadLetters })
  builder.source('numbers', numbers)
    .batch('batches', { count: 3, ms: Infinity })
    .step('picky', () => { throw bad() })
    .to('sink', new RecordingSink<never>())
  await builder.build().run().done
  t.same(deadLetters.written.map(deadLetter => deadLetter.record.value), [0, 1, 2, 3, 4, 5])
})
