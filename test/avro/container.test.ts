import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import { codecNames, createContainerWriter, openContainer, parseSchema, type CodecName, type ContainerFailure, type ContainerRecord } from '../../src/avro/index.ts'
import type { ContainerOptions } from '../../src/avro/container-reader.ts'
import { tempDir } from '../support/stack.ts'

const schema = parseSchema(`{"type":"record","name":"alert","doc":"kept","fields":[
  {"name":"diaSourceId","type":"long"},{"name":"kind","type":["null","string"],"default":null},{"name":"stamp","type":"bytes"}]}`)
const alert = (n: number) => ({ diaSourceId: 2n ** 60n + BigInt(n), kind: n % 2 === 0 ? null : `k${n}`, stamp: Buffer.alloc(50 + n % 7, n) })

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

async function readAll (path: string, options?: ContainerOptions): Promise<Entry[]> {
  const container = await openContainer(path, options)
  try {
    return await collect(container.records())
  } finally {
    await container.close()
  }
}

/** Where each block begins, its data and its sync marker, in an uncompressed file. */
async function layout (path: string): Promise<{ bytes: Buffer, blocks: Array<{ at: number, data: number, sync: number }> }> {
  const bytes = await readFile(path)
  const sync = bytes.subarray(-16)
  const places: number[] = []
  for (let at = bytes.indexOf(sync); at >= 0; at = bytes.indexOf(sync, at + 1)) places.push(at)
  const blocks = places.slice(1).map((place, n) => {
    const at = places[n]! + 16
    let data = at
    for (let longs = 0; longs < 2; data++) if (bytes[data]! < 0x80) longs++
    return { at, data, sync: place }
  })
  return { bytes, blocks }
}

async function damaged (t: Test, change: (bytes: Buffer, blocks: Array<{ at: number, data: number, sync: number }>) => Buffer, codec: CodecName = 'null'): Promise<string> {
  const path = join(await tempDir(t), 'damaged.avro')
  await write(path, codec, 30)
  const { bytes, blocks } = await layout(path)
  await writeFile(path, change(bytes, blocks))
  return path
}

await t.test('records come back in order, through every codec', async t => {
  const folder = await tempDir(t)
  for (const codec of codecNames) {
    const path = join(folder, `${codec}.avro`)
    await write(path, codec, 100)
    const container = await openContainer(path)
    t.equal(container.codec, codec)
    t.equal(container.schemaText, schema.text)
    const records = await collect(container.records())
    await container.close()
    t.same(records.map(record => (record as ContainerRecord).value), Array.from({ length: 100 }, (_, n) => alert(n)), codec)
    t.same(records.map(record => record.index), Array.from({ length: 100 }, (_, n) => n))
    t.ok(records.every(record => schema.encode((record as ContainerRecord).value).equals(record.datum!)))
  }
})

await t.test('a file without records is fine', async t => {
  const path = join(await tempDir(t), 'empty.avro')
  await write(path, 'deflate', 0)
  t.same(await readAll(path), [])
})

await t.test('the bytes depend on the input alone where the sync marker does', async t => {
  const folder = await tempDir(t)
  await write(join(folder, 'a'), 'deflate', 40)
  await write(join(folder, 'b'), 'deflate', 40)
  t.ok((await readFile(join(folder, 'a'))).equals(await readFile(join(folder, 'b'))))
  const marker = Buffer.from('0123456789abcdef')
  const writer = await createContainerWriter(join(folder, 'c'), schema, { syncMarker: marker })
  await writer.close()
  t.ok((await readFile(join(folder, 'c'))).subarray(-16).equals(marker))
})

