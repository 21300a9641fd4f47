// The index of the dead letters of a topic, on a real broker.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { KafkaRecord } from '../../src/kafka/record.ts'
import { createGraph } from '../../src/pipeline/index.ts'
import type { CommittedTopic } from '../../src/verify/committed-records.ts'
import { DeadLetterIndex } from '../../src/verify/dead-letter-index.ts'
import { deadLetterTopicRecord } from '../dead-letters/support.ts'
import { adminFor, connect, contextOf, outgoing, produce, recordingLog } from '../kafka/support.ts'
import { seeded } from '../support/pipeline.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)

const partition = {
  topic: 'alerts', committed: 1_000_000n, logStart: 0n, logEnd: 1_000_000n, next: 0n, end: 1_000_000n, expired: 0n, truncated: 0n
}
const committed = (): readonly CommittedTopic[] =>
  [{ topic: 'alerts', id: 'x', partitions: [{ ...partition, partition: 0 }, { ...partition, partition: 1, end: 50n }] }]

function origin (offset: number, more: Partial<KafkaRecord> = {}): KafkaRecord {
  const at = { topic: 'alerts', partition: 0, offset: BigInt(offset), leaderEpoch: 0 }
  return { ...at, timestamp: 7n, key: null, value: null, headers: [], ...more }
}

function graphOf (index: DeadLetterIndex, topic: string) {
  const graph = createGraph('test')
  graph.source('letters', index.source(connection, topic)).to('index', index.sink())
  return graph.build()
}

await t.test('finds the dead letters of the checked offsets, whatever their order, and tells topics of the same name apart', async t => {
  const topic = uniqueName('dead')
  await admin.createTopic(topic, { partitions: 3, replicas: 1 })
  const random = seeded(5)
  // Every third offset has a dead letter. Some have two, and every fourth of them is from an earlier topic of the same name.
  const offsets = Array.from({ length: 2000 }, (_, index) => index * 3)
  const letters = offsets.map(offset => ({ offset, timestamp: offset % 4 === 0 ? 6n : 7n }))
  const shuffled = [...letters, ...letters.slice(0, 200)].map(letter => ({ letter, at: random() })).sort((a, b) => a.at - b.at)
  const other = { topic: 'alerts', timestamp: 7n }
  await produce(connection, topic, [
    outgoing('not a dead letter'),
    ...shuffled.map(({ letter: { offset, timestamp } }, index) => deadLetterTopicRecord(offset, 'R', { timestamp }, index % 3)),
    deadLetterTopicRecord(1, 'R', { ...other, topic: 'others' }), deadLetterTopicRecord(1, 'R', { ...other, partition: 9 }),
    deadLetterTopicRecord(49, 'R', { ...other, partition: 1 }), deadLetterTopicRecord(50, 'R', { ...other, partition: 1 })
  ])
  const index = new DeadLetterIndex(committed)
  const early = index.has(origin(3))
  await graphOf(index, topic).run().done
  t.equal(await early, true, 'a check waits until the index is complete')
  const wrong: number[] = []
  for (let offset = 0; offset < 6010; offset++) {
    const expected = offset % 3 === 0 && offset < 6000 && offset % 4 !== 0
    if (await index.has(origin(offset)) !== expected) wrong.push(offset)
  }
  t.strictSame(wrong, [])
  t.equal(await index.has(origin(12, { timestamp: 6n })), true)
  const others = [{ topic: 'others' }, { partition: 9 }, { partition: 1 }].map(async more => await index.has(origin(1, more)))
  t.strictSame(await Promise.all(others), [false, false, false])
  t.equal(await index.has(origin(49, { partition: 1 })), true)
  t.equal(await index.has(origin(50, { partition: 1 })), false, 'offsets that are not checked are not kept')
})

await t.test('a missing topic has no dead letters', async t => {
  const index = new DeadLetterIndex(committed)
  const { log, lines } = recordingLog()
  await graphOf(index, uniqueName('nowhere')).run({ log }).done
  t.equal(await index.has(origin(1)), false)
  t.match(lines, [/^warn the dead-letter topic does not exist/])
})

await t.test('if the run stops before all dead letters are read, the index does not say that there is none', async t => {
  const topic = uniqueName('dead')
  await admin.createTopic(topic, { partitions: 1, replicas: 1 })
  await produce(connection, topic, [deadLetterTopicRecord(1)])
  const index = new DeadLetterIndex(committed)
  const source = index.source(connection, topic)
  const context = contextOf()
  await source.open?.(context)
  const waiting = index.has(origin(2))
  context.stop()
  t.equal(await waiting, undefined)
  await source.close?.()
})

await t.test('an index of 200,000 dead letters needs 16 bytes for each', async t => {
  const index = new DeadLetterIndex(committed)
  const sink = index.sink()
  const context = { origin: { node: 'letters', position: '' }, signal: new AbortController().signal, attempt: 1 }
  const { key, value, headers } = deadLetterTopicRecord(0, 'R', { timestamp: 7n })
  const offsetHeader = headers.findIndex(([name]) => name.toString() === 'dead-letter-offset')
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  collectGarbage()
  const before = process.memoryUsage().arrayBuffers
  for (let offset = 0; offset < 200_000; offset++) {
    const own = headers.with(offsetHeader, [headers[offsetHeader]![0], Buffer.from(String(offset))])
    await sink.write({ ...origin(offset), topic: 'dead', key, value, headers: own }, context)
  }
  await graphOf(index, uniqueName('nowhere')).run().done
  t.equal(await index.has(origin(199_999)), true)
  const used = (): number => process.memoryUsage().arrayBuffers - before
  // Buffers that are no longer in use are freed in the background, after the garbage collection that found them.
  for (let round = 0; round < 50 && used() >= 200_000 * 18; round++) {
    collectGarbage()
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  t.ok(used() < 200_000 * 18, `${used() / 200_000} bytes for each`)
})
