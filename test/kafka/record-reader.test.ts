import { createHash } from 'node:crypto'
import t from 'tap'
import { BatchError } from '../../src/kafka/batch-errors.ts'
import type { BatchRecord } from '../../src/kafka/record-body.ts'
import { RecordReader } from '../../src/kafka/record-reader.ts'
import { seeded } from '../support/pipeline.ts'
import { encodeRecords, varint, type RecordFields } from './encode-batch.ts'

const MAX = 10_000

/** Reads records from bytes in chunks of `chunkBytes`. */
function readAll (bytes: Buffer, count: number, { chunkBytes = bytes.length || 1, lastOffsetDelta = 100 } = {}): BatchRecord[] {
  const reader = new RecordReader({ count, lastOffsetDelta, maxRecordBytes: MAX })
  const records: BatchRecord[] = []
  for (let at = 0; ; ) {
    const record = reader.next()
    if (record !== undefined) records.push(record)
    else if (reader.done) return records
    else if (at < bytes.length) reader.feed(bytes.subarray(at, at += chunkBytes))
    else reader.finish()
  }
}

const records: RecordFields[] = [
  { offsetDelta: 0, timestampDelta: -5n, key: null, value: null },
  {
    offsetDelta: 1, timestampDelta: 2n ** 40n, key: Buffer.from('k'), value: Buffer.alloc(0),
    headers: [['h', null], ['h', Buffer.from('x')], ['', Buffer.alloc(0)]]
  },
  { offsetDelta: 7, timestampDelta: 0n, key: Buffer.alloc(0), value: Buffer.alloc(3000, 'value') }
]
const bytes = encodeRecords(records)
const expected = records.map(({ offsetDelta, timestampDelta, key, value, headers = [] }) =>
  ({ offsetDelta, timestampDelta, key, value, headers: headers.map(([name, content]) => [Buffer.from(name), content]) }))

await t.test('reads all fields, however the bytes are cut into chunks', async t => {
  for (const chunkBytes of [1, 2, 7, 100, 5000]) t.strictSame(readAll(bytes, 3, { chunkBytes }), expected, `${chunkBytes} bytes`)
})

await t.test('a batch without records is empty', async t => {
  t.strictSame(readAll(Buffer.alloc(0), 0), [])
  t.throws(() => readAll(Buffer.from([0]), 0), { message: 'bytes follow after the last of 0 records' })
})

await t.test('rejects a wrong number of records before it returns the last one', async t => {
  const reader = new RecordReader({ count: 2, lastOffsetDelta: 100, maxRecordBytes: MAX })
  reader.feed(bytes)
  t.equal(reader.next()?.offsetDelta, 0)
  t.throws(() => reader.next(), { name: 'BatchError', message: 'bytes follow after the last of 2 records' })
  t.throws(() => readAll(bytes, 4), { name: 'BatchError', message: 'the batch ends within a record' })
})

await t.test('rejects offsets that do not increase or exceed the batch', async t => {
  const at = (...deltas: number[]): Buffer => encodeRecords(deltas.map(offsetDelta => ({ offsetDelta, value: null })))
  t.throws(() => readAll(at(0, 0), 2), { message: 'record 1 has offset delta 0' })
  t.throws(() => readAll(at(3, 2), 2), { message: 'record 1 has offset delta 2' })
  t.throws(() => readAll(at(-1), 1), { message: 'record 0 has offset delta -1' })
  t.throws(() => readAll(at(0, 9), 2, { lastOffsetDelta: 8 }), { message: 'record 1 has offset delta 9' })
})

