// The group consumer against an in-memory cluster and group coordinator, on a clock that the tests advance.
import { ProtocolError } from '@platformatic/kafka'
import t, { type Test } from 'tap'
import { describedConnection } from '../../src/kafka/connection.ts'
import { GroupConsumer } from '../../src/kafka/group-consumer.ts'
import { type GroupOptions, groupSettings } from '../../src/kafka/group-settings.ts'
import type { Delivery } from '../../src/kafka/offset-tracker.ts'
import { turns, until } from '../support/pipeline.ts'
import { FakeClock } from './fake-clock.ts'
import { codes, FakeCluster, transactionMarker } from './fake-cluster.ts'
import { FakeGroup } from './fake-group.ts'
import { recordingLog } from './support.ts'

const connection = describedConnection({ brokers: ['broker-1:9092'], auth: 'none', tls: false, clientId: 'test' })

interface Taken {
  readonly value: string
  readonly delivery: Delivery
}

function setUp (t: Test) {
  const clock = new FakeClock()
  const cluster = new FakeCluster(clock)
  const group = new FakeGroup(topic => cluster.partitionCount(topic))
  t.teardown(() => {
    const foreign = group.foreignCommits.map(({ topic, partition }) => `${topic}/${partition}`)
    if (foreign.length > 0) throw new Error(`members committed partitions that they did not own: ${foreign.join()}`)
  })

  const consumerOf = (options: Partial<GroupOptions> = {}) => {
    const { log, lines } = recordingLog()
    const consumer = new GroupConsumer({
      settings: groupSettings({ topics: ['a'], group: 'g', ...options }),
      clients: { admin: cluster.admin(), coordinator: group.coordinator, fetch: cluster.fetchClient(), connectGroup: group.connect },
      connection, clock, log,
      onProgress: () => {}
    })
    t.teardown(async () => { await consumer.close() })
    /** Waits for `count` records and takes them. */
    const take = async (count: number): Promise<Taken[]> => {
      const taken: Taken[] = []
      await until(() => {
        while (taken.length < count) {
          const next = consumer.take()
          if (next === undefined) return false
          taken.push({ value: next.record.value!.toString(), delivery: next.delivery })
        }
        return true
      })
      return taken
    }
    return { consumer, lines, take, settle: (taken: readonly Taken[]) => { for (const { delivery } of taken) consumer.settle(delivery) } }
  }
  return { clock, cluster, group, consumerOf }
}

const values = (taken: readonly Taken[]): string[] => taken.map(({ value }) => value)
const partitions = (consumer: GroupConsumer): string[] =>
  consumer.stats().partitions.map(({ topic, partition }) => `${topic}/${partition}`).sort()

await t.test('starts at the committed offsets of the group', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a', 2)
  cluster.append('a', 0, 'v0', 'v1', 'v2')
  cluster.append('a', 1, 'w0')
  group.offsets.set('a/0', { offset: 2n, leaderEpoch: -1, metadata: null })
  const { consumer, take } = consumerOf()
  await consumer.open()
  t.strictSame(values(await take(2)).sort(), ['v2', 'w0'])
})

await t.test('with `latest`, starts at the end offset of the partition and commits this offset', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'before')
  const { consumer, take } = consumerOf({ from: 'latest' })
  await consumer.open()
  await until(() => partitions(consumer).length === 1)
  await consumer.commit()
  t.strictSame(group.committed, { 'a/0': 1n })
  cluster.append('a', 0, 'after')
  t.strictSame(values(await take(1)), ['after'])
})

await t.test('never commits past an unsettled record', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0', 'v1', 'v2', 'v3')
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  const taken = await take(4)
  settle([taken[3]!, taken[0]!, taken[2]!])
  await consumer.commit()
  t.strictSame(group.committed, { 'a/0': 1n })
  settle([taken[1]!])
  await consumer.commit()
  t.strictSame(group.committed, { 'a/0': 4n })
})

await t.test('commits past offsets that hold no record (transaction markers) once all earlier records have settled', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0')
  cluster.appendBatch('a', 0, transactionMarker(1n, 7n, 'commit'))
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  const taken = await take(1)
  await consumer.commit()
  t.strictSame(group.committed, { 'a/0': 0n })
  settle(taken)
  await consumer.commit()
  t.strictSame(group.committed, { 'a/0': 2n })
})

