// Compares src/avro with an independent implementation, Python's fastavro: files with every codec, values of every type, and the survey's
// schemas.
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import {
  codecNames, createContainerWriter, fetchSchemaPackage, loadSchemaPackage, openContainer, parseSchema, resolver, surveyFillIns,
  type AlertValue
} from '../../src/avro/index.ts'
import { zipStored } from '../../src/avro/zip.ts'
import { createAlertGenerator } from '../../src/generator/alert-generator.ts'
import type { AlertStreamError } from '../../src/pipeline/index.ts'
import { cache, tempDir, usePython } from '../support/stack.ts'

const run = promisify(execFile)
const python = await usePython(t)

/** Runs a Python script with arguments and returns its JSON output. */
async function runPython (script: string, ...args: string[]): Promise<unknown> {
  const { stdout } = await run(python, ['-c', script, ...args], { maxBuffer: 1 << 26 })
  return JSON.parse(stdout)
}

const schema = parseSchema(JSON.stringify({
  type: 'record', name: 'alert', namespace: 'x.v1_0', doc: 'every type',
  fields: [
    { name: 'id', type: 'long' }, { name: 'i', type: 'int' }, { name: 'f', type: 'float' }, { name: 'd', type: 'double' },
    { name: 'b', type: 'boolean' },
    { name: 's', type: 'string' }, { name: 'raw', type: 'bytes' }, { name: 'u', type: ['null', 'long', 'string'], default: null },
    { name: 'list', type: { type: 'array', items: { type: 'record', name: 'inner', fields: [{ name: 'n', type: ['null', 'double'] }] } } },
    { name: 'map', type: { type: 'map', values: 'long' } }, { name: 'e', type: { type: 'enum', name: 'band', symbols: ['u', 'g'] } },
    { name: 'fix', type: { type: 'fixed', name: 'hash', size: 3 } }, { name: 't', type: { type: 'long', logicalType: 'timestamp-micros' } }
  ]
}))

function value (n: number): AlertValue {
  return {
    id: 2n ** 63n - 1n - BigInt(n), i: -n, f: n / 4, d: n * 1.1, b: n % 2 === 0, s: `é${n}`, raw: Buffer.alloc(n % 90, n),
    u: [null, BigInt(n), 'text'][n % 3],
    list: Array.from({ length: n % 4 }, (_, k) => ({ n: k % 2 === 0 ? null : k + 0.5 })),
    map: { key: BigInt(-n) }, e: n % 2 === 0 ? 'u' : 'g', fix: Buffer.from([n % 256, 1, 2]),
    t: 1_700_000_000_000_000n + BigInt(n)
  }
}

// Decodes and re-encodes every datum of a file with fastavro, and prints the re-encoded data as hex.
const reencode = `
import sys, io, json, fastavro
with open(sys.argv[1], 'rb') as file:
    reader = fastavro.reader(file)
    out = []
    for record in reader:
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, reader.writer_schema, record)
        out.append(buffer.getvalue().hex())
print(json.dumps({'codec': reader.codec, 'doc': reader.writer_schema.get('doc'), 'data': out}))
`

const rewrite = `
import sys, json, fastavro
with open(sys.argv[1], 'rb') as file:
    reader = fastavro.reader(file)
    records = list(reader)
with open(sys.argv[2], 'wb') as file:
    fastavro.writer(file, reader.writer_schema, records, codec=sys.argv[3], sync_interval=2000)
print(len(records))
`

await t.test('fastavro reads files written by src/avro and re-encodes their values to the same bytes', async t => {
  const folder = await tempDir(t)
  for (const codec of codecNames) {
    const path = join(folder, `${codec}.avro`)
    const writer = await createContainerWriter(path, schema, { codec, blockBytes: 3000 })
    for (let n = 0; n < 300; n++) await writer.append(value(n))
    await writer.close()
    const seen = await runPython(reencode, path) as { codec: string, doc: string, data: string[] }
    t.equal(seen.codec, codec)
    t.equal(seen.doc, 'every type')
    t.same(seen.data, Array.from({ length: 300 }, (_, n) => schema.encode(value(n)).toString('hex')), codec)
  }
})

