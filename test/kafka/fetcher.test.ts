// The fetcher against an in-memory cluster, on a clock that the tests advance.
import t, { type Test } from 'tap'
import { describedConnection } from '../../src/kafka/connection.ts'
import { Fetcher, type FetcherOptions, type Truncation } from '../../src/kafka/fetcher.ts'
import type { PartitionBuffer } from '../../src/kafka/partition-buffer.ts'
import { turns, until } from '../support/pipeline.ts'
import { FakeClock } from './fake-clock.ts'
import { codes, FakeCluster, transactionBatch, transactionMarker } from './fake-cluster.ts'
import { recordingLog } from './support.ts'

const connection = describedConnection({ brokers: ['broker-1:9092'], auth: 'none', tls: false, clientId: 'test' })

function setUp (t: Test, options: Partial<FetcherOptions> = {}) {
  const clock = new FakeClock()
  const cluster = new FakeCluster(clock)
  const { log, lines } = recordingLog()
  const events = {
    progress: 0, gone: [] as string[], outOfRange: [] as PartitionBuffer[], truncated: [] as Truncation[], fatal: [] as Error[]
  }
  const fetcher = new Fetcher({
    client: cluster.fetchClient(), connection, maxBytes: 8 * 1024 * 1024, maxWaitMs: 500, clock, log,
    onProgress: () => { events.progress++ },
    onTopicGone: (topic, topicId) => { events.gone.push(`${topic} ${topicId}`) },
    onTruncated: (_, truncation) => { events.truncated.push(truncation) },
    onOutOfRange: buffer => { events.outOfRange.push(buffer) },
    onFatal: error => { events.fatal.push(error) },
    ...options
  })
  t.teardown(async () => { await fetcher.close() })
  const add = (topic: string, partition: number, position = 0n, end?: bigint, leaderEpoch?: number): PartitionBuffer =>
    fetcher.add({ topic, topicId: cluster.topicId(topic), partition, position, end, leaderEpoch })
  const takeAll = (): string[] => {
    const values: string[] = []
    for (let next = fetcher.take(); next !== undefined; next = fetcher.take()) values.push(next.record.value!.toString())
    return values
  }
  return { clock, cluster, fetcher, events, lines, add, takeAll }
}

await t.test('fetches a partition from its start position', async t => {
  const { cluster, add, takeAll, events } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0', 'v1')
  cluster.append('a', 0, 'v2')
  const buffer = add('a', 0, 1n)
  await until(() => buffer.waiting === 2)
  t.strictSame(takeAll(), ['v1', 'v2'])
  t.equal(buffer.position, 3n)
  t.ok(events.progress > 0)
  t.match(cluster.requests[0], { node: 1, topics: [{ topicId: cluster.topicId('a'), partitions: [{ partition: 0, fetchOffset: 1n }] }] })
})

await t.test('fetches records that are produced later', async t => {
  const { cluster, add, takeAll } = setUp(t)
  cluster.createTopic('a')
  const buffer = add('a', 0)
  await turns()
  cluster.append('a', 0, 'late')
  await until(() => buffer.waiting === 1)
  t.strictSame(takeAll(), ['late'])
})

await t.test('sends the next request after an empty response', async t => {
  const { clock, cluster, add } = setUp(t)
  cluster.createTopic('a')
  add('a', 0)
  await clock.advance(1999)
  t.equal(cluster.requests.length, 4, 'sends one request per 500 ms while no records arrive')
  t.ok(cluster.requests.every(({ maxWaitTime }) => maxWaitTime === 500))
})

await t.test('sends one request at a time to each broker, for all partitions that the broker leads', async t => {
  const { clock, cluster, add } = setUp(t)
  cluster.createTopic('a', 4, [1, 2, 1, 2])
  for (let partition = 0; partition < 4; partition++) add('a', partition)
  // The first request contains only the partition whose leader was looked up first.
  await clock.advance(500)
  cluster.requests.length = 0
  await clock.advance(500)
  const requests = cluster.requests.map(({ node, topics }) => [node, topics[0]!.partitions.map(({ partition }) => partition)])
  t.strictSame(requests, [[1, [0, 2]], [2, [1, 3]]])
})

