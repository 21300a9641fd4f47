import t from 'tap'
import { map } from 'rxjs'
import { createGraph, defaultRetry, noRetry, type GraphBuilder, type Port } from '../../src/pipeline/index.ts'
import { PushSource, RecordingDeadLetters, RecordingSink } from '../../src/pipeline/test-driver.ts'

type Assertions = Pick<typeof t, 'throws'>

const source = () => new PushSource<number>()
const sink = () => new RecordingSink<number>()
const refuses = (t: Assertions, declare: (builder: GraphBuilder) => void, message: RegExp | string): void => {
  const builder = createGraph('broken')
  t.throws(() => { declare(builder); builder.build() }, { code: 'GRAPH_INVALID', message, where: 'graph broken' })
}

await t.test('a graph keeps its nodes in the order of declaration, with the defaults filled in', async t => {
  const builder = createGraph('g', { retry: noRetry, deadLetters: new RecordingDeadLetters(), deadLettersName: 'grave' })
  const numbers = builder.source('numbers', source(), { records: 7 })
  numbers.step('double', n => n * 2, { concurrency: 3 }).to('left', sink())
  numbers.filter('odd', n => n % 2 === 1).split('twice', n => [n, n], { retry: defaultRetry }).toBatches('right', new RecordingSink<number>(), { count: 5 })
  const { spec } = builder.build()
  t.same(spec.nodes.map(node => [node.type, node.name]), [
    ['source', 'numbers'], ['step', 'double'], ['sink', 'left'], ['step', 'odd'], ['step', 'twice'], ['batch-sink', 'right']
  ])
  t.match(spec.nodes, [{ credits: { records: 7, bytes: 64 * 1024 * 1024 } }, { concurrency: 3, retry: noRetry, input: 'numbers' }, { concurrency: 1 }, {}, { retry: defaultRetry, input: 'odd' }, { input: 'twice' }])
  t.match(spec.deadLetters, { name: 'grave', retry: noRetry })
})

await t.test('mis-wiring is an error that names the node', async t => {
  refuses(t, () => {}, 'there is no source')
  refuses(t, builder => { builder.source('numbers', source()) }, "nothing reads from node 'numbers': lead it to a sink")
  refuses(t, builder => { builder.source('numbers', source()).step('dangling', n => n) }, /'dangling'/)
  refuses(t, builder => { const port = builder.source('same', source()); port.to('same', sink()) }, "two nodes are named 'same'")
  refuses(t, builder => { builder.source('Not Good', source()).to('sink', sink()) }, /'Not Good'/)
  refuses(t, builder => { builder.source('numbers', source(), { records: 0 }).to('sink', sink()) }, "source 'numbers' has no credits")
  refuses(t, builder => { builder.source('numbers', source(), { bytes: NaN }).to('sink', sink()) }, /no credits/)
  refuses(t, builder => { builder.source('numbers', source()).to('sink', sink(), { concurrency: 0 }) }, /concurrency 0/)
  refuses(t, builder => { builder.source('numbers', source()).to('sink', sink(), { retry: { attempts: 0, baseMs: 1, maxMs: 1 } }) }, /0 attempts/)
  refuses(t, builder => { builder.source('numbers', source()).toBatches('sink', sink(), { count: 0 }) }, /batches 0 records/)
  refuses(t, builder => { builder.source('numbers', source()).toBatches('sink', sink(), { count: 1, bytes: 0 }) }, /batches 0 bytes/)
  refuses(t, builder => { builder.source('numbers', source()).toBatches('sink', sink(), { count: 1, ms: -1 }) }, /-1 ms/)
  refuses(t, builder => { builder.source('numbers', source()).to('sink', sink()); builder.merge('nothing').to('other', sink()) }, "merge 'nothing' has no inputs")
})

await t.test('a step cannot declare a side effect under the name of a node', async t => {
  const step = (name: string) => (builder: GraphBuilder) => {
    builder.source('numbers', source()).step('capture', n => n, { writes: { name, kind: 'object store' } }).to('sink', sink())
  }
  refuses(t, step('sink'), "step 'capture' writes to 'sink', which is also the name of a node")
  refuses(t, step('Not Good'), /'Not Good'/)
})

await t.test('the dead letters share the nodes\' name space', async t => {
  const builder = createGraph('g', { deadLetters: new RecordingDeadLetters(), deadLettersName: 'numbers' })
  builder.source('numbers', source()).to('sink', sink())
  t.throws(() => builder.build(), { code: 'GRAPH_INVALID', message: "two nodes are named 'numbers'" })
})

await t.test('a port of another graph is refused, even where that graph has a node of the same name', async t => {
  const foreign = createGraph('other').source('numbers', source())
  refuses(t, builder => { builder.merge('both', builder.source('numbers', source()), foreign).to('sink', sink()) }, /'both' reads from 'numbers', which is of another graph/)
})

await t.test('what does not fit does not compile', async t => {
  const numbers: Port<number> = createGraph('typed').source('numbers', source())
  // @ts-expect-error a sink of strings does not take numbers
  numbers.to('strings', new RecordingSink<string>())
  // @ts-expect-error a step takes what the node before it emits
  numbers.step('upper', (text: string) => text.toUpperCase())
  // @ts-expect-error a batch is an array
  numbers.batch('batches', { count: 2 }).step('plus', batch => batch + 1)
  // @ts-expect-error an operator works on envelopes, not on values
  numbers.through('flow', map((n: number) => n))
  // @ts-expect-error a step that gives a promise emits what the promise holds
  numbers.step('later', async n => String(n)).step('sum', n => n - 1)
  t.pass('checked by the compiler')
})

await t.test('a graph runs once', async t => {
  const builder = createGraph('once')
  builder.source('numbers', source()).to('sink', sink())
  const graph = builder.build()
  const run = graph.run()
  t.throws(() => graph.run(), { code: 'GRAPH_REUSED' })
  await run.drain()
})

await t.test('parts can be replaced by name, and only by a name that the graph has', async t => {
  const builder = createGraph('replaced')
  builder.source('constructor', source()).to('sink', sink())
  const graph = builder.build()
  const other = sink()
  const replaced = graph.with({ sinks: { sink: other } as never, sources: {} })
  t.equal((replaced.spec.nodes[1] as { part: unknown }).part, other)
  t.equal((replaced.spec.nodes[0] as { part: unknown }).part, (graph.spec.nodes[0] as { part: unknown }).part)
  t.throws(() => graph.with({ sinks: { sinc: other } as never }), { code: 'GRAPH_INVALID', message: "no node 'sinc' of that type to replace" })
  t.throws(() => graph.with({ batchSinks: { sink: other } as never }), { code: 'GRAPH_INVALID' })
  const letters = new RecordingDeadLetters()
  t.match(graph.with({ deadLetters: letters }).spec.deadLetters, { name: 'dead-letters', part: letters })
})