await t.test('src/avro reads files written by fastavro', async t => {
  const folder = await tempDir(t)
  const ours = join(folder, 'ours.avro')
  const writer = await createContainerWriter(ours, schema)
  for (let n = 0; n < 300; n++) await writer.append(value(n))
  await writer.close()
  for (const codec of codecNames) {
    const theirs = join(folder, `${codec}.avro`)
    t.equal(await runPython(rewrite, ours, theirs, codec), 300)
    const container = await openContainer(theirs)
    const values: unknown[] = []
    for await (const record of container.records()) {
      if (record.error !== undefined) throw record.error
      values.push(record.value)
    }
    await container.close()
    const encoded = values.map(each => schema.encode(each as AlertValue).toString('hex'))
    t.same(encoded, Array.from({ length: 300 }, (_, n) => schema.encode(value(n)).toString('hex')), codec)
  }
})

// Recompresses each block of a file into several Zstandard frames, with a skippable frame before each, or into a deflate stream that ends
// with a sync flush. Prints the data of the new file as fastavro reads them.
const recompress = `
import sys, io, json, struct, zlib, fastavro
from backports import zstd
source, target, codec = sys.argv[1:4]
def long(n):
    n, out = n << 1, b''
    while n > 127: n, out = n >> 7, out + bytes([n & 127 | 128])
    return out + bytes([n])
def text(s): return long(len(s)) + s
def frames(data):
    half, skip = len(data) // 2, struct.pack('<II', 0x184D2A53, 6) + b'skip me'[:6]
    return skip + zstd.compress(data[:half]) + skip + zstd.compress(b'') + zstd.compress(data[half:]) + skip
def flushed(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
with open(source, 'rb') as file, open(target, 'wb') as out:
    reader = fastavro.block_reader(file)
    out.write(b'Obj\\x01' + long(2) + text(b'avro.codec') + text(codec.encode()) + text(b'avro.schema') +
        text(json.dumps(reader.writer_schema).encode()) + long(0) + b'0123456789abcdef')
    for block in reader:
        packed = (frames if codec == 'zstandard' else flushed)(block.bytes_.getvalue())
        out.write(long(block.num_records) + text(packed) + b'0123456789abcdef')
with open(target, 'rb') as file:
    reader, data = fastavro.reader(file), []
    for record in reader:
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, reader.writer_schema, record)
        data.append(buffer.getvalue().hex())
print(json.dumps(data))
`

await t.test('reads blocks of several Zstandard frames and deflate blocks that end with a sync flush, as fastavro does', async t => {
  const folder = await tempDir(t)
  const plain = join(folder, 'plain.avro')
  const writer = await createContainerWriter(plain, schema, { blockBytes: 3000 })
  for (let n = 0; n < 300; n++) await writer.append(value(n))
  await writer.close()
  for (const codec of ['zstandard', 'deflate']) {
    const path = join(folder, `${codec}.avro`)
    const theirs = await runPython(recompress, plain, path, codec)
    const container = await openContainer(path, { decode: false })
    const ours: string[] = []
    for await (const record of container.records()) ours.push(record.error?.message ?? record.datum!.toString('hex'))
    await container.close()
    t.same(ours, theirs, codec)
    t.equal(ours.length, 300)
  }
})

// For each pair of schemas and each datum, prints the bytes as fastavro resolves and encodes the datum, or its error.
const resolve = `
import sys, io, json, fastavro
work = json.load(open(sys.argv[1]))
schemas = [fastavro.parse_schema(json.loads(text)) for text in work['schemas']]
out = []
for writer, reader, datum in work['data']:
    data, buffer = io.BytesIO(bytes.fromhex(datum)), io.BytesIO()
    try:
        value = fastavro.schemaless_reader(data, schemas[writer], schemas[reader])
        assert data.read() == b''
        fastavro.schemaless_writer(buffer, schemas[reader], value)
        out.append(buffer.getvalue().hex())
    except Exception as error:
        out.append(type(error).__name__)
print(json.dumps(out))
`

