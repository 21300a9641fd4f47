import t from 'tap'
import { map } from 'rxjs'
import { createGraph, noRetry, type Port } from '../../src/pipeline/index.ts'
import { defaultRetry } from '../../src/pipeline/retry.ts'
import { PushSource, RecordingDeadLetters, RecordingSink } from '../../src/pipeline/test-driver.ts'

type Assertions = Pick<typeof t, 'throws'>
type Builder = ReturnType<typeof createGraph>

const source = () => new PushSource<number>()
const sink = () => new RecordingSink<number>()
const rejects = (t: Assertions, declare: (builder: Builder) => void, message: RegExp | string): void => {
  const builder = createGraph('broken')
  t.throws(() => { declare(builder); builder.build() }, { code: 'GRAPH_INVALID', message, where: 'graph broken' })
}

await t.test('the spec of a graph has the nodes in the order of declaration, with default options', async t => {
  const builder = createGraph('g', { retry: noRetry, deadLetters: new RecordingDeadLetters(), deadLettersName: 'rejected' })
  builder.source('numbers', source(), { records: 7 }).step('double', n => n * 2, { concurrency: 3 }).to('left', sink())
  builder.source('others', source())
    .filter('odd', n => n % 2 === 1)
    .split('twice', n => [n, n], { retry: defaultRetry })
    .toBatches('right', new RecordingSink<number>(), { count: 5 })
  const { spec } = builder.build()
  t.same(spec.nodes.map(node => [node.type, node.name]), [
    ['source', 'numbers'], ['step', 'double'], ['sink', 'left'],
    ['source', 'others'], ['step', 'odd'], ['step', 'twice'], ['batch-sink', 'right']
  ])
  t.match(spec.nodes, [
    { credits: { records: 7, bytes: 64 * 1024 * 1024 } }, { concurrency: 3, retry: noRetry, input: 'numbers' }, { concurrency: 1 },
    { credits: { records: 1000 } }, { input: 'others' }, { retry: defaultRetry, input: 'odd' }, { input: 'twice' }
  ])
  t.match(spec.deadLetters, { name: 'rejected', retry: noRetry })
})

await t.test('an invalid declaration throws and names the node', async t => {
  rejects(t, () => {}, 'the graph has no source')
  rejects(t, builder => { builder.source('numbers', source()) }, "no node reads from 'numbers': connect it to a sink")
  rejects(t, builder => { builder.source('numbers', source()).step('dangling', n => n) }, /'dangling'/)
  rejects(t, builder => { builder.source('same', source()).to('same', sink()) }, "two nodes are named 'same'")
  rejects(t, builder => { builder.source('Not Good', source()).to('sink', sink()) }, /'Not Good'/)
  rejects(t, builder => { builder.source('numbers', source(), { records: 0 }).to('sink', sink()) }, "source 'numbers' has no credits")
  rejects(t, builder => { builder.source('numbers', source(), { bytes: NaN }).to('sink', sink()) }, /no credits/)
  rejects(t, builder => { builder.source('numbers', source()).to('sink', sink(), { concurrency: 0 }) }, /concurrency 0/)
  rejects(t, builder => {
    builder.source('numbers', source()).to('sink', sink(), { retry: { attempts: 0, baseMs: 1, maxMs: 1 } })
  }, /0 retry attempts/)
  rejects(t, builder => { builder.source('numbers', source()).toBatches('sink', sink(), { count: 0 }) }, /limit of 0 records/)
  rejects(t, builder => { builder.source('numbers', source()).toBatches('sink', sink(), { count: 1, bytes: 0 }) }, /limit of 0 bytes/)
  rejects(t, builder => { builder.source('numbers', source()).toBatches('sink', sink(), { count: 1, ms: -1 }) }, /-1 ms/)
})

await t.test('building a graph throws if a port has two readers', async t => {
  rejects(t, builder => {
    const port = builder.source('numbers', source())
    port.to('left', sink())
    port.to('right', sink())
  }, "several nodes read from 'numbers': 'left', 'right'")
})

await t.test('building a graph throws if a side effect has the name of a node', async t => {
  const writing = (name: string) => (builder: Builder) => {
    builder.source('numbers', source()).step('capture', n => n, { writes: { name, kind: 'object store' } }).to('sink', sink())
  }
  rejects(t, writing('sink'), "step 'capture' writes to 'sink', which is also the name of a node")
  rejects(t, writing('Not Good'), /'Not Good'/)
})

await t.test('building a graph throws if the dead-letter node has the name of another node', async t => {
  const builder = createGraph('g', { deadLetters: new RecordingDeadLetters(), deadLettersName: 'numbers' })
  builder.source('numbers', source()).to('sink', sink())
  t.throws(() => builder.build(), { code: 'GRAPH_INVALID', message: "two nodes are named 'numbers'" })
})

await t.test('a graph whose node types do not match does not compile', async t => {
  const numbers: Port<number> = createGraph('typed').source('numbers', source())
  // @ts-expect-error a sink of strings does not take numbers
  numbers.to('strings', new RecordingSink<string>())
  // @ts-expect-error a step takes the values that the preceding node emits
  numbers.step('upper', (text: string) => text.toUpperCase())
  // @ts-expect-error a batch node emits arrays
  numbers.batch('batches', { count: 2 }).step('plus', batch => batch + 1)
  // @ts-expect-error an operator works on envelopes, not on values
  numbers.through('flow', map((n: number) => n))
  // @ts-expect-error an asynchronous step emits the resolved value
  numbers.step('later', async n => String(n)).step('sum', n => n - 1)
  t.pass('checked by the compiler')
})

await t.test('running a graph a second time throws', async t => {
  const builder = createGraph('once')
  builder.source('numbers', source()).to('sink', sink())
  const graph = builder.build()
  const run = graph.run()
  t.throws(() => graph.run(), { code: 'GRAPH_REUSED' })
  await run.drain()
})

await t.test('with() replaces parts by node name, and throws for an unknown name', async t => {
  const builder = createGraph('replaced')
  builder.source('constructor', source()).to('sink', sink())
  const graph = builder.build()
  const other = sink()
  const replaced = graph.with({ sinks: { sink: other } as never, sources: {} })
  t.equal((replaced.spec.nodes[1] as { part: unknown }).part, other)
  t.equal((replaced.spec.nodes[0] as { part: unknown }).part, (graph.spec.nodes[0] as { part: unknown }).part)
  t.throws(() => graph.with({ sinks: { sinc: other } as never }), {
    code: 'GRAPH_INVALID', message: "cannot replace 'sinc': unknown name or wrong type"
  })
  t.throws(() => graph.with({ batchSinks: { sink: other } as never }), { code: 'GRAPH_INVALID' })
  const deadLetters = new RecordingDeadLetters()
  t.match(graph.with({ deadLetters }).spec.deadLetters, { name: 'dead-letters', part: deadLetters })
})
