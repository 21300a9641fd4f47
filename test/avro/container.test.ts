import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { constants, deflateRawSync, zstdCompressSync } from 'node:zlib'
import t, { type Test } from 'tap'
import {
  codecNames, createContainerWriter, openContainer, parseSchema, type CodecName, type ContainerFailure, type ContainerRecord
} from '../../src/avro/index.ts'
import { codecByName } from '../../src/avro/codecs.ts'
import { encodeLong } from '../../src/avro/varint.ts'
import { tempDir } from '../support/stack.ts'

const schema = parseSchema(`{"type":"record","name":"alert","doc":"kept","fields":[
  {"name":"diaSourceId","type":"long"},{"name":"kind","type":["null","string"],"default":null},{"name":"stamp","type":"bytes"}]}`)
const alert = (n: number) =>
  ({ diaSourceId: 2n ** 60n + BigInt(n), kind: n % 2 === 0 ? null : `k${n}`, stamp: Buffer.alloc(50 + n % 7, n) })

async function write (path: string, codec: CodecName, count: number, blockBytes = 500): Promise<void> {
  const writer = await createContainerWriter(path, schema, { codec, syncMarker: 'seed 1', blockBytes })
  for (let n = 0; n < count; n++) await writer.append(alert(n))
  t.equal(writer.count, count)
  await writer.close()
}

type Entry = ContainerRecord | ContainerFailure

async function collect (entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const all: Entry[] = []
  for await (const entry of entries) all.push(entry)
  return all
}

async function readAll (path: string, options?: Parameters<typeof openContainer>[1]): Promise<Entry[]> {
  const container = await openContainer(path, options)
  try {
    return await collect(container.records())
  } finally {
    await container.close()
  }
}

/** Offsets of a block, of its data and of its sync marker. */
interface BlockOffsets { readonly at: number, readonly data: number, readonly sync: number }

async function layout (path: string): Promise<{ bytes: Buffer, blocks: BlockOffsets[] }> {
  const bytes = await readFile(path)
  const sync = bytes.subarray(-16)
  const markers: number[] = []
  for (let at = bytes.indexOf(sync); at >= 0; at = bytes.indexOf(sync, at + 1)) markers.push(at)
  const blocks = markers.slice(1).map((marker, n) => {
    const at = markers[n]! + 16
    let data = at
    for (let longs = 0; longs < 2; data++) if (bytes[data]! < 0x80) longs++
    return { at, data, sync: marker }
  })
  return { bytes, blocks }
}

async function damaged (
  t: Test, change: (bytes: Buffer, blocks: BlockOffsets[]) => Buffer, codec: CodecName = 'null'
): Promise<string> {
  const path = join(await tempDir(t), 'damaged.avro')
  await write(path, codec, 30)
  const { bytes, blocks } = await layout(path)
  await writeFile(path, change(bytes, blocks))
  return path
}

await t.test('reads back the written records in order with every codec', async t => {
  const folder = await tempDir(t)
  for (const codec of codecNames) {
    const path = join(folder, `${codec}.avro`)
    await write(path, codec, 100)
    const container = await openContainer(path)
    t.equal(container.schemaText, schema.text)
    const records = await collect(container.records())
    await container.close()
    t.same(records.map(record => (record as ContainerRecord).value), Array.from({ length: 100 }, (_, n) => alert(n)), codec)
    t.same(records.map(record => record.index), Array.from({ length: 100 }, (_, n) => n))
    t.ok(records.every(record => schema.encode((record as ContainerRecord).value).equals(record.datum!)))
  }
})

await t.test('reads a file without records', async t => {
  const path = join(await tempDir(t), 'empty.avro')
  await write(path, 'deflate', 0)
  t.same(await readAll(path), [])
})

await t.test('writes identical bytes for the same input and sync marker seed', async t => {
  const folder = await tempDir(t)
  await write(join(folder, 'a'), 'deflate', 40)
  await write(join(folder, 'b'), 'deflate', 40)
  t.ok((await readFile(join(folder, 'a'))).equals(await readFile(join(folder, 'b'))))
})