await t.test('pauses a partition that reaches the cap of unsettled records, and resumes the partition when a record settles', async t => {
  const { cluster, consumerOf } = setUp(t)
  cluster.createTopic('a', 2)
  cluster.append('a', 0, 'v0', 'v1', 'v2')
  cluster.append('a', 1, 'w0', 'w1')
  const { consumer, take, settle } = consumerOf({ cap: 2 })
  await consumer.open()
  const taken = await take(4)
  t.strictSame(values(taken).sort(), ['v0', 'v1', 'w0', 'w1'])
  await turns()
  t.equal(consumer.take(), undefined)
  settle(taken.filter(({ value }) => value === 'v0'))
  t.strictSame(values(await take(1)), ['v2'])
})

await t.test('a rebalance that leaves a partition with its owner delivers no record twice', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0', 'v1')
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  const taken = await take(2)
  settle(taken)
  await group.rebalance()
  cluster.append('a', 0, 'v2')
  t.strictSame(values(await take(1)), ['v2'])
  t.equal(consumer.stats().generation, 2)
})

await t.test('before a rebalance, pauses delivery, waits until the records in flight have settled, and commits them', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a', 2)
  cluster.append('a', 0, 'v0')
  cluster.append('a', 1, 'w0')
  const first = consumerOf()
  await first.consumer.open()
  const taken = await first.take(2)
  const second = consumerOf()
  const opened = second.consumer.open()
  await turns()
  cluster.append('a', 0, 'v1')
  cluster.append('a', 1, 'w1')
  await turns()
  t.equal(first.consumer.take(), undefined, 'delivers no record during the drain')
  t.equal(group.generation, 1, 'the member does not rejoin before the records in flight have settled')
  first.settle(taken)
  await opened
  t.strictSame(group.committed, { 'a/0': 1n, 'a/1': 1n })
  t.strictSame(values(await first.take(1)), ['v1'])
  t.strictSame(values(await second.take(1)), ['w1'], 'the new owner reads no record twice')
  t.notOk(first.lines.some(line => line.includes('read them again')))
})

await t.test('if records do not settle in time, the new owner of their partition reads them again', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a', 2)
  cluster.append('a', 0, 'v0')
  cluster.append('a', 1, 'w0')
  const first = consumerOf()
  await first.consumer.open()
  const taken = await first.take(2)
  const second = consumerOf()
  const opened = second.consumer.open()
  await clock.advance(10_000)
  await opened
  t.ok(first.lines.some(line => /^warn partitions were revoked .*"readAgain":1/.test(line)), String(first.lines))
  t.strictSame(values(await second.take(1)), ['w0'])
  first.settle(taken)
  await first.consumer.commit()
  t.strictSame(group.committed, { 'a/0': 1n, 'a/1': 0n }, 'the settled record of the revoked partition is not committed')
  t.strictSame(partitions(first.consumer), ['a/0'])
})

await t.test('drops buffered records of revoked partitions', async t => {
  const { clock, cluster, consumerOf } = setUp(t)
  cluster.createTopic('a', 2)
  cluster.append('a', 0, 'v0', 'v1')
  cluster.append('a', 1, 'w0', 'w1')
  const first = consumerOf()
  await first.consumer.open()
  first.settle(await first.take(1))
  const second = consumerOf()
  const opened = second.consumer.open()
  await clock.advance(10_000)
  await opened
  t.strictSame(values(await first.take(1)), ['v1'])
  await turns()
  t.equal(first.consumer.take(), undefined)
  t.strictSame(values(await second.take(2)), ['w0', 'w1'])
})

await t.test('if the member has lost its session, a commit is rejected and changes no offset', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0', 'v1')
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  settle(await take(2))
  group.expire()
  await t.rejects(consumer.commit(), { code: 'KAFKA_REFUSED', message: /UNKNOWN_MEMBER_ID/ })
  t.strictSame(group.committed, {})
  t.match(consumer.stats(), { commits: 0, failedCommits: 1 })
})

await t.test('reads a partition again from the offset that another member has committed', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0', 'v1', 'v2', 'v3')
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  settle(await take(1))
  await consumer.commit()
  // Simulates a commit by another member that owned the partition for a while.
  group.offsets.set('a/0', { offset: 3n, leaderEpoch: -1, metadata: null })
  await group.rebalance()
  // The fetch request for the previous position stays in flight for 500 ms, its maximum wait.
  await clock.advance(500)
  t.strictSame(values(await take(1)), ['v3'])
})

await t.test('a commit whose response was lost does not rewind the partition', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0', 'v1')
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  settle(await take(1))
  group.loseCommitResponses = true
  await t.rejects(consumer.commit(), { code: 'KAFKA_TIMEOUT' })
  const pending = await take(1)
  const rebalanced = group.rebalance()
  await clock.advance(11_000)
  await rebalanced
  t.equal(consumer.take(), undefined, 'delivers no record twice')
  group.loseCommitResponses = false
  settle(pending)
  await consumer.commit()
  t.strictSame(group.committed, { 'a/0': 2n })
})

