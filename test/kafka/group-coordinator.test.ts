import t from 'tap'
import { GroupCoordinator, noMember } from '../../src/kafka/group-coordinator.ts'
import { adminFor, connect } from './support.ts'
import { failureOf } from '../support/pipeline.ts'
import { NOBODY, uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)

await t.test('offsets are kept with their text, by partition and topic, without a member; what was never committed is not there', async t => {
  const topics = [uniqueName('a'), uniqueName('b')]
  for (const topic of topics) await admin.createTopic(topic, { partitions: 2, replicas: 1 })
  const coordinator = new GroupCoordinator(connection, uniqueName('group'))
  const partitions = topics.flatMap(topic => [{ topic, partition: 0 }, { topic, partition: 1 }])
  t.strictSame(await coordinator.committed(partitions), new Map())
  await coordinator.commit(noMember, [{ topic: topics[0]!, partition: 1, offset: 7n }, { topic: topics[1]!, partition: 0, offset: 8n }], ({ topic }) => topic === topics[0] ? 'text' : null)
  t.strictSame([...await coordinator.committed(partitions)].sort(), [[`${topics[0]}/1`, { offset: 7n, metadata: 'text' }], [`${topics[1]}/0`, { offset: 8n, metadata: '' }]].sort())
  t.strictSame([...await coordinator.committed(partitions.slice(0, 1))], [])
  await coordinator.commit(noMember, [{ topic: topics[0]!, partition: 1, offset: 9n }], () => 'x'.repeat(4000))
  t.strictSame((await coordinator.committed(partitions)).get(`${topics[0]}/1`), { offset: 9n, metadata: 'x'.repeat(4000) })
  t.match(await failureOf(coordinator.commit(noMember, [{ topic: topics[0]!, partition: 1, offset: 9n }], () => 'x'.repeat(5000))), { code: 'KAFKA_REFUSED', message: /OFFSET_METADATA_TOO_LARGE/ })
  await coordinator.close()
})

await t.test('a coordinator that is out of reach is a retryable error that names the group', async t => {
  const coordinator = new GroupCoordinator(await connect(`127.0.0.1:${NOBODY}`), 'some-group')
  t.match(await failureOf(coordinator.committed([{ topic: 'a', partition: 0 }])), { code: 'KAFKA_UNREACHABLE', retryable: true, message: /group some-group/ })
  await coordinator.close()
})
