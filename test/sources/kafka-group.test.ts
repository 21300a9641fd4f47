import { Admin } from '@platformatic/kafka'
import t from 'tap'
import { kafkaGroupSource, type KafkaGroupOptions, type KafkaGroupSource } from '../../src/sources/kafka-group.ts'
import type { KafkaRecord } from '../../src/kafka/record.ts'
import { lagOf } from '../../src/ingest/consumer-lag.ts'
import { silent } from '../../src/pipeline/log.ts'
import type { SourceRecord } from '../../src/pipeline/node.ts'
import { adminFor, connect, contextOf, eventually, numbered, outgoing, produce, pull, valueOf } from '../kafka/support.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const fast = {
  connection, heartbeatInterval: 300, sessionTimeout: 6000, rebalanceTimeout: 10_000, topicCheckInterval: 300, commitInterval: { ms: 200 }
}

async function started (options: Partial<KafkaGroupOptions> & Pick<KafkaGroupOptions, 'topics' | 'group'>) {
  const source = kafkaGroupSource({ ...fast, ...options })
  const context = contextOf()
  await source.open?.(context)
  return { source, context }
}

async function topicOf (partitions: number): Promise<string> {
  const topic = uniqueName('group')
  await admin.createTopic(topic, { partitions, replicas: 1 })
  return topic
}

async function finish (source: KafkaGroupSource, pulling: { stop (): Promise<void> }): Promise<void> {
  await pulling.stop()
  await source.flush?.()
  await source.close?.()
}

await t.test('the committed offset never passes an unsettled record', async t => {
  const topic = await topicOf(1)
  const group = uniqueName('g')
  await produce(connection, topic, numbered(20, 1))
  const { source, context } = await started({ topics: [topic], group })
  let stuck: SourceRecord<KafkaRecord> | undefined
  const pulling = pull(source, context, record => {
    if (record.value.offset === 7n) stuck = record
    else source.settled?.(record)
  })
  await pulling.until(() => pulling.records.length === 20)
  await eventually(async () => (await admin.committed(group, topic))[0] === 7n)
  await source.flush?.()
  t.strictSame(await admin.committed(group, topic), [7n])
  t.strictSame(await lagOf(admin, [topic], source)(), [{ topic, partition: 0, records: 13 }])
  source.settled?.(stuck!)
  await finish(source, pulling)
  t.strictSame(await admin.committed(group, topic), [20n])
})

await t.test('a record that failed permanently is not committed, so the next member reads the record again', async t => {
  const topic = await topicOf(1)
  const group = uniqueName('g')
  await produce(connection, topic, numbered(5, 1))
  const first = await started({ topics: [topic], group })
  const pulling = pull(first.source, first.context, record => {
    first.source.settled?.(record, record.value.offset === 2n ? new Error('broken') : undefined)
  })
  await pulling.until(() => pulling.records.length === 5)
  await finish(first.source, pulling)
  const second = await started({ topics: [topic], group })
  const again = pull(second.source, second.context)
  await again.until(() => again.records.length === 3)
  await finish(second.source, again)
  t.strictSame(again.records.map(valueOf), ['v-2', 'v-3', 'v-4'])
})

await t.test('a partition with too many unsettled records pauses until a record settles, and the other partitions continue', async t => {
  const topic = await topicOf(2)
  const group = uniqueName('g')
  await produce(connection, topic, numbered(60, 2))
  const { source, context } = await started({ topics: [topic], group, cap: 5 })
  const held: Array<SourceRecord<KafkaRecord>> = []
  const pulling = pull(source, context, record => {
    if (record.value.partition === 0) held.push(record)
    else source.settled?.(record)
  })
  await pulling.until(() => pulling.records.length === 35)
  t.equal(held.length, 5)
  t.equal(pulling.records.filter(record => record.value.partition === 1).length, 30)
  for (let done = 0; done < 30; done++) {
    await eventually(() => held.length > done)
    source.settled?.(held[done]!)
  }
  await finish(source, pulling)
  t.equal(held.length, 30)
  t.strictSame(await admin.committed(group, topic), [30n, 30n])
})

