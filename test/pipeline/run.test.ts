import t from 'tap'
import { createGraph, type NodeContext, type RunState, type Sink, type Source } from '../../src/pipeline/index.ts'
import { PushSource, RecordingSink } from '../../src/pipeline/test-driver.ts'
import { failureOf, Numbers, testErrors, turns, until } from '../support/pipeline.ts'

/** Parts that note in one list what is called, and that can be told what to do in each call. */
function noted (calls: string[], name: string, does: { open?: (context: NodeContext) => unknown, close?: () => unknown, flush?: () => unknown } = {}) {
  return {
    async open (context: NodeContext) { calls.push(`open ${name}`); await does.open?.(context) },
    async close () { calls.push(`close ${name}`); await does.close?.() },
    async flush () { calls.push(`flush ${name}`); await does.flush?.() }
  }
}
type Does = Parameters<typeof noted>[2]

function graph (does: { source?: Does, sink?: Does, letters?: Does } = {}, write: Sink<number>['write'] = async () => {}, count = 3) {
  const calls: string[] = []
  const states: RunState[] = []
  const source: Source<number> & { settlements: Numbers['settlements'] } = Object.assign(new Numbers(count), noted(calls, 'source', does.source))
  const builder = createGraph('test', { deadLetters: { kind: 'letters', ...noted(calls, 'letters', does.letters), async write () {} } })
  builder.source('source', source).to('sink', { kind: 'sink', ...noted(calls, 'sink', does.sink), write })
  const start = (settleMs = 2000) => {
    const run = builder.build().run({ settleMs })
    run.states.subscribe(state => states.push(state))
    return run
  }
  return { calls, states, source, start }
}

await t.test('parts open sinks first and close sources first, each once; a source flushes before anything closes', async t => {
  const { calls, states, start } = graph()
  const run = start()
  t.equal(run.state, 'created')
  await run.done
  t.same(calls, ['open letters', 'open sink', 'open source', 'flush source', 'close source', 'close sink', 'close letters'])
  t.same(states, ['created', 'running', 'stopped'])
})

await t.test('when a part does not open, done rejects with its error and what had been opened is closed, that part too', async t => {
  const { calls, states, start } = graph({ sink: { open: () => { throw testErrors.TEST_SERVER_DOWN('no store') } } })
  const run = start()
  t.match(await failureOf(run.done), { code: 'TEST_SERVER_DOWN' })
  t.same(calls, ['open letters', 'open sink', 'close sink', 'close letters'])
  t.same(states, ['created', 'failed'])
})

await t.test('a drain while parts are being opened opens no more, pulls nothing, flushes nothing, and closes', async t => {
  const gate = Promise.withResolvers<void>()
  const { calls, states, source, start } = graph({ sink: { open: () => gate.promise } })
  const run = start()
  await until(() => calls.includes('open sink'))
  const drained = run.drain()
  gate.resolve()
  await drained
  t.same(calls, ['open letters', 'open sink', 'close sink', 'close letters'])
  t.same(states, ['created', 'draining', 'stopped'])
  t.equal((source as unknown as Numbers).pulled, 0)
})

await t.test('an abort while a part is being opened fails, never runs, and closes what was opened', async t => {
  const { calls, states, start } = graph({ sink: { open: ({ abort }) => new Promise((_, reject) => { abort.addEventListener('abort', () => reject(abort.reason as Error)) }) } })
  const run = start()
  await until(() => calls.includes('open sink'))
  t.match(await failureOf(run.abort(new Error('enough'))), { message: 'enough' })
  t.same(calls, ['open letters', 'open sink', 'close sink', 'close letters'])
  t.same(states, ['created', 'failed'])
})

await t.test('an abort straight after the start never runs', async t => {
  const { calls, states, start } = graph()
  t.match(await failureOf(start().abort()), { code: 'GRAPH_ABORTED', where: 'graph test' })
  t.same(calls, ['open letters', 'close letters'])
  t.same(states, ['created', 'failed'])
})