await t.test('keeps size and SHA-256 of the value of a record above the limit, and reads the records after it', async t => {
  const value = Buffer.alloc(3 * MAX, 'large')
  const large: RecordFields = { offsetDelta: 1, timestampDelta: 4n, key: Buffer.from('key'), value, headers: [['h', Buffer.from('x')]] }
  const before = { offsetDelta: 0, value: Buffer.alloc(MAX - 20) }
  const after = { offsetDelta: 2, value: Buffer.from('after') }
  const sha256 = createHash('sha256').update(value).digest('hex')
  for (const chunkBytes of [1, 999, 100_000]) {
    const [first, omitted, last] = readAll(encodeRecords([before, large, after]), 3, { chunkBytes })
    t.equal(first?.value?.length, MAX - 20)
    const nothing = { key: null, value: null, headers: [] }
    t.strictSame(omitted, { offsetDelta: 1, timestampDelta: 4n, ...nothing, omitted: { bytes: value.length, sha256 } })
    t.equal(last?.value?.toString(), 'after')
  }
})

await t.test('a null value, a large key and many headers count towards the limit', async t => {
  const omittedBytes = (fields: Partial<RecordFields>): number | undefined =>
    readAll(encodeRecords([{ offsetDelta: 0, value: null, ...fields }]), 1)[0]?.omitted?.bytes
  t.equal(omittedBytes({ key: Buffer.alloc(MAX) }), 0)
  const headers = Array.from({ length: 100 }, () => ['', null] as const)
  t.equal(omittedBytes({ value: Buffer.from('v'), headers }), 1, 'the objects of the headers exceed the limit')
  t.equal(omittedBytes({ headers: [['', null]] }), undefined)
})

await t.test('rejects lengths that exceed the record, also in a record above the limit', async t => {
  const record = (...parts: Array<number | Buffer>): Buffer => {
    const body = Buffer.concat([Buffer.alloc(1), ...parts.map(part => typeof part === 'number' ? varint(part) : part)])
    return Buffer.concat([varint(body.length), body])
  }
  const timestampAndOffset = [0, 0] as const
  t.throws(() => readAll(record(...timestampAndOffset, 5, Buffer.alloc(3)), 1), { message: 'a field of 5 bytes exceeds its record' })
  t.throws(() => readAll(record(...timestampAndOffset, -2), 1), { message: 'a field of -2 bytes exceeds its record' })
  t.throws(() => readAll(record(...timestampAndOffset, -1, -1, 0, 0), 1), { message: 'a record is 1 bytes longer than its fields' })
  t.throws(() => readAll(record(...timestampAndOffset, -1, -1, 1000), 1), { message: 'a record states 1000 headers' })
  t.throws(() => readAll(record(...timestampAndOffset, -1, -1, 1, -1, -1), 1), { message: 'the name of a header is null' })
  t.throws(() => readAll(record(0, Buffer.alloc(10, 0xff)), 1), { message: 'a number has more than 5 bytes' })
  t.throws(() => readAll(varint(-1), 1), { message: 'a record states a length of -1 bytes' })
  const huge = record(...timestampAndOffset, 2 ** 30, Buffer.alloc(2 * MAX))
  t.throws(() => readAll(huge, 1), { message: /^a field of 1073741824 bytes in a record of/ })
})

await t.test('random damage leads to no error but BatchError, and never to a record of more bytes than there are', async t => {
  const next = seeded(3)
  const random = (below: number): number => Math.floor(next() * below)
  let failed = 0
  for (let run = 0; run < 20_000; run++) {
    const damaged = Buffer.from(bytes.subarray(0, random(4) === 0 ? random(bytes.length) : bytes.length))
    for (let flips = random(4); flips > 0 && damaged.length > 0; flips--) damaged[random(Math.min(damaged.length, 60))]! ^= 1 << random(8)
    try {
      const read = readAll(damaged, 3, { chunkBytes: random(200) + 1 })
      const size = read.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0)
      if (read.length !== 3 || size > damaged.length) t.fail(`run ${run}: ${read.length} records of ${size} bytes`)
    } catch (error) {
      failed++
      if (!(error instanceof BatchError)) throw error
    }
  }
  t.ok(failed > 5000, `${failed} of 20000 damaged batches were rejected`)
})
