// Group membership against an in-memory coordinator.
import { NetworkError, ProtocolError } from '@platformatic/kafka'
import t, { type Test } from 'tap'
import { describedConnection } from '../../src/kafka/connection.ts'
import type { Membership } from '../../src/kafka/group-client.ts'
import { GroupMember, type GroupMemberOptions } from '../../src/kafka/group-member.ts'
import { turns } from '../support/pipeline.ts'
import { FakeClock } from './fake-clock.ts'
import { FakeGroup } from './fake-group.ts'
import { recordingLog } from './support.ts'

const connection = describedConnection({ brokers: ['broker-1:9092'], auth: 'none', tls: false, clientId: 'test' })
const sizes: Record<string, number> = { a: 2, b: 1 }

function memberOf (t: Test, group: FakeGroup, clock: FakeClock, options: Partial<GroupMemberOptions> = {}) {
  const { log, lines } = recordingLog()
  const assigned: Membership[] = []
  const fatal: Error[] = []
  const drains = { count: 0 }
  const member = new GroupMember({
    group: 'g', instanceId: undefined, leaveOnStop: false, rebalanceTimeout: 60_000,
    connect: group.connect, coordinator: group.coordinator, connection, clock, log,
    onAssigned: membership => { assigned.push(membership) },
    beforeJoin: async () => { drains.count++ },
    onFatal: error => { fatal.push(error) },
    ...options
  })
  t.teardown(async () => { await member.close() })
  return { member, lines, assigned, fatal, drains }
}

function setUp (t: Test, options: Partial<GroupMemberOptions> = {}) {
  const clock = new FakeClock()
  const group = new FakeGroup(topic => sizes[topic] ?? 0)
  return { clock, group, ...memberOf(t, group, clock, options) }
}

const owned = (membership: Membership | undefined): string =>
  (membership?.partitions ?? []).map(({ topic, partition }) => `${topic}${partition}`).join(' ')
const unreachable = (): Error => new NetworkError('Connection to broker-1:9092 failed.')

await t.test('joins with its topics and reports the assigned partitions', async t => {
  const { group, member, assigned, drains } = setUp(t)
  t.equal(member.membership, undefined)
  await member.subscribe(['a', 'b'])
  t.strictSame(assigned.map(owned), ['a0 a1 b0'])
  t.match(member.membership, { generation: 1, memberId: 'member-1' })
  t.strictSame(group.log, ['join a,b'])
  t.equal(drains.count, 0, 'the member does not drain before its first join')
})

await t.test('rejoins when its topics change', async t => {
  const { group, member, assigned, drains } = setUp(t)
  await member.subscribe(['a'])
  await member.subscribe(['a', 'b'])
  t.strictSame(assigned.map(owned), ['a0 a1', 'a0 a1 b0'])
  t.strictSame(group.log, ['join a', 'join a,b'])
  t.equal(drains.count, 1)
})

await t.test('if the topics change during a join, rejoins with the new topics afterwards', async t => {
  const { group, member, assigned } = setUp(t)
  const { promise, resolve } = Promise.withResolvers<void>()
  group.joinDelay = promise
  const first = member.subscribe(['a'])
  await turns()
  const second = member.subscribe(['a', 'b'])
  await turns()
  t.strictSame(group.log, ['join a'])
  resolve()
  await Promise.all([first, second])
  t.equal(owned(assigned.at(-1)), 'a0 a1 b0')
})

await t.test('if the topics change during a rebalance, rejoins with the new topics after the rebalance', async t => {
  const { group, member } = setUp(t)
  await member.subscribe(['a'])
  const { promise, resolve } = Promise.withResolvers<void>()
  group.joinDelay = promise
  const rebalance = group.rebalance()
  await turns()
  const subscribed = member.subscribe(['a', 'b'])
  await turns()
  t.strictSame(group.log, ['join a'])
  resolve()
  await Promise.all([rebalance, subscribed])
  t.strictSame([group.log, owned(member.membership)], [['join a', 'join a,b'], 'a0 a1 b0'])
})

