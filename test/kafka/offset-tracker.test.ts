import t from 'tap'
import { type Delivery, OffsetTracker } from '../../src/kafka/offset-tracker.ts'

// A small generator of our own: failures name the seed and can be repeated.
function randomOf (seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
}

/** The naive model of one partition's epoch: every delivered offset and whether it settled. */
class Model {
  readonly delivered: Array<{ offset: bigint, settled: boolean }> = []
  readonly start: bigint
  constructor (start: bigint) { this.start = start }

  get committable (): bigint {
    let offset = this.start
    for (const record of this.delivered) {
      if (!record.settled) break
      offset = record.offset + 1n
    }
    return offset
  }
}

await t.test('whatever the order of settlement, gaps and rebalances, what is committable is what a naive model says', async t => {
  let steps = 0
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomOf(seed)
    const tracker = new OffsetTracker({ cap: 1 + random(40) })
    const partitions = 1 + random(3)
    const models = new Map<number, Model>()
    const next = new Map<number, bigint>()
    const open: Array<{ delivery: Delivery, model: Model, record: { settled: boolean } }> = []
    const committed = new Map<number, bigint>()
    for (let step = 0; step < 600; step++) {
      const partition = random(partitions)
      const action = random(20)
      if (action === 0) {
        const start = next.get(partition) ?? 0n
        const at = random(2) === 0 ? start : undefined
        tracker.assign('t', partition, start, at)
        models.set(partition, new Model(start))
        if (at === undefined) committed.delete(partition)
        else committed.set(partition, at)
      } else if (action === 1) {
        tracker.revoke('t', partition)
        models.delete(partition)
        committed.delete(partition)
      } else if (action < 11) {
        const model = models.get(partition)
        const pending = model === undefined ? 0 : model.delivered.filter(record => record.offset >= model.committable).length
        if (tracker.admit('t', partition) && model !== undefined) {
          const offset = (next.get(partition) ?? 0n) + BigInt(random(3))
          const delivery = tracker.deliver('t', partition, offset)
          if (delivery === undefined) throw new Error(`seed ${seed}: ${offset} was refused`)
          const record = { offset, settled: false }
          model.delivered.push(record)
          open.push({ delivery, model, record })
          next.set(partition, offset + 1n)
        } else if (model !== undefined && pending === 0) {
          throw new Error(`seed ${seed}: not admitted though nothing is pending`)
        }
      } else if (action < 19) {
        const [taken] = open.splice(random(open.length || 1), 1)
        if (taken !== undefined) {
          taken.record.settled = true
          const live = models.get(taken.delivery.partition) === taken.model
          if (tracker.settle(taken.delivery) !== live) throw new Error(`seed ${seed}: a settlement of another epoch counted`)
        }
      } else {
        const offsets = tracker.committable()
        for (const { partition, offset } of offsets) committed.set(partition, offset)
        tracker.committed(offsets)
        if (tracker.committable().length > 0) throw new Error(`seed ${seed}: committable twice`)
      }
      const expected = [...models].filter(([partition, model]) => model.committable !== committed.get(partition))
        .map(([partition, model]) => `${partition}:${model.committable}`).sort()
      const found = tracker.committable().map(({ partition, offset }) => `${partition}:${offset}`).sort()
      if (expected.join() !== found.join()) throw new Error(`seed ${seed} step ${step}: committable is ${found.join()}, must be ${expected.join()}`)
      steps++
    }
  }
  t.equal(steps, 60 * 600)
})

await t.test('a record delivered again in its epoch is dropped, in flight or settled', async t => {
  const tracker = new OffsetTracker({ cap: 10 })
  tracker.assign('t', 0, 5n)
  const first = tracker.deliver('t', 0, 5n)
  tracker.deliver('t', 0, 6n)
  t.equal(tracker.deliver('t', 0, 5n), undefined, 'in flight')
  tracker.settle(first!)
  t.equal(tracker.deliver('t', 0, 5n), undefined, 'settled')
  t.equal(tracker.deliver('t', 0, 4n), undefined, 'before the epoch')
  t.equal(tracker.deliver('t', 1, 0n), undefined, 'not assigned')
  t.ok(tracker.deliver('t', 0, 9n), 'a gap is no repetition')
})

await t.test('a settlement counts once, and not after its partition was lost, even where it came back', async t => {
  const tracker = new OffsetTracker({ cap: 10 })
  tracker.assign('t', 0, 0n, 0n)
  const old = tracker.deliver('t', 0, 0n)!
  t.ok(tracker.settle(old))
  t.notOk(tracker.settle(old), 'twice')
  const lost = tracker.deliver('t', 0, 1n)!
  tracker.revoke('t', 0)
  t.notOk(tracker.settle(lost))
  t.strictSame(tracker.committable(), [], 'nothing is assigned')
  tracker.assign('t', 0, 0n, 0n)
  t.notOk(tracker.settle(lost), 'from an earlier epoch')
  t.strictSame(tracker.committable(), [])
})

await t.test('one stuck record stops its partition at the cap and holds no more than that', async t => {
  const tracker = new OffsetTracker({ cap: 100 })
  tracker.assign('t', 0, 0n)
  tracker.assign('t', 1, 0n)
  const stuck = tracker.deliver('t', 0, 0n)!
  let delivered = 1
  while (tracker.admit('t', 0)) tracker.settle(tracker.deliver('t', 0, BigInt(delivered++))!)
  t.equal(delivered, 100)
  t.ok(tracker.admit('t', 1), 'others go on')
  for (let offset = 100n; offset < 5000n; offset++) tracker.skipTo('t', 0, offset)
  t.ok(tracker.state('t', 0)!.pending <= 101, 'skipping behind it does not add up')
  tracker.settle(stuck)
  t.equal(tracker.state('t', 0)!.committable, 4999n)
  t.ok(tracker.admit('t', 0))
})

await t.test('a beginning that the group has not committed is committable, and what the log skips at its end too', async t => {
  const tracker = new OffsetTracker({ cap: 10 })
  tracker.assign('t', 0, 7n)
  t.strictSame(tracker.committable(), [{ topic: 't', partition: 0, offset: 7n }])
  tracker.skipTo('t', 0, 9n)
  t.strictSame(tracker.committable(), [{ topic: 't', partition: 0, offset: 9n }])
  const delivery = tracker.deliver('t', 0, 9n)!
  tracker.skipTo('t', 0, 12n)
  t.equal(tracker.state('t', 0)!.committable, 9n, 'not past an unsettled record')
  tracker.settle(delivery)
  t.equal(tracker.state('t', 0)!.committable, 12n)
})

await t.test('a million records settled out of order, window by window, leave nothing behind', async t => {
  const tracker = new OffsetTracker({ cap: 64 })
  tracker.assign('t', 0, 0n)
  let window: Delivery[] = []
  let largest = 0
  for (let offset = 0n; offset < 1_000_000n; offset++) {
    window.push(tracker.deliver('t', 0, offset)!)
    if (window.length < 64) continue
    for (const delivery of window.reverse()) tracker.settle(delivery)
    largest = Math.max(largest, tracker.state('t', 0)!.pending)
    window = []
  }
  t.equal(largest, 0)
  t.equal(tracker.state('t', 0)!.committable, 1_000_000n)
})
