import t from 'tap'
import { GroupStatsCollector } from '../../src/kafka/group-stats.ts'

await t.test('the commit age is the time since the first delivery or, after a commit, since the last commit', async t => {
  let now = 1000
  const stats = new GroupStatsCollector(() => now)
  t.equal(stats.commitAge(false), 0)
  stats.delivered()
  now += 50
  t.equal(stats.commitAge(true), 50)
  stats.delivered()
  now += 10
  t.equal(stats.commitAge(true), 60, 'a later delivery does not restart the commit age')
  stats.committed(true)
  now += 5
  t.equal(stats.commitAge(true), 5)
  stats.committed(false)
  t.equal(stats.commitAge(false), 0)
  t.equal(stats.commits, 2)
})

await t.test('the commit age is 0 once all partitions with uncommitted records are revoked', async t => {
  let now = 1000
  const stats = new GroupStatsCollector(() => now)
  stats.delivered()
  now += 50
  t.equal(stats.commitAge(false), 0)
  stats.delivered()
  now += 5
  t.equal(stats.commitAge(true), 5)
})

await t.test('the numbers of lost records are summed per partition', async t => {
  const stats = new GroupStatsCollector(() => 0)
  stats.lose('a', 0, 5)
  stats.lose('a', 1, 1)
  stats.lose('a', 0, 2)
  t.strictSame(stats.lost, [{ topic: 'a', partition: 0, records: 7 }, { topic: 'a', partition: 1, records: 1 }])
})
