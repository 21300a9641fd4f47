import t from 'tap'
import { GroupCoordinator, noMember } from '../../src/kafka/group-coordinator.ts'
import { adminFor, connect, eventually } from './support.ts'
import { CLOSED_PORT, uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)

await t.test('a committer that is not a member commits offsets with metadata and leader epoch', async t => {
  const [a, b] = [uniqueName('a'), uniqueName('b')]
  for (const topic of [a, b]) await admin.createTopic(topic, { partitions: 2, replicas: 1 })
  const coordinator = new GroupCoordinator(connection, uniqueName('group'))
  t.teardown(async () => { await coordinator.close() })
  const partitions = [a, b].flatMap(topic => [{ topic, partition: 0 }, { topic, partition: 1 }])
  // A new broker has no group coordinator until the broker has created the offsets topic.
  await eventually(() => coordinator.committed(partitions).then(() => true, () => false))
  t.strictSame(await coordinator.committed(partitions), new Map(), 'a new group has no committed offsets')

  const offsets = [{ topic: a, partition: 1, offset: 7n, leaderEpoch: 0 }, { topic: b, partition: 0, offset: 8n, leaderEpoch: -1 }]
  await coordinator.commit(noMember, offsets, ({ topic }) => topic === a ? 'text' : null)
  const expected = new Map([
    [`${a}/1`, { offset: 7n, leaderEpoch: 0, metadata: 'text' }], [`${b}/0`, { offset: 8n, leaderEpoch: -1, metadata: '' }]
  ])
  t.strictSame(await coordinator.committed(partitions), expected)
  t.strictSame(await coordinator.committed(partitions.slice(0, 1)), new Map(), 'returns offsets of the requested partitions only')

  await coordinator.commit(noMember, offsets.slice(0, 1), () => 'x'.repeat(4000))
  t.strictSame((await coordinator.committed(partitions)).get(`${a}/1`), { offset: 7n, leaderEpoch: 0, metadata: 'x'.repeat(4000) })
  const tooLarge = { code: 'KAFKA_REFUSED', message: /OFFSET_METADATA_TOO_LARGE/ }
  await t.rejects(coordinator.commit(noMember, offsets.slice(0, 1), () => 'x'.repeat(5000)), tooLarge)
})

await t.test('if the coordinator is unreachable, rejects with a retryable error that names the group', async t => {
  const coordinator = new GroupCoordinator(await connect(`127.0.0.1:${CLOSED_PORT}`), 'some-group')
  t.teardown(async () => { await coordinator.close() })
  const unreachable = { code: 'KAFKA_UNREACHABLE', retryable: true, message: /group some-group/ }
  await t.rejects(coordinator.committed([{ topic: 'a', partition: 0 }]), unreachable)
})
