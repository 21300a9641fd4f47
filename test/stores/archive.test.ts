import t from 'tap'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { createArchive } from '../../src/stores/archive.ts'
import { crc32c } from '../../src/stores/crc32c.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { gzipFrame } from '../../src/stores/gzip.ts'
import { type Layout } from '../../src/stores/layouts.ts'
import { type ObjectStore } from '../../src/stores/object-store.ts'

const layouts: readonly Layout[] = ['v1', 'v2']
const id = '170028518906855444'
const frame = Buffer.concat([Buffer.from([0, 0, 0, 4, 76]), randomBytes(20_000), Buffer.alloc(60_000)])
const schema = '{\n  "type": "record", "name": "alert", "doc": "kept  as it is",\n' +
  '  "fields": [{"name": "x", "type": "long", "default": 9007199254740993}]\n}'

async function open (root: string, layout: Layout) {
  return createArchive({ alerts: await openFileStore(join(root, 'alerts')), schemas: await openFileStore(join(root, 'schemas')), layout })
}

await t.test('returns exactly the alert and schema that were put, in either layout', async t => {
  for (const layout of layouts) {
    const archive = await open(t.testdir(), layout)
    const gz = await gzipFrame(frame)
    t.equal(await archive.getAlert(id), undefined)
    t.equal(await archive.findAlert(id), undefined)
    t.equal(await archive.getSchema(1), undefined)
    t.equal(await archive.putAlert(id, gz, crc32c(frame)), 'written')
    t.equal(await archive.putAlert(id, await gzipFrame(frame, 1), crc32c(frame)), 'identical')
    t.ok((await archive.getAlert(id))?.equals(frame))
    t.ok((await archive.findAlert(id))?.gzip.equals(gz), 'the stored bytes are unchanged')
    t.equal(await archive.putSchema(1, schema), 'written')
    t.equal(await archive.getSchema(1), schema)
    await archive.check()
    await archive.close()
  }
})

await t.test('names objects by the layout, and Python decompresses the objects to the frame', async t => {
  const names = { v1: `alert_archive/v1/alerts/${id}.avro.gz`, v2: `v2/alerts/170028/${id}.avro.gz` }
  const gunzip = 'import gzip,sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())'
  for (const layout of layouts) {
    const root = t.testdir()
    const archive = await open(root, layout)
    await archive.putAlert(id, await gzipFrame(frame), crc32c(frame))
    const python = spawnSync('python3', ['-c', gunzip, join(root, 'alerts', names[layout])], { maxBuffer: 1e8 })
    t.ok(frame.equals(python.stdout), python.stderr.toString())
  }
})

await t.test('reads objects of both layouts, and tries the configured layout first', async t => {
  const root = t.testdir()
  const v1 = await open(root, 'v1')
  const v2 = await open(root, 'v2')
  const other = Buffer.from('\0\0\0\0\x01other')
  await v1.putAlert('1', await gzipFrame(frame), crc32c(frame))
  await v2.putAlert('2', await gzipFrame(other), crc32c(other))
  await v1.putSchema(1, schema)
  t.ok((await v2.getAlert('1'))?.equals(frame))
  t.ok((await v1.getAlert('2'))?.equals(other))
  t.equal(await v2.getSchema(1), schema)
  await v2.putAlert('1', await gzipFrame(other), crc32c(other))
  t.ok((await v1.getAlert('1'))?.equals(frame))
  t.ok((await v2.getAlert('1'))?.equals(other))
})

await t.test('rejects another alert or schema under an existing id, but ignores whitespace in schemas', async t => {
  const archive = await open(t.testdir(), 'v2')
  await archive.putAlert('1', await gzipFrame(frame), crc32c(frame))
  const other = Buffer.from('other')
  await t.rejects(archive.putAlert('1', await gzipFrame(other), crc32c(other)), { code: 'ARCHIVE_CONFLICT' })
  await archive.putSchema(1, schema)
  t.equal(await archive.putSchema(1, schema), 'identical')
  t.equal(await archive.putSchema(1, schema.replace(/\n */g, '')), 'identical')
  t.equal(await archive.getSchema(1), schema, 'the text of the first put is kept')
  for (const text of [schema.replace('kept  as', 'kept as'), schema.replace('993', '992'), '"long"']) {
    await t.rejects(archive.putSchema(1, text), { code: 'ARCHIVE_CONFLICT' })
  }
})

