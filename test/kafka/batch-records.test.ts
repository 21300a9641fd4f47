// Reads compressed batches. The data comes from the encoders of node:zlib, snappy and the client library, and is put together by hand where
// no encoder produces what a test needs.
import { createHash, randomBytes } from 'node:crypto'
import * as zlib from 'node:zlib'
import { compressionsAlgorithms } from '@platformatic/kafka'
import * as snappy from 'snappy'
import t from 'tap'
import { BatchError } from '../../src/kafka/batch-errors.ts'
import { BatchMemory, BatchRecords } from '../../src/kafka/batch-records.ts'
import type { BatchRecord } from '../../src/kafka/record-body.ts'
import { seeded } from '../support/pipeline.ts'
import { encodeRecords, recordBatch, type RecordFields } from './encode-batch.ts'

const MIB = 1024 * 1024
const [GZIP, SNAPPY, LZ4, ZSTD] = [1, 2, 3, 4] as const
const valuesOf = (records: readonly BatchRecord[]): string[] => records.map(({ value }) => String(value))
const fieldsOf = (values: readonly Buffer[]): RecordFields[] => values.map((value, offsetDelta) => ({ offsetDelta, value }))

/** Reads all records. Returns them with the largest number of bytes that the batch held while they were read. */
async function readAll (
  attributes: number, payload: Buffer, count: number, { maxBatchBytes = 64 * MIB, maxRecordBytes = 32 * MIB } = {}
): Promise<{ readonly records: BatchRecord[], readonly most: number, readonly streamed: boolean }> {
  const memory = new BatchMemory({ maxBatchBytes, maxRecordBytes })
  const raw = recordBatch({ firstOffset: 0n, records: [], count, lastOffsetDelta: count - 1, attributes, payload })
  const batch = new BatchRecords(raw, memory)
  const records: BatchRecord[] = []
  let most = batch.held
  let streamed = false
  try {
    while (!batch.done) {
      const record = batch.next()
      most = Math.max(most, batch.held)
      if (record !== undefined) records.push(record)
      else if (!batch.done) {
        streamed = true
        await batch.readMore()
      }
    }
  } finally {
    batch.close()
  }
  if (memory.used !== 0) throw new Error(`${memory.used} bytes are still reserved`)
  return { records, most, streamed }
}

/** Xerial's framing, which the Java client writes. */
function xerial (data: Buffer, blockBytes: number): Buffer {
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])
  const blocks: Buffer[] = [header]
  for (let at = 0; at < data.length; at += blockBytes) {
    const block = snappy.compressSync(data.subarray(at, at + blockBytes))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(block.length)
    blocks.push(length, block)
  }
  return Buffer.concat(blocks)
}

const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
const noContent = zlib.zstdCompressSync(Buffer.alloc(0))
const halves = (data: Buffer): [Buffer, Buffer] => [data.subarray(0, data.length >> 1), data.subarray(data.length >> 1)]
const lz4 = (data: Buffer): Buffer => compressionsAlgorithms.lz4.compressSync(data)

/** Ways to write the same data: name, codec and encoder. */
const encodings: ReadonlyArray<readonly [name: string, codec: number, encode: (data: Buffer) => Buffer]> = [
  ['no compression', 0, data => data],
  ['gzip', GZIP, data => zlib.gzipSync(data)],
  ['gzip with two members', GZIP, data => Buffer.concat(halves(data).map(half => zlib.gzipSync(half)))],
  ['Snappy', SNAPPY, data => snappy.compressSync(data)],
  ['Snappy with framing', SNAPPY, data => xerial(data, 32 * 1024)],
  ['LZ4', LZ4, lz4],
  ['LZ4 with two frames and a skippable one', LZ4, data => Buffer.concat([skippable, ...halves(data).map(lz4)])],
  ['Zstandard', ZSTD, data => zlib.zstdCompressSync(data)],
  ['Zstandard with checksum', ZSTD, data => zlib.zstdCompressSync(data, { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } })],
  ['Zstandard with two frames', ZSTD, data => Buffer.concat(halves(data).map(half => zlib.zstdCompressSync(half)))],
  ['Zstandard with skippable frames', ZSTD, data => Buffer.concat([skippable, zlib.zstdCompressSync(data), skippable])],
  ['Zstandard with empty frames', ZSTD, data => Buffer.concat([noContent, zlib.zstdCompressSync(data), noContent])]
]

const values = [Buffer.from('first'), randomBytes(70_000), Buffer.alloc(400_000, 'repeat'), Buffer.alloc(0), randomBytes(100)]
const plain = encodeRecords(fieldsOf(values))

