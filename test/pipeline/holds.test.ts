// Steps that declare the bytes of their output: the record then holds less of the credit of its source.
import t from 'tap'
import { map, tap } from 'rxjs'
import { createGraph, type Port, type Source, type SourceRecord } from '../../src/pipeline/index.ts'
import { Envelope } from '../../src/pipeline/envelope.ts'
import { drive, PushSource, RecordingDeadLetters, RecordingSink, type TestDriver } from '../../src/pipeline/test-driver.ts'
import { failureOf, turns, until } from '../support/pipeline.ts'

const credits = { records: 1000, bytes: 100 }
const sink = () => new RecordingSink<unknown>()

function driven (declare: (port: Port<number>) => void, limits = credits): TestDriver {
  const builder = createGraph('holds')
  declare(builder.source('numbers', new PushSource<number>(), limits))
  return drive(builder.build(), { settleMs: 10 })
}

const unsettled = ({ run }: TestDriver) => run.credits()[0]!.unsettled

await t.test('a record counts with the declared bytes from the step on, and settling it returns what is left', async t => {
  const driver = driven(port => port.step('shrink', n => n, { holds: n => n }).to('sink', sink()))
  const written = driver.sink<number>('sink')
  written.hold()
  const source = driver.source<number>('numbers')
  const pushed = [7, 9].map(n => source.push(n, { bytes: 50 }))
  await until(() => written.writing === 1 && source.pulled === 2)
  await turns()
  t.same(unsettled(driver), { records: 2, bytes: 16 })
  t.equal(source.released.length, 2, 'the source releases the content of both records')
  written.release()
  await Promise.all(pushed)
  t.same(unsettled(driver), { records: 0, bytes: 0 })
  await driver.finish()
})

await t.test('a batch collects 50 small outputs where the credit admits two records', async t => {
  const limits = { count: 50, ms: Infinity }
  const driver = driven(port => port.step('shrink', n => n, { holds: () => 1 }).batch('rows', limits).to('sink', sink()))
  const source = driver.source<number>('numbers')
  await Promise.all(Array.from({ length: 50 }, (_, n) => source.push(n, { bytes: 60 })))
  t.same(driver.sink<number[]>('sink').values.map(({ length }) => length), [50])
  await driver.finish()
})

await t.test('the byte limit of a batch counts the declared bytes', async t => {
  const limits = { count: 50, bytes: 10, ms: Infinity }
  const driver = driven(port => port.step('shrink', n => n, { holds: () => 5 }).batch('rows', limits).to('sink', sink()))
  const source = driver.source<number>('numbers')
  await Promise.all([1, 2, 3, 4].map(n => source.push(n, { bytes: 60 })))
  t.same(driver.sink<number[]>('sink').values, [[1, 2], [3, 4]])
  await driver.finish()
})

await t.test('each child of a split declares its bytes', async t => {
  const driver = driven(port => port.split('twice', n => [n, n * 2, n * 4], { holds: n => n }).to('sink', sink()))
  const written = driver.sink<number>('sink')
  written.hold()
  const pushed = driver.source<number>('numbers').push(3, { bytes: 90 })
  await until(() => written.writing === 1)
  t.equal(Math.round(unsettled(driver).bytes), 21)
  written.release()
  await pushed
  t.equal(unsettled(driver).bytes, 0)
  await driver.finish()
})

await t.test('the records of a batch share the bytes that a step declares for the batch', async t => {
  const records: Array<SourceRecord<number>> = [10, 30].map(bytes => ({ value: bytes, bytes, position: String(bytes) }))
  const held = new Map<number, number>()
  const batch = Envelope.batch(records.map(record =>
    Envelope.of(record, { node: 's', position: record.position }, () => {}, now => { held.set(record.value, now) })))
  batch.hold(20)
  t.equal(batch.bytes, 20)
  t.strictSame([...held], [[10, 5], [30, 15]])
  batch.hold(0)
  batch.hold(8)
  t.strictSame([...held], [[10, 4], [30, 4]], 'records that held nothing get equal shares')
})

await t.test('an operator of `through` changes the bytes of its envelopes', async t => {
  const driver = driven(port => port.through('halve', input => input.pipe(
    map(envelope => envelope.map(envelope.value)), tap(envelope => { envelope.hold(envelope.bytes / 2) })
  )).to('sink', sink()))
  const written = driver.sink<number>('sink')
  written.hold()
  const pushed = driver.source<number>('numbers').push(3, { bytes: 90 })
  await until(() => written.writing === 1)
  t.equal(unsettled(driver).bytes, 45)
  written.release()
  await pushed
  await driver.finish()
})

await t.test('a step that declares an impossible size fails the graph', async t => {
  for (const bytes of [NaN, -1, Infinity]) {
    const driver = driven(port => port.step('shrink', n => n, { holds: () => bytes }).to('sink', sink()))
    void driver.source<number>('numbers').push(1)
    t.match(await failureOf(driver.run.done), { message: `an envelope cannot hold ${bytes} bytes` })
  }
})

await t.test('a graph with dead letters, or whose source releases nothing, cannot declare bytes', async t => {
  const holds = { holds: () => 1 }
  const withDeadLetters = createGraph('g', { deadLetters: new RecordingDeadLetters() })
  withDeadLetters.source('numbers', new PushSource<number>()).step('shrink', n => n, holds).to('sink', sink())
  t.throws(() => withDeadLetters.build(), { code: 'GRAPH_INVALID', message: /'shrink' .*dead letters/ })
  const source: Source<number> = { kind: 'numbers', async * records () {} }
  const unreleased = createGraph('g')
  unreleased.source('numbers', source).filter('all', () => true).step('shrink', n => n, holds).to('sink', sink())
  t.throws(() => unreleased.build(), { code: 'GRAPH_INVALID', message: /'shrink' .*source 'numbers'/ })
})

await t.test('a batch is emitted when its source awaits settlement, also for records that arrive later', async t => {
  const wake = Promise.withResolvers<void>()
  const source: Source<number> = {
    kind: 'numbers',
    async * records ({ awaitSettlement, drain }) {
      for (const value of [1, 2, 3]) yield { value, bytes: 1, position: String(value) }
      awaitSettlement!(true)
      await wake.promise
      awaitSettlement!(false)
      for (const value of [4, 5]) yield { value, bytes: 1, position: String(value) }
      await new Promise(resolve => drain.addEventListener('abort', resolve))
    }
  }
  const slow = Promise.withResolvers<void>()
  const written = new RecordingSink<readonly number[]>()
  const builder = createGraph('g')
  builder.source('numbers', source)
    .step('slow', async n => { if (n === 3) await slow.promise; return n }, { concurrency: 9 })
    .batch('rows', { count: 50, ms: Infinity }).to('sink', written)
  const run = builder.build().run()
  await until(() => written.values.length === 1)
  t.same(written.values, [[1, 2]])
  slow.resolve()
  await until(() => written.values.length === 2)
  t.same(written.values[1], [3])
  wake.resolve()
  await turns()
  t.equal(written.values.length, 2, 'afterwards, the batch waits for its limits')
  await run.drain()
  t.same(written.values[2], [4, 5])
})