await t.test('creates the file only on close and leaves nothing after abort', async t => {
  const folder = await tempDir(t)
  const path = join(folder, 'late.avro')
  const writer = await createContainerWriter(path, schema, { blockBytes: 100 })
  await writer.append(alert(1))
  await t.rejects(writer.append({ diaSourceId: 1n }), { code: 'VALUE_INVALID' })
  await writer.append(alert(2))
  t.notOk((await readdir(folder)).includes('late.avro'))
  await writer.close()
  t.same(await readdir(folder), ['late.avro'])
  t.equal((await readAll(path)).length, 2)
  const other = await createContainerWriter(join(folder, 'never.avro'), schema)
  await other.append(alert(1))
  await other.abort()
  t.same(await readdir(folder), ['late.avro'])
  await t.rejects(createContainerWriter(join(folder, 'no', 'such', 'folder'), schema), { code: 'AVRO_UNWRITABLE' })
})

await t.test('delimits records without decoding them if decode is false', async t => {
  const path = join(await tempDir(t), 'file.avro')
  await write(path, 'snappy', 20)
  const records = await readAll(path, { decode: false })
  t.ok(records.every((record, n) => record.datum!.equals(schema.encode(alert(n)))))
  t.ok(records.every(record => (record as ContainerRecord).value === undefined))
})

await t.test('reading ends without an error when the signal aborts', async t => {
  const path = join(await tempDir(t), 'file.avro')
  await write(path, 'null', 30)
  const container = await openContainer(path)
  const controller = new AbortController()
  let seen = 0
  for await (const _ of container.records(controller.signal)) if (++seen === 7) controller.abort()
  await container.close()
  t.equal(seen, 7)
})

await t.test('rejects files that are not container files', async t => {
  const folder = await tempDir(t)
  const file = async (content: Buffer | string) => {
    await writeFile(join(folder, 'x'), content)
    return join(folder, 'x')
  }
  await t.rejects(openContainer(join(folder, 'nowhere')), { code: 'AVRO_UNREADABLE', where: join(folder, 'nowhere') })
  await t.rejects(openContainer(folder), { code: 'AVRO_UNREADABLE' })
  await t.rejects(openContainer(await file('')), { code: 'AVRO_NOT_A_CONTAINER', message: /is empty/ })
  await t.rejects(openContainer(await file('{"a": 1}')), { code: 'AVRO_NOT_A_CONTAINER', message: /7b226122/ })
  const [garbage, empty] = [['Obj\x01', Buffer.alloc(40, 0xff)], ['Obj\x01\0', Buffer.alloc(16)]].map(([start, rest]) =>
    Buffer.concat([Buffer.from(start as string), rest as Buffer]))
  await t.rejects(openContainer(await file(garbage!)), { code: 'AVRO_NOT_A_CONTAINER', message: /damaged/ })
  await t.rejects(openContainer(await file(empty!)), { code: 'AVRO_NOT_A_CONTAINER', message: /avro\.schema/ })
})

await t.test('reports a truncated header', async t => {
  const path = join(await tempDir(t), 'cut.avro')
  await write(path, 'deflate', 0)
  const bytes = await readFile(path)
  for (let length = 4; length < bytes.length; length += 5) {
    await writeFile(path, bytes.subarray(0, length))
    await t.rejects(openContainer(path), { code: 'AVRO_TRUNCATED', message: /header/ }, `${length} bytes`)
  }
})

await t.test('the error for an unknown codec names the codec', async t => {
  const path = join(await tempDir(t), 'x.avro')
  await write(path, 'deflate', 1)
  const bytes = await readFile(path)
  await writeFile(path, Buffer.from(bytes.toString('latin1').replace('deflate', 'lzma\u0032ab'), 'latin1'))
  await t.rejects(openContainer(path), { code: 'AVRO_UNKNOWN_CODEC', message: /lzma2ab.*null, deflate, snappy, zstandard/ })
})

await t.test('yields the records before a truncated block, then reports the position of the block', async t => {
  const path = await damaged(t, (bytes, blocks) => bytes.subarray(0, blocks[2]!.data + 40))
  const container = await openContainer(path)
  let seen = 0
  const reading = (async () => { for await (const record of container.records()) if (record.error === undefined) seen++ })()
  await t.rejects(reading, { code: 'AVRO_TRUNCATED', where: /damaged\.avro, block 2 at byte \d+/ })
  await container.close()
  t.ok(seen > 0 && seen < 30)
})

await t.test('stops at a wrong sync marker and reports the number and byte offset of the block', async t => {
  const path = await damaged(t, (bytes, blocks) => {
    bytes[blocks[1]!.sync]! ^= 1
    return bytes
  })
  await t.rejects(readAll(path), { code: 'AVRO_BAD_SYNC', where: /block 1 at byte/ })
})