for (const [name, codec, encode] of encodings) {
  await t.test(`${name}: reads all records, at once or within little memory`, async t => {
    const payload = encode(plain)
    const { records } = await readAll(codec, payload, values.length)
    t.strictSame(records.map(({ value }) => value), values)
    const bounded = await readAll(codec, payload, values.length, { maxBatchBytes: 70_000 }).catch((error: Error) => error)
    if (name === 'Snappy') {
      t.match(bounded, { name: 'BatchError', message: /one Snappy block, which cannot be decompressed in parts$/, oversized: true })
    } else if (!(bounded instanceof Error)) {
      t.strictSame(bounded.records.map(({ value }) => value), values)
      t.ok(bounded.most <= Math.max(payload.length, 70_000), `${bounded.most} bytes were held`)
      t.equal(bounded.streamed, codec === GZIP || codec === ZSTD)
    } else {
      t.fail(bounded)
    }
  })

  await t.test(`${name}: damage is reported as such, and ends`, async t => {
    const next = seeded(codec + name.length)
    const random = (below: number): number => Math.floor(next() * below)
    const small = fieldsOf([randomBytes(300), Buffer.alloc(3000, 'repeat'), Buffer.from('last')])
    const payload = encode(encodeRecords(small))
    let failed = 0
    for (let run = 0; run < 400; run++) {
      const damaged = Buffer.from(random(3) === 0 ? payload.subarray(0, random(payload.length)) : payload)
      for (let flips = random(3); flips > 0 && damaged.length > 0; flips--) damaged[random(damaged.length)]! ^= 1 << random(8)
      try {
        const { records } = await readAll(codec, damaged, small.length, { maxBatchBytes: run % 2 === 0 ? MIB : 1000, maxRecordBytes: MIB })
        if (records.length !== small.length) t.fail(`run ${run}: ${records.length} records`)
      } catch (error) {
        failed++
        if (!(error instanceof BatchError)) throw error
      }
    }
    t.ok(failed > 100, `${failed} of 400 damaged batches were rejected`)
  })
}

await t.test('reads LZ4 blocks that refer to earlier blocks, stored blocks and checksums', async t => {
  const value = Buffer.from('abcd'.repeat(5000))
  const data = encodeRecords(fieldsOf([value]))
  const start = data.length - value.length - 1
  const u32 = (number: number): Buffer => { const bytes = Buffer.alloc(4); bytes.writeUInt32LE(number >>> 0); return bytes }
  const stored = (bytes: Buffer): Buffer => Buffer.concat([u32(0x80000000 | bytes.length), bytes, u32(0)])
  // A match of 19,986 bytes at distance 4, then the last bytes as literals. 15 + 4 bytes are in the token, the rest in bytes of up to 255.
  const matched = value.length - 4 - 10
  const long = matched - 19
  const rest = data.subarray(start + 4 + matched)
  const linked = Buffer.concat([
    Buffer.from([0x0f, 4, 0]), Buffer.alloc(Math.floor(long / 255), 255), Buffer.from([long % 255]), Buffer.from([rest.length << 4]), rest
  ])
  // Version 1, linked blocks, block checksums, content size and content checksum.
  const header = Buffer.concat([u32(0x184d2204), Buffer.from([0b01011100, 0x40]), Buffer.alloc(8), Buffer.from([0])])
  const frame = Buffer.concat([header, stored(data.subarray(0, start + 4)), u32(linked.length), linked, u32(0), u32(0), u32(0)])
  t.strictSame(valuesOf((await readAll(LZ4, frame, 1)).records), [value.toString()])
})

await t.test('rejects an LZ4 block that is longer, compressed or not, than the block size of its frame', async t => {
  const header = Buffer.from('04224d18604000', 'hex') // independent blocks of 64 KiB
  const stored = Buffer.concat([Buffer.alloc(4), Buffer.alloc(70_000)])
  stored.writeUInt32LE(0x80000000 + 70_000)
  // One literal byte, then a match of 15 + 4 + 300 * 255 bytes at distance 1.
  const match = Buffer.concat([Buffer.from([0x1f, 0, 1, 0]), Buffer.alloc(300, 255), Buffer.from([0])])
  const matched = Buffer.concat([Buffer.alloc(4), match])
  matched.writeUInt32LE(match.length)
  for (const block of [stored, matched]) {
    const frame = Buffer.concat([header, block, Buffer.alloc(4)])
    await t.rejects(readAll(LZ4, frame, 1), { name: 'BatchError', message: /LZ4 block/ })
  }
})

await t.test('rejects an unknown codec', async t => {
  for (const codec of [5, 6, 7]) {
    await t.rejects(readAll(codec, Buffer.alloc(10), 1), { name: 'BatchError', message: `compression codec ${codec} is unknown` })
  }
})

await t.test('a gzip batch that holds 40 MiB and does not fit is streamed, and reserves no memory', async t => {
  const value = Buffer.alloc(MIB, 'bomb')
  const member = (offsetDelta: number): Buffer => zlib.gzipSync(encodeRecords([{ offsetDelta, value }]), { level: 1 })
  const payload = Buffer.concat(Array.from({ length: 40 }, (_, index) => member(index)))
  // The size that the last member states would fit, so the size is known only after an attempt.
  const { records, most, streamed } = await readAll(GZIP, payload, 40, { maxBatchBytes: 2 * MIB })
  t.equal(records.filter(record => record.value?.equals(value)).length, 40)
  t.ok(streamed && most <= payload.length, `${most} bytes were held`)
})

await t.test('a record of 80 MiB in a small Zstandard batch becomes size and hash, and the next record is read', async t => {
  const value = Buffer.alloc(80 * MIB, 'large')
  const data = encodeRecords([{ offsetDelta: 0, value }, { offsetDelta: 1, value: Buffer.from('next') }])
  const payload = zlib.zstdCompressSync(data)
  const sha256 = createHash('sha256').update(value).digest('hex')
  const { records, most, streamed } = await readAll(ZSTD, payload, 2)
  t.strictSame(records[0]?.omitted, { bytes: value.length, sha256 })
  t.equal(String(records[1]?.value), 'next')
  t.ok(streamed && most <= payload.length, `${most} bytes were held`)
})