await t.test('resolves alerts between all survey schemas to the same bytes as fastavro, or rejects them as fastavro does', async t => {
  const folder = await fetchSchemaPackage({ cacheDir: cache().cacheDir })
  const survey = await loadSchemaPackage(folder)
  const { versions } = survey
  const data: Array<[number, number, string]> = []
  const ours: string[] = []
  for (const [from, { version, text, schema: writer }] of versions.entries()) {
    const container = await openContainer(join(folder, 'lsst/alert/packet/schema', version.replace('.', '/'), 'sample_data/fakeAlert.avro'))
    const alerts: Buffer[] = []
    for await (const record of container.records()) alerts.push(Buffer.from(record.datum!))
    await container.close()
    const generator = createAlertGenerator({ schema: JSON.parse(text), schemaVersion: version, seed: 1 })
    alerts.push(writer.encode(generator.alert(0, 0, 1)))
    for (const [to, { schema: reader }] of versions.entries()) {
      for (const datum of alerts) {
        data.push([from, to, datum.toString('hex')])
        try {
          // fastavro does not know the survey's renames.
          ours.push(resolver(writer, reader, { aliases: {} })(datum).toString('hex'))
        } catch (error) {
          if ((error as AlertStreamError).code !== 'RESOLUTION_IMPOSSIBLE') throw error
          ours.push('SchemaResolutionError')
        }
      }
    }
  }
  const path = join(await tempDir(t), 'work.json')
  await writeFile(path, JSON.stringify({ schemas: versions.map(({ text }) => text), data }))
  const theirs = await runPython(resolve, path) as string[]
  for (const [index, [from, to]] of data.entries()) {
    if (theirs[index] !== ours[index]) t.fail(`${versions[from]!.version} -> ${versions[to]!.version}: ${theirs[index]!.slice(0, 200)}`)
  }
  const resolved = ours.filter(each => each !== 'SchemaResolutionError')
  t.ok(resolved.length > 2 * versions.length, `${resolved.length} of ${ours.length} alerts resolve`)
})

await t.test('fastavro parses the self-contained survey schemas and decodes alerts that src/avro resolved to version 11.1', async t => {
  const folder = await fetchSchemaPackage({ cacheDir: cache().cacheDir })
  const survey = await loadSchemaPackage(folder)
  const work = await tempDir(t)
  for (const { version, text } of survey.versions) await writeFile(join(work, `${version}.json`), text)
  const script = 'import sys, json, fastavro; print(json.dumps([fastavro.parse_schema(json.load(open(p)))["name"] for p in sys.argv[1:]]))'
  const names = await runPython(script, ...survey.versions.map(({ version }) => join(work, `${version}.json`)))
  t.same(names, survey.versions.map(({ schema }) => schema.name))
  const path = join(work, 'all.avro')
  const newest = survey.latest.schema
  const writer = await createContainerWriter(path, newest, { codec: 'deflate' })
  const data: string[] = []
  for (const { version, schema } of survey.versions) {
    const container = await openContainer(join(folder, 'lsst/alert/packet/schema', version.replace('.', '/'), 'sample_data/fakeAlert.avro'))
    for await (const record of container.records()) {
      if (record.error !== undefined) throw record.error
      const datum = resolver(schema, newest, { fillIns: surveyFillIns })(record.datum)
      await writer.append(newest.decode(datum))
      data.push(datum.toString('hex'))
    }
    t.equal(container.schema.name, schema.name)
    await container.close()
  }
  await writer.close()
  t.same((await runPython(reencode, path) as { data: string[] }).data, data)
})

await t.test('Python zipfile reads the archives of zipStored', async t => {
  const path = join(await tempDir(t), 'a.zip')
  const [json, big] = [Buffer.from('{"x": 1}'), Buffer.alloc(100_000, 7)]
  const files = [{ name: 'a/é.json', data: json }, { name: 'empty', data: Buffer.alloc(0) }, { name: 'big', data: big }]
  await writeFile(path, zipStored(files))
  const seen = await runPython(`
import sys, json, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    print(json.dumps([archive.testzip(), [[name, archive.read(name).hex()] for name in archive.namelist()]]))`, path)
  t.same(seen, [null, files.map(({ name, data }) => [name, data.toString('hex')])])
})