await t.test('yields one failure for a block with a wrong CRC and continues with the next block', async t => {
  const path = await damaged(t, (bytes, blocks) => {
    bytes[blocks[1]!.sync - 1]! ^= 1
    return bytes
  }, 'snappy')
  const records = await readAll(path)
  const failures = records.filter((record): record is ContainerFailure => record.error !== undefined)
  t.equal(failures.length, 1)
  t.match(failures[0], { error: { code: 'AVRO_CRC_MISMATCH', where: /block 1 at byte/ } })
  t.equal(records.length - 1 + failures[0]!.lost, 30)
  t.equal(records.at(-1)!.index, 29)
})

await t.test('yields one failure for a block that cannot be decompressed and continues with the next block', async t => {
  for (const codec of ['deflate', 'zstandard'] as const) {
    const path = await damaged(t, (bytes, blocks) => bytes.fill(0xff, blocks[0]!.data, blocks[0]!.data + 8), codec)
    const records = await readAll(path)
    t.match(records[0], { index: 0, error: { code: 'AVRO_BAD_BLOCK', where: /block 0/ } })
    t.equal(records.length - 1 + (records[0] as ContainerFailure).lost, 30)
  }
})

await t.test('loses only the damaged record if the end of this record can be verified', async t => {
  const banded = parseSchema(`{"type":"record","name":"alert","fields":[
    {"name":"diaSourceId","type":"long"},{"name":"band","type":{"type":"enum","name":"band","symbols":["u","g"]}}]}`)
  const path = join(await tempDir(t), 'enum.avro')
  const writer = await createContainerWriter(path, banded)
  for (let n = 0n; n < 10n; n++) await writer.append({ diaSourceId: n, band: 'g' })
  await writer.close()
  const { bytes, blocks } = await layout(path)
  // Each record has 2 bytes. Sets the enum of record 3 to index 8 (encoded as 16), which does not exist.
  bytes[blocks[0]!.data + 7] = 16
  await writeFile(path, bytes)
  const records = await readAll(path)
  t.same(records.map(({ index }) => index), Array.from({ length: 10 }, (_, n) => n))
  t.same(records.filter(({ error }) => error !== undefined).map(({ index }) => index), [3])
  t.match(records[3], { lost: 1, datum: Buffer.from([6, 16]), error: { code: 'AVRO_BAD_RECORD', where: /record 3$/ } })
})

await t.test('yields the rest of a block as one failure if a damaged record has no known end, then reads the next block', async t => {
  const path = await damaged(t, (bytes, blocks) => {
    // Sets the union branch of the first record of block 1 to 60 (encoded as 120), which does not exist.
    bytes[blocks[1]!.data + 9] = 120
    return bytes
  })
  const records = await readAll(path)
  const failures = records.filter((record): record is ContainerFailure => record.error !== undefined)
  t.equal(failures.length, 1)
  t.match(failures[0], { error: { code: 'AVRO_BAD_RECORD', message: /\d+ records of the block are lost/ } })
  t.ok(failures[0]!.lost > 1)
  t.equal(records.length - 1 + failures[0]!.lost, 30)
  t.same((records.at(-1) as ContainerRecord).value, alert(29))
})

await t.test('reports bytes that follow the last record of a block', async t => {
  const path = await damaged(t, (bytes, blocks) => {
    // Decrements the record count of the block by 1 (encoded as 2).
    bytes[blocks[1]!.at]! -= 2
    return bytes
  })
  t.ok((await readAll(path)).some(record => record.error?.code === 'AVRO_BAD_BLOCK'))
})

await t.test('rejects a block above the size limit without reading it', async t => {
  const path = join(await tempDir(t), 'large.avro')
  await write(path, 'null', 0)
  await appendFile(path, Buffer.concat([encodeLong(1), encodeLong(300 * 1024 * 1024)]))
  await t.rejects(readAll(path), { code: 'AVRO_BLOCK_TOO_LARGE', where: /block 0 at byte/ })
})

await t.test('decompresses several Zstandard frames within one size limit, and rejects damaged frames', async t => {
  const codec = codecByName('zstandard')
  const skippable = Buffer.concat([Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from('any')])
  const [first, second] = [zstdCompressSync(Buffer.alloc(60_000, 1)), zstdCompressSync(Buffer.alloc(40_000, 2))]
  const packed = Buffer.concat([skippable, first, second, skippable])
  t.strictSame(await codec.decompress(packed, 100_000), Buffer.concat([Buffer.alloc(60_000, 1), Buffer.alloc(40_000, 2)]))
  t.strictSame(await codec.decompress(skippable, 100_000), Buffer.alloc(0))
  await t.rejects(codec.decompress(packed, 99_999), { code: 'AVRO_BLOCK_TOO_LARGE' })
  await t.rejects(codec.decompress(Buffer.concat([first, zstdCompressSync(Buffer.alloc(1))]), 60_000), { code: 'AVRO_BLOCK_TOO_LARGE' })
  const broken = Buffer.concat([first, Buffer.from('no frame'), second])
  for (const damaged of [packed.subarray(0, -2), packed.subarray(0, -14), Buffer.alloc(0), broken]) {
    await t.rejects(codec.decompress(damaged, 100_000), { code: /^(Z_BUF_ERROR|ZSTD_error_)/ })
  }
})

