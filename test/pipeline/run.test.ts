import t from 'tap'
import { createGraph, type NodeContext, type Run, type RunState, type Sink, type Source } from '../../src/pipeline/index.ts'
import { PushSource, RecordingSink } from '../../src/pipeline/test-driver.ts'
import { failureOf, Numbers, testErrors, turns, until } from '../support/pipeline.ts'

interface Hooks { open?: (context: NodeContext) => unknown, close?: () => unknown, flush?: () => unknown }

/** Returns methods for a part. Each method calls `note`, then the hook that the test has set for the method, if any. */
function noted (note: (call: string) => void, name: string, hooks: Hooks = {}) {
  return {
    async open (context: NodeContext) { note(`open ${name}`); await hooks.open?.(context) },
    async close () { note(`close ${name}`); await hooks.close?.() },
    async flush () { note(`flush ${name}`); await hooks.flush?.() }
  }
}

interface AllHooks { source?: Hooks, sink?: Hooks, deadLetters?: Hooks }

/** Creates a graph whose parts record each call of their methods. Also records the state of the run at each call and at the end. */
function graph (hooks: AllHooks = {}, write: Sink<number>['write'] = async () => {}, count = 3) {
  const calls: string[] = []
  const states: RunState[] = []
  let run: Run | undefined
  const noteState = (): void => {
    const state = run?.state ?? 'created'
    if (state !== states.at(-1)) states.push(state)
  }
  const note = (call: string): void => { calls.push(call); noteState() }
  const numbers = new Numbers(count)
  const source: Source<number> = Object.assign(numbers, noted(note, 'source', hooks.source))
  const deadLetters = { kind: 'bin', ...noted(note, 'dead letters', hooks.deadLetters), async write () {} }
  const builder = createGraph('test', { deadLetters })
  builder.source('source', source).to('sink', { kind: 'sink', ...noted(note, 'sink', hooks.sink), write })
  const start = (settleMs = 2000): Run => {
    run = builder.build().run({ settleMs })
    run.done.then(noteState, noteState)
    return run
  }
  return { calls, states, source, numbers, start }
}

await t.test('sinks open first and close last, and a source flushes before any part closes', async t => {
  const { calls, states, start } = graph()
  const run = start()
  t.equal(run.state, 'created')
  await run.done
  t.same(calls, ['open dead letters', 'open sink', 'open source', 'flush source', 'close source', 'close sink', 'close dead letters'])
  t.same(states, ['created', 'running', 'stopped'])
})

await t.test('if a part fails to open, the run fails and closes all opened parts, including the failed part', async t => {
  const { calls, states, start } = graph({ sink: { open: () => { throw testErrors.TEST_SERVER_DOWN('no store') } } })
  t.match(await failureOf(start().done), { code: 'TEST_SERVER_DOWN' })
  t.same(calls, ['open dead letters', 'open sink', 'close sink', 'close dead letters'])
  t.same(states, ['created', 'failed'])
})

await t.test('a drain while parts open pulls nothing, flushes nothing and closes the opened parts', async t => {
  const gate = Promise.withResolvers<void>()
  const { calls, states, numbers, start } = graph({ sink: { open: () => gate.promise } })
  const run = start()
  await until(() => calls.includes('open sink'))
  const drained = run.drain()
  gate.resolve()
  await drained
  t.same(calls, ['open dead letters', 'open sink', 'close sink', 'close dead letters'])
  t.same(states, ['created', 'draining', 'stopped'])
  t.equal(numbers.pulled, 0)
})

await t.test('if a drain makes a part fail to open, the run stops without failure', async t => {
  const open = ({ drain }: NodeContext): Promise<void> =>
    new Promise((_, reject) => { drain.addEventListener('abort', () => reject(testErrors.TEST_SERVER_DOWN('still down'))) })
  const { calls, states, start } = graph({ sink: { open } })
  const run = start()
  await until(() => calls.includes('open sink'))
  await run.drain()
  t.same(calls, ['open dead letters', 'open sink', 'close sink', 'close dead letters'])
  t.same(states, ['created', 'draining', 'stopped'])
})

await t.test('an abort while parts open fails the run before it is running', async t => {
  const open = ({ abort }: NodeContext): Promise<void> =>
    new Promise((_, reject) => { abort.addEventListener('abort', () => reject(abort.reason as Error)) })
  const { calls, states, start } = graph({ sink: { open } })
  const run = start()
  await until(() => calls.includes('open sink'))
  t.match(await failureOf(run.abort(new Error('enough'))), { message: 'enough' })
  t.same(calls, ['open dead letters', 'open sink', 'close sink', 'close dead letters'])
  t.same(states, ['created', 'failed'])
})