await t.test('records of a partition that keeps its owner in a rebalance are not delivered again', async t => {
  const topic = await topicOf(2)
  const group = uniqueName('g')
  await produce(connection, topic, numbered(20, 2))
  const { source, context } = await started({ topics: [topic], group })
  // Nothing settles, so only the start offset is committed. A client that refetches after a join would deliver all records again.
  const pulling = pull(source, context, () => {})
  await pulling.until(() => pulling.records.length === 20)
  const other = await started({ topics: [topic], group })
  await eventually(() => source.stats().partitions.length === 1 && other.source.stats().partitions.length === 1)
  await other.source.close?.()
  await eventually(() => source.stats().partitions.length === 2)
  const kept = new Set(pulling.records.slice(0, 20).map(valueOf))
  await produce(connection, topic, [outgoing('last', { partition: 0 }), outgoing('last', { partition: 1 })])
  await pulling.until(() => pulling.records.filter(record => valueOf(record) === 'last').length === 2)
  const times = new Map<number, number>()
  for (const record of pulling.records) {
    const { partition } = record.value
    if (kept.has(valueOf(record))) times.set(partition, (times.get(partition) ?? 0) + 1)
  }
  t.strictSame([...times.values()].sort((a, b) => a - b), [10, 20], 'only the moved partition is read twice')
  await pulling.stop()
  await source.close?.()
})

await t.test('with two members, each record settles at least once, and committed offsets never decrease', async t => {
  const topic = await topicOf(4)
  const group = uniqueName('g')
  const total = 400
  const settled = new Set<string>()
  let highest = new Map<number, bigint>()
  let rewound = 0
  let polling = true
  const polled = (async () => {
    while (polling) {
      const committed = await admin.committed(group, topic, 4)
      const next = new Map(highest)
      committed.forEach((offset, partition) => {
        if (offset === undefined) return
        if (offset < (highest.get(partition) ?? 0n)) rewound++
        next.set(partition, offset)
      })
      highest = next
    }
  })()
  const member = async () => {
    const { source, context } = await started({ topics: [topic], group, commitInterval: { ms: 20 } })
    const pulling = pull(source, context, async record => {
      await new Promise(resolve => setTimeout(resolve, Math.random() * 4))
      settled.add(valueOf(record))
      source.settled?.(record)
    })
    return { source, pulling }
  }
  const a = await member()
  for (let at = 0; at < total / 2; at += 50) await produce(connection, topic, numbered(50, 4, `r${at}`))
  const b = await member()
  await eventually(() => a.source.stats().partitions.length === 2 && b.source.stats().partitions.length === 2)
  for (let at = total / 2; at < total; at += 50) await produce(connection, topic, numbered(50, 4, `r${at}`))
  await b.pulling.until(() => b.pulling.records.length > 20)
  await finish(b.source, b.pulling)
  await eventually(() => settled.size === total)
  await finish(a.source, a.pulling)
  polling = false
  await polled
  t.equal(settled.size, total)
  t.equal(rewound, 0)
  t.strictSame(await admin.committed(group, topic), await admin.endOffsets(topic))
})

await t.test('opening fails if the topic is missing, or waits for the topic with `waitForTopic`', async t => {
  const topic = uniqueName('later')
  const source = kafkaGroupSource({ ...fast, topics: [topic], group: uniqueName('g') })
  await t.rejects(source.open!(contextOf()), { code: 'KAFKA_TOPIC_MISSING', where: new RegExp(`${topic} at ${kafka}`) })

  const waiting = await started({ topics: [topic], group: uniqueName('g'), waitForTopic: true })
  const pulling = pull(waiting.source, waiting.context)
  await admin.createTopic(topic, { partitions: 2, replicas: 1 })
  await produce(connection, topic, numbered(4, 2))
  await pulling.until(() => pulling.records.length === 4)
  await finish(waiting.source, pulling)
  t.equal(pulling.records.length, 4)
})

