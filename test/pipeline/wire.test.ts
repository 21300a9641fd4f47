import t from 'tap'
import { map, take, tap } from 'rxjs'
import { createGraph, type Envelope } from '../../src/pipeline/index.ts'
import { RecordingSink } from '../../src/pipeline/test-driver.ts'
import { failureOf, Numbers } from '../support/pipeline.ts'

await t.test('through() runs an RxJS operator on envelopes as a node with stats', async t => {
  const sink = new RecordingSink<string>()
  const builder = createGraph('flow')
  builder.source('numbers', new Numbers(3))
    .through('text', map((envelope: Envelope<number>) => envelope.map(`n${envelope.value}`)))
    .to('sink', sink)
  const run = builder.build().run()
  await run.done
  t.same(sink.values, ['n0', 'n1', 'n2'])
  t.match(run.nodeStats('text'), { in: 3, out: 3 })
})

await t.test('a flow that completes before its input fails the graph', async t => {
  const builder = createGraph('lossy')
  builder.source('numbers', new Numbers(100)).through('first', take<Envelope<number>>(2)).to('sink', new RecordingSink<number>())
  t.match(await failureOf(builder.build().run({ settleMs: 1 }).done), { code: 'GRAPH_FLOW_ENDED', where: 'node first' })
})

await t.test('an operator that throws fails the graph, and waiting records settle with the thrown error', async t => {
  const numbers = new Numbers(10)
  const builder = createGraph('throws')
  builder.source('numbers', numbers)
    .through('broken', tap((envelope: Envelope<number>) => { if (envelope.value === 5) throw new Error('broken') }))
    .batch('batches', { count: 100, ms: Infinity })
    .to('sink', new RecordingSink<readonly number[]>())
  t.match(await failureOf(builder.build().run({ settleMs: 1 }).done), { message: 'broken' })
  t.equal(numbers.settlements.size, 5, 'five records were pulled and have settled')
  t.ok([...numbers.settlements.values()].every(([failure]) => failure?.message === 'broken'))
})
