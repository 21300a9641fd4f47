import t from 'tap'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createArchive } from '../../src/stores/archive.ts'
import { crc32c } from '../../src/stores/crc32c.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { gzipFrame } from '../../src/stores/gzip.ts'
import { type Layout, layouts } from '../../src/stores/layouts.ts'
import { type ObjectStore } from '../../src/stores/object-store.ts'

const id = '170028518906855444'
const frame = Buffer.concat([Buffer.from([0, 0, 0, 4, 76]), randomBytes(20_000), Buffer.alloc(60_000)])
const schema = `{
  "type": "record", "name": "alert", "doc": "kept  as it is",
  "fields": [{"name": "x", "type": "long", "default": 9007199254740993}]
}`

async function open (root: string, layout: Layout) {
  return createArchive({ alerts: await openFileStore(join(root, 'alerts')), schemas: await openFileStore(join(root, 'schemas')), layout })
}

await t.test('returns exactly what was put, in either layout', async t => {
  for (const layout of layouts) {
    const archive = await open(t.testdir(), layout)
    const gz = await gzipFrame(frame)
    t.equal(await archive.getAlert(id), undefined)
    t.equal(await archive.getSchema(1), undefined)
    t.equal(await archive.putAlert(id, gz, crc32c(frame)), 'written')
    t.equal(await archive.putAlert(id, await gzipFrame(frame, 1), crc32c(frame)), 'identical')
    t.ok((await archive.getAlert(id))?.equals(frame))
    t.ok((await archive.getAlertGzip(id))?.equals(gz))
    t.equal(await archive.putSchema(1, schema), 'written')
    t.equal(await archive.getSchema(1), schema)
    await archive.check()
    await archive.close()
  }
})

await t.test('names objects by layout, and Python decompresses them to the frame', async t => {
  const names = { v1: `alert_archive/v1/alerts/${id}.avro.gz`, v2: `v2/alerts/170028/${id}.avro.gz` }
  for (const layout of layouts) {
    const root = t.testdir()
    const archive = await open(root, layout)
    await archive.putAlert(id, await gzipFrame(frame), crc32c(frame))
    const program = 'import gzip,sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())'
    const python = spawnSync('python3', ['-c', program, join(root, 'alerts', names[layout])], { maxBuffer: 1e8 })
    t.ok(frame.equals(python.stdout), python.stderr.toString())
  }
})

await t.test('reads both layouts, the configured one first', async t => {
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

await t.test('another alert or schema under an id is a conflict; different white space in a schema is not', async t => {
  const archive = await open(t.testdir(), 'v2')
  await archive.putAlert('1', await gzipFrame(frame), crc32c(frame))
  const other = Buffer.from('other')
  await t.rejects(archive.putAlert('1', await gzipFrame(other), crc32c(other)), { code: 'ARCHIVE_CONFLICT' })
  await archive.putSchema(1, schema)
  t.equal(await archive.putSchema(1, schema), 'identical')
  t.equal(await archive.putSchema(1, schema.replace(/\n */g, '')), 'identical')
  t.equal(await archive.getSchema(1), schema, 'the first text is kept')
  for (const text of [schema.replace('kept  as', 'kept as'), schema.replace('993', '992'), '"long"']) {
    await t.rejects(archive.putSchema(1, text), { code: 'ARCHIVE_CONFLICT' })
  }
})

await t.test('a damaged object is OBJECT_CORRUPT, naming the object', async t => {
  const root = t.testdir()
  const archive = await open(root, 'v2')
  const gz = await gzipFrame(frame)
  await archive.putAlert('1', gz, crc32c(frame))
  await writeFile(join(root, 'alerts/v2/alerts/1/1.avro.gz'), gz.subarray(0, 1000))
  await t.rejects(archive.getAlert('1'), { code: 'OBJECT_CORRUPT', where: /v2\/alerts\/1\/1\.avro\.gz$/ })
  await writeFile(join(root, 'alerts/v2/alerts/1/1.avro.gz'), '')
  await t.rejects(archive.getAlertGzip('1'), { code: 'OBJECT_CORRUPT' })
})

await t.test('a frame that does not match the stored checksum is OBJECT_CORRUPT', async t => {
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
