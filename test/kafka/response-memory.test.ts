import { gzipSync } from 'node:zlib'
import { Reader } from '@platformatic/kafka'
import t from 'tap'
import { BatchMemory, BatchRecords, defaultBatchLimits } from '../../src/kafka/batch-records.ts'
import { splitBatches, type RecordBatch } from '../../src/kafka/record-batch.ts'
import { retainBatches } from '../../src/kafka/response-memory.ts'
import { toWholeBatch } from '../../src/kafka/whole-batch.ts'
import { encodeBatch } from './encode-batch.ts'

const CHUNK_BYTES = 1000
const value = (first: number, index: number): Buffer => Buffer.alloc(900, `${first + index} `)
const batchAt = (first: number, fields: object = {}): Buffer => encodeBatch({
  firstOffset: BigInt(first), records: [0, 1, 2].map(index => ({ offsetDelta: index, value: value(first, index) })), ...fields
})

/** Parses batches whose bytes arrived in chunks with memory of their own. Returns the batches and the chunks. */
function receive (bytes: Buffer): { readonly chunks: readonly Buffer[], readonly batches: readonly RecordBatch[] } {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const part = bytes.subarray(at, at + CHUNK_BYTES)
    const chunk = Buffer.allocUnsafeSlow(part.length)
    part.copy(chunk)
    chunks.push(chunk)
  }
  // The library passes a view of the first chunk, behind the header of the response.
  const reader = Reader.from(chunks[0]!.subarray(8))
  for (const chunk of chunks.slice(1)) reader.buffer.append(chunk)
  const { batches } = splitBatches(reader.buffer)
  retainBatches(reader.buffer, batches)
  return { chunks, batches }
}

const read = (batch: RecordBatch): BatchRecords => new BatchRecords(batch, new BatchMemory(defaultBatchLimits))
const header = Buffer.alloc(8)

await t.test('a chunk is freed when the last batch with bytes in it has been read, and no record changes', async t => {
  const [first, second] = [batchAt(0), batchAt(10)]
  const { chunks, batches } = receive(Buffer.concat([header, first, second]))
  const shared = Math.floor((header.length + first.length) / CHUNK_BYTES)
  const firstBytes = chunks[0]!.length
  const values: Buffer[] = []
  for (const [index, batch] of batches.entries()) {
    const records = read(batch)
    for (let record = records.next(); record !== undefined; record = records.next()) values.push(record.value!)
    t.ok(chunks.slice(shared).every(({ length }) => length > 0), 'no chunk with an unread batch is freed')
    records.close()
    const freed = chunks.map(({ length }) => length === 0)
    const until = index === 0 ? shared : chunks.length
    t.strictSame(freed, chunks.map((_, at) => at > 0 && at < until), 'the first chunk also has bytes of another response')
  }
  t.equal(chunks[0]!.length, firstBytes)
  t.strictSame(values.map(String), [0, 1, 2, 10, 11, 12].map(offset => String(value(offset, 0))))
})

await t.test('a chunk of a batch that is never read is not freed', async t => {
  const { chunks, batches } = receive(Buffer.concat([header, batchAt(0), batchAt(10), batchAt(20)]))
  for (const batch of [batches[0]!, batches[2]!]) {
    const records = read(batch)
    records.next()
    records.close()
  }
  const unread = batches[1]!.checked.buffers
  t.ok(unread.length > 2 && unread.every(({ length }) => length > 0))
  t.ok(chunks.some(({ length }) => length === 0))
})

await t.test('the chunks of a batch that another thread decompresses are left to the garbage collector', async t => {
  const payload = gzipSync(Buffer.alloc(10), { level: 0 })
  const padded = Buffer.concat([payload, Buffer.alloc(5 * CHUNK_BYTES)])
  const { chunks, batches } = receive(Buffer.concat([header, batchAt(0, { attributes: 1, payload: padded }), batchAt(10)]))
  const records = new BatchRecords(batches[0]!, new BatchMemory({ ...defaultBatchLimits, maxBatchBytes: 0 }))
  records.close()
  t.ok(chunks.every(({ length }) => length > 0))
})

await t.test('a whole batch frees its chunks, and keeps its numbers and the first bytes of its values', async t => {
  const records = [0, 1, 2].map(index => ({ offsetDelta: index, key: Buffer.from('key'), value: value(0, index) }))
  const { chunks, batches } = receive(Buffer.concat([header, batchAt(0, { records }), batchAt(10)]))
  const place = { topic: 't', partition: 0, partitions: 1, maxBatchBytes: 1_000_000, maxRecordBytes: 1_000_000 }
  const whole = toWholeBatch(batches[0]!, place)!
  t.strictSame(chunks.filter(({ length }) => length === 0), [])
  whole.free()
  t.strictSame(chunks.map(({ length }) => length === 0), chunks.map((_, at) => at > 0 && at < 2))
  t.match(whole, { count: 3, contentBytes: 2709 })
  t.strictSame(whole.valueHeads.map(String), [0, 1, 2].map(index => String(value(0, index).subarray(0, 16))))
})
