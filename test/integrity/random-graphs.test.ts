// Random graphs with random failures: whatever the shape, every record that was pulled settles exactly once, within its credits, and what
// became of it is true: written by every sink that it leads to, filtered, or buried. A failing case names its seed: run it again with it.
import t from 'tap'
import { map } from 'rxjs'
import { createGraph, type BatchSink, type DeadLetter, type Envelope, type Port, type Sink } from '../../src/pipeline/index.ts'
import { failureOf, Numbers, quick, seeded, testErrors, turns } from '../support/pipeline.ts'

const CASES = 300
/** Position in which a value's descent is kept: `source:record`, so that sinks can say which record they wrote. */
type Value = { readonly id: string }

interface Case {
  readonly sources: Map<string, Numbers>
  readonly written: Map<string, number>
  readonly letters: DeadLetter[]
  readonly shape: string[]
  readonly graph: ReturnType<ReturnType<typeof createGraph>['build']>
  /** Whether something may fail that neither retry nor dead letters can help. */
  readonly mayFail: boolean
}

function declare (seed: number): Case {
  const random = seeded(seed)
  const upTo = (n: number): number => 1 + Math.floor(random() * n)
  const chance = (p: number): boolean => random() < p
  const shape: string[] = []
  const written = new Map<string, number>()
  const letters: DeadLetter[] = []
  const hasLetters = chance(0.7)
  const badShare = chance(0.5) ? random() * 0.2 : 0
  const downShare = chance(0.5) ? random() * 0.3 : 0
  const fatalShare = chance(0.25) ? 0.01 : 0
  // By record and node, not by chance at each try: a bad record is bad each time, a server comes back.
  const trouble = (node: string, ids: readonly string[], attempt: number): void => {
    for (const id of ids) {
      const luck = seeded(hash(`${seed}/${node}/${id}`))()
      if (luck < badShare) throw testErrors.TEST_BAD_RECORD(`${id} at ${node}`)
      if (luck > 1 - fatalShare) throw testErrors.TEST_SERVER_DOWN('for good')
      if (luck > 1 - fatalShare - downShare && attempt === 1) throw testErrors.TEST_SERVER_DOWN('for a moment')
    }
  }
  const pause = async (): Promise<void> => { if (chance(0.4)) await turns(upTo(3)) }
  const note = (ids: readonly string[]): void => { for (const id of ids) written.set(id, (written.get(id) ?? 0) + 1) }

  const builder = createGraph('random', {
    retry: quick,
    ...(hasLetters ? { deadLetters: { kind: 'letters', write: async (letter: DeadLetter) => { await pause(); letters.push(letter) } } } : {})
  })
  let nodes = 0
  const named = (what: string): string => { shape.push(what); return `${what}-${nodes++}` }
  const sources = new Map<string, Numbers>()
  let open: Port<Value>[] = Array.from({ length: upTo(3) }, () => {
    const name = named('source')
    const numbers = new Numbers(upTo(60), upTo(20))
    sources.set(name, numbers)
    return builder.source(name, numbers, { records: upTo(12), bytes: upTo(200) }).step(named('id'), n => ({ id: `${name}:${n}` }))
  })
  const limits = () => ({ count: upTo(8), ms: chance(0.5) ? Infinity : 1, ...(chance(0.3) ? { bytes: upTo(100) } : {}) })
  const grow = (port: Port<Value>): Port<Value>[] => {
    const options = { concurrency: upTo(4) }
    switch (upTo(7)) {
      case 1: {
        const name = named('async')
        return [port.step(name, async (value, { attempt }) => { await pause(); trouble(name, [value.id], attempt); return value }, options)]
      }
      case 2: {
        const name = named('sync')
        return [port.step(name, (value, { attempt }) => { trouble(name, [value.id], attempt); return value }, options)]
      }
      case 3: return [port.filter(named('filter'), value => hash(value.id) % 5 !== 0, options)]
      case 4: return [port.split(named('split'), async value => { await pause(); return new Array<Value>(hash(value.id) % 4).fill(value) }, options)]
      case 5: return [port.batch(named('batch'), limits()).split(named('unbatch'), batch => batch, options)]
      case 6: return [port, port.through(named('flow'), map((envelope: Envelope<Value>) => envelope.map(envelope.value)))]
      default: {
        const name = named('mixed')
        return [port.step(name, (value, { attempt }) => { trouble(name, [value.id], attempt); return chance(0.3) ? turns(1).then(() => value) : value }, options)]
      }
    }
  }
  for (let step = upTo(8); step > 0; step--) {
    const index = Math.floor(random() * open.length)
    const port = open.splice(index, 1)[0]!
    open.push(...grow(port))
    if (open.length > 1 && chance(0.3)) open = [builder.merge(named('merge'), ...open.splice(0, 2)), ...open]
  }
  for (const port of open) {
    const concurrency = upTo(5)
    if (chance(0.5)) {
      const name = named('sink')
      const sink: Sink<Value> = { kind: 'sink', async write ({ id }, { attempt }) { await pause(); trouble(name, [id], attempt); note([id]) } }
      port.to(name, sink, { concurrency })
    } else {
      const name = named('batch-sink')
      const sink: BatchSink<Value> = {
        kind: 'batch sink',
        async writeBatch (values, { attempt }) {
          await pause()
          const ids = values.map(value => value.id)
          trouble(name, ids, attempt)
          note(ids)
        }
      }
      port.toBatches(name, sink, limits(), { concurrency })
    }
  }
  return { sources, written, letters, shape, graph: builder.build(), mayFail: fatalShare > 0 || (badShare > 0 && !hasLetters) }
}

