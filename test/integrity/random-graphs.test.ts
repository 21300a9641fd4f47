// Random graphs with random failures. Invariants: unsettled records never exceed the credits, and every pulled record settles exactly once
// and is written, filtered or dead-lettered. A failing case prints its seed.
import t from 'tap'
import { map } from 'rxjs'
import { createGraph, type BatchSink, type DeadLetter, type Envelope, type Port, type Sink } from '../../src/pipeline/index.ts'
import { failureOf, Numbers, quick, seeded, testErrors, turns } from '../support/pipeline.ts'

const CASES = 300
/** The value of a record. Its id `source:record` shows sinks which record they write. */
type Value = { readonly id: string }

interface Case {
  readonly sources: Map<string, Numbers>
  readonly written: Set<string>
  readonly deadLetters: DeadLetter[]
  /** Node types of the graph, for assertion messages. */
  readonly shape: string[]
  readonly graph: ReturnType<ReturnType<typeof createGraph>['build']>
  /** Whether the graph may fail, because retries and dead letters do not handle all errors of the case. */
  readonly mayFail: boolean
}

function declare (seed: number): Case {
  const random = seeded(seed)
  const upTo = (n: number): number => 1 + Math.floor(random() * n)
  const chance = (p: number): boolean => random() < p
  const shape: string[] = []
  const written = new Set<string>()
  const deadLetters: DeadLetter[] = []
  const hasDeadLetters = chance(0.7)
  const badShare = chance(0.5) ? random() * 0.2 : 0
  const downShare = chance(0.5) ? random() * 0.3 : 0
  const downForGoodShare = chance(0.25) ? 0.01 : 0
  // Record and node decide which error is thrown, so a bad record fails at every attempt. Most server errors occur only at attempt 1.
  const mayThrow = (node: string, ids: readonly string[], attempt: number): void => {
    for (const id of ids) {
      const luck = seeded(hash(`${seed}/${node}/${id}`))()
      if (luck < badShare) throw testErrors.TEST_BAD_RECORD(`${id} at ${node}`)
      if (luck > 1 - downForGoodShare) throw testErrors.TEST_SERVER_DOWN('for good')
      if (luck > 1 - downForGoodShare - downShare && attempt === 1) throw testErrors.TEST_SERVER_DOWN('for a moment')
    }
  }
  const pause = async (): Promise<void> => { if (chance(0.4)) await turns(upTo(3)) }

  const write = async (deadLetter: DeadLetter): Promise<void> => { await pause(); deadLetters.push(deadLetter) }
  const builder = createGraph('random', { retry: quick, ...hasDeadLetters ? { deadLetters: { kind: 'dead letters', write } } : {} })
  let nodes = 0
  const named = (what: string): string => { shape.push(what); return `${what}-${nodes++}` }
  const limits = () => ({ count: upTo(8), ms: chance(0.5) ? Infinity : 1, ...chance(0.3) ? { bytes: upTo(100) } : {} })

  const grow = (port: Port<Value>): Port<Value> => {
    const options = { concurrency: upTo(4) }
    switch (upTo(7)) {
      case 1: {
        const name = named('async')
        return port.step(name, async (value, { attempt }) => { await pause(); mayThrow(name, [value.id], attempt); return value }, options)
      }
      case 2: {
        const name = named('sync')
        return port.step(name, (value, { attempt }) => { mayThrow(name, [value.id], attempt); return value }, options)
      }
      case 3: return port.filter(named('filter'), value => hash(value.id) % 5 !== 0, options)
      case 4: return port.split(named('split'), async value => {
        await pause()
        return new Array<Value>(hash(value.id) % 4).fill(value)
      }, options)
      case 5: return port.batch(named('batch'), limits()).split(named('unbatch'), batch => batch, options)
      case 6: return port.through(named('flow'), map((envelope: Envelope<Value>) => envelope.map(envelope.value)))
      default: {
        const name = named('mixed')
        return port.step(name, (value, { attempt }) => {
          mayThrow(name, [value.id], attempt)
          return chance(0.3) ? turns(1).then(() => value) : value
        }, options)
      }
    }
  }
  const end = (port: Port<Value>): void => {
    const concurrency = upTo(5)
    const name = named(chance(0.5) ? 'sink' : 'batch-sink')
    const write = async (values: readonly Value[], attempt: number): Promise<void> => {
      await pause()
      const ids = values.map(({ id }) => id)
      mayThrow(name, ids, attempt)
      for (const id of ids) written.add(id)
    }
    const sink: Sink<Value> = { kind: 'sink', write: (value, { attempt }) => write([value], attempt) }
    const batchSink: BatchSink<Value> = { kind: 'batch sink', writeBatch: (values, { attempt }) => write(values, attempt) }
    if (name.startsWith('sink')) port.to(name, sink, { concurrency })
    else port.toBatches(name, batchSink, limits(), { concurrency })
  }

  const sources = new Map<string, Numbers>()
  for (let chain = upTo(3); chain > 0; chain--) {
    const name = named('source')
    const numbers = new Numbers(upTo(60), upTo(20))
    sources.set(name, numbers)
    let port: Port<Value> = builder.source(name, numbers, { records: upTo(12), bytes: upTo(200) })
      .step(named('id'), n => ({ id: `${name}:${n}` }))
    for (let step = upTo(6); step > 0; step--) port = grow(port)
    end(port)
  }
  const mayFail = downForGoodShare > 0 || (badShare > 0 && !hasDeadLetters)
  return { sources, written, deadLetters, shape, graph: builder.build(), mayFail }
}

