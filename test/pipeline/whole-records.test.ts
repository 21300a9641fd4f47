import t from 'tap'
import { createGraph, type Source, type SourceRecord } from '../../src/pipeline/index.ts'

/** Emits one value that stands for each number of records. */
function sourceOf (counts: readonly number[], settled: number[] = []): Source<number> {
  return {
    kind: 'test',
    async * records () {
      for (const records of counts) yield { value: records, bytes: 10, position: String(records), records }
    },
    settled: ({ value }: SourceRecord<number>) => { settled.push(value) }
  }
}

await t.test('a value that stands for several records counts as so many in the stats of every node', async t => {
  const graph = createGraph('whole')
  const settled: number[] = []
  graph.source('batches', sourceOf([5, 1, 20], settled))
    .step('pass', value => value)
    .filter('not-one', value => value > 1)
    .toBatches('sink', { kind: 'test', writeBatch: async () => {} }, { count: 2 })
  const run = graph.build().run()
  await run.done
  t.match(run.meters(), [
    { node: 'batches', in: 26, out: 26, inFlight: 0, bytes: 30 },
    { node: 'pass', in: 26, out: 26, inFlight: 0 },
    { node: 'not-one', in: 26, out: 25, dropped: 1, inFlight: 0 },
    { node: 'sink', in: 25, out: 25, inFlight: 0 }
  ])
  t.strictSame(run.latencies().map(({ histogram }) => histogram.count), [26, 26, 26, 25])
  t.strictSame(settled.toSorted((a, b) => a - b), [1, 5, 20], 'each value settles once')
})

await t.test('the values of a split count as one record each, and a sink that writes single values counts the records', async t => {
  const graph = createGraph('split')
  graph.source('whole', sourceOf([4])).to('store', { kind: 'test', write: async () => {} })
  graph.source('parts', sourceOf([4])).split('split', () => ['a', 'b', 'c']).to('log', { kind: 'test', write: async () => {} })
  const run = graph.build().run()
  await run.done
  t.match(run.nodeStats('store'), { in: 4, out: 4 })
  t.match(run.nodeStats('split'), { in: 4, out: 3 })
  t.match(run.nodeStats('log'), { in: 3, out: 3 })
})

await t.test('a value takes the credit of its records until it settles', async t => {
  const graph = createGraph('credits')
  const written = Promise.withResolvers<void>()
  graph.source('batches', sourceOf([6, 6, 6]), { records: 10 })
    .to('store', { kind: 'test', write: async () => { await written.promise } }, { concurrency: 3 })
  const run = graph.build().run()
  while (run.credits()[0]?.unsettled.records !== 12) await new Promise(resolve => setImmediate(resolve))
  t.equal(run.nodeStats('store')!.inFlight, 12, 'the third value waits, because 12 unsettled records exceed the credit')
  written.resolve()
  await run.done
  t.match(run.credits(), [{ unsettled: { records: 0, bytes: 0 } }])
  t.equal(run.nodeStats('store')!.out, 18)
})