await t.test('sends one commit request at a time', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0', 'v1')
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  const taken = await take(2)
  settle(taken.slice(0, 1))
  const first = consumer.commit()
  settle(taken.slice(1))
  await Promise.all([first, consumer.commit(), consumer.commit()])
  t.strictSame(group.log.filter(line => line.startsWith('commit')), ['commit a/0@2'])
})

await t.test('retries while the committed offsets cannot be read, and commits nothing until then', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0')
  const coordinatorMoved = new ProtocolError('NOT_COORDINATOR')
  group.readErrors.push(coordinatorMoved, coordinatorMoved, coordinatorMoved)
  const { consumer, lines, take, settle } = consumerOf()
  await consumer.open()
  await clock.advance(1400)
  await consumer.commit()
  t.strictSame([consumer.take(), group.committed], [undefined, {}])
  t.equal(lines.filter(line => line.startsWith('warn cannot read the committed offsets')).length, 1)
  await clock.advance(200)
  settle(await take(1))
  await consumer.commit()
  t.strictSame(group.committed, { 'a/0': 1n })
})

await t.test('an offset out of range resets the partition to the earliest offset and counts the lost records', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  for (let index = 0; index < 8; index++) cluster.append('a', 0, `v${index}`)
  cluster.deleteRecords('a', 0, 6n)
  group.offsets.set('a/0', { offset: 2n, leaderEpoch: -1, metadata: null })
  const { consumer, lines, take, settle } = consumerOf()
  await consumer.open()
  const taken = await take(2)
  t.strictSame(values(taken), ['v6', 'v7'])
  t.strictSame(consumer.stats().lost, [{ topic: 'a', partition: 0, records: 4 }])
  t.match(lines.at(-1), /^warn offset out of range: resetting to earliest .*"wanted":"2","start":"6","lost":4/)
  settle(taken)
  await consumer.commit()
  t.strictSame(group.committed, { 'a/0': 8n })
})

await t.test('resets a partition once if its offset is out of range in two responses', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0', 'v1')
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  const old = await take(2)
  const delays = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  cluster.offsetDelays.push(...delays.map(({ promise }) => promise))
  cluster.deleteRecords('a', 0, 6n)
  cluster.append('a', 0, 'v6', 'v7')
  await turns()
  // Settling the record resumes the partition, so the fetcher requests the same deleted offset again.
  settle(old)
  await turns()
  t.equal(cluster.offsetDelays.length, 0, 'both resets have requested the start offsets')
  delays[0]!.resolve()
  settle(await take(2))
  await consumer.commit()
  t.strictSame(group.committed, { 'a/0': 8n })
  delays[1]!.resolve()
  await clock.advance(1000)
  await consumer.commit()
  t.strictSame(group.committed, { 'a/0': 8n }, 'the late reset does not rewind the committed offset')
  t.equal(consumer.take(), undefined)
})

await t.test('commits the leader epoch of the last settled record', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  for (let epoch = 1; epoch <= 3; epoch++) cluster.setLeader('a', 0, 1)
  cluster.append('a', 0, 'v0', 'v1')
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  settle(await take(2))
  await consumer.commit()
  t.match(group.offsets.get('a/0'), { offset: 2n, leaderEpoch: 3 })
})

await t.test('fetches with the committed leader epoch', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0', 'v1')
  cluster.setLeader('a', 0, 1)
  group.offsets.set('a/0', { offset: 1n, leaderEpoch: 0, metadata: null })
  const { consumer, take } = consumerOf()
  await consumer.open()
  await take(1)
  t.match(cluster.requests[0]!.topics[0]!.partitions[0], { fetchOffset: 1n, currentLeaderEpoch: 1, lastFetchedEpoch: 0 })
})

await t.test('after a truncation, reads every record of the new log, counts the removed records and commits the lower offset', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  for (let index = 0; index < 8; index++) cluster.append('a', 0, `old-${index}`)
  const { consumer, lines, take, settle } = consumerOf()
  await consumer.open()
  settle(await take(8))
  await consumer.commit()
  t.match(group.offsets.get('a/0'), { offset: 8n, leaderEpoch: 0 })
  cluster.truncate('a', 0, 3n)
  await clock.advance(1000)
  await consumer.commit()
  t.match(group.offsets.get('a/0'), { offset: 3n, leaderEpoch: 0 }, 'the committed offset is rewound')
  t.match(consumer.stats(), { truncated: [{ topic: 'a', partition: 0, records: 5 }], lost: [] })
  t.match(lines.at(-1), /^warn the log of the partition was truncated: .*"position":"8","divergence":"3","leaderEpoch":0,"gone":5/)
  for (let index = 3; index < 12; index++) cluster.append('a', 0, `new-${index}`)
  await clock.advance(500)
  const taken = await take(9)
  t.strictSame(values(taken), Array.from({ length: 9 }, (_, index) => `new-${index + 3}`))
  settle(taken)
  await consumer.commit()
  t.match(group.offsets.get('a/0'), { offset: 12n, leaderEpoch: 1 })
})