await t.test('inflates a deflate block that ends with a sync flush, and rejects a truncated block', async t => {
  const codec = codecByName('deflate')
  const text = Buffer.from(Array.from({ length: 5000 }, (_, n) => n * 7919 % 251))
  const flushed = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH })
  t.strictSame(await codec.decompress(flushed, 5000), text)
  await t.rejects(codec.decompress(flushed, 4999), { code: 'AVRO_BLOCK_TOO_LARGE' })
  for (let length = 0; length < flushed.length; length++) await t.rejects(codec.decompress(flushed.subarray(0, length), 5000))
  const finished = deflateRawSync(text)
  for (const end of [1, 2, 100]) await t.rejects(codec.decompress(finished.subarray(0, -end), 5000), { code: 'Z_BUF_ERROR' })
  // The sync flush is within a stored block here, so it does not end the stream.
  const stored = deflateRawSync(Buffer.concat([text, Buffer.from([0, 0, 0xff, 0xff]), text]), { level: 0 })
  await t.rejects(codec.decompress(stored.subarray(0, 5 + text.length + 4), 20_000), { code: 'Z_BUF_ERROR' })
})

await t.test('limits the decompressed size of a block', async t => {
  for (const name of ['deflate', 'snappy', 'zstandard']) {
    const codec = codecByName(name)
    const packed = await codec.compress(Buffer.alloc(300_000))
    t.equal((await codec.decompress(packed, 300_000)).length, 300_000, name)
    await t.rejects(codec.decompress(packed, 100_000), { code: 'AVRO_BLOCK_TOO_LARGE' }, name)
  }
})

await t.test('a block of a few kilobytes that decompresses to 1 GiB is not decompressed beyond the limit', async t => {
  const blocks = 8192
  // A Zstandard frame without content size, whose blocks repeat one byte 128 KiB times.
  const frame = Buffer.alloc(6 + 4 * blocks)
  frame.set([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38])
  for (let block = 0; block < blocks; block++) frame.writeUInt32LE(128 * 1024 << 3 | 1 << 1 | (block === blocks - 1 ? 1 : 0), 6 + 4 * block)
  const deflated = deflateRawSync(Buffer.alloc(16 * 1024 * 1024), { finishFlush: constants.Z_FULL_FLUSH })
  const bombs = { zstandard: frame, deflate: Buffer.concat(Array.from({ length: 64 }, () => deflated)) }
  const before = process.resourceUsage().maxRSS
  for (const [name, bomb] of Object.entries(bombs)) {
    await t.rejects(codecByName(name).decompress(bomb, 1_000_000), { code: 'AVRO_BLOCK_TOO_LARGE' }, name)
  }
  const grownMib = (process.resourceUsage().maxRSS - before) / 1024
  t.ok(grownMib < 256, `the memory grew by ${Math.round(grownMib)} MiB`)
})

await t.test('holds at most one block of a large file in memory', async t => {
  const path = join(await tempDir(t), 'large.avro')
  const writer = await createContainerWriter(path, schema, { blockBytes: 1_000_000 })
  for (let n = 0; n < 600; n++) await writer.append({ diaSourceId: BigInt(n), stamp: Buffer.alloc(200_000, n) })
  await writer.close()
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const container = await openContainer(path)
  let highest = 0
  collectGarbage()
  const before = process.memoryUsage().arrayBuffers
  for await (const record of container.records()) {
    if (record.index % 50 === 0) {
      // Collects garbage twice, one event loop turn apart, because the memory of buffers is freed only after a collection.
      collectGarbage()
      await new Promise(resolve => setImmediate(resolve))
      collectGarbage()
      highest = Math.max(highest, process.memoryUsage().arrayBuffers - before)
    }
  }
  await container.close()
  t.ok(highest < 10_000_000, `the reader held ${highest} of 120,000,000 bytes in memory`)
})
