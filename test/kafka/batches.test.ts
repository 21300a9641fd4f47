import t from 'tap'
import { type AddressedRecord, batchBytes, Batches, type PartitionBatch } from '../../src/kafka/batches.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { WholeBatch } from '../../src/kafka/whole-batch.ts'
import { recordBatch } from './encode-batch.ts'

const record = (bytes: number, headers = 0): OutgoingRecord => ({
  key: null, value: Buffer.alloc(bytes), headers: Array.from({ length: headers }, () => [Buffer.from('h'), null])
})
function add (batches: Batches, partition: number, timestamp: bigint, bytes: number, limit: number): void {
  batches.add({ topic: 't', partition, timestamp, record: record(bytes) }, limit)
}
function recordsOf (content: PartitionBatch['content']): readonly AddressedRecord[] {
  if (content instanceof WholeBatch) throw new Error('a whole batch')
  return content
}
const overhead = batchBytes({ key: null, value: null, headers: [] })

await t.test('keeps records in order and batches within the limit, and puts an oversized record into its own batch', async t => {
  const batches = new Batches()
  const sizes = [100, 900, 300, 5000, 10, 20, 600, 399, 1]
  sizes.forEach((size, index) => { add(batches, index % 2, BigInt(index), size, 1200) })
  const sends = batches.sends()
  const seen = new Map<number, bigint[]>([[0, []], [1, []]])
  for (const send of sends) {
    for (const { partition, content } of send) {
      const list = recordsOf(content)
      const bytes = list.reduce((sum, { record }) => sum + batchBytes(record) - overhead, overhead)
      t.ok(bytes <= 1200 || list.length === 1, `a batch of ${list.length} records has ${bytes} bytes, at most 1200 allowed`)
      seen.get(partition)!.push(...list.map(({ timestamp }) => timestamp))
    }
  }
  t.strictSame([...seen.values()], [[0n, 2n, 4n, 6n, 8n], [1n, 3n, 5n, 7n]])
})

await t.test('distributes the batches of many partitions over several send calls', async t => {
  const batches = new Batches()
  for (let partition = 0; partition < 40; partition++) add(batches, partition, 0n, 1_000_000, 2_000_000)
  const sends = batches.sends()
  t.equal(sends.flat().length, 40)
  t.ok(sends.every(send => send.length <= 8))
})

await t.test('puts records whose timestamps are more than 12 days apart into different batches', async t => {
  const batches = new Batches()
  for (const timestamp of [0n, 2n ** 30n - 1n, 2n ** 30n, 5n, 2n ** 30n + 5n]) add(batches, 0, timestamp, 1, 1000)
  const timestamps = batches.sends().map(([batch]) => recordsOf(batch!.content).map(({ timestamp }) => timestamp))
  t.strictSame(timestamps, [[0n, 2n ** 30n - 1n], [2n ** 30n, 5n, 2n ** 30n + 5n]])
})

await t.test('a whole batch stays whole, between the records before and after it', async t => {
  const content = { contentBytes: 0, maxTimestampDelta: 0, valueHeads: [] }
  const batch = recordBatch({ firstOffset: 0n, records: [0, 1, 2].map(offsetDelta => ({ offsetDelta, value: null })) })
  const whole = new WholeBatch(batch, { topic: 's', partition: 1, partitions: 2 }, content)
  const batches = new Batches()
  add(batches, 1, 1n, 10, 1000)
  batches.addWhole('t', whole)
  batches.addWhole('t', whole)
  add(batches, 1, 2n, 10, 1000)
  add(batches, 1, 3n, 10, 1000)
  const sent = batches.sends().flat()
  t.match(sent, Array.from({ length: 4 }, () => ({ topic: 't', partition: 1 })))
  t.strictSame(sent.map(({ count }) => count), [1, 3, 3, 2])
  t.strictSame(sent.map(({ content }) => content === whole), [false, true, true, false])
})

await t.test('sends() returns an empty list if no records were added', async t => {
  t.strictSame(new Batches().sends(), [])
})

await t.test('counts headers in the size of a record', async t => {
  t.ok(batchBytes(record(10, 5)) > batchBytes(record(10)))
})