await t.test('after a truncation while records are in flight, commits nothing past an unsettled record', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  for (let index = 0; index < 4; index++) cluster.append('a', 0, `old-${index}`)
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  const old = await take(4)
  cluster.truncate('a', 0, 2n)
  cluster.append('a', 0, 'new-2', 'new-3')
  await clock.advance(1000)
  settle([...await take(2), ...old.slice(1)])
  await consumer.commit()
  t.strictSame(group.committed, { 'a/0': 0n })
  settle(old)
  await consumer.commit()
  t.strictSame(group.committed, { 'a/0': 4n })
})

await t.test('a member that starts at an offset beyond a truncated log reads from the divergence', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  for (let index = 0; index < 4; index++) cluster.append('a', 0, `old-${index}`)
  cluster.truncate('a', 0, 2n)
  cluster.append('a', 0, 'new-2')
  group.offsets.set('a/0', { offset: 4n, leaderEpoch: 0, metadata: null })
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  await clock.advance(1000)
  const taken = await take(1)
  t.strictSame(values(taken), ['new-2'], 'does not read the records before the divergence again')
  t.match(consumer.stats().truncated, [{ records: 2 }])
  settle(taken)
  await consumer.commit()
  t.match(group.offsets.get('a/0'), { offset: 3n, leaderEpoch: 1 })
})

await t.test('a committed offset without an epoch beyond the end of a truncated log resets the partition without lost records', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0')
  group.offsets.set('a/0', { offset: 9n, leaderEpoch: -1, metadata: null })
  const { consumer, take } = consumerOf()
  await consumer.open()
  t.strictSame(values(await take(1)), ['v0'])
  t.match(consumer.stats().lost, [{ records: 0 }])
})

await t.test('open rejects with KAFKA_TOPIC_MISSING if the topic does not exist', async t => {
  const { consumerOf } = setUp(t)
  await t.rejects(consumerOf().consumer.open(), { code: 'KAFKA_TOPIC_MISSING', where: 'a at broker-1:9092' })
})

await t.test('with `waitForTopic`, reads a missing topic from the beginning once the topic exists', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  const { consumer, lines, take } = consumerOf({ topics: ['a', 'b'], waitForTopic: true })
  await consumer.open()
  t.match(lines.join('\n'), /warn topic does not exist yet: waiting for it {"topic":"b"}/)
  t.strictSame(consumer.stats().missing, ['b'])
  cluster.createTopic('b')
  cluster.append('b', 0, 'v0')
  await clock.advance(1000)
  t.strictSame(values(await take(1)), ['v0'])
  t.strictSame(group.log.filter(line => line.startsWith('join')), ['join a', 'join a,b'])
})

await t.test('reads a recreated topic from the beginning and ignores offsets that were committed for the old topic', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'old-0', 'old-1')
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  const old = await take(2)
  settle(old.slice(0, 1))
  await consumer.commit()
  cluster.deleteTopic('a')
  const id = cluster.createTopic('a')
  cluster.append('a', 0, 'new-0', 'new-1', 'new-2')
  await clock.advance(2000)
  settle(old.slice(1))
  const taken = await take(3)
  t.strictSame(values(taken), ['new-0', 'new-1', 'new-2'])
  settle(taken.slice(0, 1))
  await consumer.commit()
  t.strictSame(group.offsets.get('a/0'), { offset: 1n, leaderEpoch: 0, metadata: `topic-id=${id}` })
})

await t.test('does not commit records of a deleted topic that settle after the topic was recreated', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'old-0', 'old-1')
  const { consumer, take, settle } = consumerOf({ topicCheckInterval: 100 })
  await consumer.open()
  const old = await take(2)
  cluster.deleteTopic('a')
  cluster.createTopic('a')
  // The topic check finds the new topic before the fetcher does.
  await clock.advance(100)
  settle(old)
  await consumer.commit()
  t.notOk(group.log.includes('commit a/0@2'), String(group.log))
})

