// Backpressure: credits bound the unsettled records, and this bound never blocks the graph.
import t from 'tap'
import { createGraph } from '../../src/pipeline/index.ts'
import { RecordingSink } from '../../src/pipeline/test-driver.ts'
import { Numbers, turns, until } from '../support/pipeline.ts'

for (const [limit, credits, pulled] of [['records', { records: 7 }, 7], ['bytes', { bytes: 100 }, 10]] as const) {
  await t.test(`a source is not pulled beyond its credits in ${limit}, whichever node is slow`, async t => {
    for (const slow of ['step', 'split', 'batch', 'sink']) {
      const numbers = new Numbers(100, 10)
      const gate = Promise.withResolvers<void>()
      const at = async <V>(node: string, value: V): Promise<V> => {
        if (node === slow) await gate.promise
        return value
      }
      const builder = createGraph('g')
      builder.source('numbers', numbers, credits)
        .step('step', n => at('step', n), { concurrency: 100 })
        .split('split', n => at('split', [n, n]))
        .batch('batches', { count: 3 })
        .step('batch', batch => at('batch', batch))
        .to('sink', { kind: 'slow', write: async batch => { await at('sink', batch) } })
      const run = builder.build().run()
      await until(() => numbers.pulled === pulled)
      await turns(200)
      t.equal(numbers.pulled, pulled, `records pulled while ${slow} is slow`)
      gate.resolve()
      await run.done
      t.equal(numbers.pulled, 100)
      t.equal(numbers.maxUnsettled, pulled)
    }
  })
}

await t.test('a record larger than the byte limit is admitted alone', async t => {
  const numbers = new Numbers(20, 5000)
  const sink = new RecordingSink<number>()
  const builder = createGraph('g')
  builder.source('numbers', numbers, { bytes: 100 }).to('sink', sink)
  await builder.build().run().done
  t.equal(sink.values.length, 20)
  t.equal(numbers.maxUnsettled, 1)
})

await t.test('unsettled bytes exceed the limit by less than one record', async t => {
  const numbers = new Numbers(200, 30)
  const builder = createGraph('g')
  builder.source('numbers', numbers, { bytes: 100 }).to('sink', { kind: 'slow', write: () => turns(1) }, { concurrency: 50 })
  await builder.build().run().done
  t.equal(numbers.maxUnsettledBytes, 120)
})

for (const [what, credits] of [['records', { records: 3 }], ['bytes', { bytes: 30 }]] as const) {
  await t.test(`fewer credits in ${what} than the batch size cause no deadlock`, async t => {
    const numbers = new Numbers(10, 10)
    const sink = new RecordingSink<number>()
    const builder = createGraph('g')
    builder.source('numbers', numbers, credits).toBatches('sink', sink, { count: 100, ms: Infinity })
    await builder.build().run().done
    t.same(sink.batches.map(batch => batch.length), [3, 3, 3, 1])
  })
}

await t.test('nested batches larger than the credits cause no deadlock', async t => {
  const numbers = new Numbers(50)
  const sink = new RecordingSink<number>()
  const builder = createGraph('g')
  builder.source('numbers', numbers, { records: 4 })
    .batch('inner', { count: 10, ms: Infinity })
    .batch('outer', { count: 10, ms: Infinity })
    .split('out', batches => batches.flat())
    .toBatches('sink', sink, { count: 1000, ms: Infinity }, { concurrency: 2 })
  await builder.build().run().done
  t.equal(sink.values.length, 50)
})

await t.test('a source without credit proceeds while another source is idle', async t => {
  const numbers = new Numbers(9)
  const sink = new RecordingSink<number>()
  const builder = createGraph('g')
  builder.source<number>('idle', {
    kind: 'idle',
    async * records ({ drain }) { await new Promise(resolve => { drain.addEventListener('abort', resolve) }) }
  }).to('other', new RecordingSink<number>())
  builder.source('numbers', numbers, { records: 3 }).toBatches('sink', sink, { count: 100, ms: Infinity })
  const run = builder.build().run()
  await until(() => numbers.pulled === 9)
  await run.drain()
  t.equal(sink.values.length, 9)
})

await t.test('the unsettled records of each source are bounded by its credits, and all records are written', async t => {
  const sources = [new Numbers(30), new Numbers(50), new Numbers(0)]
  let written = 0
  const builder = createGraph('g')
  for (const [index, source] of sources.entries()) {
    builder.source(`numbers-${index}`, source, { records: 2 + index })
      .to(`sink-${index}`, { kind: 'slow', async write () { await turns(1); written++ } })
  }
  await builder.build().run().done
  t.equal(written, 80)
  t.same(sources.map(source => source.maxUnsettled), [2, 3, 0])
})

await t.test('a long queue of fast records behind a slow record does not overflow the stack', async t => {
  const numbers = new Numbers(50_000)
  const builder = createGraph('g')
  let written = 0
  builder.source('numbers', numbers, { records: 50_000 })
    .step('first-is-slow', n => n === 0 ? until(() => numbers.pulled === 50_000).then(() => n) : n)
    .to('sink', { kind: 'count', async write () { written++ } })
  await builder.build().run().done
  t.equal(written, 50_000)
})
