import t from 'tap'
import { recordAt } from '../../src/dead-letters/original-record.ts'
import { adminFor, connect, numbered, produce } from '../kafka/support.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)

await t.test('returns the record at an offset, or undefined if the topic does not contain the offset', async t => {
  const topic = uniqueName('one')
  await admin.createTopic(topic, { partitions: 3, replicas: 1 })
  await produce(connection, topic, numbered(30, 3))
  t.equal((await recordAt(connection, { topic, partition: 1, offset: 4n }))?.value?.toString(), 'v-13')
  const missing = [
    { topic, partition: 1, offset: 10n }, { topic, partition: 1, offset: -1n }, { topic, partition: 3, offset: 0n },
    { topic: uniqueName('none'), partition: 0, offset: 0n }
  ]
  for (const origin of missing) t.equal(await recordAt(connection, origin), undefined)
})