await t.test('the file appears only when it is whole; abort leaves nothing', async t => {
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

await t.test('decode: false only finds the records', async t => {
  const path = join(await tempDir(t), 'file.avro')
  await write(path, 'snappy', 20)
  const records = await readAll(path, { decode: false })
  t.ok(records.every((record, n) => record.datum!.equals(schema.encode(alert(n))) && (record as ContainerRecord).value === undefined))
})

await t.test('reading stops without error when the signal aborts', async t => {
  const path = join(await tempDir(t), 'file.avro')
  await write(path, 'null', 30)
  const container = await openContainer(path)
  const controller = new AbortController()
  let seen = 0
  for await (const _ of container.records(controller.signal)) if (++seen === 7) controller.abort()
  await container.close()
  t.equal(seen, 7)
})

await t.test('what is no container file says so', async t => {
  const folder = await tempDir(t)
  const file = async (content: Buffer | string) => {
    await writeFile(join(folder, 'x'), content)
    return join(folder, 'x')
  }
  await t.rejects(openContainer(join(folder, 'nowhere')), { code: 'AVRO_UNREADABLE', where: join(folder, 'nowhere') })
  await t.rejects(openContainer(folder), { code: 'AVRO_UNREADABLE' })
  await t.rejects(openContainer(await file('')), { code: 'AVRO_NOT_A_CONTAINER', message: /is empty/ })
  await t.rejects(openContainer(await file('{"a": 1}')), { code: 'AVRO_NOT_A_CONTAINER', message: /7b226122/ })
  await t.rejects(openContainer(await file(Buffer.concat([Buffer.from('Obj\x01'), Buffer.alloc(40, 0xff)]))), { code: 'AVRO_NOT_A_CONTAINER', message: /damaged/ })
  await t.rejects(openContainer(await file(Buffer.concat([Buffer.from('Obj\x01\0'), Buffer.alloc(16)]))), { code: 'AVRO_NOT_A_CONTAINER', message: /avro\.schema/ })
})

await t.test('a header that is cut anywhere is reported as truncated', async t => {
  const path = join(await tempDir(t), 'cut.avro')
  await write(path, 'deflate', 0)
  const bytes = await readFile(path)
  for (let length = 4; length < bytes.length; length += 5) {
    await writeFile(path, bytes.subarray(0, length))
    await t.rejects(openContainer(path), { code: 'AVRO_TRUNCATED', message: /header/ }, `${length} bytes`)
  }
})

await t.test('an unknown codec is named', async t => {
  const path = join(await tempDir(t), 'x.avro')
  await write(path, 'deflate', 1)
  const bytes = await readFile(path)
  await writeFile(path, Buffer.from(bytes.toString('latin1').replace('deflate', 'lzma\u0032ab'), 'latin1'))
  await t.rejects(openContainer(path), { code: 'AVRO_UNKNOWN_CODEC', message: /lzma2ab.*null, deflate, snappy, zstandard/ })
})

await t.test('a cut within the blocks gives the records before it, then says where', async t => {
  const path = await damaged(t, (bytes, blocks) => bytes.subarray(0, blocks[2]!.data + 40))
  const container = await openContainer(path)
  let seen = 0
  const reading = (async () => { for await (const record of container.records()) if (record.error === undefined) seen++ })()
  await t.rejects(reading, { code: 'AVRO_TRUNCATED', where: /damaged\.avro, block 2 at byte \d+/ })
  await container.close()
  t.ok(seen > 0 && seen < 30)
})

await t.test('a wrong sync marker ends the reading with the block and byte', async t => {
  const path = await damaged(t, (bytes, blocks) => {
    bytes[blocks[1]!.sync]! ^= 1
    return bytes
  })
  await t.rejects(readAll(path), { code: 'AVRO_BAD_SYNC', where: /block 1 at byte/ })
})

await t.test('a block whose CRC is wrong is one failure, and reading goes on', async t => {
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

await t.test('a block that does not decompress is one failure, and reading goes on', async t => {
  for (const codec of ['deflate', 'zstandard'] as const) {
    const path = await damaged(t, (bytes, blocks) => bytes.fill(0xff, blocks[0]!.data, blocks[0]!.data + 8), codec)
    const records = await readAll(path)
    t.match(records[0], { index: 0, error: { code: 'AVRO_BAD_BLOCK', where: /block 0/ } })
    t.equal(records.length - 1 + (records[0] as ContainerFailure).lost, 30)
  }
})

await t.test('a bad record whose neighbours are intact is lost alone, with its bytes', async t => {
  const reader = parseSchema(`{"type":"record","name":"alert","fields":[
    {"name":"diaSourceId","type":"long"},{"name":"kind","type":"string"},{"name":"stamp","type":"bytes"}]}`)
  const path = join(await tempDir(t), 'mixed.avro')
  await write(path, 'null', 10)
  const records = await readAll(path, { reader })
  t.equal(records.length, 10)
  for (const record of records) {
    if (record.index % 2 === 1) t.equal((record as ContainerRecord).value['kind'], `k${record.index}`)
    else {
      t.match(record, { lost: 1, error: { code: 'RESOLUTION_IMPOSSIBLE', message: /kind: null cannot be read as string/, where: new RegExp(`record ${record.index}$`) } })
      t.ok(record.datum!.equals(schema.encode(alert(record.index))))
    }
  }
})

await t.test('where a record\'s end is lost, the rest of its block is one failure and the next block is read', async t => {
  const path = await damaged(t, (bytes, blocks) => {
    // The union's branch of the first record of block 1: there is no branch 60.
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

await t.test('records that do not fill their block are reported', async t => {
  const path = await damaged(t, (bytes, blocks) => {
    // One record fewer than there are.
    bytes[blocks[1]!.at]! -= 2
    return bytes
  })
  t.ok((await readAll(path)).some(record => record.error?.code === 'AVRO_BAD_BLOCK'))
})

await t.test('a block larger than allowed is refused before it is held, packed or not', async t => {
  const folder = await tempDir(t)
  for (const codec of ['null', 'deflate', 'snappy', 'zstandard'] as const) {
    const path = join(folder, codec)
    const writer = await createContainerWriter(path, schema, { codec })
    await writer.append({ diaSourceId: 1n, stamp: Buffer.alloc(300_000) })
    await writer.close()
    if (codec === 'null') await t.rejects(readAll(path, { maxBlockBytes: 100_000 }), { code: 'AVRO_BLOCK_TOO_LARGE' })
    else t.match(await readAll(path, { maxBlockBytes: 100_000 }), [{ error: { code: 'AVRO_BLOCK_TOO_LARGE' }, lost: 1 }], codec)
  }
})

await t.test('a file far larger than memory may hold is read with one block at a time', async t => {
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
      // Twice, with a turn between: the memory of buffers is freed behind the collector's back.
      collectGarbage()
      await new Promise(resolve => setImmediate(resolve))
      collectGarbage()
      highest = Math.max(highest, process.memoryUsage().arrayBuffers - before)
    }
  }
  await container.close()
  t.ok(highest < 10_000_000, `${highest} bytes held of 120,000,000`)
})