const never = (): Promise<void> => new Promise(() => {})
for (const [what, does] of [['open', { sink: { open: never } }], ['flush', { source: { flush: never } }], ['close', { sink: { close: never } }]] as const) {
  await t.test(`a part whose ${what}() hangs does not hold an abort up, nor keep the others from being closed`, async t => {
    const { calls, start } = graph(does)
    const run = start(1)
    await until(() => calls.includes(`${what} ${Object.keys(does)[0]}`))
    t.match(await failureOf(run.abort()), { code: 'GRAPH_ABORTED' })
    t.same(calls.slice(-2), ['close sink', 'close letters'])
  })
}

await t.test('a part whose open() hangs does not hold a drain up, which is no failure, as nothing had been pulled', async t => {
  const { calls, states, start } = graph({ sink: { open: never } })
  const run = start(1)
  await until(() => calls.includes('open sink'))
  await run.drain()
  t.same(calls, ['open letters', 'open sink', 'close sink', 'close letters'])
  t.same(states, ['created', 'draining', 'stopped'])
})

await t.test('a drain whose deadline passes while a part closes says that it was the closing', async t => {
  const { calls, start } = graph({ sink: { close: never } })
  const run = start(1)
  await until(() => calls.includes('close sink'))
  t.match(await failureOf(run.drain({ deadlineMs: 20 })), { code: 'GRAPH_DRAIN_DEADLINE', message: 'all had settled, but the parts had not closed 20 ms after the stop' })
})

await t.test('errors thrown in close() are not the run\'s, and the other parts are closed all the same', async t => {
  const fails = (): never => { throw new Error('stuck') }
  const { calls, start } = graph({ source: { close: fails }, sink: { close: fails }, letters: { close: fails } })
  const run = start()
  await run.done
  t.equal(run.state, 'stopped')
  t.same(calls.slice(-3), ['close source', 'close sink', 'close letters'])
})

await t.test('a flush that fails fails the run', async t => {
  const { calls, start } = graph({ source: { flush: () => { throw testErrors.TEST_SERVER_DOWN('commit refused') } } })
  t.match(await failureOf(start().done), { message: 'commit refused' })
  t.same(calls.slice(-3), ['close source', 'close sink', 'close letters'])
})

await t.test('a failure with records in flight: what runs may end, what has not begun never does, all settle, then the source flushes', async t => {
  const begun: number[] = []
  const { calls, source } = graph({}, undefined, 50)
  const builder = createGraph('few', { retry: { attempts: 1, baseMs: 0, maxMs: 0 } })
  builder.source('source', source).to('sink', { kind: 'sink', async write (n) { begun.push(n); await turns(1); if (n === 2) throw testErrors.TEST_SERVER_DOWN('gone') } }, { concurrency: 2 })
  const run = builder.build().run()
  t.match(await failureOf(run.done), { code: 'TEST_SERVER_DOWN' })
  t.ok(begun.length <= 4, `${begun.length} writes were begun`)
  t.equal(source.settlements.size, 50, 'each record that was pulled has settled')
  t.ok([...source.settlements.values()].every(times => times.length === 1))
  t.same([...source.settlements].filter(([, [failure]]) => failure === undefined).map(([position]) => position).slice(0, 2), ['0', '1'])
  t.same(calls, ['open source', 'flush source', 'close source'])
})

await t.test('a source that throws fails the run with its error, and is closed', async t => {
  const calls: string[] = []
  const builder = createGraph('test')
  builder.source('file', { kind: 'file', ...noted(calls, 'file'), async * records () { yield { value: 1, bytes: 1, position: '0' }; throw testErrors.TEST_BAD_RECORD('truncated') } })
    .to('sink', new RecordingSink<number>())
  const run = builder.build().run()
  t.match(await failureOf(run.done), { message: 'truncated' })
  t.same(calls, ['open file', 'flush file', 'close file'])
})

await t.test('a source whose settled() throws fails the run, and its credit is not lost', async t => {
  const builder = createGraph('test')
  const source: Source<number> = { kind: 'bad', async * records () { for (let n = 0; n < 10; n++) yield { value: n, bytes: 1, position: '' } }, settled () { throw new Error('tracker broken') } }
  builder.source('source', source).to('sink', new RecordingSink<number>())
  const run = builder.build().run()
  t.match(await failureOf(run.done), { message: 'tracker broken' })
  t.equal(run.meters()[0]?.inFlight, 0)
})

