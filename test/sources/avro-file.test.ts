import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createContainerWriter, openContainer, parseSchema, type CodecName } from '../../src/avro/index.ts'
import { avroFileSource, scanAvroFile, type AvroFileItem } from '../../src/sources/avro-file.ts'
import { contextOf, pull } from '../kafka/support.ts'
import { tempDir } from '../support/stack.ts'

const fields = [{ name: 'diaSourceId', type: 'long' }, { name: 'raw', type: 'bytes' }]
const schema = parseSchema(JSON.stringify({ type: 'record', name: 'alert', fields }))
const never = new AbortController().signal

/** Writes a file of `count` records. Each record has about 100 bytes, and each block holds about five records. */
async function avroFile (t: Test, count: number, codec: CodecName = 'null'): Promise<string> {
  const path = join(await tempDir(t), 'x.avro')
  const writer = await createContainerWriter(path, schema, { codec, blockBytes: 500 })
  for (let n = 0; n < count; n++) await writer.append({ diaSourceId: BigInt(n), raw: Buffer.alloc(n === 7 ? 300 : 100, n) })
  await writer.close()
  return path
}

async function read (path: string) {
  const source = avroFileSource(path)
  const pulling = pull<AvroFileItem>(source, contextOf())
  await pulling.ended
  return { source, records: pulling.records }
}

await t.test('emits every record in order, with its size and position, in a buffer that does not retain the block', async t => {
  const path = await avroFile(t, 23, 'deflate')
  const { source, records } = await read(path)
  t.equal(source.atEnd, true)
  t.strictSame(records.map(({ position }) => position), Array.from({ length: 23 }, (_, n) => `${path}#${n}`))
  for (const [n, { value, bytes }] of records.entries()) {
    t.equal(bytes, value.data?.length)
    t.equal(schema.decode(value.data!)['diaSourceId'], BigInt(n))
    t.ok(value.data!.buffer.byteLength <= Buffer.poolSize, 'the data is not a view of the block')
  }
})

await t.test('scanAvroFile counts records and bytes and finds the largest record', async t => {
  const path = await avroFile(t, 23)
  const { records } = await read(path)
  const sizes = records.map(({ bytes }) => bytes)
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  t.match(await scanAvroFile(path, never), { records: 23, damaged: 0, bytes, largest: Math.max(...sizes) })
})

await t.test('for a damaged block, emits one failure with the number of lost records, and continues after the block', async t => {
  const path = await avroFile(t, 20, 'deflate')
  const bytes = await readFile(path)
  const container = await openContainer(path)
  const marker = bytes.subarray(bytes.length - 16)
  await container.close()
  // Overwrites compressed data shortly before the sync marker that ends the second block.
  const first = bytes.indexOf(marker)
  const second = bytes.indexOf(marker, bytes.indexOf(marker, first + 16) + 16)
  bytes.fill(0xff, second - 12, second - 6)
  await writeFile(path, bytes)
  const { source, records } = await read(path)
  const failed = records.filter(({ value }) => value.error !== undefined)
  t.equal(failed.length, 1)
  t.match(failed[0]?.value, { error: { code: 'AVRO_BAD_BLOCK', where: /block 1/ }, lost: 3 })
  t.equal(records.length, 18)
  t.equal(source.atEnd, true)
  t.match(await scanAvroFile(path, never), { records: 17, damaged: 3 })
})

await t.test('fails if the file is truncated, missing or not an Avro container', async t => {
  const path = await avroFile(t, 20)
  const bytes = await readFile(path)
  await writeFile(path, bytes.subarray(0, bytes.length - 30))
  await t.rejects(read(path), { code: 'AVRO_TRUNCATED' })
  await t.rejects(scanAvroFile(path, never), { code: 'AVRO_TRUNCATED' })
  await writeFile(path, 'something else')
  await t.rejects(scanAvroFile(path, never), { code: 'AVRO_NOT_A_CONTAINER' })
  await writeFile(path, '')
  await t.rejects(scanAvroFile(path, never), { code: 'AVRO_NOT_A_CONTAINER' })
  await t.rejects(scanAvroFile(join(path, 'x'), never), { code: 'AVRO_UNREADABLE' })
})

await t.test('a drain ends the source early without error, and atEnd is false', async t => {
  const source = avroFileSource(await avroFile(t, 20))
  const context = contextOf()
  const pulling = pull(source, context, () => { if (pulling.records.length === 7) context.stop() })
  await pulling.ended
  t.equal(pulling.records.length, 7)
  t.equal(source.atEnd, false)
})
