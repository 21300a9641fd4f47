import t from 'tap'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { createArchive } from '../../src/stores/archive.ts'
import { checksumsOf, type Checksums } from '../../src/stores/checksums.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { gzipFrame } from '../../src/stores/gzip.ts'
import { alertKey, schemaKey, type Layout } from '../../src/stores/layouts.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { forge } from '../support/equal-crc32c.ts'
import { collect } from './contract.ts'

const layouts: readonly Layout[] = ['v1', 'v2', 'v3']
const id = '170028518906855444'
const frame = Buffer.concat([Buffer.from([0, 0, 0, 4, 76]), randomBytes(20_000), Buffer.alloc(60_000)])
const schema = '{\n  "type": "record", "name": "alert", "doc": "kept  as it is",\n' +
  '  "fields": [{"name": "x", "type": "long", "default": 9007199254740993}]\n}'

async function open (root: string, layout: Layout) {
  return createArchive({ alerts: await openFileStore(join(root, 'alerts')), schemas: await openFileStore(join(root, 'schemas')), layout })
}

await t.test('returns exactly the alert and schema that were put, in any layout', async t => {
  for (const layout of layouts) {
    const archive = await open(t.testdir(), layout)
    const gz = await gzipFrame(frame)
    t.equal(await archive.getAlert(id), undefined)
    t.equal(await archive.findAlert(id), undefined)
    t.equal(await archive.getSchema(1), undefined)
    t.equal(await archive.putAlert(id, gz, checksumsOf(frame)), 'written')
    t.equal(await archive.putAlert(id, await gzipFrame(frame, 1), checksumsOf(frame)), 'identical')
    t.ok((await archive.getAlert(id))?.equals(frame))
    t.ok((await archive.findAlert(id))?.body.equals(gz), 'the stored bytes are unchanged')
    t.equal(await archive.putSchema(1, schema), 'written')
    t.equal(await archive.getSchema(1), schema)
    await archive.check()
    await archive.close()
  }
})

await t.test('names objects by the layout, and Python decompresses the objects to the frame', async t => {
  const names = {
    v1: `alert_archive/v1/alerts/${id}.avro.gz`, v2: `v2/alerts/170028/${id}.avro.gz`, v3: `v3/alerts/other/170028/${id}.avro.gz`
  }
  const gunzip = 'import gzip,sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())'
  for (const layout of layouts) {
    const root = t.testdir()
    const archive = await open(root, layout)
    await archive.putAlert(id, await gzipFrame(frame), checksumsOf(frame))
    const python = spawnSync('python3', ['-c', gunzip, join(root, 'alerts', names[layout])], { maxBuffer: 1e8 })
    t.ok(frame.equals(python.stdout), python.stderr.toString())
  }
})

await t.test('reads objects of both layouts, and tries the configured layout first', async t => {
  const root = t.testdir()
  const v1 = await open(root, 'v1')
  const v2 = await open(root, 'v2')
  const other = Buffer.from('\0\0\0\0\x01other')
  await v1.putAlert('1', await gzipFrame(frame), checksumsOf(frame))
  await v2.putAlert('2', await gzipFrame(other), checksumsOf(other))
  await v1.putSchema(1, schema)
  t.ok((await v2.getAlert('1'))?.equals(frame))
  t.equal(await v2.getSchema(1), schema)
  const later = await open(root, 'v1')
  t.ok((await later.getAlert('2'))?.equals(other), 'a store opened later finds the objects of both layouts')
  const bothUnder1 = join(root, 'alerts/v2/alerts/1')
  await mkdir(bothUnder1, { recursive: true })
  await writeFile(join(bothUnder1, '1.avro.gz'), await gzipFrame(other))
  t.ok((await v1.getAlert('1'))?.equals(frame))
  t.ok((await v2.getAlert('1'))?.equals(other))
})

