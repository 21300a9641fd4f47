import t from 'tap'
import { createGraph, type Envelope, type NodeContext, type Source, type SourceRecord } from '../../src/pipeline/index.ts'
import { Credits } from '../../src/pipeline/credits.ts'
import { silent } from '../../src/pipeline/log.ts'
import { Meter } from '../../src/pipeline/meter.ts'
import { pull } from '../../src/pipeline/pull.ts'
import type { SourceSpec } from '../../src/pipeline/spec.ts'
import { failureOf, Numbers, turns, until } from '../support/pipeline.ts'

function begin (part: Source<unknown>, limits = { records: 1000, bytes: 1e9 }) {
  const drain = new AbortController()
  const credits = new Credits(limits, () => {}, () => {})
  drain.signal.addEventListener('abort', () => credits.wake())
  const context: NodeContext = { node: 's', log: silent, drain: drain.signal, abort: new AbortController().signal }
  const out: Envelope<unknown>[] = []
  const settled: SourceRecord<unknown>[] = []
  const meter = new Meter('s')
  const spec: SourceSpec = { type: 'source', name: 's', part, credits: limits }
  const done = pull(spec, context, credits, meter, { emit: envelope => out.push(envelope), settled: record => settled.push(record) })
  return { drain, credits, out, settled, meter, done }
}

await t.test('pulls until the source ends, and does not call return() on the ended iterator', async t => {
  let returns = 0
  let n = 0
  const { out, done, meter } = begin({
    kind: 'three',
    records: () => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => n < 3
          ? { done: false as const, value: { value: n++, bytes: 2, position: '' } }
          : { done: true as const, value: undefined },
        return: async () => { returns++; return { done: true as const, value: undefined } }
      })
    })
  })
  await done
  t.same(out.map(envelope => envelope.value), [0, 1, 2])
  t.match(meter.read(), { in: 3, bytes: 6, inFlight: 3 })
  t.equal(returns, 0)
})

await t.test('settling a record updates the stats, calls settled() of the source and returns the credit', async t => {
  const { out, settled, credits, done, meter } = begin(new Numbers(2))
  await done
  t.equal(credits.records, 2)
  out[0]?.settle()
  out[1]?.settle(new Error('bad'))
  t.same(settled.map(record => record.value), [0, 1])
  t.equal(credits.records, 0)
  t.match(meter.read(), { out: 1, failed: 1, inFlight: 0 })
})

await t.test('does not pull without credit, and a drain ends the wait for credit', async t => {
  const numbers = new Numbers(100)
  const { drain, done, out } = begin(numbers, { records: 3, bytes: 1e9 })
  await until(() => out.length === 3)
  await turns()
  t.equal(numbers.pulled, 3)
  drain.abort()
  await done
  t.equal(numbers.pulled, 3)
  t.equal(numbers.returned, true)
})

await t.test('a drain calls return(), which ends a pending next() of an event iterator', async t => {
  let end: (() => void) | undefined
  const { drain, done } = begin({
    kind: 'events',
    records: () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<SourceRecord<unknown>>>(resolve => {
          end = () => resolve({ done: true, value: undefined })
        }),
        return: async () => { end?.(); return { done: true as const, value: undefined } }
      })
    })
  })
  await turns()
  drain.abort()
  await done
  t.pass('ended')
})

await t.test('a record that a pending next() yields during a drain is processed', async t => {
  const given = Promise.withResolvers<void>()
  const { drain, done, out } = begin({
    kind: 'late',
    async * records () {
      await given.promise
      yield { value: 'late', bytes: 1, position: '' }
      t.fail('a record was requested after the drain')
    }
  })
  await turns()
  drain.abort()
  given.resolve()
  await done
  t.same(out.map(envelope => envelope.value), ['late'])
})

await t.test('an error that the source throws after a drain does not reject the pull', async t => {
  const { drain, done } = begin({
    kind: 'aborts',
    async * records ({ drain }) {
      await new Promise((_, reject) => { drain.addEventListener('abort', () => reject(drain.reason as Error)) })
      yield { value: 1, bytes: 1, position: '' }
    }
  })
  await turns()
  drain.abort()
  t.equal(await failureOf(done), undefined)
})

await t.test('a drain does not wait for a source that ignores the drain signal', async t => {
  const { drain, done } = begin({
    kind: 'stubborn',
    async * records () {
      await new Promise(() => {})
      yield { value: 1, bytes: 1, position: '' }
    }
  })
  await turns()
  drain.abort()
  await done
  t.pass('ended')
})

await t.test('the pull rejects if the source throws at once or after a record, or emits a record without a size', async t => {
  t.match(await failureOf(begin({ kind: 'at once', records: () => { throw new Error('no such file') } }).done), { message: 'no such file' })
  const middle = begin({
    kind: 'truncated',
    async * records () {
      yield { value: 1, bytes: 1, position: '' }
      throw new Error('truncated')
    }
  })
  t.match(await failureOf(middle.done), { message: 'truncated' })
  t.equal(middle.out.length, 1)
  const sizeless = begin({ kind: 'sizeless', async * records () { yield { value: 1, bytes: undefined as never, position: '' } } })
  t.match(await failureOf(sizeless.done), { message: 'a source emitted a record with an invalid size: undefined bytes' })
})

await t.test('pulling from an in-memory source yields to timers and sockets', async t => {
  let turnsTaken = 0
  let pulled = 0
  const builder = createGraph('busy')
  builder.source('numbers', {
    kind: 'busy',
    async * records () { for (; pulled < 10_000; pulled++) yield { value: pulled, bytes: 1, position: '' } }
  }).to('sink', { kind: 'memory', async write () {} })
  const { done } = builder.build().run()
  const tick = (): void => { turnsTaken++; if (pulled < 10_000) setImmediate(tick) }
  setImmediate(tick)
  await done
  t.ok(turnsTaken > 10, `the event loop took ${turnsTaken} turns, expected more than 10`)
})
