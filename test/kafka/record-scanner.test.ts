import t from 'tap'
import { RecordScanner, type ScannedRecord } from '../../src/kafka/record-scanner.ts'
import { encodeRecords, type RecordFields, varint } from './encode-batch.ts'

const records: RecordFields[] = [
  { offsetDelta: 0, timestampDelta: -3, key: Buffer.from('key'), value: Buffer.from('the first value, which is long') },
  { offsetDelta: 1, timestampDelta: 2n ** 40n, key: null, value: null, headers: [['a', Buffer.from('xyz')], ['', null]] },
  { offsetDelta: 200, key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [['name', Buffer.alloc(300)]] },
  { offsetDelta: 201, key: Buffer.alloc(70_000, 'k'), value: Buffer.alloc(100_000, 'v') }
]

function cut (bytes: Buffer, chunkBytes: number): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes))
  return chunks
}

function scanAll (chunks: readonly Buffer[]): { scanned: ScannedRecord[], atEnd: boolean } {
  const scanner = new RecordScanner(chunks, 5)
  const scanned: ScannedRecord[] = []
  for (let next = scanner.atEnd ? undefined : scanner.next(); next !== undefined; next = scanner.atEnd ? undefined : scanner.next()) {
    scanned.push(next)
  }
  return { scanned, atEnd: scanner.atEnd }
}

for (const chunkBytes of [1, 2, 7, 65_536, 1_000_000]) {
  await t.test(`reads deltas, keys, sizes and the first bytes of values from chunks of ${chunkBytes} bytes`, async t => {
    const { scanned, atEnd } = scanAll(cut(encodeRecords(records), chunkBytes))
    t.ok(atEnd)
    t.match(scanned, [
      { timestampDelta: -3, offsetDelta: 0, key: Buffer.from('key'), valueHead: Buffer.from('the f'), headers: 0, contentBytes: 33 },
      { timestampDelta: 2 ** 40, offsetDelta: 1, key: null, valueHead: null, headers: 2, contentBytes: 4 },
      { timestampDelta: 200, offsetDelta: 200, key: Buffer.alloc(0), valueHead: Buffer.alloc(0), headers: 1, contentBytes: 304 },
      { offsetDelta: 201, key: records[3]!.key, valueHead: Buffer.from('vvvvv'), headers: 0, contentBytes: 170_000 }
    ])
    for (const [index, record] of records.entries()) {
      const length = encodeRecords([record]).length
      t.equal(scanned[index]!.bytes + varint(scanned[index]!.bytes).length, length)
    }
  })
}

await t.test('skips empty chunks', async t => {
  const bytes = encodeRecords(records)
  const empty = Buffer.alloc(0)
  t.equal(scanAll([empty, bytes.subarray(0, 3), empty, empty, bytes.subarray(3), empty]).scanned.length, 4)
})

await t.test('reads no record from bytes that end early or whose lengths are wrong', async t => {
  const bytes = encodeRecords([records[1]!])
  for (let end = 0; end < bytes.length; end++) t.equal(new RecordScanner([bytes.subarray(0, end)], 5).next(), undefined, `${end} bytes`)
  const framed = (...fields: Buffer[]): Buffer => {
    const body = Buffer.concat([Buffer.alloc(1), ...fields])
    return Buffer.concat([varint(body.length), body])
  }
  const zero = varint(0)
  const wrong = {
    'negative length': varint(-1),
    'key length -2': framed(zero, zero, varint(-2), zero, zero),
    'value length -2': framed(zero, zero, zero, varint(-2), zero),
    'null header name': framed(zero, zero, zero, zero, varint(1), varint(-1), zero),
    'header value length -2': framed(zero, zero, zero, zero, varint(1), zero, varint(-2)),
    'negative number of headers': framed(zero, zero, zero, zero, varint(-1)),
    'too many headers': framed(zero, zero, zero, zero, varint(1000)),
    'bytes after the headers': framed(zero, zero, zero, zero, zero, Buffer.from('more')),
    'an endless number': framed(Buffer.alloc(20, 0xff)),
    'a number above 2^53': framed(varint(2n ** 60n), zero, zero, zero, zero)
  }
  for (const [what, wrongBytes] of Object.entries(wrong)) {
    t.equal(new RecordScanner([wrongBytes, Buffer.alloc(100)], 5).next(), undefined, what)
  }
  t.ok(new RecordScanner([framed(zero, zero, zero, zero, zero)], 5).next(), 'a record with right lengths is read')
})