for (const [layout, other] of [['v1', 'v2'], ['v2', 'v1'], ['v2', 'v3'], ['v3', 'v2']] as const) {
  await t.test(`compares with an alert or schema of the other layout before it writes (${layout})`, async t => {
    const root = t.testdir()
    await (await open(root, other)).putAlert('1', await gzipFrame(frame), checksumsOf(frame))
    await (await open(root, other)).putSchema(1, schema)
    const archive = await open(root, layout)
    t.equal(await archive.putAlert('1', await gzipFrame(frame, 1), checksumsOf(frame)), 'identical')
    const changed = forge(Buffer.concat([frame.subarray(1), Buffer.alloc(1)]), frame)
    t.equal(checksumsOf(changed).crc32c, checksumsOf(frame).crc32c)
    await t.rejects(archive.putAlert('1', await gzipFrame(changed), checksumsOf(changed)), {
      code: 'ARCHIVE_CONFLICT', where: join(root, 'alerts', alertKey(other, '1')), retryable: false, fatal: false
    })
    t.equal(await archive.putSchema(1, schema.replace(/\n */g, '')), 'identical')
    await t.rejects(archive.putSchema(1, schema.replace('992', '991').replace('993', '992')), { code: 'ARCHIVE_CONFLICT' })
    t.equal(await archive.putAlert('2', await gzipFrame(changed), checksumsOf(changed)), 'written')
    t.equal(await archive.putSchema(2, schema), 'written')
    const paths = (...keys: string[]) => keys.map(key => key.replace(/^\//, '')).sort()
    t.same(await collect(archive.alerts.list('')), paths(alertKey(other, '1'), alertKey(layout, '2')))
    t.same(await collect(archive.schemas.list('')), paths(schemaKey(other, 1), schemaKey(layout, 2)))
  })
}

await t.test('a store with one layout costs no request per object, and one listing per layout', async t => {
  const root = t.testdir()
  const store = await openFileStore(root)
  const calls: string[] = []
  const counted = new Proxy(store, {
    get: (target, name) => (...args: unknown[]) => {
      calls.push(`${String(name)} ${String(args[0])}`)
      return (target[name as keyof ObjectStore] as (...args: unknown[]) => unknown).apply(target, args)
    }
  })
  const archive = createArchive({ alerts: counted, schemas: counted, layout: 'v2' })
  const gz = await gzipFrame(frame)
  await Promise.all(['1', '2', '3'].map(async id => archive.putAlert(id, gz, checksumsOf(frame))))
  for (const id of ['1', '4']) await archive.getAlert(id)
  await archive.putSchema(1, schema)
  await archive.getSchema(2)
  t.same(calls.toSorted(), [
    'get v2/alerts/1/1.avro.gz', 'get v2/alerts/4/4.avro.gz', 'get v2/schemas/2.json',
    'list /alert_archive/v1/alerts/', 'list /alert_archive/v1/schemas/', 'list /v1/alerts/', 'list /v1/schemas/',
    'list v1/alerts/', 'list v1/schemas/', 'list v2/alerts/', 'list v3/alerts/', 'list v3/schemas/',
    'put v2/alerts/1/1.avro.gz', 'put v2/alerts/2/2.avro.gz', 'put v2/alerts/3/3.avro.gz', 'put v2/schemas/1.json'
  ])
})

await t.test('reads and compares uncompressed alerts and the keys of all layouts of Rubin', async t => {
  const frames = Array.from({ length: 8 }, (_, n) => Buffer.concat([frame, Buffer.alloc(1, n)]))
  const keyOf: ReadonlyArray<(id: string) => string> = [
    id => `v2/alerts/${id.slice(0, 6)}/${id}.avro`, id => `v1/alerts/${id}.avro.gz`, id => `v1/alerts/${id}.avro`,
    id => `alert_archive/v1/alerts/${id}.avro`, id => `v3/alerts/other/170028/${id}.avro.gz`
  ]
  for (const layout of layouts) {
    const root = t.testdir()
    for (const [n, key] of keyOf.entries()) {
      const path = join(root, 'alerts', key(String(BigInt(id) + BigInt(n))))
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, path.endsWith('.gz') ? gzipSync(frames[n]!) : frames[n]!)
    }
    await mkdir(join(root, 'schemas/v1/schemas'), { recursive: true })
    await writeFile(join(root, 'schemas/v1/schemas/1.json'), schema)
    const archive = await open(root, layout)
    const before = await collect(archive.alerts.list(''))
    for (const [n, key] of keyOf.entries()) {
      const each = String(BigInt(id) + BigInt(n))
      t.ok((await archive.getAlert(each))?.equals(frames[n]!), `${layout} reads ${key(each)}`)
      t.equal((await archive.findAlert(each))?.compressed, key(each).endsWith('.gz'))
      t.equal(await archive.putAlert(each, await gzipFrame(frames[n]!), checksumsOf(frames[n]!)), 'identical')
      const other = Buffer.concat([frames[n]!, Buffer.alloc(1)])
      const put = archive.putAlert(each, await gzipFrame(other), checksumsOf(other))
      await t.rejects(put, { code: 'ARCHIVE_CONFLICT', where: /\.avro(\.gz)?$/ })
    }
    t.same(await collect(archive.alerts.list('')), before, 'nothing is written beside an existing alert')
    t.equal(await archive.getSchema(1), schema)
    t.equal(await archive.putSchema(1, schema), 'identical')
    await t.rejects(archive.putSchema(1, '"long"'), { code: 'ARCHIVE_CONFLICT' })
  }
})

await t.test('an uncompressed object that cannot be a frame is corrupt', async t => {
  const root = t.testdir({
    alerts: { v2: { alerts: { 1: { '1.avro': '' }, 2: { '2.avro': 'Obj\x01 a container' }, 3: { '3.avro': '\0' } } } }
  })
  const archive = await open(root, 'v2')
  for (const id of ['1', '2', '3']) await t.rejects(archive.getAlert(id), { code: 'OBJECT_CORRUPT', where: new RegExp(`${id}\\.avro$`) })
  const large = createArchive({ alerts: archive.alerts, schemas: archive.schemas, layout: 'v2', maxFrameBytes: 100 })
  await writeFile(join(root, 'alerts/v2/alerts/1/1.avro'), frame.subarray(0, 101))
  await t.rejects(large.getAlert('1'), { code: 'OBJECT_TOO_LARGE' })
})

await t.test('rejects another alert or schema under an existing id, but ignores whitespace in schemas', async t => {
  const archive = await open(t.testdir(), 'v2')
  await archive.putAlert('1', await gzipFrame(frame), checksumsOf(frame))
  const other = Buffer.from('other')
  await t.rejects(archive.putAlert('1', await gzipFrame(other), checksumsOf(other)), { code: 'ARCHIVE_CONFLICT' })
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
  await archive.putAlert('1', gz, checksumsOf(frame))
  await writeFile(join(root, 'alerts/v2/alerts/1/1.avro.gz'), gz.subarray(0, 1000))
  await t.rejects(archive.getAlert('1'), { code: 'OBJECT_CORRUPT', where: /v2\/alerts\/1\/1\.avro\.gz$/ })
  await writeFile(join(root, 'alerts/v2/alerts/1/1.avro.gz'), '')
  await t.rejects(archive.getAlert('1'), { code: 'OBJECT_CORRUPT' })
})

await t.test('rejects a frame whose SHA-256 or, in older objects, CRC32C differs from the stored metadata', async t => {
  const archive = await open(t.testdir(), 'v2')
  await archive.putAlert('1', await gzipFrame(frame), checksumsOf(frame))
  const { crc32c, sha256 } = checksumsOf(frame)
  const read = async (metadata: Partial<Checksums>) => {
    const alerts: ObjectStore = {
      ...archive.alerts,
      url: 'gs://bucket',
      get: async key => {
        const object = await archive.alerts.get(key)
        return object && { ...object, ...metadata }
      }
    }
    return await createArchive({ alerts, schemas: archive.schemas, layout: 'v2' }).getAlert('1')
  }
  for (const metadata of [{}, { crc32c }, { crc32c, sha256 }]) t.ok((await read(metadata))?.equals(frame))
  const wrong = `0${sha256.slice(1)}` === sha256 ? `1${sha256.slice(1)}` : `0${sha256.slice(1)}`
  await t.rejects(read({ crc32c: 1 }), { code: 'OBJECT_CORRUPT', message: /CRC32C/ })
  await t.rejects(read({ crc32c, sha256: wrong }), { code: 'OBJECT_CORRUPT', message: new RegExp(`SHA-256 ${sha256}.*${wrong}`) })
})

await t.test('rejects an object that cannot hold a permitted frame before it reads the object, and a frame above the limit', async t => {
  const root = t.testdir()
  const { alerts, schemas } = await open(root, 'v2')
  const archive = createArchive({ alerts, schemas, layout: 'v2', maxFrameBytes: frame.length })
  await archive.putAlert('1', await gzipFrame(frame), checksumsOf(frame))
  t.ok((await archive.getAlert('1'))?.equals(frame), 'a frame of exactly the limit')
  const longer = Buffer.concat([frame, Buffer.alloc(1)])
  await archive.putAlert('2', await gzipFrame(longer), checksumsOf(longer))
  await t.rejects(archive.getAlert('2'), { code: 'OBJECT_TOO_LARGE', where: /v2\/alerts\/2\/2\.avro\.gz$/ })
  await writeFile(join(root, 'alerts/v2/alerts/2/2.avro.gz'), Buffer.alloc(2 * frame.length))
  await t.rejects(archive.findAlert('2'), { code: 'OBJECT_TOO_LARGE', where: /v2\/alerts\/2\/2\.avro\.gz$/ })
})

await t.test('rejects a schema that differs from the stored checksum, is not JSON or not UTF-8', async t => {
  const { alerts, schemas } = await open(t.testdir(), 'v2')
  const holding = (body: Buffer, checksums: Partial<Checksums> = {}) =>
    createArchive({ alerts, schemas: { ...schemas, url: 'gs://bucket', get: async () => ({ body, ...checksums }) }, layout: 'v2' })
  const body = Buffer.from(schema)
  t.equal(await holding(body).getSchema(1), schema)
  t.equal(await holding(body, checksumsOf(body)).getSchema(1), schema)
  const lenient = '// Java accepts comments, Python writes NaN\n{"type": "record", "default": NaN}'
  t.equal(await holding(Buffer.from(lenient)).getSchema(1), lenient)
  await t.rejects(holding(body, { crc32c: 1 }).getSchema(1), {
    code: 'OBJECT_CORRUPT', message: /schema has CRC32C/, where: /schemas\/1\.json$/
  })
  const ofOther = checksumsOf(Buffer.from('{}'))
  await t.rejects(holding(body, ofOther).getSchema(1), { code: 'OBJECT_CORRUPT', message: /schema has SHA-256/ })
  for (const damaged of [body.subarray(0, 40), Buffer.alloc(0), Buffer.from('"\xe9"', 'latin1')]) {
    await t.rejects(holding(damaged).getSchema(1), { code: 'OBJECT_CORRUPT', where: /schemas\/1\.json$/ })
  }
})

await t.test('a huge object under an existing id is a conflict, and is not inflated completely', async t => {
  const root = t.testdir()
  const archive = await open(root, 'v2')
  await archive.putAlert('1', await gzipFrame(frame), checksumsOf(frame))
  await writeFile(join(root, 'alerts/v2/alerts/1/1.avro.gz'), gzipSync(Buffer.alloc(64_000_000)))
  const again = archive.putAlert('1', await gzipFrame(frame), checksumsOf(frame))
  await t.rejects(again, { code: 'ARCHIVE_CONFLICT', message: new RegExp(`inflates to more than .* to ${frame.length} bytes with `) })
})

await t.test('a frame above the default size limit is identical to itself, at another compression level too', async t => {
  const archive = await open(t.testdir(), 'v2')
  const large = Buffer.alloc(40 * 1024 * 1024, 'large ')
  t.equal(await archive.putAlert('1', await gzipFrame(large, 1), checksumsOf(large)), 'written')
  t.equal(await archive.putAlert('1', await gzipFrame(large, 9), checksumsOf(large)), 'identical')
})