await t.test('a recreated topic is read from its beginning, regardless of the offsets committed for the old topic', async t => {
  const topic = await topicOf(2)
  const group = uniqueName('g')
  await produce(connection, topic, numbered(10, 2, 'old'))
  const { source, context } = await started({ topics: [topic], group })
  const pulling = pull(source, context)
  await pulling.until(() => pulling.records.length === 10)
  await eventually(async () => (await admin.committed(group, topic)).every(offset => offset === 5n))
  await admin.recreateTopic(topic, { partitions: 3, replicas: 1 })
  await produce(connection, topic, numbered(30, 3, 'new'))
  await pulling.until(() => pulling.records.length >= 40)
  await finish(source, pulling)
  t.equal(pulling.records.length, 40)
  t.equal(new Set(pulling.records.map(valueOf)).size, 40)
  t.strictSame(await admin.committed(group, topic), [10n, 10n, 10n])
})

await t.test('deleting a topic with records in flight blocks neither the commits of other topics nor a clean stop', async t => {
  const [deleted, other, group] = [await topicOf(2), await topicOf(1), uniqueName('g')]
  await produce(connection, deleted, numbered(4, 2))
  await produce(connection, other, numbered(5, 1))
  const { source, context } = await started({
    topics: [deleted, other], group, commitInterval: { ms: 60_000 }, topicCheckInterval: 60_000
  })
  const held: Array<SourceRecord<KafkaRecord>> = []
  const pulling = pull(source, context, record => { held.push(record) })
  await pulling.until(() => held.length === 9)
  await admin.deleteTopic(deleted)
  for (const record of held) source.settled?.(record)
  await finish(source, pulling)
  t.strictSame(await admin.committed(group, other), [5n])
})

await t.test('an offset committed for a deleted topic of the same name is not used after a restart', async t => {
  const topic = await topicOf(1)
  const group = uniqueName('g')
  await produce(connection, topic, numbered(10, 1, 'old'))
  const first = await started({ topics: [topic], group })
  const old = pull(first.source, first.context)
  await old.until(() => old.records.length === 10)
  await old.stop()
  await first.source.flush?.()
  await admin.recreateTopic(topic, { partitions: 1, replicas: 1 })
  await produce(connection, topic, numbered(20, 1, 'new'))
  await first.source.close?.()
  const second = await started({ topics: [topic], group })
  const pulling = pull(second.source, second.context)
  await pulling.until(() => pulling.records.length === 20)
  await finish(second.source, pulling)
  t.equal(valueOf(pulling.records[0]!), 'new-0')
})

await t.test('partitions that are added to a topic during consumption are consumed', async () => {
  const { Admin } = await import('@platformatic/kafka')
  const topic = await topicOf(1)
  const { source, context } = await started({ topics: [topic], group: uniqueName('g') })
  const pulling = pull(source, context)
  const library = new Admin({ ...connection.options })
  await library.createPartitions({ topics: [{ name: topic, count: 3, assignments: null as never }] })
  await library.close()
  await eventually(() => source.stats().partitions.length === 3)
  await produce(connection, topic, numbered(9, 3))
  await pulling.until(() => pulling.records.length === 9)
  await finish(source, pulling)
})

await t.test('an offset out of range is reset to the earliest offset, with a warning and a count of the lost records', async t => {
  const topic = await topicOf(1)
  const group = uniqueName('g')
  await produce(connection, topic, numbered(20, 1))
  const first = await started({ topics: [topic], group })
  const some = pull(first.source, first.context, record => { if (record.value.offset < 5n) first.source.settled?.(record) })
  await some.until(() => some.records.length === 20)
  await finish(first.source, some)
  t.strictSame(await admin.committed(group, topic), [5n])
  const client = new Admin({ clientId: 'test', bootstrapBrokers: [kafka] })
  await client.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 12n }] }] })
  await client.close()
  const warnings: object[] = []
  const source = kafkaGroupSource({ ...fast, topics: [topic], group })
  const context = { ...contextOf(), log: { ...silent, warn: (fields: object) => { warnings.push(fields) } } }
  await source.open?.(context)
  const rest = pull(source, context)
  await rest.until(() => rest.records.length === 8)
  t.match(source.stats(), { lost: [{ topic, partition: 0, records: 7 }], joins: 1, partitions: [{ topic, partition: 0, settled: 20n }] })
  await finish(source, rest)
  t.strictSame(rest.records.map(({ value }) => value.offset), Array.from({ length: 8 }, (_, index) => BigInt(12 + index)))
  t.strictSame(warnings, [{ topic, partition: 0, wanted: '5', start: '12', lost: 7 }])
  t.strictSame(await admin.committed(group, topic), [20n])
})

