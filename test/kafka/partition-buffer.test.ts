import t from 'tap'
import { BatchMemory, defaultBatchLimits } from '../../src/kafka/batch-records.ts'
import { PartitionBuffer } from '../../src/kafka/partition-buffer.ts'
import { retainedBytes } from '../../src/kafka/record.ts'
import { recordBatch } from './encode-batch.ts'
import { fetchedPartition, transactionBatch, transactionMarker } from './fake-cluster.ts'

const record = (offsetDelta: number) => ({ offsetDelta, value: Buffer.from(String(offsetDelta)) })
const bufferAt = (position: bigint, end?: bigint): PartitionBuffer =>
  new PartitionBuffer({ topic: 't', topicId: 'id', partition: 0, position, end }, {
    memory: new BatchMemory(defaultBatchLimits), onReady () {}, onDamaged: (_, { reason }) => { throw new Error(reason) }
  })

function takeAll (buffer: PartitionBuffer): bigint[] {
  const offsets: bigint[] = []
  for (let record = buffer.take(); record !== undefined; record = buffer.take()) offsets.push(record.offset)
  return offsets
}

await t.test('skips records of a batch that are before the fetch position', async t => {
  const buffer = bufferAt(3n)
  buffer.append(fetchedPartition([recordBatch({ firstOffset: 0n, records: [0, 1, 2, 3, 4].map(record) })]), 3n)
  t.strictSame(takeAll(buffer), [3n, 4n])
  t.equal(buffer.position, 5n)
})

await t.test('skips gaps and control batches, and stops before the end offset', async t => {
  const buffer = bufferAt(0n, 12n)
  buffer.append(fetchedPartition([
    recordBatch({ firstOffset: 0n, lastOffsetDelta: 5, records: [record(1), record(4)] }),
    transactionMarker(6n, 1n, 'commit'),
    recordBatch({ firstOffset: 7n, lastOffsetDelta: 8, records: [record(0), record(6)] })
  ]), 0n)
  t.strictSame(takeAll(buffer), [1n, 4n, 7n], 'the buffer drops offset 13, which is past the end offset')
  t.ok(buffer.complete)
})

await t.test('once all records are taken, the position is past trailing offsets without records', async t => {
  const buffer = bufferAt(0n)
  buffer.append(fetchedPartition([recordBatch({ firstOffset: 0n, records: [record(0)] }), transactionMarker(1n, 1n, 'commit')]), 0n)
  t.equal(buffer.position, 0n)
  buffer.take()
  t.equal(buffer.position, 2n)
})

await t.test('ignores the response to a request that was sent before the buffer was reset', async t => {
  const buffer = bufferAt(40n)
  buffer.reset(0n)
  buffer.append(fetchedPartition([recordBatch({ firstOffset: 40n, records: [record(0), record(1)] })]), 40n)
  t.strictSame([buffer.waiting, buffer.fetchPosition], [0, 0n])
})

await t.test('an empty response changes only the log start offset', async t => {
  const buffer = bufferAt(5n)
  buffer.append(fetchedPartition([], { logStartOffset: 3n }), 5n)
  t.strictSame([buffer.waiting, buffer.fetchPosition, buffer.logStart], [0, 5n, 3n])
})

await t.test('skips the records of aborted transactions', async t => {
  const buffer = bufferAt(0n)
  buffer.append(fetchedPartition([
    transactionBatch(0n, 1n, ['aborted']),
    transactionBatch(1n, 2n, ['committed']),
    transactionMarker(2n, 1n, 'abort'),
    transactionBatch(3n, 1n, ['committed']),
    transactionMarker(4n, 1n, 'commit'),
    transactionBatch(5n, 1n, ['aborted']),
    transactionMarker(6n, 1n, 'abort'),
    transactionMarker(7n, 2n, 'commit')
  ], { abortedTransactions: [{ producerId: 1n, firstOffset: 5n }, { producerId: 1n, firstOffset: 0n }] }), 0n)
  t.strictSame(takeAll(buffer), [1n, 3n])
  t.equal(buffer.position, 8n)
})

await t.test('skips the rest of an aborted transaction that began before the fetch position', async t => {
  const buffer = bufferAt(1n)
  buffer.append(fetchedPartition([
    transactionBatch(0n, 1n, ['aborted', 'aborted', 'aborted']),
    transactionMarker(3n, 1n, 'abort'),
    transactionBatch(4n, 2n, ['committed'])
  ], { abortedTransactions: [{ producerId: 1n, firstOffset: 0n }] }), 1n)
  t.strictSame(takeAll(buffer), [4n])
})

await t.test('a record has the timestamp of the producer or, with LogAppendTime, the timestamp of the broker', async t => {
  const buffer = bufferAt(0n)
  buffer.append(fetchedPartition([
    recordBatch({ firstOffset: 0n, records: [record(0), record(1)] }),
    recordBatch({ firstOffset: 2n, records: [record(0)], attributes: 1 << 3 })
  ]), 0n)
  t.strictSame([buffer.take()?.timestamp, buffer.take()?.timestamp, buffer.take()?.timestamp], [1000n, 1001n, 9000n])
})

