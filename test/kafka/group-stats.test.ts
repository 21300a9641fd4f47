import t from 'tap'
import { GroupStatsCollector } from '../../src/kafka/group-stats.ts'
import { OffsetTracker } from '../../src/kafka/offset-tracker.ts'

await t.test('the commit age grows from the first record on, begins anew with a commit that leaves something, and is 0 where nothing is left', async t => {
  let now = 1000
  const figures = new GroupStatsCollector(() => now)
  t.equal(figures.commitAge(false), 0)
  figures.delivered()
  now += 50
  t.equal(figures.commitAge(true), 50)
  figures.delivered()
  now += 10
  t.equal(figures.commitAge(true), 60, 'a later record does not make it younger')
  figures.committed(true)
  now += 5
  t.equal(figures.commitAge(true), 5)
  figures.committed(false)
  t.equal(figures.commitAge(false), 0)
  t.equal(figures.commits, 2)
})

await t.test('what is no longer outstanding (its partition went to another) leaves no age behind', async t => {
  let now = 1000
  const figures = new GroupStatsCollector(() => now)
  figures.delivered()
  now += 50
  t.equal(figures.commitAge(false), 0)
  figures.delivered()
  now += 5
  t.equal(figures.commitAge(true), 5)
})

await t.test('lost records add up by partition', async t => {
  const figures = new GroupStatsCollector()
  figures.lose('a', 0, 5)
  figures.lose('a', 1, 1)
  figures.lose('a', 0, 2)
  t.strictSame(figures.lost, [{ topic: 'a', partition: 0, records: 7 }, { topic: 'a', partition: 1, records: 1 }])
})

await t.test('a tracker has something outstanding from a delivery until its commit, and after an assignment that nobody has committed', async t => {
  const tracker = new OffsetTracker({ cap: 10 })
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
