import t from 'tap'
import { type Delivery, OffsetTracker } from '../../src/kafka/offset-tracker.ts'
import { seeded } from '../support/pipeline.ts'

/** A naive model of one epoch (assignment to revocation) of a partition: each delivered offset and whether its record has settled. */
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

await t.test('the committable offset equals that of a naive model, for random settlements, gaps and rebalances', async t => {
  let steps = 0
  for (let seed = 1; seed <= 60; seed++) {
    const uniform = seeded(seed)
    const random = (below: number): number => Math.floor(uniform() * below)
    const tracker = new OffsetTracker(1 + random(40))
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
          if (delivery === undefined) throw new Error(`seed ${seed}: the tracker dropped offset ${offset}`)
          const record = { offset, settled: false }
          model.delivered.push(record)
          open.push({ delivery, model, record })
          next.set(partition, offset + 1n)
        } else if (model !== undefined && pending === 0) {
          throw new Error(`seed ${seed}: the tracker admits no record although no record is pending`)
        }
      } else if (action < 19) {
        const [taken] = open.splice(random(open.length || 1), 1)
        if (taken !== undefined) {
          taken.record.settled = true
          const current = models.get(taken.delivery.partition) === taken.model
          if (tracker.settle(taken.delivery) !== current) throw new Error(`seed ${seed}: settle() returned ${!current}`)
        }
      } else {
        const offsets = tracker.committable()
        for (const { partition, offset } of offsets) committed.set(partition, offset)
        tracker.committed(offsets)
        if (tracker.committable().length > 0) throw new Error(`seed ${seed}: an offset is committable again after its commit`)
      }
      const expected = [...models].filter(([partition, model]) => model.committable !== committed.get(partition))
        .map(([partition, model]) => `${partition}:${model.committable}`).sort()
      const found = tracker.committable().map(({ partition, offset }) => `${partition}:${offset}`).sort()
      if (expected.join() !== found.join()) {
        throw new Error(`seed ${seed} step ${step}: committable is ${found.join()}, expected ${expected.join()}`)
      }
      steps++
    }
  }
  t.equal(steps, 60 * 600)
})

await t.test('drops a record that was already delivered in the same epoch', async t => {
  const tracker = new OffsetTracker(10)
  tracker.assign('t', 0, 5n)
  const first = tracker.deliver('t', 0, 5n)
  tracker.deliver('t', 0, 6n)
  t.equal(tracker.deliver('t', 0, 5n), undefined, 'drops a record that is in flight')
  tracker.settle(first!)
  t.equal(tracker.deliver('t', 0, 5n), undefined, 'drops a record that has settled')
  t.equal(tracker.deliver('t', 0, 4n), undefined, 'drops a record before the start of the epoch')
  t.equal(tracker.deliver('t', 1, 0n), undefined, 'drops a record of a partition that is not assigned')
  t.ok(tracker.deliver('t', 0, 9n), 'delivers a record after a gap')
})

await t.test('ignores repeated settlements and settlements of an earlier epoch', async t => {
  const tracker = new OffsetTracker(10)
  tracker.assign('t', 0, 0n, 0n)
  const old = tracker.deliver('t', 0, 0n)!
  t.ok(tracker.settle(old))
  t.notOk(tracker.settle(old), 'ignores a repeated settlement')
  const lost = tracker.deliver('t', 0, 1n)!
  tracker.revoke('t', 0)
  t.notOk(tracker.settle(lost), 'ignores the settlement of a record in a revoked partition')
  t.strictSame(tracker.committable(), [], 'no offset of a revoked partition is committable')
  tracker.assign('t', 0, 0n, 0n)
  t.notOk(tracker.settle(lost), 'ignores a settlement of an earlier epoch')
  t.strictSame(tracker.committable(), [])
})

await t.test('a record that does not settle stops its own partition at the cap, but no other partition', async t => {
  const tracker = new OffsetTracker(100)
  tracker.assign('t', 0, 0n)
  tracker.assign('t', 1, 0n)
  const stuck = tracker.deliver('t', 0, 0n)!
  let delivered = 1
  while (tracker.admit('t', 0)) tracker.settle(tracker.deliver('t', 0, BigInt(delivered++))!)
  t.equal(delivered, 100)
  t.ok(tracker.admit('t', 1))
  tracker.settle(stuck)
  t.equal(tracker.state('t', 0)!.committable, 100n)
  t.ok(tracker.admit('t', 0))
})

await t.test('repeated skips after an unsettled record use one entry', async t => {
  const tracker = new OffsetTracker(3)
  tracker.assign('t', 0, 0n)
  const stuck = tracker.deliver('t', 0, 0n)!
  for (let offset = 2n; offset < 5000n; offset++) tracker.skipTo('t', 0, offset)
  t.ok(tracker.admit('t', 0), '4998 skips use one entry, so the cap of 3 entries is not reached')
  tracker.settle(stuck)
  t.equal(tracker.state('t', 0)!.committable, 4999n)
})

await t.test('the start offset is committable if it differs from the committed offset of the group', async t => {
  const tracker = new OffsetTracker(10)
  tracker.assign('t', 0, 7n)
  t.strictSame(tracker.committable(), [{ topic: 't', partition: 0, offset: 7n }])
})

await t.test('skipped offsets are committable once all earlier records have settled', async t => {
  const tracker = new OffsetTracker(10)
  tracker.assign('t', 0, 7n)
  tracker.skipTo('t', 0, 9n)
  t.strictSame(tracker.committable(), [{ topic: 't', partition: 0, offset: 9n }])
  const delivery = tracker.deliver('t', 0, 9n)!
  tracker.skipTo('t', 0, 12n)
  t.equal(tracker.state('t', 0)!.committable, 9n, 'the committable offset does not pass an unsettled record')
  tracker.settle(delivery)
  t.equal(tracker.state('t', 0)!.committable, 12n)
})

await t.test('a million records settled out of order leave no pending entries', async t => {
  const tracker = new OffsetTracker(64)
  tracker.assign('t', 0, 0n)
  let window: Delivery[] = []
  for (let offset = 0n; offset < 1_000_000n; offset++) {
    if (!tracker.admit('t', 0)) t.fail(`the tracker reaches its cap at offset ${offset}`)
    window.push(tracker.deliver('t', 0, offset)!)
    if (window.length < 64) continue
    for (const delivery of window.reverse()) tracker.settle(delivery)
    window = []
  }
  t.equal(tracker.state('t', 0)!.committable, 1_000_000n)
})

await t.test('offsets are outstanding from delivery to commit, and while the start offset is not committed', async t => {
  const tracker = new OffsetTracker(10)
  t.notOk(tracker.outstanding)
  tracker.assign('a', 0, 5n, 5n)
  t.notOk(tracker.outstanding)
  const delivery = tracker.deliver('a', 0, 5n)!
  t.ok(tracker.outstanding)
  tracker.settle(delivery)
  t.ok(tracker.outstanding)
  tracker.committed(tracker.committable())
  t.notOk(tracker.outstanding)
  tracker.assign('a', 1, 0n)
  t.ok(tracker.outstanding)
  tracker.revoke('a', 1)
  t.notOk(tracker.outstanding)
})