await t.test('an abort right after the start fails the run before it is running', async t => {
  const { calls, states, start } = graph()
  t.match(await failureOf(start().abort()), { code: 'GRAPH_ABORTED', where: 'graph test' })
  t.same(calls, ['open dead letters', 'close dead letters'])
  t.same(states, ['created', 'failed'])
})

const never = (): Promise<void> => new Promise(() => {})
for (const [what, hooks] of [
  ['open', { sink: { open: never } }], ['flush', { source: { flush: never } }], ['close', { sink: { close: never } }]
] as const) {
  await t.test(`an abort closes the other parts even if ${what}() of one part hangs`, async t => {
    const { calls, start } = graph(hooks)
    const run = start(1)
    await until(() => calls.includes(`${what} ${Object.keys(hooks)[0]}`))
    t.match(await failureOf(run.abort()), { code: 'GRAPH_ABORTED' })
    t.same(calls.slice(-2), ['close sink', 'close dead letters'])
  })
}

await t.test('a drain ends without failure even if open() of a part hangs', async t => {
  const { calls, states, start } = graph({ sink: { open: never } })
  const run = start(1)
  await until(() => calls.includes('open sink'))
  await run.drain()
  t.same(calls, ['open dead letters', 'open sink', 'close sink', 'close dead letters'])
  t.same(states, ['created', 'draining', 'stopped'])
})

await t.test('if all records settle but a part does not close before the drain deadline, the error says so', async t => {
  const { calls, start } = graph({ sink: { close: never } })
  const run = start(1)
  await until(() => calls.includes('close sink'))
  t.match(await failureOf(run.drain({ deadlineMs: 20 })), {
    code: 'GRAPH_DRAIN_DEADLINE', message: 'all records had settled, but the parts had not closed within 20 ms'
  })
})

await t.test('errors of close() do not fail the run, and the other parts are closed', async t => {
  const close = (): never => { throw new Error('stuck') }
  const { calls, start } = graph({ source: { close }, sink: { close }, deadLetters: { close } })
  const run = start()
  await run.done
  t.equal(run.state, 'stopped')
  t.same(calls.slice(-3), ['close source', 'close sink', 'close dead letters'])
})

await t.test('a failed flush fails the run', async t => {
  const { calls, start } = graph({ source: { flush: () => { throw testErrors.TEST_SERVER_DOWN('commit refused') } } })
  t.match(await failureOf(start().done), { message: 'commit refused' })
  t.same(calls.slice(-3), ['close source', 'close sink', 'close dead letters'])
})

await t.test('after a failure, pending writes end, no further write begins, all records settle, and the source flushes', async t => {
  const begun: number[] = []
  const { calls, source, numbers } = graph({}, undefined, 50)
  const builder = createGraph('few', { retry: { attempts: 1, baseMs: 0, maxMs: 0 } })
  builder.source('source', source).to('sink', {
    kind: 'sink',
    async write (n) {
      begun.push(n)
      await turns(1)
      if (n === 2) throw testErrors.TEST_SERVER_DOWN('gone')
    }
  }, { concurrency: 2 })
  t.match(await failureOf(builder.build().run().done), { code: 'TEST_SERVER_DOWN' })
  t.ok(begun.length <= 4, `${begun.length} writes began, expected at most 4`)
  const settlements = [...numbers.settlements]
  t.equal(settlements.length, 50, 'every pulled record has settled')
  t.ok(settlements.every(([, outcomes]) => outcomes.length === 1))
  t.same(settlements.filter(([, [failure]]) => failure === undefined).map(([position]) => position).slice(0, 2), ['0', '1'])
  t.same(calls, ['open source', 'flush source', 'close source'])
})

await t.test('an error thrown by a source fails the run, and the source is closed', async t => {
  const calls: string[] = []
  const builder = createGraph('test')
  builder.source('file', {
    kind: 'file',
    ...noted(call => calls.push(call), 'file'),
    async * records () {
      yield { value: 1, bytes: 1, position: '0' }
      throw testErrors.TEST_BAD_RECORD('truncated')
    }
  }).to('sink', new RecordingSink<number>())
  t.match(await failureOf(builder.build().run().done), { message: 'truncated' })
  t.same(calls, ['open file', 'flush file', 'close file'])
})