await t.test('drains before it rejoins, and reports the new generation', async t => {
  const { group, member, assigned, drains } = setUp(t)
  await member.subscribe(['a'])
  await group.rebalance()
  t.equal(drains.count, 1)
  t.strictSame(assigned.map(({ generation }) => generation), [1, 2])
})

await t.test('two members share the partitions, and the first member keeps one of its partitions', async t => {
  const { clock, group, member } = setUp(t)
  await member.subscribe(['a'])
  const other = memberOf(t, group, clock)
  await other.member.subscribe(['a'])
  t.strictSame([owned(member.membership), owned(other.member.membership)], ['a0', 'a1'])
  t.equal(member.membership?.generation, 2)
})

await t.test('does not drain before a rejoin if the coordinator has removed the member', async t => {
  const { group, member, drains } = setUp(t)
  await member.subscribe(['a'])
  group.expire()
  await member.rejoin()
  t.equal(drains.count, 0)
  t.strictSame([owned(member.membership), member.membership?.memberId], ['a0 a1', 'member-2'])
})

await t.test('retries a failed join with backoff, and logs a warning after three attempts', async t => {
  const { clock, group, member, lines, fatal } = setUp(t)
  group.joinErrors.push(unreachable(), new ProtocolError('UNKNOWN_MEMBER_ID'), new ProtocolError('REBALANCE_IN_PROGRESS'), unreachable())
  const subscribed = member.subscribe(['a'])
  await clock.advance(100 + 500 - 1)
  t.equal(group.log.length, 2)
  t.strictSame(lines, [])
  await clock.advance(1 + 1000 + 2000)
  await subscribed
  t.equal(group.log.at(-1), 'join a')
  t.match(lines, [/^warn cannot join the consumer group: retrying/])
  t.strictSame(fatal, [])
})

await t.test('a join error that retries cannot fix is fatal', async t => {
  const { group, member, fatal } = setUp(t)
  group.joinErrors.push(new ProtocolError('GROUP_AUTHORIZATION_FAILED'))
  await t.rejects(member.subscribe(['a']), { code: 'KAFKA_NOT_AUTHORISED', message: /^cannot join group g: / })
  t.match(fatal, [{ code: 'KAFKA_NOT_AUTHORISED' }])
  t.equal(group.log.length, 1)
})

await t.test('rejoins if the client library has failed to rejoin and given up', async t => {
  const { group, member } = setUp(t)
  await member.subscribe(['a'])
  group.failRejoin(unreachable())
  await turns()
  t.equal(member.membership?.generation, 2)
})

await t.test('concurrent rejoins share one join', async t => {
  const { group, member } = setUp(t)
  await member.subscribe(['a'])
  await Promise.all([member.rejoin(), member.rejoin()])
  t.strictSame(group.log, ['join a', 'join a'])
})

await t.test('a fenced instance id stops heartbeats and is fatal', async t => {
  const { group, member, fatal } = setUp(t, { instanceId: 'one' })
  await member.subscribe(['a'])
  group.failHeartbeat(new ProtocolError('FENCED_INSTANCE_ID'))
  t.match(fatal, [{ code: 'KAFKA_INSTANCE_FENCED', retryable: false, message: /^cannot stay in group g: / }])
  t.equal(group.log.at(-1), 'stop')
})

await t.test('heartbeat errors other than a fenced instance id are left to the client library', async t => {
  const { group, member, fatal } = setUp(t)
  await member.subscribe(['a'])
  group.failHeartbeat(new ProtocolError('REBALANCE_IN_PROGRESS'))
  group.failHeartbeat(unreachable())
  t.strictSame([fatal, group.log], [[], ['join a']])
})