await t.test('stops reading a partition before its end offset', async t => {
  const { clock, cluster, add, takeAll } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0', 'v1', 'v2')
  const buffer = add('a', 0, 0n, 2n)
  await until(() => buffer.complete)
  t.strictSame(takeAll(), ['v0', 'v1'])
  await clock.advance(5000)
  t.equal(cluster.requests.length, 1)
})

await t.test('sends no request while at least half of maxBytes is buffered, and sends the next request once records are taken', async t => {
  const { clock, cluster, fetcher, add } = setUp(t, { maxBytes: 4000 })
  cluster.createTopic('a')
  for (let index = 0; index < 20; index++) cluster.append('a', 0, 'x'.repeat(1000))
  const buffer = add('a', 0)
  await clock.advance(10_000)
  t.equal(cluster.requests.length, 1)
  t.ok(buffer.bytes > 4000 && buffer.bytes < 8000, `${buffer.bytes} bytes are buffered, expected 4001 to 7999`)
  let most = 0
  for (let taken = 0; taken < 20; taken++) {
    await until(() => buffer.waiting > 0)
    most = Math.max(most, buffer.bytes)
    fetcher.take()
  }
  t.ok(most < 8000, `${most} bytes were buffered, expected less than 8000`)
  t.ok(cluster.requests.length >= 5, `the fetcher sent ${cluster.requests.length} requests, expected at least 5`)
})

await t.test('while records are buffered, requests for idle partitions wait only briefly at the broker', async t => {
  const { cluster, fetcher, add } = setUp(t, { maxBytes: 1_000_000 })
  cluster.createTopic('a', 2)
  cluster.append('a', 0, 'v0', 'v1')
  const busy = add('a', 0)
  add('a', 1)
  await until(() => busy.waiting === 2)
  fetcher.take()
  await turns()
  t.equal(cluster.requests.at(-1)!.maxWaitTime, 20)
})

await t.test('take returns a record of each partition in turn', async t => {
  const { cluster, add, takeAll } = setUp(t)
  cluster.createTopic('a', 3)
  for (let partition = 0; partition < 3; partition++) cluster.append('a', partition, `${partition}-first`, `${partition}-second`)
  const buffers = [0, 1, 2].map(partition => add('a', partition))
  await until(() => buffers.every(({ waiting }) => waiting === 2))
  t.strictSame(takeAll(), ['0-first', '1-first', '2-first', '0-second', '1-second', '2-second'])
})

await t.test('if take() does not admit a partition, pauses the partition, and neither returns nor fetches more of its records', async t => {
  const { clock, cluster, fetcher, add } = setUp(t)
  cluster.createTopic('a', 2)
  cluster.append('a', 0, 'v0')
  cluster.append('a', 1, 'v1')
  const [first, second] = [add('a', 0), add('a', 1)]
  await until(() => first.waiting === 1 && second.waiting === 1)
  t.equal(fetcher.take(buffer => buffer !== first)?.buffer, second)
  t.ok(first.paused)
  t.equal(fetcher.take(), undefined)
  cluster.requests.length = 0
  await clock.advance(2000)
  const fetched = cluster.requests.slice(1).flatMap(({ topics }) => topics.flatMap(({ partitions }) => partitions))
    .map(({ partition }) => partition)
  t.strictSame(new Set(fetched), new Set([1]))
  first.paused = false
  t.equal(fetcher.take()?.buffer, first)
})

await t.test('with `everyPartition`, fetches a partition with an empty buffer even if other buffers are full', async t => {
  const { cluster, add } = setUp(t, { maxBytes: 4000, everyPartition: true })
  cluster.createTopic('a', 2)
  for (let index = 0; index < 20; index++) cluster.append('a', 0, 'x'.repeat(1000))
  const full = add('a', 0)
  await until(() => full.bytes > 2000)
  const empty = add('a', 1)
  cluster.append('a', 1, 'y')
  await until(() => empty.waiting === 1)
  t.pass()
})

