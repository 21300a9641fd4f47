import t from 'tap'
import { Subject } from 'rxjs'
import { batchEnvelopes, groupEnvelopes, type Group, type Starvation } from '../../src/pipeline/batch.ts'
import { Envelope } from '../../src/pipeline/envelope.ts'
import type { BatchLimits } from '../../src/pipeline/spec.ts'
import { turns, until } from '../support/pipeline.ts'

const NEVER = Infinity

class TestStarvation implements Starvation {
  starved = false
  readonly listeners = new Set<() => void>()

  watch (listener: () => void): () => void {
    this.listeners.add(listener)
    return () => { this.listeners.delete(listener) }
  }

  begin (): void {
    this.starved = true
    for (const listener of this.listeners) listener()
  }
}

function numberEnvelope (value: number, bytes = 1, settle: () => void = () => {}): Envelope<number> {
  return Envelope.of({ value, bytes, position: String(value) }, { node: 's', position: String(value) }, settle)
}

function setUp (limits: BatchLimits) {
  const input = new Subject<Envelope<number>>()
  const starvation = new TestStarvation()
  const groups: Group<number>[] = []
  const abandoned: number[] = []
  let completed = false
  const subscription = input.pipe(groupEnvelopes(limits, starvation, envelope => abandoned.push(envelope.value)))
    .subscribe({ next: group => groups.push(group), complete: () => { completed = true } })
  return {
    input, starvation, groups, abandoned, subscription,
    get completed () { return completed },
    values: () => groups.map(group => group.envelopes.map(envelope => envelope.value)),
    push: (value: number, bytes = 1) => input.next(numberEnvelope(value, bytes))
  }
}

await t.test('a group is emitted when it reaches the record limit', async t => {
  const { push, values } = setUp({ count: 2, ms: NEVER })
  for (const n of [1, 2, 3, 4, 5]) push(n)
  await turns()
  t.same(values(), [[1, 2], [3, 4]])
})

await t.test('a group is emitted when its bytes reach the limit', async t => {
  const { push, values } = setUp({ count: 100, bytes: 10, ms: NEVER })
  for (const n of [1, 2, 3]) push(n, 6)
  t.same(values(), [[1, 2]])
})

await t.test('a group is emitted at its maximum age', async t => {
  const { push, groups, input } = setUp({ count: 100, ms: 1 })
  push(1)
  await until(() => groups.length > 0)
  t.equal(groups.length, 1)
  input.complete()
})

await t.test('an infinite maximum age disables the timer', async t => {
  const { push, groups, input } = setUp({ count: 100, ms: NEVER })
  push(1)
  await new Promise(resolve => setTimeout(resolve, 5))
  t.equal(groups.length, 0)
  input.complete()
})

await t.test('while a source waits for credit, a partial group is emitted when all earlier groups are finished', async t => {
  const { push, values, groups, starvation } = setUp({ count: 3, ms: NEVER })
  for (const n of [1, 2, 3, 4]) push(n)
  starvation.begin()
  await turns()
  t.same(values(), [[1, 2, 3]], 'the second group waits for the first group, whose settlement returns credit')
  groups[0]?.finished()
  await turns()
  t.same(values(), [[1, 2, 3], [4]])
  push(5)
  await turns()
  t.equal(groups.length, 2)
  groups[1]?.finished()
  await turns()
  t.same(values(), [[1, 2, 3], [4], [5]])
})

await t.test('records that arrive while a source waits for credit are emitted before their group is full', async t => {
  const { push, values, starvation } = setUp({ count: 3, ms: NEVER })
  starvation.begin()
  push(1)
  push(2)
  await turns()
  t.same(values(), [[1, 2]])
})

await t.test('the last, partial group is emitted before the stream completes', async t => {
  const batches = setUp({ count: 3, ms: NEVER })
  batches.push(1)
  batches.input.complete()
  t.same(batches.values(), [[1]])
  t.equal(batches.completed, true)
  t.equal(batches.starvation.listeners.size, 0)
})

await t.test('unsubscribing abandons waiting records and removes the starvation listener', async t => {
  const { push, abandoned, subscription, starvation } = setUp({ count: 3, ms: 1e6 })
  push(1)
  push(2)
  subscription.unsubscribe()
  t.same(abandoned, [1, 2])
  t.equal(starvation.listeners.size, 0)
})

await t.test('settling a batch envelope settles each record and finishes the group', async t => {
  const input = new Subject<Envelope<number>>()
  const starvation = new TestStarvation()
  const batches: Envelope<readonly number[]>[] = []
  const settled: number[] = []
  input.pipe(batchEnvelopes({ count: 2, ms: NEVER }, starvation, () => {})).subscribe(batch => batches.push(batch))
  for (const n of [1, 2, 3]) input.next(numberEnvelope(n, 1, () => settled.push(n)))
  starvation.begin()
  await turns()
  t.equal(batches.length, 1)
  batches[0]?.settle()
  t.same(settled, [1, 2])
  await turns()
  t.same(batches[1]?.value, [3])
})