await t.test('consumption ends with an error if another process uses the same instance id', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  const { consumer } = consumerOf({ instanceId: 'one' })
  await consumer.open()
  group.failHeartbeat(new ProtocolError('FENCED_INSTANCE_ID'))
  t.match(consumer.error, { code: 'KAFKA_INSTANCE_FENCED' })
})

await t.test('consumption ends with an error if the consumer may not commit offsets', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  const { consumer } = consumerOf()
  await consumer.open()
  await until(() => partitions(consumer).length === 1)
  group.commitErrors.push(new ProtocolError('GROUP_AUTHORIZATION_FAILED'))
  await t.rejects(consumer.commit(), { code: 'KAFKA_NOT_AUTHORISED' })
  t.match(consumer.error, { code: 'KAFKA_NOT_AUTHORISED' })
})

await t.test('consumption ends with an error if the consumer is not authorized to read the topic', async t => {
  const { cluster, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.failPartition('a', 0, codes.TOPIC_AUTHORIZATION_FAILED)
  const { consumer } = consumerOf()
  await consumer.open()
  await until(() => consumer.error !== undefined)
  t.match(consumer.error, { code: 'KAFKA_NOT_AUTHORISED' })
})

await t.test('flush retries a commit until the commit succeeds', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0')
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  settle(await take(1))
  const transient = ['NOT_COORDINATOR', 'REBALANCE_IN_PROGRESS', 'UNKNOWN_TOPIC_OR_PARTITION']
  group.commitErrors.push(...transient.map(id => new ProtocolError(id)))
  const flushed = consumer.flush(10_000)
  await clock.advance(1500)
  await flushed
  t.strictSame(group.committed, { 'a/0': 1n })
})

await t.test('flush rejects after its timeout, or immediately if retries cannot fix the error', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0')
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  settle(await take(1))
  group.commitErrors.push(...Array.from({ length: 4 }, () => new ProtocolError('NOT_COORDINATOR')))
  const rejected = t.rejects(consumer.flush(1000), { code: 'KAFKA_REFUSED', retryable: true })
  await clock.advance(1500)
  await rejected
  group.commitErrors.splice(0, Infinity, new ProtocolError('OFFSET_METADATA_TOO_LARGE'))
  await t.rejects(consumer.flush(1000), { code: 'KAFKA_REFUSED', retryable: false })
})

await t.test('flush resolves with a warning after its timeout if the group is still rebalancing', async t => {
  const { clock, cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0')
  const { consumer, lines, take, settle } = consumerOf()
  await consumer.open()
  settle(await take(1))
  group.readErrors.push(...Array.from({ length: 10 }, () => new ProtocolError('NOT_COORDINATOR')))
  await group.rebalance()
  // The drain before the rebalance has committed the first record.
  t.strictSame(group.committed, { 'a/0': 1n })
  cluster.append('a', 0, 'v1')
  settle(await take(1))
  const flushed = consumer.flush(1000)
  await clock.advance(1000)
  await flushed
  t.strictSame(group.committed, { 'a/0': 1n })
  t.match(lines.at(-1), /^warn consumer group is rebalancing: uncommitted records will be read again {"partitions":1}/)
})

await t.test('close commits settled offsets, then leaves the group', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0', 'v1')
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  const taken = await take(2)
  settle(taken.slice(0, 1))
  await consumer.close()
  t.strictSame(group.log.slice(-2), ['commit a/0@1', 'leave'])
  settle(taken.slice(1))
  await consumer.commit()
  t.strictSame(group.committed, { 'a/0': 1n }, 'the consumer commits nothing after close')
})

await t.test('close does not wait for a join in progress', async t => {
  const { cluster, group, consumerOf } = setUp(t)
  cluster.createTopic('a')
  group.joinDelay = new Promise(() => {})
  const { consumer } = consumerOf()
  consumer.open().catch(() => {})
  await turns()
  await consumer.close()
  t.pass()
})

await t.test('the stats show the settled and committed offsets, and the age of the last commit', async t => {
  const { clock, cluster, consumerOf } = setUp(t)
  cluster.createTopic('a')
  cluster.append('a', 0, 'v0', 'v1')
  const { consumer, take, settle } = consumerOf()
  await consumer.open()
  settle((await take(2)).slice(0, 1))
  await clock.advance(300)
  t.match(consumer.stats(), {
    partitions: [{ topic: 'a', partition: 0, settled: 1n, committed: undefined }], generation: 1, joins: 1, commits: 0, commitAgeMs: 300
  })
  await consumer.commit()
  t.match(consumer.stats(), { partitions: [{ settled: 1n, committed: 1n }], commits: 1, commitAgeMs: 0 })
})
