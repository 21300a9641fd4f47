// Fairness of one group source over several topics.
import t from 'tap'
import { kafkaGroupSource } from '../../src/sources/kafka-group.ts'
import { adminFor, connect, contextOf, outgoing, produce, pull } from '../kafka/support.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)

await t.test('a topic with a large backlog does not starve a topic with few records', async t => {
  const [deep, small] = [uniqueName('deep'), uniqueName('small')]
  await admin.createTopic(deep, { partitions: 16, replicas: 1 })
  await admin.createTopic(small, { partitions: 1, replicas: 1 })
  const body = 'x'.repeat(8000)
  for (let round = 0; round < 4; round++) {
    await produce(connection, deep, Array.from({ length: 800 }, (_, index) => outgoing(body, { partition: index % 16 })))
  }
  await produce(connection, small, Array.from({ length: 50 }, () => outgoing(body, { partition: 0 })))
  const source = kafkaGroupSource({ connection, topics: [deep, small], group: uniqueName('g') })
  const context = contextOf()
  await source.open?.(context)
  const pulling = pull(source, context)
  await pulling.until(() => pulling.records.length === 3250)
  await pulling.stop()
  await source.close?.()
  const last = pulling.records.findLastIndex(({ value }) => value.topic === small)
  t.comment(`the last of the 50 records of the small topic was number ${last + 1} of 3250`)
  // The last record of the small topic is the 850th if all 17 partitions alternate, and the 3250th if the small topic is read last.
  t.ok(last < 2 * 850, `the last record of the small topic has index ${last}, expected less than 1700`)
})