await t.test('stores the topic id with each committed offset, and returns offsets with their topic ids', async t => {
  const { group, member } = setUp(t)
  await member.subscribe(['a', 'b'])
  const offsets = [{ topic: 'a', partition: 1, offset: 5n, leaderEpoch: 3 }, { topic: 'b', partition: 0, offset: 6n, leaderEpoch: 4 }]
  await member.commit(member.membership!, offsets, topic => topic === 'a' ? 'id-of-a' : undefined)
  t.strictSame(group.offsets, new Map([
    ['a/1', { offset: 5n, leaderEpoch: 3, metadata: 'topic-id=id-of-a' }], ['b/0', { offset: 6n, leaderEpoch: 4, metadata: null }]
  ]))
  const committed = await member.committed([{ topic: 'a', partition: 0 }, ...offsets])
  t.strictSame(committed, new Map([
    ['a/1', { offset: 5n, leaderEpoch: 3, topicId: 'id-of-a' }], ['b/0', { offset: 6n, leaderEpoch: 4, topicId: undefined }]
  ]))
})

await t.test('ignores offset metadata of other client implementations', async t => {
  const { group, member } = setUp(t)
  group.offsets.set('a/0', { offset: 3n, leaderEpoch: -1, metadata: 'something else' })
  const committed = await member.committed([{ topic: 'a', partition: 0 }])
  t.strictSame(committed, new Map([['a/0', { offset: 3n, leaderEpoch: -1, topicId: undefined }]]))
})

await t.test('a commit with an earlier generation is rejected', async t => {
  const { group, member } = setUp(t)
  await member.subscribe(['a'])
  const earlier = member.membership!
  await group.rebalance()
  const rejected = { code: 'KAFKA_REFUSED', message: /ILLEGAL_GENERATION/ }
  await t.rejects(member.commit(earlier, [{ topic: 'a', partition: 0, offset: 5n, leaderEpoch: 3 }], () => undefined), rejected)
  t.strictSame(group.committed, {})
})

await t.test('leaves the group when it closes', async t => {
  const { group, member } = setUp(t)
  await member.subscribe(['a'])
  await member.close()
  t.equal(group.log.at(-1), 'leave')
})

await t.test('a static member stays in the group when it closes', async t => {
  const { group, member } = setUp(t, { instanceId: 'one' })
  await member.subscribe(['a'])
  await member.close()
  t.equal(group.log.at(-1), 'disconnect')
})

await t.test('with leaveOnStop, a static member leaves the group when it closes', async t => {
  const { group, member } = setUp(t, { instanceId: 'one', leaveOnStop: true })
  await member.subscribe(['a'])
  await member.close()
  t.equal(group.log.at(-1), 'leave')
})

for (const leaveOnStop of [true, false]) {
  await t.test(`close during the first join of a static member ${leaveOnStop ? 'removes' : 'does not remove'} the member`, async t => {
    const { group, member } = setUp(t, { instanceId: 'one', leaveOnStop })
    const { promise, resolve } = Promise.withResolvers<void>()
    group.memberIdDelay = promise
    const joined = member.subscribe(['a'])
    await turns()
    await member.close()
    const last = leaveOnStop ? ['leave', 'leave instance one at the coordinator'] : ['disconnect']
    t.strictSame(group.log, ['join a', ...last])
    resolve()
    await joined
  })
}

await t.test('close while a join is pending sends a leave request to the coordinator', async t => {
  const { group, member, assigned } = setUp(t)
  await member.subscribe(['a'])
  const { promise, resolve } = Promise.withResolvers<void>()
  group.joinDelay = promise
  const rejoined = member.rejoin()
  await turns()
  await member.close()
  t.ok(group.log.includes('leave member-1 at the coordinator'))
  resolve()
  await rejoined
  t.equal(assigned.length, 1, 'the member reports no assignment after close')
})

await t.test('close ends the retries of a failed join', async t => {
  const { clock, group, member } = setUp(t)
  group.joinErrors.push(...Array.from({ length: 10 }, unreachable))
  const subscribed = member.subscribe(['a'])
  await clock.advance(1000)
  await member.close()
  await subscribed
  const { length } = group.log
  await clock.advance(60_000)
  t.equal(group.log.length, length)
})
