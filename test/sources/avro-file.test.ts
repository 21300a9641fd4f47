import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createContainerWriter, openContainer, parseSchema, type CodecName } from '../../src/avro/index.ts'
import { avroFileSource, scanAvroFile, type AvroFileItem } from '../../src/sources/avro-file.ts'
import { contextOf, pull } from '../kafka/support.ts'
import { tempDir } from '../support/stack.ts'

const schema = parseSchema(JSON.stringify({ type: 'record', name: 'alert', fields: [{ name: 'diaSourceId', type: 'long' }, { name: 'raw', type: 'bytes' }] }))
const never = new AbortController().signal

/** Blocks of five records of 101 + 2 bytes and more. */
async function file (t: Test, count: number, codec: CodecName = 'null'): Promise<string> {
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

await t.test('every record comes in order, with its bytes, its place in the file and memory of its own', async t => {
  const path = await file(t, 23, 'deflate')
  const { source, records } = await read(path)
  t.equal(source.atEnd, true)
  t.strictSame(records.map(({ position }) => position), Array.from({ length: 23 }, (_, n) => `${path}#${n}`))
  for (const [n, { value, bytes }] of records.entries()) {
    t.equal(bytes, value.data?.length)
    t.equal(schema.decode(value.data!)['diaSourceId'], BigInt(n))
    t.ok(value.data!.buffer.byteLength <= Buffer.poolSize, 'not a view into its block')
  }
})

await t.test('the scan counts records and bytes and finds the largest, without decoding', async t => {
  const path = await file(t, 23)
  const { records } = await read(path)
  t.match(await scanAvroFile(path, never), { records: 23, damaged: 0, bytes: records.reduce((sum, { bytes }) => sum + bytes, 0), largest: Math.max(...records.map(({ bytes }) => bytes)) })
})

await t.test('a damaged block comes as one failure that says how many are lost, and reading goes on behind it', async t => {
  const path = await file(t, 20, 'deflate')
  const bytes = await readFile(path)
  const container = await openContainer(path)
  const marker = bytes.subarray(bytes.length - 16)
  await container.close()
  // The middle of the second block's compressed data.
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

await t.test('a truncated file fails, and is not at its end', async t => {
  const path = await file(t, 20)
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

await t.test('drained before its end it stops without error, and says that it is not at its end', async t => {
  const source = avroFileSource(await file(t, 20))
  const context = contextOf()
  const pulling = pull(source, context, () => { if (pulling.records.length === 7) context.stop() })
  await pulling.ended
  t.equal(pulling.records.length, 7)
  t.equal(source.atEnd, false)
})
