import t from 'tap'
import { checkBatch, type RecordBatch } from '../../src/kafka/record-batch.ts'
import { seeded } from '../support/pipeline.ts'
import { batchesOf, encodeBatch } from './encode-batch.ts'

const text = (value: string, offsetDelta = 0) => ({ offsetDelta, value: Buffer.from(value) })
const first = encodeBatch({ firstOffset: 0n, records: [text('a'), text('b', 1)] })
const second = encodeBatch({ firstOffset: 2n, records: [text('c'.repeat(1000))], leaderEpoch: 4 })

await t.test('splits batches, however the response is cut into chunks', async t => {
  for (const chunkBytes of [1, 13, 61, 500, 10_000]) {
    const { batches, damage } = batchesOf(Buffer.concat([first, second]), chunkBytes)
    t.equal(damage, undefined)
    t.match(batches, [
      { firstOffset: 0n, lastOffsetDelta: 1, count: 2, bytes: first.length },
      { firstOffset: 2n, lastOffsetDelta: 0, count: 1, bytes: second.length, partitionLeaderEpoch: 4 }
    ])
    t.strictSame(batches.map(checkBatch), [undefined, undefined])
  }
})

await t.test('drops a batch that the broker has cut off, at any byte', async t => {
  for (let cut = 0; cut < second.length; cut++) {
    const { batches, damage } = batchesOf(Buffer.concat([first, second.subarray(0, cut)]))
    if (batches.length !== 1 || damage !== undefined) t.fail(`after ${cut} bytes: ${batches.length} batches, ${damage}`)
  }
  t.match(batchesOf(Buffer.alloc(0)), { batches: [], damage: undefined })
})

await t.test('an incomplete first batch is damaged, because a broker returns the first batch whole', async t => {
  for (const cut of [1, 16, 17, 60, first.length - 1]) t.match(batchesOf(first.subarray(0, cut)), { batches: [], damage: /incomplete/ })
})

await t.test('stops at a length below the header and at a record format other than 2', async t => {
  const short = Buffer.from(second)
  short.writeInt32BE(48, 8)
  t.match(batchesOf(Buffer.concat([first, short])), { batches: { length: 1 }, damage: /length of the batch is 60 bytes/ })
  short.writeInt32BE(-1, 8)
  t.match(batchesOf(Buffer.concat([first, short])), { batches: { length: 1 }, damage: /less than its header/ })
  for (const magic of [0, 1, 3]) {
    const other = Buffer.from(second)
    other.writeInt8(magic, 16)
    const { batches, damage } = batchesOf(Buffer.concat([first, other]))
    t.strictSame([batches.length, damage], [1, `record format ${magic} is not supported, only format 2`])
  }
})

await t.test('rejects a count that contradicts the offsets', async t => {
  const check = (fields: { readonly count?: number, readonly lastOffsetDelta?: number }): string | undefined =>
    checkBatch(batchesOf(encodeBatch({ firstOffset: 0n, records: [text('a')], ...fields })).batches[0]!)
  t.equal(check({ lastOffsetDelta: 9 }), undefined, 'compaction removes records')
  t.equal(check({ count: 0 }), undefined)
  t.match(check({ count: 2 }), /states 2 records at 1 offsets/)
  t.match(check({ count: -1 }), /states -1 records/)
  t.match(check({ lastOffsetDelta: -1 }), /at 0 offsets/)
})

await t.test('detects every flipped bit from the attributes on, and any other damage of a few bits', async t => {
  const batch = (bytes: Buffer): RecordBatch | undefined => batchesOf(bytes, 100).batches[0]
  for (let bit = 17 * 8; bit < first.length * 8; bit++) {
    const damaged = Buffer.from(first)
    damaged[bit >> 3]! ^= 1 << (bit & 7)
    if (checkBatch(batch(damaged)!) === undefined) t.fail(`flipped bit ${bit & 7} of byte ${bit >> 3}`)
  }
  const random = seeded(5)
  for (let run = 0; run < 5000; run++) {
    const damaged = Buffer.from(second)
    for (let flips = 0; flips < 3; flips++) damaged[21 + Math.floor(random() * (damaged.length - 21))]! ^= 1 << (flips + run % 6)
    if (!damaged.equals(second) && checkBatch(batch(damaged)!) === undefined) t.fail(`run ${run}`)
  }
})
