import t from 'tap'
import { map, take, tap } from 'rxjs'
import { createGraph, type Envelope } from '../../src/pipeline/index.ts'
import { RecordingSink } from '../../src/pipeline/test-driver.ts'
import { failureOf, Numbers } from '../support/pipeline.ts'

await t.test('an RxJS operator on envelopes is a flow', async t => {
  const sink = new RecordingSink<string>()
  const numbers = new Numbers(3)
  const builder = createGraph('flow')
  builder.source('numbers', numbers).through('text', map((envelope: Envelope<number>) => envelope.map(`n${envelope.value}`))).to('sink', sink)
  const run = builder.build().run()
  await run.done
  t.same(sink.values, ['n0', 'n1', 'n2'])
  t.match(run.meters()[1], { node: 'text', in: 3, out: 3 })
})

await t.test('a flow that ends before its input fails the graph, instead of waiting for ever for what it dropped', async t => {
  const builder = createGraph('lossy')
  builder.source('numbers', new Numbers(100)).through('first', take<Envelope<number>>(2)).to('sink', new RecordingSink<number>())
  t.match(await failureOf(builder.build().run({ settleMs: 1 }).done), { code: 'GRAPH_FLOW_ENDED', where: 'node first' })
})

await t.test('an operator that throws fails the graph; what it did not hold settles with that failure', async t => {
  const numbers = new Numbers(10)
  const builder = createGraph('throws')
  builder.source('numbers', numbers)
    .through('broken', tap((envelope: Envelope<number>) => { if (envelope.value === 5) throw new Error('broken') }))
    .batch('batches', { count: 100, ms: Infinity })
    .to('sink', new RecordingSink<readonly number[]>())
  t.match(await failureOf(builder.build().run({ settleMs: 1 }).done), { message: 'broken' })
  t.equal(numbers.settlements.size, 5, 'the five before it, that waited in the batch')
  t.ok([...numbers.settlements.values()].every(([failure]) => failure?.message === 'broken'))
})

await t.test('branches of a fan-out may meet again', async t => {
  const numbers = new Numbers(100)
  const sink = new RecordingSink<number>()
  const builder = createGraph('diamond')
  const port = builder.source('numbers', numbers, { records: 5 })
  builder.merge('both', port.step('plus', n => n + 1000), port.filter('even', n => n % 2 === 0), port).to('sink', sink)
  const run = builder.build().run()
  await run.done
  t.equal(sink.values.length, 250)
  t.match(run.meters().find(reading => reading.node === 'both'), { in: 250, out: 250 })
  t.ok([...numbers.settlements.values()].every(times => times.length === 1))
  t.equal(numbers.maxUnsettled, 5)
})