await t.test('work that ends after the parts were closed is not told to them', async t => {
  const late = Promise.withResolvers<void>()
  const { calls, source, start } = graph({}, () => late.promise, 1)
  const run = start(1)
  await until(() => run.meters()[1]?.inFlight === 1)
  t.match(await failureOf(run.abort()), { code: 'GRAPH_ABORTED' })
  t.equal(calls.at(-1), 'close letters')
  late.resolve()
  await turns()
  t.equal(source.settlements.size, 0)
})

await t.test('a drain lets what is in flight settle, with whatever concurrency and batches lie between', async t => {
  const source = new PushSource<number>()
  const sink = new RecordingSink<number>()
  const builder = createGraph('test')
  builder.source('source', source).step('plus', async n => { await turns(1); return n + 1 }, { concurrency: 3 }).toBatches('sink', sink, { count: 100, ms: Infinity })
  const run = builder.build().run()
  const outcomes = Array.from({ length: 20 }, (_, n) => source.push(n))
  await until(() => source.pulled === 20)
  await run.drain()
  t.same([...sink.values].sort((a, b) => a - b), Array.from({ length: 20 }, (_, n) => n + 1))
  t.equal((await Promise.all(outcomes)).filter(outcome => outcome.failure === undefined).length, 20)
})

await t.test('a drain that misses its deadline gives up, saying how much had not settled', async t => {
  const { start } = graph({}, (_, { signal }) => new Promise((_, reject) => { signal.addEventListener('abort', () => reject(signal.reason as Error)) }), 5)
  const run = start()
  await until(() => run.meters()[0]?.in === 5)
  t.match(await failureOf(run.drain({ deadlineMs: 1 })), { code: 'GRAPH_DRAIN_DEADLINE', message: '5 records had not settled 1 ms after the stop' })
  t.equal(run.state, 'failed')
})

await t.test('a drain twice, or after the end, is one drain', async t => {
  const { calls, start } = graph()
  const run = start()
  t.equal(run.drain(), run.done)
  await Promise.all([run.drain(), run.drain({ deadlineMs: 1e6 })])
  await run.drain()
  await run.abort()
  t.equal(run.state, 'stopped')
  t.equal(calls.filter(call => call === 'close letters').length, 1)
})

await t.test('the first failure is the one that is told', async t => {
  const { start } = graph()
  const run = start()
  void run.abort(new Error('first'))
  t.match(await failureOf(run.abort(new Error('second'))), { message: 'first' })
})

await t.test('meters name every node in order, dead letters last', async t => {
  const { start } = graph()
  const run = start()
  await run.done
  t.same(run.meters().map(({ node, in: entered, out }) => [node, entered, out]), [['source', 3, 3], ['sink', 3, 3], ['dead-letters', 0, 0]])
})

await t.test('nodeStats gives the stats of one node by name, the dead letters included', async t => {
  const builder = createGraph('test', { deadLetters: { kind: 'bin', async write () {} } })
  builder.source('source', new Numbers(3))
    .step('check', n => { if (n === 1) throw testErrors.TEST_BAD_RECORD('bad'); return n })
    .to('sink', new RecordingSink<number>())
  const run = builder.build().run()
  await run.done
  t.match(run.nodeStats('dead-letters'), { node: 'dead-letters', in: 1, out: 1 })
  t.match(run.nodeStats('check'), { node: 'check', in: 3, out: 2, deadLettered: 1 })
  t.equal(run.nodeStats('other'), undefined)
})

await t.test('a thousand records waiting for their next try warn of no leak', async t => {
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => { warnings.push(warning) }
  process.on('warning', onWarning)
  const builder = createGraph('test', { retry: { attempts: 5, baseMs: 1e8, maxMs: 1e8 } })
  let tries = 0
  builder.source('source', new Numbers(1000)).to('sink', { kind: 'down', async write () { tries++; throw testErrors.TEST_SERVER_DOWN('down') } }, { concurrency: 1000 })
  const run = builder.build().run()
  await until(() => tries === 1000)
  await turns(2)
  t.match(await failureOf(run.abort()), { code: 'GRAPH_ABORTED' })
  process.off('warning', onWarning)
  t.same(warnings, [])
  t.equal(run.meters()[0]?.inFlight, 0)
})
