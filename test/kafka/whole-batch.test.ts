import t from 'tap'
import { partitionFor } from '../../src/kafka/murmur2.ts'
import { checkBatch, IS_CONTROL, IS_LOG_APPEND_TIME, IS_TRANSACTIONAL, payloadOf } from '../../src/kafka/record-batch.ts'
import { toWholeBatch, type WholeBatch } from '../../src/kafka/whole-batch.ts'
import { type BatchFields, batchesOf, encodeBatch, encodeRecords, type RecordFields } from './encode-batch.ts'

const PARTITIONS = 3
const place = { topic: 't', partition: 1, partitions: PARTITIONS, maxBatchBytes: 1_000_000, maxRecordBytes: 1_000_000 }
/** Keys of partition 1. */
const keys = Array.from({ length: 60 }, (_, index) => Buffer.from(String(index))).filter(key => partitionFor(key, PARTITIONS) === 1)
const otherKey = Buffer.from(String([...Array(60).keys()].find(index => partitionFor(Buffer.from(String(index)), PARTITIONS) !== 1)))

const record = (offsetDelta: number, more: Partial<RecordFields> = {}): RecordFields =>
  ({ offsetDelta, timestampDelta: 0, key: keys[offsetDelta]!, value: Buffer.from(`value ${offsetDelta}, longer than its head`), ...more })
const fields = (more: Partial<BatchFields> = {}): BatchFields =>
  ({ firstOffset: 40n, records: [record(0), record(1), record(2)], producerId: 9n, leaderEpoch: 6, ...more })
const wholeOf = (more: Partial<BatchFields> = {}, at = place, chunkBytes = 50): WholeBatch | undefined =>
  toWholeBatch(batchesOf(encodeBatch(fields(more)), chunkBytes).batches[0]!, at)

await t.test('changes only the header: producer, sequence, timestamps, offset, leader epoch and a checksum that is valid', async t => {
  const original = encodeBatch(fields())
  const encoded = Buffer.concat(wholeOf()!.encode({ id: 77n, epoch: 5 }, 123, 1_700_000_000_000))
  t.equal(encoded.length, original.length)
  t.strictSame(encoded.subarray(61), original.subarray(61))
  const [batch] = batchesOf(encoded).batches
  t.equal(checkBatch(batch!), undefined)
  t.match(batch, {
    firstOffset: 0n, lastOffsetDelta: 2, partitionLeaderEpoch: -1, attributes: 0, producerId: 77n, count: 3,
    firstTimestamp: 1_700_000_000_000n, maxTimestamp: 1_700_000_000_000n, bytes: original.length
  })
  t.equal(encoded.readInt16BE(51), 5)
  t.equal(encoded.readInt32BE(53), 123)
  t.equal(encoded.readInt32BE(8), encoded.length - 12)
})

await t.test('a batch that was damaged after its check does not get a valid checksum', async t => {
  const [batch] = batchesOf(encodeBatch(fields())).batches
  const whole = toWholeBatch(batch!, place)!
  payloadOf(batch!).buffers[0]![20]! ^= 1
  t.match(checkBatch(batchesOf(Buffer.concat(whole.encode({ id: 1n, epoch: 0 }, 0, 5000))).batches[0]!), /CRC32C/)
})

await t.test('the last timestamp becomes the time of sending, and the others keep their distance', async t => {
  const records = [record(0, { timestampDelta: 0 }), record(1, { timestampDelta: 700 }), record(2, { timestampDelta: -200 })]
  for (const attributes of [0, IS_LOG_APPEND_TIME]) {
    const [batch] = batchesOf(Buffer.concat(wholeOf({ records, attributes })!.encode({ id: 1n, epoch: 0 }, 0, 50_000))).batches
    t.match(batch, { firstTimestamp: 49_300n, maxTimestamp: 50_000n, attributes: 0 })
  }
  t.equal(wholeOf({ records: [record(0), record(1, { timestampDelta: 1001 })] }), undefined, 'more than a second apart')
  t.equal(wholeOf({ records: [record(0), record(1, { timestampDelta: -1001 })] }), undefined, 'more than a second apart')
})

