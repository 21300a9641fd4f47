import t from 'tap'
import { type Delivery, OffsetTracker } from '../../src/kafka/offset-tracker.ts'
import { seeded } from '../support/pipeline.ts'

const record = (partition: number, offset: bigint, leaderEpoch = 0) => ({ topic: 't', partition, offset, leaderEpoch })

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
        tracker.assign('t', partition, start, 0, at)
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
          const delivery = tracker.deliver(record(partition, offset))
          if (delivery === undefined) throw new Error(`seed ${seed}: the tracker dropped offset ${offset}`)
          const entry = { offset, settled: false }
          model.delivered.push(entry)
          open.push({ delivery, model, record: entry })
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
  tracker.assign('t', 0, 5n, 0)
  const first = tracker.deliver(record(0, 5n))
  tracker.deliver(record(0, 6n))
  t.equal(tracker.deliver(record(0, 5n)), undefined, 'drops a record that is in flight')
  tracker.settle(first!)
  t.equal(tracker.deliver(record(0, 5n)), undefined, 'drops a record that has settled')
  t.equal(tracker.deliver(record(0, 4n)), undefined, 'drops a record before the start of the epoch')
  t.equal(tracker.deliver(record(1, 0n)), undefined, 'drops a record of a partition that is not assigned')
  t.ok(tracker.deliver(record(0, 9n)), 'delivers a record after a gap')
})

await t.test('ignores repeated settlements and settlements of an earlier epoch', async t => {
  const tracker = new OffsetTracker(10)
  tracker.assign('t', 0, 0n, 0, 0n)
  const old = tracker.deliver(record(0, 0n))!
  t.ok(tracker.settle(old))
  t.notOk(tracker.settle(old), 'ignores a repeated settlement')
  const lost = tracker.deliver(record(0, 1n))!
  tracker.revoke('t', 0)
  t.notOk(tracker.settle(lost), 'ignores the settlement of a record in a revoked partition')
  t.strictSame(tracker.committable(), [], 'no offset of a revoked partition is committable')
  tracker.assign('t', 0, 0n, 0, 0n)
  t.notOk(tracker.settle(lost), 'ignores a settlement of an earlier epoch')
  t.strictSame(tracker.committable(), [])
})

await t.test('a record that does not settle stops its own partition at the cap, but no other partition', async t => {
  const tracker = new OffsetTracker(100)
  tracker.assign('t', 0, 0n, 0)
  tracker.assign('t', 1, 0n, 0)
  const stuck = tracker.deliver(record(0, 0n))!
  let delivered = 1
  while (tracker.admit('t', 0)) tracker.settle(tracker.deliver(record(0, BigInt(delivered++)))!)
  t.equal(delivered, 100)
  t.ok(tracker.admit('t', 1))
  tracker.settle(stuck)
  t.equal(tracker.state('t', 0)!.committable, 100n)
  t.ok(tracker.admit('t', 0))
})

await t.test('repeated skips after an unsettled record use one entry', async t => {
  const tracker = new OffsetTracker(3)
  tracker.assign('t', 0, 0n, 0)
  const stuck = tracker.deliver(record(0, 0n))!
  for (let offset = 2n; offset < 5000n; offset++) tracker.skipTo(record(0, offset))
  t.ok(tracker.admit('t', 0), '4998 skips use one entry, so the cap of 3 entries is not reached')
  tracker.settle(stuck)
  t.equal(tracker.state('t', 0)!.committable, 4999n)
})

await t.test('the start offset is committable if it differs from the committed offset of the group', async t => {
  const tracker = new OffsetTracker(10)
  tracker.assign('t', 0, 7n, 0)
  t.strictSame(tracker.committable(), [record(0, 7n)])
})

await t.test('skipped offsets are committable once all earlier records have settled', async t => {
  const tracker = new OffsetTracker(10)
  tracker.assign('t', 0, 7n, 0)
  tracker.skipTo(record(0, 9n))
  t.strictSame(tracker.committable(), [record(0, 9n)])
  const delivery = tracker.deliver(record(0, 9n))!
  tracker.skipTo(record(0, 12n))
  t.equal(tracker.state('t', 0)!.committable, 9n, 'the committable offset does not pass an unsettled record')
  tracker.settle(delivery)
  t.equal(tracker.state('t', 0)!.committable, 12n)
})