function hash (text: string): number {
  let h = 2166136261
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619)
  return h >>> 0
}

async function check (seed: number): Promise<{ faults: string[], ended: string }> {
  const { sources, deadLetters, graph, shape, mayFail } = declare(seed)
  const faults: string[] = []
  const run = graph.run({ settleMs: 60_000 })
  const random = seeded(seed + 1)
  const stop = random()
  const stopped = stop < 0.35
  if (stopped) {
    void turns(Math.floor(random() * 60)).then(() => { if (stop < 0.2) void run.drain(); else void run.abort() })
  }
  const failure = await failureOf(run.done)
  if (failure !== undefined && !mayFail && !stopped) faults.push(`failed with ${failure.message}`)
  for (const [name, source] of sources) {
    const { settlements, pulled, count, bytes, maxUnsettled, maxUnsettledBytes } = source
    const settled = [...settlements.values()]
    const { credits } = graph.spec.nodes.find(node => node.name === name) as { credits: { records: number, bytes: number } }
    const fault = (what: string): void => { faults.push(`${name}: ${what}`) }
    if (settlements.size !== pulled) fault(`${pulled} pulled, ${settlements.size} settled`)
    if (settled.some(outcomes => outcomes.length !== 1)) fault('a record settled more than once')
    if (failure === undefined && settled.some(([error]) => error !== undefined)) fault('a failed record did not fail the graph')
    if (failure === undefined && !stopped && pulled !== count) fault(`${pulled} of ${count} pulled`)
    if (maxUnsettled > credits.records) fault(`${maxUnsettled} unsettled with ${credits.records} credits`)
    if (maxUnsettledBytes >= credits.bytes + bytes && maxUnsettled > 1) fault(`${maxUnsettledBytes} bytes unsettled of ${credits.bytes}`)
  }
  for (const { node, inFlight } of run.meters()) if (inFlight !== 0) faults.push(`${node}: ${inFlight} in flight at the end`)
  for (const { record, origin } of deadLetters) {
    if (!sources.get(origin.node)?.settlements.has(record.position)) faults.push('the record of a dead letter did not settle')
  }
  return { faults: faults.map(fault => `seed ${seed} (${shape.join(' ')}): ${fault}`), ended: failure?.code ?? 'done' }
}

await t.test('every pulled record of a random graph settles exactly once, even if parts fail', async t => {
  const ends = new Map<string, number>()
  const faults: string[] = []
  for (let seed = 1; seed <= CASES; seed++) {
    const { faults: found, ended } = await check(seed)
    faults.push(...found)
    ends.set(ended, (ends.get(ended) ?? 0) + 1)
  }
  t.same(faults, [])
  t.comment(`${CASES} graphs ended: ${[...ends].map(([end, count]) => `${end} ${count}`).join(', ')}`)
  for (const end of ['done', 'GRAPH_ABORTED', 'TEST_SERVER_DOWN', 'TEST_BAD_RECORD']) t.ok(ends.has(end), `a graph ended with ${end}`)
})

await t.test('a random graph that runs to its end writes or dead-letters every record', async t => {
  let checked = 0
  for (let seed = 10_000; checked < 60; seed++) {
    const { sources, written, deadLetters, graph, shape } = declare(seed)
    if (shape.some(what => what === 'filter' || what === 'split')) continue
    if (await failureOf(graph.run().done) !== undefined) continue
    const inDeadLetters = new Set(deadLetters.map(({ origin, record }) => `${origin.node}:${record.position}`))
    const records = [...sources].flatMap(([name, { settlements }]) => [...settlements.keys()].map(position => `${name}:${position}`))
    t.same(records.filter(id => !written.has(id) && !inDeadLetters.has(id)), [], `seed ${seed} (${shape.join(' ')})`)
    checked++
  }
})