await t.test('counts the content of its records, and keeps the first bytes of their values', async t => {
  const headers: RecordFields['headers'] = [['h', Buffer.from('12345')]]
  const records = [record(0), record(1, { value: null }), record(2, { headers, value: Buffer.from('short') })]
  const whole = wholeOf({ records })!
  t.match(whole, { count: 3, partition: 1, partitions: PARTITIONS, position: 't[1]@40', bytes: encodeBatch(fields({ records })).length })
  t.equal(whole.contentBytes, keys[0]!.length + keys[1]!.length + keys[2]!.length + records[0]!.value!.length + 5 + 6)
  t.strictSame(whole.valueHeads, [Buffer.from('value 0, longer '), null, Buffer.from('short')])
  t.ok(whole.retainedBytes >= whole.bytes)
})

await t.test('decodes its records when they have to be sent alone, each call to the same objects', async t => {
  const headers: RecordFields['headers'] = [['h', Buffer.from('1')], ['h', null]]
  const whole = wholeOf({ records: [record(0, { headers }), record(1, { value: null })] })!
  t.strictSame(whole.records(), [
    { key: keys[0], value: record(0).value, headers: [[Buffer.from('h'), Buffer.from('1')], [Buffer.from('h'), null]] },
    { key: keys[1], value: null, headers: [] }
  ])
  t.equal(whole.records()[0], whole.records()[0])
})

await t.test('batches that have to be decoded are not written as they are', async t => {
  t.ok(wholeOf())
  for (const codec of [1, 2, 3, 4]) t.equal(wholeOf({ attributes: codec }), undefined, `codec ${codec}`)
  t.equal(wholeOf({ attributes: IS_TRANSACTIONAL }), undefined, 'transactional')
  t.equal(wholeOf({ attributes: IS_CONTROL | IS_TRANSACTIONAL }), undefined, 'control batch')
  t.equal(wholeOf({ attributes: 1 << 6 }), undefined, 'with a delete horizon')
  t.equal(wholeOf({ lastOffsetDelta: 5 }), undefined, 'compacted at its end')
  t.equal(wholeOf({ records: [record(0), record(2)], lastOffsetDelta: 2 }), undefined, 'compacted in its middle')
  t.equal(wholeOf({ records: [record(1), record(2)], lastOffsetDelta: 1 }), undefined, 'offsets that do not begin at 0')
  t.equal(wholeOf({ records: [], count: 0, lastOffsetDelta: -1 }), undefined, 'empty')
})

await t.test('a batch with a key of another partition, or without a key, is not written as it is', async t => {
  t.equal(wholeOf({ records: [record(0), record(1, { key: otherKey })] }), undefined)
  t.equal(wholeOf({ records: [record(0, { key: null })] }), undefined)
  t.equal(wholeOf({}, { ...place, partition: 0 }), undefined)
})

await t.test('a batch above the size limit of the destination is not written as it is', async t => {
  const { bytes } = wholeOf()!
  t.ok(wholeOf({}, { ...place, maxBatchBytes: bytes }))
  t.equal(wholeOf({}, { ...place, maxBatchBytes: bytes - 1 }), undefined)
})

await t.test('a batch with a record above the size limit is not written as it is', async t => {
  const limited = { ...place, maxRecordBytes: 500 }
  t.ok(wholeOf({}, limited))
  t.equal(wholeOf({ records: [record(0, { value: Buffer.alloc(500) })] }, limited), undefined)
  t.equal(wholeOf({ records: [record(0, { headers: [['a', null], ['b', null]] })] }, limited), undefined, 'with its header objects')
})

await t.test('a batch whose records are damaged, or do not match their number, is not written as it is', async t => {
  const payload = encodeRecords([record(0), record(1)])
  t.equal(wholeOf({ payload: payload.subarray(0, -1) }), undefined)
  t.equal(wholeOf({ payload, count: 3, lastOffsetDelta: 2 }), undefined, 'too few')
  t.equal(wholeOf({ payload, count: 1, lastOffsetDelta: 0 }), undefined, 'too many')
})