await t.test('skips aborted records and control batches', async t => {
  const { cluster, add, takeAll } = setUp(t)
  cluster.createTopic('a')
  cluster.appendBatch('a', 0, transactionBatch(0n, 1n, ['aborted']))
  cluster.appendBatch('a', 0, transactionMarker(1n, 1n, 'abort'))
  cluster.appendBatch('a', 0, transactionBatch(2n, 1n, ['committed']))
  cluster.appendBatch('a', 0, transactionMarker(3n, 1n, 'commit'))
  cluster.abortTransaction('a', 0, 1n, 0n)
  const buffer = add('a', 0)
  await until(() => buffer.fetchPosition === 4n)
  t.strictSame(takeAll(), ['committed'])
  t.equal(buffer.position, 4n)
})

await t.test('pauses a partition whose offset is out of range, until the caller resets the offset and resumes the partition', async t => {
  const { clock, cluster, fetcher, events, add, takeAll } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0')
  cluster.append('a', 0, 'v1')
  cluster.deleteRecords('a', 0, 1n)
  const buffer = add('a', 0, 0n)
  await clock.advance(5000)
  t.strictSame(events.outOfRange, [buffer])
  t.ok(buffer.paused)
  t.equal(cluster.requests.length, 1)
  buffer.reset(1n)
  buffer.paused = false
  fetcher.fetchMore()
  await until(() => buffer.waiting === 1)
  t.strictSame(takeAll(), ['v1'])
})

await t.test('fetches with the epoch of the leader and the epoch of the last record that was fetched', async t => {
  const { clock, cluster, add } = setUp(t)
  cluster.createTopic('a')
  for (let epoch = 1; epoch <= 3; epoch++) cluster.setLeader('a', 0, 1)
  cluster.append('a', 0, 'v0')
  const buffer = add('a', 0)
  await until(() => buffer.waiting === 1)
  t.equal(buffer.take()!.leaderEpoch, 3)
  cluster.setLeader('a', 0, 1)
  await clock.advance(1000)
  const sent = cluster.requests.map(({ topics }) => topics[0]!.partitions[0]!).map(each => [each.currentLeaderEpoch, each.lastFetchedEpoch])
  t.strictSame(sent[0], [3, -1], 'no epoch is known before the first record')
  t.strictSame(sent.at(-1), [4, 3])
})

await t.test('continues at the divergence after the log was truncated, and returns every record of the new log', async t => {
  const { clock, cluster, events, add, takeAll } = setUp(t)
  cluster.createTopic('a')
  for (let index = 0; index < 4; index++) cluster.append('a', 0, `old-${index}`)
  const buffer = add('a', 0)
  await until(() => buffer.waiting === 4)
  t.equal(takeAll().length, 4)
  cluster.truncate('a', 0, 2n)
  for (let index = 2; index < 6; index++) cluster.append('a', 0, `new-${index}`)
  await clock.advance(1000)
  t.strictSame(takeAll(), ['new-2', 'new-3', 'new-4', 'new-5'])
  t.strictSame(events.truncated, [{ offset: 2n, position: 4n, leaderEpoch: 0 }])
  t.strictSame(events.outOfRange, [])
})

await t.test('drops buffered records above the divergence, and keeps the position if no taken record is gone', async t => {
  const { clock, cluster, fetcher, events, add, takeAll } = setUp(t)
  cluster.createTopic('a')
  for (let index = 0; index < 4; index++) cluster.append('a', 0, `old-${index}`)
  const buffer = add('a', 0)
  await until(() => buffer.waiting === 4)
  fetcher.take()
  cluster.truncate('a', 0, 2n)
  cluster.append('a', 0, 'new-2', 'new-3')
  await clock.advance(1000)
  t.strictSame(takeAll(), ['old-1', 'new-2', 'new-3'])
  t.strictSame(events.truncated, [{ offset: 2n, position: 1n, leaderEpoch: 0 }])
})

