// What must hold of memory: unsettled records are bounded, and the bound never stops the graph.
import t from 'tap'
import { createGraph } from '../../src/pipeline/index.ts'
import { RecordingSink } from '../../src/pipeline/test-driver.ts'
import { Numbers, turns, until } from '../support/pipeline.ts'

for (const [limit, credits, pulled] of [['records', { records: 7 }, 7], ['bytes', { bytes: 100 }, 10]] as const) {
  await t.test(`a source is never pulled beyond its credits in ${limit}, wherever the graph is slow`, async t => {
    const numbers = new Numbers(1000, 10)
    const gate = Promise.withResolvers<void>()
    const builder = createGraph('g')
    const port = builder.source('numbers', numbers, credits)
    port.step('quick', n => n).split('two', n => [n, n]).to('slow', { kind: 'slow', write: () => gate.promise })
    port.step('wide', async n => n, { concurrency: 100 }).batch('batches', { count: 3 }).to('fast', new RecordingSink<readonly number[]>())
    const run = builder.build().run()
    await until(() => numbers.pulled === pulled)
    await turns(200)
    t.equal(numbers.pulled, pulled)
    gate.resolve()
    await run.done
    t.equal(numbers.pulled, 1000)
    t.equal(numbers.maxUnsettled, pulled)
  })
}

await t.test('one record larger than the byte limit is admitted, alone', async t => {
  const numbers = new Numbers(20, 5000)
  const sink = new RecordingSink<number>()
  const builder = createGraph('g')
  builder.source('numbers', numbers, { bytes: 100 }).to('sink', sink)
  await builder.build().run().done
  t.equal(sink.values.length, 20)
  t.equal(numbers.maxUnsettled, 1)
})

await t.test('unsettled bytes overshoot the limit by less than one record', async t => {
  const numbers = new Numbers(200, 30)
  const builder = createGraph('g')
  builder.source('numbers', numbers, { bytes: 100 }).to('sink', { kind: 'slow', write: () => turns(1) }, { concurrency: 50 })
  await builder.build().run().done
  t.equal(numbers.maxUnsettledBytes, 120)
})

for (const [what, credits] of [['records', { records: 3 }], ['bytes', { bytes: 30 }]] as const) {
  await t.test(`credits in ${what} fewer than the batch count do not deadlock`, async t => {
    const numbers = new Numbers(10, 10)
    const sink = new RecordingSink<number>()
    const builder = createGraph('g')
    builder.source('numbers', numbers, credits).toBatches('sink', sink, { count: 100, ms: Infinity })
    await builder.build().run().done
    t.same(sink.batches.map(batch => batch.length), [3, 3, 3, 1])
  })
}

await t.test('batches of batches, split and merged, do not deadlock with fewer credits than they hold', async t => {
  const numbers = new Numbers(50)
  const sink = new RecordingSink<number>()
  const batches = new RecordingSink<readonly number[]>()
  const builder = createGraph('g')
  const port = builder.source('numbers', numbers, { records: 4 })
  const inner = port.batch('inner', { count: 10, ms: Infinity })
  inner.toBatches('batches', batches, { count: 10, ms: Infinity })
  builder.merge('all', inner.split('out', batch => batch), port).toBatches('sink', sink, { count: 1000, ms: Infinity }, { concurrency: 2 })
  await builder.build().run().done
  t.equal(sink.values.length, 100)
  t.equal(batches.values.flat().length, 50)
})

await t.test('a source that starves is served, though another one is idle', async t => {
  const numbers = new Numbers(9)
  const sink = new RecordingSink<number>()
  const builder = createGraph('g')
  const idle = builder.source<number>('idle', { kind: 'idle', async * records ({ drain }) { await new Promise(resolve => { drain.addEventListener('abort', resolve) }) } })
  builder.merge('both', idle, builder.source('numbers', numbers, { records: 3 })).toBatches('sink', sink, { count: 100, ms: Infinity })
  const run = builder.build().run()
  await until(() => numbers.pulled === 9)
  await run.drain()
  t.equal(sink.values.length, 9)
})

await t.test('merged sources each keep to their own credits, and all their records arrive', async t => {
  const sources = [new Numbers(30), new Numbers(50), new Numbers(0)]
  const sink = new RecordingSink<number>()
  const builder = createGraph('g')
  builder.merge('all', ...sources.map((source, index) => builder.source(`numbers-${index}`, source, { records: 2 + index }))).to('sink', sink)
  await builder.build().run().done
  t.equal(sink.values.length, 80)
  t.same(sources.map(source => source.maxUnsettled), [2, 3, 0])
})

await t.test('a long queue of quick records behind a slow one does not overflow the stack', async t => {
  const numbers = new Numbers(50_000)
  const builder = createGraph('g')
  let written = 0
  builder.source('numbers', numbers, { records: 50_000 })
    .step('first-is-slow', n => n === 0 ? until(() => numbers.pulled === 50_000).then(() => n) : n)
    .to('sink', { kind: 'count', async write () { written++ } })
  await builder.build().run().done
  t.equal(written, 50_000)
})