await t.test('a taken record has memory of its own, so it does not retain the fetch response', async t => {
  const buffer = bufferAt(0n)
  buffer.append(fetchedPartition([recordBatch({ firstOffset: 0n, records: [
    { offsetDelta: 0, value: Buffer.alloc(1000, 7) }, { offsetDelta: 1, value: Buffer.alloc(900_000, 7) }
  ] })]), 0n)
  t.ok(buffer.bytes > 901_000)
  const [small, large] = [buffer.take()!, buffer.take()!]
  t.strictSame([small.value!.length, large.value!.length], [1000, 900_000])
  for (const record of [small, large]) {
    t.ok(retainedBytes(record) >= record.value!.length)
    t.ok(retainedBytes(record) < record.value!.length + 1000)
    t.ok(record.value!.buffer.byteLength < record.value!.length + 100)
  }
  t.strictSame([buffer.bytes, buffer.waiting], [0, 0])
})

await t.test('distinguishes null from empty values', async t => {
  const buffer = bufferAt(0n)
  buffer.append(fetchedPartition([recordBatch({ firstOffset: 0n, records: [
    { offsetDelta: 0, value: null }, { offsetDelta: 1, value: Buffer.alloc(0) }
  ] })]), 0n)
  t.strictSame([buffer.take()?.value, buffer.take()?.value?.length], [null, 0])
})

await t.test('a record has the id of its topic, its leader epoch, and the timestamp of the producer or of the broker', async t => {
  const buffer = bufferAt(0n)
  const logAppendTime = 1 << 3
  buffer.append(fetchedPartition([
    recordBatch({ firstOffset: 0n, records: [record(0), record(1)], leaderEpoch: 4 }),
    recordBatch({ firstOffset: 2n, records: [record(0), record(1)], leaderEpoch: 5, attributes: logAppendTime })
  ]), 0n)
  const taken = Array.from({ length: 4 }, () => buffer.take()!)
  t.ok(taken.every(({ topicId }) => topicId === 'id'))
  t.strictSame(taken.map(({ leaderEpoch, timestamp, timestampType }) => [leaderEpoch, timestamp, timestampType]), [
    [4, 1000n, 'CreateTime'], [4, 1001n, 'CreateTime'], [5, 9000n, 'LogAppendTime'], [5, 9000n, 'LogAppendTime']
  ])
})

await t.test('takes whole batches and, of batches that are not accepted, the records, in order', async t => {
  const buffer = bufferAt(0n)
  const batchAt = (firstOffset: bigint) => recordBatch({ firstOffset, records: [record(0), record(1)] })
  buffer.append(fetchedPartition([0n, 2n, 4n, 6n].map(batchAt)), 0n)
  const asked: bigint[] = []
  const takeBatch = (): bigint | undefined => buffer.takeBatch(batch => {
    asked.push(batch.firstOffset)
    return batch.firstOffset === 2n ? undefined : batch.firstOffset
  })
  t.equal(takeBatch(), 0n)
  t.strictSame([buffer.position, buffer.waiting], [2n, 6])
  t.equal(takeBatch(), undefined)
  t.equal(buffer.take()?.offset, 2n)
  t.equal(takeBatch(), undefined, 'a batch whose records are being taken is not offered')
  t.equal(buffer.take()?.offset, 3n)
  t.equal(takeBatch(), 4n)
  t.equal(takeBatch(), 6n)
  t.strictSame([takeBatch(), buffer.take(), buffer.position, buffer.waiting, buffer.bytes], [undefined, undefined, 8n, 0, 0])
  t.strictSame(asked, [0n, 2n, 4n, 6n])
})

await t.test('does not offer batches that begin before the position or end after the end offset', async t => {
  const buffer = bufferAt(1n, 5n)
  buffer.append(fetchedPartition([0n, 2n, 4n].map(firstOffset => recordBatch({ firstOffset, records: [record(0), record(1)] }))), 1n)
  const takeBatch = (): bigint | undefined => buffer.takeBatch(({ firstOffset }) => firstOffset)
  t.equal(takeBatch(), undefined)
  t.equal(buffer.take()?.offset, 1n)
  t.equal(takeBatch(), 2n)
  t.equal(takeBatch(), undefined)
  t.equal(buffer.take()?.offset, 4n)
  t.strictSame([takeBatch(), buffer.take(), buffer.complete, buffer.waiting], [undefined, undefined, true, 0])
})

await t.test('offers no control batch and no batch of an aborted transaction', async t => {
  const buffer = bufferAt(0n)
  const aborted = { abortedTransactions: [{ producerId: 7n, firstOffset: 0n }] }
  const plain = recordBatch({ firstOffset: 2n, records: [record(0)] })
  buffer.append(fetchedPartition([transactionBatch(0n, 7n, ['x']), transactionMarker(1n, 7n, 'abort'), plain], aborted), 0n)
  t.equal(buffer.takeBatch(({ firstOffset }) => firstOffset), 2n)
})