await t.test('a start offset beyond the end of a truncated log continues at the divergence, not at the earliest offset', async t => {
  const { clock, cluster, events, add, takeAll } = setUp(t)
  cluster.createTopic('a')
  for (let index = 0; index < 3; index++) cluster.append('a', 0, `old-${index}`)
  cluster.truncate('a', 0, 2n)
  cluster.append('a', 0, 'new-2')
  add('a', 0, 9n, undefined, 0)
  await clock.advance(1000)
  t.strictSame(takeAll(), ['new-2'])
  t.strictSame([events.truncated, events.outOfRange], [[{ offset: 2n, position: 9n, leaderEpoch: 0 }], []])
})

await t.test('continues where the first epoch began that the new leader does not have, even if its log is longer there', async t => {
  const { clock, cluster, events, add, takeAll } = setUp(t)
  cluster.createTopic('a')
  // The consumer reads offsets 0 and 1 in epoch 0, then offsets 2 and 3 in epoch 1.
  cluster.append('a', 0, 'v0', 'v1')
  const buffer = add('a', 0)
  await until(() => buffer.waiting === 2)
  cluster.setLeader('a', 0, 1)
  cluster.append('a', 0, 'gone-2', 'gone-3')
  await clock.advance(1000)
  t.equal(takeAll().length, 4)
  // Another broker, whose log has more records of epoch 0 and none of epoch 1, becomes the leader.
  cluster.replaceLog('a', 0, [0, 0, 0, 0, 0, 0, 2])
  await clock.advance(1000)
  t.strictSame(takeAll(), ['new-2', 'new-3', 'new-4', 'new-5', 'new-6'])
  t.match(events.truncated, [{ offset: 2n, position: 4n }])
})