await t.test('with `latest`, the source starts at the end of the topic and commits the end offset immediately', async t => {
  const topic = await topicOf(1)
  const group = uniqueName('g')
  await produce(connection, topic, numbered(5, 1, 'before'))
  const { source, context } = await started({ topics: [topic], group, from: 'latest' })
  const pulling = pull(source, context)
  await eventually(async () => (await admin.committed(group, topic))[0] === 5n)
  await produce(connection, topic, numbered(2, 1, 'after'))
  await pulling.until(() => pulling.records.length === 2)
  await finish(source, pulling)
  t.strictSame(pulling.records.map(valueOf), ['after-0', 'after-1'])
})

await t.test('a drain ends the source promptly while no records arrive', async t => {
  const topic = await topicOf(1)
  const { source, context } = await started({ topics: [topic], group: uniqueName('g'), maxWaitMs: 60_000 })
  const pulling = pull(source, context)
  await eventually(() => source.stats().partitions.length === 1)
  await pulling.stop()
  await source.flush?.()
  await source.close?.()
  t.equal(pulling.records.length, 0)
})

await t.test('the source commits after the configured number of settled records', async t => {
  const topic = await topicOf(1)
  const group = uniqueName('g')
  await produce(connection, topic, numbered(25, 1))
  const { source, context } = await started({ topics: [topic], group, commitInterval: { ms: 3_600_000, records: 10 } })
  const pulling = pull(source, context)
  await pulling.until(() => pulling.records.length === 25)
  await eventually(async () => ((await admin.committed(group, topic))[0] ?? 0n) >= 10n)
  await pulling.stop()
  await source.close?.()
  t.pass('the source committed before the commit interval had passed')
})

await t.test('a restarted static member gets its partitions immediately', async t => {
  const topic = await topicOf(1)
  const group = uniqueName('g')
  await produce(connection, topic, numbered(6, 1))
  const first = await started({ topics: [topic], group, instanceId: 'one', sessionTimeout: 45_000, rebalanceTimeout: 60_000 })
  const pulling = pull(first.source, first.context)
  await pulling.until(() => pulling.records.length === 6)
  await pulling.stop()
  await first.source.flush?.()
  // As after a crash, the first member has not left the group. Without `instanceId`, the second would wait until its session times out.
  const second = await started({ topics: [topic], group, instanceId: 'one', sessionTimeout: 45_000, rebalanceTimeout: 60_000 })
  const again = pull(second.source, second.context)
  await produce(connection, topic, [outgoing('next')])
  await again.until(() => again.records.length === 1)
  t.equal(valueOf(again.records[0]!), 'next')
  await finish(second.source, again)
  await first.source.close?.()
})

await t.test('a second process with the same instance id fences the first process', async t => {
  const topic = await topicOf(1)
  const group = uniqueName('g')
  const first = await started({ topics: [topic], group, instanceId: 'same' })
  const pulling = pull(first.source, first.context)
  await eventually(() => first.source.stats().partitions.length === 1)
  const second = await started({ topics: [topic], group, instanceId: 'same' })
  const again = pull(second.source, second.context)
  await t.rejects(pulling.ended, { code: 'KAFKA_INSTANCE_FENCED', retryable: false })
  await first.source.close?.()
  await produce(connection, topic, numbered(3, 1))
  await again.until(() => again.records.length === 3)
  await finish(second.source, again)
  t.strictSame(await admin.committed(group, topic), [3n])
})
