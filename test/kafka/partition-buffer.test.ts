import t from 'tap'
import type { fetchV17 } from '@platformatic/kafka'
import { Feed, retainedBytes } from '../../src/kafka/partition-buffer.ts'

interface Raw { offsetDelta: number, value: Buffer | null }

function response (batches: Array<{ firstOffset: bigint, lastOffsetDelta: number, records: Raw[], attributes?: number }>): fetchV17.FetchResponsePartition {
  return {
    partitionIndex: 0, errorCode: 0, highWatermark: 100n, lastStableOffset: 100n, logStartOffset: 0n, abortedTransactions: null, preferredReadReplica: -1,
    records: batches.map(({ firstOffset, lastOffsetDelta, records, attributes = 0 }) => ({
      firstOffset, lastOffsetDelta, attributes, length: 0, partitionLeaderEpoch: 0, magic: 2, crc: 0, firstTimestamp: 1000n, maxTimestamp: 9000n,
      producerId: -1n, producerEpoch: 0, firstSequence: 0,
      records: records.map(({ offsetDelta, value }) => ({
        length: 0, attributes: 0, timestampDelta: BigInt(offsetDelta), offsetDelta, key: null, value, headers: []
      }))
    })) as unknown as NonNullable<fetchV17.FetchResponsePartition['records']>
  }
}

const raw = (offsetDelta: number): Raw => ({ offsetDelta, value: Buffer.from(String(offsetDelta)) })
const feedAt = (position: bigint, end?: bigint): Feed => new Feed({ topic: 't', topicId: 'id', partition: 0, position, end })
function drain (feed: Feed): bigint[] {
  const offsets: bigint[] = []
  for (let record = feed.take(); record !== undefined; record = feed.take()) offsets.push(record.offset)
  return offsets
}

await t.test('a batch that begins before the position gives only what was asked for', async t => {
  const feed = feedAt(3n)
  feed.accept(response([{ firstOffset: 0n, lastOffsetDelta: 4, records: [0, 1, 2, 3, 4].map(raw) }]), 3n)
  t.strictSame(drain(feed), [3n, 4n])
  t.equal(feed.position, 5n)
})

await t.test('gaps and control markers are stepped over, and the end may lie within them', async t => {
  const feed = feedAt(0n, 12n)
  feed.accept(response([
    { firstOffset: 0n, lastOffsetDelta: 5, records: [raw(1), raw(4)] },
    { firstOffset: 6n, lastOffsetDelta: 0, records: [raw(0)], attributes: 1 << 5 },
    { firstOffset: 7n, lastOffsetDelta: 8, records: [raw(0), raw(6)] }
  ]), 0n)
  t.strictSame(drain(feed), [1n, 4n, 7n], 'offset 13 is past the end')
  t.ok(feed.complete)
})

await t.test('a late answer to an earlier question changes nothing', async t => {
  const feed = feedAt(0n)
  feed.reset(40n)
  t.equal(feed.accept(response([{ firstOffset: 0n, lastOffsetDelta: 1, records: [raw(0), raw(1)] }]), 0n), 0)
  t.strictSame([feed.waiting, feed.fetchPosition], [0, 40n])
})

await t.test('timestamps are the producer\'s, or the broker\'s where the topic says so', async t => {
  const feed = feedAt(0n)
  feed.accept(response([
    { firstOffset: 0n, lastOffsetDelta: 1, records: [raw(0), raw(1)] }, { firstOffset: 2n, lastOffsetDelta: 0, records: [raw(0)], attributes: 1 << 3 }
  ]), 0n)
  t.strictSame([feed.take()?.timestamp, feed.take()?.timestamp, feed.take()?.timestamp], [1000n, 1001n, 9000n])
})

await t.test('a taken record keeps no more in memory than it says, and null stays apart from empty', async t => {
  const fetched = Buffer.alloc(1_000_000, 7)
  const feed = feedAt(0n)
  feed.accept(response([{ firstOffset: 0n, lastOffsetDelta: 3, records: [
    { offsetDelta: 0, value: fetched.subarray(0, 1000) }, { offsetDelta: 1, value: fetched.subarray(1000, 900_000) },
    { offsetDelta: 2, value: null }, { offsetDelta: 3, value: Buffer.alloc(0) }
  ] }]), 0n)
  const [small, large, none, empty] = [feed.take()!, feed.take()!, feed.take()!, feed.take()!]
  t.equal(small.value?.buffer.byteLength, 1000, 'copied out of the fetch')
  t.ok(retainedBytes(small) < 2000)
  t.equal(large.value?.buffer, fetched.buffer, 'it is most of the fetch: not copied')
  t.ok(retainedBytes(large) >= 1_000_000, 'and counted with all that it holds')
  t.strictSame([none.value, empty.value?.length], [null, 0])
  t.strictSame([feed.bytes, feed.waiting], [0, 0])
})