await t.test('looks up the leader again, with a backoff, if its epoch is not the current one', async t => {
  const { clock, cluster, add, events, lines } = setUp(t)
  cluster.createTopic('a')
  const buffer = add('a', 0)
  await turns()
  cluster.failPartition('a', 0, codes.UNKNOWN_LEADER_EPOCH)
  await clock.advance(10_000)
  t.ok(cluster.requests.length < 15, `${cluster.requests.length} requests, expected less than 15`)
  cluster.failPartition('a', 0, 0)
  cluster.append('a', 0, 'v0')
  await clock.advance(1000)
  t.strictSame([buffer.waiting, events.fatal], [1, []])
  t.match(lines[0], /^warn cannot read partitions: retrying \{"partitions":"a\[0\]","reason":"UNKNOWN_LEADER_EPOCH"/)
})

await t.test('finds the new leader of a partition after NOT_LEADER_OR_FOLLOWER', async t => {
  const { clock, cluster, events, add, takeAll } = setUp(t)
  cluster.createTopic('a')
  const buffer = add('a', 0)
  await turns()
  cluster.setLeader('a', 0, 2)
  cluster.append('a', 0, 'after')
  await clock.advance(100)
  await until(() => buffer.waiting === 1)
  t.strictSame(takeAll(), ['after'])
  t.strictSame(cluster.requests.map(({ node }) => node).slice(0, 2), [1, 2])
  t.strictSame(events.fatal, [])
})

await t.test('waits until a partition without a leader gets a leader', async t => {
  const { clock, cluster, events, add } = setUp(t)
  cluster.createTopic('a', 1, [-1])
  cluster.append('a', 0, 'v0')
  const buffer = add('a', 0)
  await clock.advance(10_000)
  t.equal(cluster.requests.length, 0)
  cluster.setLeader('a', 0, 3)
  await clock.advance(1000)
  await until(() => buffer.waiting === 1)
  t.strictSame(events.fatal, [])
})

await t.test('an error of one partition does not stop fetching the other partitions', async t => {
  const { clock, cluster, events, add, takeAll } = setUp(t)
  cluster.createTopic('a', 2)
  cluster.append('a', 1, 'v0')
  cluster.failPartition('a', 0, codes.NOT_LEADER_OR_FOLLOWER)
  const [failing] = [add('a', 0), add('a', 1)]
  await clock.advance(1000)
  t.strictSame(takeAll(), ['v0'])
  cluster.append('a', 1, 'v1')
  await clock.advance(1000)
  t.strictSame(takeAll(), ['v1'])
  cluster.failPartition('a', 0, 0)
  cluster.append('a', 0, 'recovered')
  // The longest backoff, and the request for the other partition that is in flight at its end.
  await clock.advance(1500)
  t.equal(failing.waiting, 1)
  t.strictSame(events.fatal, [])
})

await t.test('a partition without a leader delays no other partition', async t => {
  const { clock, cluster, add, takeAll } = setUp(t)
  cluster.createTopic('a', 2, [1, -1])
  const [led] = [add('a', 0), add('a', 1)]
  await clock.advance(1000)
  for (let index = 0; index < 10; index++) {
    cluster.append('a', 0, `v${index}`)
    // The clock stands still, so a record arrives only if no backoff delays its fetch.
    await turns()
    t.strictSame(takeAll(), [`v${index}`])
  }
  t.equal(led.position, 10n)
})

await t.test('an error code of one partition delays no other partition', async t => {
  const { clock, cluster, add, takeAll } = setUp(t)
  cluster.createTopic('a', 2)
  add('a', 0)
  add('a', 1)
  await clock.advance(1000)
  cluster.failPartition('a', 1, codes.NOT_LEADER_OR_FOLLOWER)
  await turns()
  for (let index = 0; index < 10; index++) {
    cluster.append('a', 0, `v${index}`)
    await turns()
    t.strictSame(takeAll(), [`v${index}`])
  }
})

await t.test('logs one line when partitions cannot be read, and one line when they can be read again', async t => {
  const { clock, cluster, lines, add } = setUp(t)
  cluster.createTopic('a', 3)
  for (let partition = 0; partition < 3; partition++) add('a', partition)
  await clock.advance(1000)
  for (const partition of [1, 2]) cluster.setLeader('a', partition, -1)
  await clock.advance(60_000)
  const fields = '{"partitions":"a[1] a[2]","reason":"the partition has no leader"}'
  t.strictSame(lines, [`warn cannot read partitions: retrying ${fields}`])
  for (const partition of [1, 2]) {
    cluster.setLeader('a', partition, 2)
    cluster.append('a', partition, 'v0')
  }
  await clock.advance(2000)
  t.strictSame(lines.slice(1), ['info partitions can be read again {"partitions":"a[1] a[2]"}'])
})

await t.test('logs nothing if a partition gets a new leader within a few attempts', async t => {
  const { clock, cluster, lines, add } = setUp(t)
  cluster.createTopic('a')
  const buffer = add('a', 0)
  await turns()
  cluster.setLeader('a', 0, 2)
  cluster.append('a', 0, 'v0')
  await clock.advance(1000)
  t.strictSame([buffer.waiting, lines], [1, []])
})

await t.test('if a broker is unreachable, partitions of other brokers are read without delay or another lookup', async t => {
  const { clock, cluster, lines, add, takeAll } = setUp(t)
  cluster.createTopic('a', 1, [1])
  cluster.createTopic('b', 1, [2])
  add('a', 0)
  add('b', 0)
  await clock.advance(1000)
  cluster.setBrokerDown(2, true)
  await turns()
  cluster.lookups.length = 0
  for (let index = 0; index < 10; index++) {
    cluster.append('a', 0, `v${index}`)
    await turns()
    t.strictSame(takeAll(), [`v${index}`])
  }
  await clock.advance(60_000)
  t.notOk(cluster.lookups.includes('a'), 'the leader of the other partition is not looked up again')
  t.match(lines, [/^warn kafka is unavailable: retrying \{"broker":2,"code":"KAFKA_UNREACHABLE"/])
  t.equal(lines.length, 1)
  cluster.setBrokerDown(2, false)
  cluster.append('b', 0, 'w0')
  await clock.advance(1000)
  t.strictSame(takeAll(), ['w0'])
  t.match(lines.slice(1), [/^info kafka is available again \{"broker":2/])
})

await t.test('reads a partition from its new leader while the old leader is down', async t => {
  const { clock, cluster, add, takeAll } = setUp(t)
  cluster.createTopic('a', 1, [2])
  add('a', 0)
  await turns()
  cluster.setBrokerDown(2, true)
  await clock.advance(5000)
  cluster.setLeader('a', 0, 1)
  cluster.append('a', 0, 'after')
  await clock.advance(1000)
  t.strictSame(takeAll(), ['after'])
})

await t.test('a partition without a leader for longer than `giveUpAfterMs` is fatal, even if other partitions are read', async t => {
  const { clock, cluster, events, add, takeAll } = setUp(t, { giveUpAfterMs: 10_000 })
  cluster.createTopic('a', 2, [1, -1])
  cluster.append('a', 0, 'v0')
  add('a', 0)
  add('a', 1)
  await clock.advance(9000)
  t.strictSame([takeAll(), events.fatal], [['v0'], []])
  await clock.advance(3000)
  t.match(events.fatal, [{ code: 'KAFKA_PARTITION_UNAVAILABLE', where: 'a[1] at broker-1:9092', message: /no leader/ }])
  t.equal(events.fatal.length, 1)
})

await t.test('reports a deleted topic after three lookups, and stops fetching the topic', async t => {
  const { clock, cluster, events, add } = setUp(t)
  const id = cluster.createTopic('a')
  add('a', 0)
  await turns()
  cluster.deleteTopic('a')
  await clock.advance(300)
  t.strictSame(events.gone, [], 'does not report the topic after fewer than three lookups')
  await clock.advance(600)
  t.strictSame(events.gone, [`a ${id}`])
  const { length } = cluster.requests
  await clock.advance(10_000)
  t.equal(cluster.requests.length, length)
})

await t.test('reports a recreated topic, and returns no records of the new topic until the partition is added again', async t => {
  const { clock, cluster, fetcher, events, add, takeAll } = setUp(t)
  const id = cluster.createTopic('a')
  cluster.append('a', 0, 'old')
  const buffer = add('a', 0)
  await until(() => buffer.waiting === 1)
  cluster.deleteTopic('a')
  cluster.createTopic('a')
  cluster.append('a', 0, 'new', 'new')
  await clock.advance(5000)
  t.strictSame(events.gone, [`a ${id}`])
  t.strictSame(takeAll(), ['old'])
  fetcher.remove(buffer)
  const added = add('a', 0)
  await until(() => added.waiting === 2)
  t.strictSame(takeAll(), ['new', 'new'])
})

await t.test('does not report a new topic as gone if a broker does not know the topic yet', async t => {
  const { clock, cluster, events, add, takeAll } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0')
  cluster.failPartition('a', 0, codes.UNKNOWN_TOPIC_ID)
  const buffer = add('a', 0)
  await clock.advance(2000)
  cluster.failPartition('a', 0, 0)
  await clock.advance(1000)
  await until(() => buffer.waiting === 1)
  t.strictSame(takeAll(), ['v0'])
  t.strictSame(events.gone, [])
})

await t.test('opens a new fetch session if the broker has lost the old session', async t => {
  const { clock, cluster, events, add, takeAll } = setUp(t)
  cluster.createTopic('a')
  const buffer = add('a', 0)
  await turns()
  cluster.failSession(codes.FETCH_SESSION_ID_NOT_FOUND)
  cluster.append('a', 0, 'v0')
  await clock.advance(100)
  await until(() => buffer.waiting === 1)
  t.strictSame(takeAll(), ['v0'])
  t.strictSame(events.fatal, [])
})

await t.test('retries during an outage, and logs the outage once', async t => {
  const { clock, cluster, events, lines, add, takeAll } = setUp(t)
  cluster.createTopic('a')
  const buffer = add('a', 0)
  await turns()
  cluster.setDown(true)
  await clock.advance(60_000)
  t.strictSame(lines.map(line => line.slice(0, 36)), ['warn kafka is unavailable: retrying '])
  cluster.setDown(false)
  cluster.append('a', 0, 'after')
  await clock.advance(1000)
  await until(() => buffer.waiting === 1)
  t.strictSame(takeAll(), ['after'])
  t.match(lines.slice(1), [/^info kafka is available again/])
  t.strictSame(events.fatal, [])
})

await t.test('an outage longer than `giveUpAfterMs` is fatal', async t => {
  const { clock, cluster, events, add } = setUp(t, { giveUpAfterMs: 10_000 })
  cluster.createTopic('a')
  add('a', 0)
  await turns()
  cluster.setDown(true)
  await clock.advance(9000)
  t.strictSame(events.fatal, [])
  await clock.advance(3000)
  t.match(events.fatal, [{ code: 'KAFKA_UNREACHABLE', where: 'broker-1:9092', message: /^cannot read a: / }])
  t.equal(events.fatal.length, 1)
})

await t.test('missing read permission for a topic is fatal, and no more requests are sent', async t => {
  const { clock, cluster, events, add } = setUp(t)
  cluster.createTopic('a')
  cluster.failPartition('a', 0, codes.TOPIC_AUTHORIZATION_FAILED)
  add('a', 0)
  await clock.advance(10_000)
  t.match(events.fatal, [{ code: 'KAFKA_NOT_AUTHORISED', where: 'a at broker-1:9092', message: /^cannot read a: / }])
  t.strictSame([events.fatal.length, cluster.requests.length], [1, 1])
})

await t.test('buffered records can be taken after a fatal error', async t => {
  const { clock, cluster, events, add, takeAll } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0')
  add('a', 0)
  await turns()
  cluster.failPartition('a', 0, codes.TOPIC_AUTHORIZATION_FAILED)
  await clock.advance(1000)
  t.equal(events.fatal.length, 1)
  t.strictSame(takeAll(), ['v0'])
})

await t.test('drops the response for a partition that has been removed', async t => {
  const { cluster, fetcher, events, add } = setUp(t)
  cluster.createTopic('a')
  const buffer = add('a', 0)
  await turns()
  fetcher.remove(buffer)
  cluster.append('a', 0, 'v0')
  await turns()
  t.strictSame([buffer.waiting, events.progress], [0, 0])
  t.equal(fetcher.take(), undefined)
})

await t.test('ignores an error of a removed partition', async t => {
  const { clock, cluster, fetcher, events, add } = setUp(t)
  cluster.createTopic('a')
  const buffer = add('a', 0)
  await turns()
  fetcher.remove(buffer)
  cluster.failPartition('a', 0, codes.OFFSET_OUT_OF_RANGE)
  await clock.advance(1000)
  t.strictSame(events.outOfRange, [])
})

await t.test('drops the response to a request that was sent before the partition was reset', async t => {
  const { cluster, add } = setUp(t)
  cluster.createTopic('a')
  const buffer = add('a', 0)
  await turns()
  cluster.append('a', 0, 'v0', 'v1', 'v2')
  buffer.reset(2n)
  await until(() => buffer.waiting > 0)
  t.strictSame(buffer.take()?.offset, 2n)
})

await t.test('can be closed while a request is in flight, and reports nothing afterwards', async t => {
  const { clock, cluster, fetcher, events, lines, add } = setUp(t)
  cluster.createTopic('a')
  add('a', 0)
  await turns()
  t.equal(cluster.requests.length, 1)
  await fetcher.close()
  cluster.append('a', 0, 'v0')
  await clock.advance(10_000)
  t.equal(cluster.requests.length, 1)
  t.strictSame([events.progress, events.fatal, lines], [0, [], []])
})
