import t from 'tap'
import { Subject } from 'rxjs'
import { batchEnvelopes, groupEnvelopes, type Group, type Starvation } from '../../src/pipeline/batch.ts'
import { Envelope } from '../../src/pipeline/index.ts'
import type { BatchLimits } from '../../src/pipeline/spec.ts'
import { turns } from '../support/pipeline.ts'

const FOREVER = Infinity

class Starving implements Starvation {
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

function setUp (limits: BatchLimits) {
  const input = new Subject<Envelope<number>>()
  const starvation = new Starving()
  const groups: Group<number>[] = []
  const abandoned: number[] = []
  let ended = false
  const subscription = input.pipe(groupEnvelopes(limits, starvation, envelope => abandoned.push(envelope.value)))
    .subscribe({ next: group => groups.push(group), complete: () => { ended = true } })
  return {
    input, starvation, groups, abandoned, subscription,
    get ended () { return ended },
    values: () => groups.map(group => group.envelopes.map(envelope => envelope.value)),
    push: (value: number, bytes = 1) => input.next(Envelope.of({ value, bytes, position: String(value) }, { node: 's', position: String(value) }, () => {}))
  }
}

await t.test('a group goes on when it is full', async t => {
  const { push, values } = setUp({ count: 2, ms: FOREVER })
  for (const n of [1, 2, 3, 4, 5]) push(n)
  await turns()
  t.same(values(), [[1, 2], [3, 4]])
})

await t.test('a group goes on when its bytes reach the limit', async t => {
  const { push, values } = setUp({ count: 100, bytes: 10, ms: FOREVER })
  for (const n of [1, 2, 3]) push(n, 6)
  t.same(values(), [[1, 2]])
})

await t.test('a group goes on when it is old', async t => {
  const { push, groups, input } = setUp({ count: 100, ms: 1 })
  push(1)
  await new Promise<void>(resolve => { const poll = setInterval(() => { if (groups.length > 0) { clearInterval(poll); resolve() } }, 1) })
  t.equal(groups.length, 1)
  input.complete()
})

await t.test('age Infinity means never, not at once', async t => {
  const { push, groups, input } = setUp({ count: 100, ms: FOREVER })
  push(1)
  await new Promise(resolve => setTimeout(resolve, 5))
  t.equal(groups.length, 0)
  input.complete()
})

await t.test('starvation sends a partial group on, once nothing of this node is under way', async t => {
  const { push, values, groups, starvation } = setUp({ count: 3, ms: FOREVER })
  for (const n of [1, 2, 3, 4]) push(n)
  starvation.begin()
  await turns()
  t.same(values(), [[1, 2, 3]], 'the first group, when it settles, may bring credit: wait for it')
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

await t.test('a record that arrives while the source starves is sent on too', async t => {
  const { push, values, starvation } = setUp({ count: 3, ms: FOREVER })
  starvation.begin()
  push(1)
  push(2)
  await turns()
  t.same(values(), [[1, 2]])
})

await t.test('the last partial group goes on before the end', async t => {
  const batches = setUp({ count: 3, ms: FOREVER })
  batches.push(1)
  batches.input.complete()
  t.same(batches.values(), [[1]])
  t.equal(batches.ended, true)
  t.equal(batches.starvation.listeners.size, 0)
})

await t.test('what waits when the stream is left is abandoned, and nothing is listened to any more', async t => {
  const { push, abandoned, subscription, starvation } = setUp({ count: 3, ms: 1e6 })
  push(1)
  push(2)
  subscription.unsubscribe()
  t.same(abandoned, [1, 2])
  t.equal(starvation.listeners.size, 0)
})

await t.test('as envelopes, settling the array settles each record and lets the next group go', async t => {
  const input = new Subject<Envelope<number>>()
  const starvation = new Starving()
  const batches: Envelope<readonly number[]>[] = []
  const settled: number[] = []
  input.pipe(batchEnvelopes({ count: 2, ms: FOREVER }, starvation, () => {})).subscribe(batch => batches.push(batch))
  for (const n of [1, 2, 3]) input.next(Envelope.of({ value: n, bytes: 1, position: '' }, { node: 's', position: '' }, () => settled.push(n)))
  starvation.begin()
  await turns()
  t.equal(batches.length, 1)
  batches[0]?.settle()
  t.same(settled, [1, 2])
  await turns()
  t.same(batches[1]?.value, [3])
})