function hash (text: string): number {
  let h = 2166136261
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619)
  return h >>> 0
}

async function check (seed: number): Promise<{ faults: string[], ended: string }> {
  const { sources, letters, graph, shape, mayFail } = declare(seed)
  const faults: string[] = []
  const run = graph.run({ settleMs: 60_000 })
  const random = seeded(seed + 1)
  const stop = random()
  if (stop < 0.35) {
    void turns(Math.floor(random() * 60)).then(() => { if (stop < 0.2) void run.drain(); else void run.abort() })
  }
  const failure = await failureOf(run.done)
  if (failure !== undefined && !mayFail && stop >= 0.35) faults.push(`failed with ${failure.message}`)
  for (const [name, source] of sources) {
    const settled = [...source.settlements.values()]
    if (source.settlements.size !== source.pulled) faults.push(`${name}: ${source.pulled} pulled, ${source.settlements.size} settled`)
    if (settled.some(times => times.length !== 1)) faults.push(`${name}: a record settled more than once`)
    if (failure === undefined && settled.some(([error]) => error !== undefined)) faults.push(`${name}: a failed record did not fail the graph`)
    if (failure === undefined && stop >= 0.35 && source.pulled !== source.count) faults.push(`${name}: ${source.pulled} of ${source.count} pulled`)
    const { credits } = graph.spec.nodes.find(node => node.name === name) as { credits: { records: number, bytes: number } }
    if (source.maxUnsettled > credits.records) faults.push(`${name}: ${source.maxUnsettled} unsettled with ${credits.records} credits`)
    if (source.maxUnsettledBytes >= credits.bytes + source.bytes && source.maxUnsettled > 1) faults.push(`${name}: ${source.maxUnsettledBytes} bytes unsettled of ${credits.bytes}`)
  }
  for (const meter of run.meters()) if (meter.inFlight !== 0) faults.push(`${meter.node}: ${meter.inFlight} in flight at the end`)
  for (const { record, origin } of letters) if (sources.get(origin.node)?.settlements.get(record.position) === undefined) faults.push('a dead letter of a record that did not settle')
  return { faults: faults.map(fault => `seed ${seed} (${shape.join(' ')}): ${fault}`), ended: failure?.code ?? 'done' }
}

await t.test('random graphs with random failures: every pulled record settles exactly once', async t => {
  const ends = new Map<string, number>()
  const faults: string[] = []
  for (let seed = 1; seed <= CASES; seed++) {
    const { faults: found, ended } = await check(seed)
    faults.push(...found)
    ends.set(ended, (ends.get(ended) ?? 0) + 1)
  }
  t.same(faults, [])
  t.comment(`${CASES} graphs ended: ${[...ends].map(([end, count]) => `${end} ${count}`).join(', ')}`)
  for (const end of ['done', 'GRAPH_ABORTED', 'TEST_SERVER_DOWN', 'TEST_BAD_RECORD']) t.ok(ends.has(end), `some ended so: ${end}`)
})

await t.test('random graphs that run to their end leave no record unaccounted: written, filtered, split into nothing, or buried', async t => {
  let checked = 0
  for (let seed = 10_000; checked < 60; seed++) {
    const { sources, written, letters, graph, shape } = declare(seed)
    if (shape.some(what => what === 'filter' || what === 'split')) continue
    if (await failureOf(graph.run().done) !== undefined) continue
    const buried = new Set(letters.map(letter => `${letter.origin.node}:${letter.record.position}`))
    const lost = [...sources].flatMap(([name, source]) => [...source.settlements.keys()].map(position => `${name}:${position}`)).filter(id => !written.has(id) && !buried.has(id))
    t.same(lost, [], `seed ${seed} (${shape.join(' ')})`)
    checked++
  }
})
