import t, { type Test } from 'tap'
import { TopicMonitor } from '../../src/kafka/topic-monitor.ts'
import { FakeClock } from './fake-clock.ts'
import { FakeCluster } from './fake-cluster.ts'
import { recordingLog } from './support.ts'

function setUp (t: Test, topics: readonly string[]) {
  const clock = new FakeClock()
  const cluster = new FakeCluster(clock)
  const { log, lines } = recordingLog()
  const seen = { changes: 0 }
  const monitor = new TopicMonitor({ admin: cluster.admin(), topics, interval: 10_000, clock, log, onChange: () => { seen.changes++ } })
  t.teardown(async () => { await monitor.close() })
  return { clock, cluster, monitor, seen, lines }
}

await t.test('reports existing and missing topics in the configured order', async t => {
  const { cluster, monitor } = setUp(t, ['c', 'a', 'b'])
  cluster.createTopic('b')
  const id = cluster.createTopic('c')
  t.equal(await monitor.check(), true)
  t.strictSame([monitor.existing, monitor.missing], [['c', 'b'], ['a']])
  t.strictSame([monitor.topicId('c'), monitor.topicId('a')], [id, undefined])
  t.equal(await monitor.check(), false, 'check returns false if no topic has changed')
})

await t.test('checks every second while a topic is missing, and reports the topic once it is created', async t => {
  const { clock, cluster, monitor, seen, lines } = setUp(t, ['a'])
  await monitor.check()
  monitor.start()
  await clock.advance(5000)
  t.equal(seen.changes, 0)
  cluster.createTopic('a', 3)
  await clock.advance(1000)
  t.equal(seen.changes, 1)
  t.strictSame(monitor.existing, ['a'])
  t.match(lines.at(-1), /^info topic exists .*"partitions":3/)
})

await t.test('checks at the configured interval if all topics exist, and reports new partitions', async t => {
  const { clock, cluster, monitor, seen, lines } = setUp(t, ['a'])
  cluster.createTopic('a')
  await monitor.check()
  monitor.start()
  cluster.addPartition('a')
  await clock.advance(9999)
  t.equal(seen.changes, 0)
  await clock.advance(1)
  t.equal(seen.changes, 1)
  t.match(lines.at(-1), /^info the number of partitions changed .*"partitions":2/)
})

await t.test('reports a deleted topic, and the new id of a recreated topic', async t => {
  const { clock, cluster, monitor, seen, lines } = setUp(t, ['a'])
  cluster.createTopic('a')
  await monitor.check()
  monitor.start()
  cluster.deleteTopic('a')
  await clock.advance(10_000)
  t.strictSame([seen.changes, monitor.missing], [1, ['a']])
  t.match(lines.at(-1), /^warn topic was deleted/)
  const id = cluster.createTopic('a')
  await clock.advance(1000)
  t.strictSame([seen.changes, monitor.topicId('a')], [2, id])
  t.match(lines.at(-1), /^warn topic was recreated/)
})

await t.test('an invalidated topic is missing until the next check, which starts immediately', async t => {
  const { clock, cluster, monitor, seen } = setUp(t, ['a'])
  const id = cluster.createTopic('a')
  await monitor.check()
  monitor.start()
  await clock.advance(0)
  monitor.invalidate('a', id)
  t.strictSame(monitor.missing, ['a'])
  await clock.advance(0)
  t.strictSame([seen.changes, monitor.topicId('a')], [1, id])
})

await t.test('invalidate with an earlier id does not invalidate the current topic', async t => {
  const { cluster, monitor } = setUp(t, ['a'])
  cluster.createTopic('a')
  await monitor.check()
  monitor.invalidate('a', 'earlier')
  t.strictSame(monitor.existing, ['a'])
})

await t.test('keeps checking after an outage', async t => {
  const { clock, cluster, monitor, seen } = setUp(t, ['a'])
  await monitor.check()
  monitor.start()
  cluster.setDown(true)
  await clock.advance(3000)
  cluster.setDown(false)
  cluster.createTopic('a')
  await clock.advance(1000)
  t.equal(seen.changes, 1)
})

await t.test('stops checking once the monitor is closed', async t => {
  const { clock, cluster, monitor, seen } = setUp(t, ['a'])
  await monitor.check()
  monitor.start()
  await monitor.close()
  cluster.createTopic('a')
  await clock.advance(10_000)
  t.equal(seen.changes, 0)
})