await t.test('a million records settled out of order leave no pending entries', async t => {
  const tracker = new OffsetTracker(64)
  tracker.assign('t', 0, 0n, 0)
  let window: Delivery[] = []
  for (let offset = 0n; offset < 1_000_000n; offset++) {
    if (!tracker.admit('t', 0)) t.fail(`the tracker reaches its cap at offset ${offset}`)
    window.push(tracker.deliver(record(0, offset))!)
    if (window.length < 64) continue
    for (const delivery of window.reverse()) tracker.settle(delivery)
    window = []
  }
  t.equal(tracker.state('t', 0)!.committable, 1_000_000n)
})

await t.test('an offset to commit has the leader epoch of the last record before it', t => {
  const tracker = new OffsetTracker(10)
  tracker.assign('t', 0, 5n, 2)
  const epochs = () => tracker.committable().map(({ offset, leaderEpoch }) => [offset, leaderEpoch])
  t.strictSame(epochs(), [[5n, 2]])
  const [first, second] = [tracker.deliver(record(0, 5n, 2))!, tracker.deliver(record(0, 6n, 3))!]
  tracker.settle(second)
  t.strictSame(epochs(), [[5n, 2]])
  tracker.settle(first)
  t.strictSame(epochs(), [[7n, 3]])
  tracker.skipTo(record(0, 9n, 4))
  t.strictSame(epochs(), [[9n, 4]])
  t.end()
})

await t.test('a rewind below the committed offset makes the lower offset committable', t => {
  const tracker = new OffsetTracker(10)
  tracker.assign('t', 0, 0n, 1)
  for (let offset = 0n; offset < 8n; offset++) tracker.settle(tracker.deliver(record(0, offset, 1))!)
  tracker.committed(tracker.committable())
  tracker.rewind(record(0, 5n, 1))
  t.strictSame(tracker.committable(), [record(0, 5n, 1)])
  t.equal(tracker.uncommitted(() => true), 0n)
  tracker.settle(tracker.deliver(record(0, 5n, 2))!)
  t.strictSame(tracker.committable(), [record(0, 6n, 2)])
  t.end()
})

await t.test('after a rewind, earlier records are still awaited and settlements of later records are ignored', t => {
  const tracker = new OffsetTracker(10)
  tracker.assign('t', 0, 0n, 1)
  const old = [0n, 1n, 2n, 3n].map(offset => tracker.deliver(record(0, offset, 1))!)
  tracker.settle(old[1]!)
  tracker.settle(old[3]!)
  tracker.rewind(record(0, 2n, 1))
  t.equal(tracker.unsettled, 1)
  t.notOk(tracker.settle(old[2]!), 'the record is not in the log any more')
  t.strictSame(tracker.committable(), [record(0, 0n, 1)], 'commits nothing past the unsettled record 0')
  const again = tracker.deliver(record(0, 2n, 2))!
  tracker.settle(old[0]!)
  t.strictSame(tracker.committable(), [record(0, 2n, 1)])
  tracker.settle(again)
  t.strictSame(tracker.committable(), [record(0, 3n, 2)])
  t.end()
})

await t.test('a rewind past everything that was delivered changes nothing', t => {
  const tracker = new OffsetTracker(10)
  tracker.assign('t', 0, 4n, 1, 4n)
  tracker.rewind(record(0, 4n, 1))
  t.strictSame([tracker.committable(), tracker.outstanding], [[], false])
  t.end()
})

await t.test('offsets are outstanding from delivery to commit, and while the start offset is not committed', async t => {
  const tracker = new OffsetTracker(10)
  t.notOk(tracker.outstanding)
  tracker.assign('t', 0, 5n, 0, 5n)
  t.notOk(tracker.outstanding)
  const delivery = tracker.deliver(record(0, 5n))!
  t.ok(tracker.outstanding)
  tracker.settle(delivery)
  t.ok(tracker.outstanding)
  tracker.committed(tracker.committable())
  t.notOk(tracker.outstanding)
  tracker.assign('t', 1, 0n, 0)
  t.ok(tracker.outstanding)
  tracker.revoke('t', 1)
  t.notOk(tracker.outstanding)
})
