import t from 'tap'
import type { TopicSnapshot } from '../../src/kafka/admin.ts'
import { textHeader, type KafkaRecord } from '../../src/kafka/record.ts'
import { completionMarkerHeader } from '../../src/simulator/completion-marker.ts'
import { incompleteReason } from '../../src/simulator/topic-completeness.ts'

function snapshot (counts: readonly number[], start = 0n): TopicSnapshot {
  const end = counts.map(count => start + BigInt(count))
  return { topic: 'x', id: 'id', partitions: counts.length, start: counts.map(() => start), end }
}

function markedRecord (load: string, partitions: readonly number[]): KafkaRecord {
  const marker = completionMarkerHeader({ load, alerts: partitions.reduce((sum, count) => sum + count, 0), partitions })
  return { topic: 'x', partition: 0, offset: 0n, leaderEpoch: 0, timestamp: 0n, key: null, value: null, headers: [marker] }
}

const counts = [3, 0, 2]
const marked = markedRecord('l', counts)
const unmarked: KafkaRecord = { ...marked, headers: [textHeader('other', 'x')] }

await t.test('a topic is complete if every partition holds as many records as the marker says', async t => {
  t.equal(incompleteReason(snapshot(counts), [marked, undefined, marked]), undefined)
  t.equal(incompleteReason(snapshot(counts, 7n), [marked, undefined, marked]), undefined, 'offsets need not start at 0')
})

await t.test('gives the reason why a topic is not complete', async t => {
  const [unequal, other] = ['partition 2 does not end with the completion marker of the load', markedRecord('another', counts)]
  t.equal(incompleteReason(snapshot(counts), [unmarked, undefined, unmarked]), 'the static topic holds 5 records but no completion marker')
  t.equal(incompleteReason(snapshot(counts), [marked, undefined, unmarked]), unequal)
  t.equal(incompleteReason(snapshot(counts), [marked, undefined, other]), unequal, 'the last record has the marker of another load')
  t.equal(incompleteReason(snapshot(counts), [marked, undefined, undefined]), unequal, 'the partition ends with a transaction marker')
  const second = incompleteReason(snapshot([4, 0, 2]), [marked, undefined, marked])
  t.equal(second, 'partition 0 holds 4 records, but the load wrote 3', 'a second load into the topic is detected')
  t.equal(incompleteReason(snapshot([3, 1, 2]), [marked, marked, marked]), 'partition 1 holds 1 records, but the load wrote 0')
  t.equal(incompleteReason(snapshot([3, 0]), [marked, undefined]), 'the load wrote 5 records, but 3 remain', 'a partition is missing')
})