await t.test('an error thrown by settled() fails the run, and the credit of the record is returned', async t => {
  const builder = createGraph('test')
  const source: Source<number> = {
    kind: 'bad',
    async * records () { for (let n = 0; n < 10; n++) yield { value: n, bytes: 1, position: '' } },
    settled () { throw new Error('tracker broken') }
  }
  builder.source('source', source).to('sink', new RecordingSink<number>())
  const run = builder.build().run()
  t.match(await failureOf(run.done), { message: 'tracker broken' })
  t.equal(run.nodeStats('source')?.inFlight, 0)
})

await t.test('settled() is not called after close()', async t => {
  const late = Promise.withResolvers<void>()
  const { calls, numbers, start } = graph({}, () => late.promise, 1)
  const run = start(1)
  await until(() => run.nodeStats('sink')?.inFlight === 1)
  t.match(await failureOf(run.abort()), { code: 'GRAPH_ABORTED' })
  t.equal(calls.at(-1), 'close dead letters')
  late.resolve()
  await turns()
  t.equal(numbers.settlements.size, 0)
})

await t.test('a drain lets all records in flight settle, including records in concurrent steps and partial batches', async t => {
  const source = new PushSource<number>()
  const sink = new RecordingSink<number>()
  const builder = createGraph('test')
  builder.source('source', source)
    .step('plus', async n => { await turns(1); return n + 1 }, { concurrency: 3 })
    .toBatches('sink', sink, { count: 100, ms: Infinity })
  const run = builder.build().run()
  const outcomes = Array.from({ length: 20 }, (_, n) => source.push(n))
  await until(() => source.pulled === 20)
  await run.drain()
  t.same([...sink.values].sort((a, b) => a - b), Array.from({ length: 20 }, (_, n) => n + 1))
  t.equal((await Promise.all(outcomes)).filter(outcome => outcome.failure === undefined).length, 20)
})

await t.test('a drain that misses its deadline fails with the number of unsettled records', async t => {
  const write: Sink<number>['write'] = (_, { signal }) =>
    new Promise((_, reject) => { signal.addEventListener('abort', () => reject(signal.reason as Error)) })
  const { start } = graph({}, write, 5)
  const run = start()
  await until(() => run.nodeStats('source')?.in === 5)
  t.match(await failureOf(run.drain({ deadlineMs: 1 })), {
    code: 'GRAPH_DRAIN_DEADLINE', message: '5 records had not settled within 1 ms'
  })
  t.equal(run.state, 'failed')
})

await t.test('a second drain, or a drain after the end, has no effect', async t => {
  const { calls, start } = graph()
  const run = start()
  t.equal(run.drain(), run.done)
  await Promise.all([run.drain(), run.drain({ deadlineMs: 1e6 })])
  await run.drain()
  await run.abort()
  t.equal(run.state, 'stopped')
  t.equal(calls.filter(call => call === 'close dead letters').length, 1)
})

await t.test('done rejects with the first failure', async t => {
  const { start } = graph()
  const run = start()
  void run.abort(new Error('first'))
  t.match(await failureOf(run.abort(new Error('second'))), { message: 'first' })
})

await t.test('meters() lists the nodes in order of declaration, then the dead letters', async t => {
  const { start } = graph()
  const run = start()
  await run.done
  t.same(run.meters().map(({ node, in: entered, out }) => [node, entered, out]), [['source', 3, 3], ['sink', 3, 3], ['dead-letters', 0, 0]])
})

await t.test('nodeStats() returns the stats of a node by name, including the dead-letters node', async t => {
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

await t.test('a thousand records that wait for a retry cause no MaxListenersExceededWarning', async t => {
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => { warnings.push(warning) }
  process.on('warning', onWarning)
  const builder = createGraph('test', { retry: { attempts: 5, baseMs: 1e8, maxMs: 1e8 } })
  let attempts = 0
  builder.source('source', new Numbers(1000)).to('sink', {
    kind: 'down',
    async write () {
      attempts++
      throw testErrors.TEST_SERVER_DOWN('down')
    }
  }, { concurrency: 1000 })
  const run = builder.build().run()
  await until(() => attempts >= 1000)
  await turns(2)
  t.match(await failureOf(run.abort()), { code: 'GRAPH_ABORTED' })
  process.off('warning', onWarning)
  t.same(warnings, [])
  t.equal(run.nodeStats('source')?.inFlight, 0)
})