await t.test('reading a damaged object rejects with OBJECT_CORRUPT and the key of the object', async t => {
  const root = t.testdir()
  const archive = await open(root, 'v2')
  const gz = await gzipFrame(frame)
  await archive.putAlert('1', gz, crc32c(frame))
  await writeFile(join(root, 'alerts/v2/alerts/1/1.avro.gz'), gz.subarray(0, 1000))
  await t.rejects(archive.getAlert('1'), { code: 'OBJECT_CORRUPT', where: /v2\/alerts\/1\/1\.avro\.gz$/ })
  await writeFile(join(root, 'alerts/v2/alerts/1/1.avro.gz'), '')
  await t.rejects(archive.getAlert('1'), { code: 'OBJECT_CORRUPT' })
})

await t.test('rejects a frame whose checksum differs from the stored metadata', async t => {
  const archive = await open(t.testdir(), 'v2')
  await archive.putAlert('1', await gzipFrame(frame), crc32c(frame))
  const alerts: ObjectStore = {
    ...archive.alerts,
    url: 'gs://bucket',
    get: async key => {
      const object = await archive.alerts.get(key)
      return object && { ...object, crc32c: 1 }
    }
  }
  await t.rejects(createArchive({ alerts, schemas: archive.schemas, layout: 'v2' }).getAlert('1'), { code: 'OBJECT_CORRUPT' })
})

await t.test('rejects an object that cannot hold a permitted frame before it reads the object, and a frame above the limit', async t => {
  const root = t.testdir()
  const { alerts, schemas } = await open(root, 'v2')
  const archive = createArchive({ alerts, schemas, layout: 'v2', maxFrameBytes: frame.length })
  await archive.putAlert('1', await gzipFrame(frame), crc32c(frame))
  t.ok((await archive.getAlert('1'))?.equals(frame), 'a frame of exactly the limit')
  const longer = Buffer.concat([frame, Buffer.alloc(1)])
  await archive.putAlert('2', await gzipFrame(longer), crc32c(longer))
  await t.rejects(archive.getAlert('2'), { code: 'OBJECT_TOO_LARGE', where: /v2\/alerts\/2\/2\.avro\.gz$/ })
  await writeFile(join(root, 'alerts/v2/alerts/2/2.avro.gz'), Buffer.alloc(2 * frame.length))
  await t.rejects(archive.findAlert('2'), { code: 'OBJECT_TOO_LARGE', where: /v2\/alerts\/2\/2\.avro\.gz$/ })
})

await t.test('rejects a schema that differs from the stored checksum, is not JSON or not UTF-8', async t => {
  const { alerts, schemas } = await open(t.testdir(), 'v2')
  const holding = (body: Buffer, checksum?: number) =>
    createArchive({ alerts, schemas: { ...schemas, url: 'gs://bucket', get: async () => ({ body, crc32c: checksum }) }, layout: 'v2' })
  const body = Buffer.from(schema)
  t.equal(await holding(body).getSchema(1), schema)
  t.equal(await holding(body, crc32c(body)).getSchema(1), schema)
  await t.rejects(holding(body, 1).getSchema(1), { code: 'OBJECT_CORRUPT', message: /schema has CRC32C/, where: /schemas\/1\.json$/ })
  for (const damaged of [body.subarray(0, 40), Buffer.alloc(0), Buffer.from('"\xe9"', 'latin1')]) {
    await t.rejects(holding(damaged).getSchema(1), { code: 'OBJECT_CORRUPT', where: /schemas\/1\.json$/ })
  }
})

await t.test('a huge object under an existing id is a conflict, and is not inflated completely', async t => {
  const root = t.testdir()
  const archive = await open(root, 'v2')
  await archive.putAlert('1', await gzipFrame(frame), crc32c(frame))
  await writeFile(join(root, 'alerts/v2/alerts/1/1.avro.gz'), gzipSync(Buffer.alloc(64_000_000)))
  await t.rejects(archive.putAlert('1', await gzipFrame(frame), crc32c(frame)), { code: 'ARCHIVE_CONFLICT', message: /cannot be read/ })
})
