import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { fetchSchemaPackage, loadSchemaPackage, parseSchema } from '../../src/avro/index.ts'
import { cache, tempDir } from '../support/stack.ts'

const source = { type: 'record', namespace: 'lsst.v3_1', name: 'diaSource', doc: 'a source', fields: [{ name: 'n', type: 'int', default: 5, doc: 'how many' }] }
const alert = {
  type: 'record', namespace: 'lsst.v3_1', name: 'alert',
  fields: [{ name: 'id', type: 'long' }, { name: 'diaSource', type: 'lsst.v3_1.diaSource' },
    { name: 'prior', type: ['null', { type: 'array', items: 'diaSource' }], default: null }]
}

async function folderOf (t: Test, files: Record<string, unknown>): Promise<string> {
  const folder = await tempDir(t)
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name)
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content, null, '\t'))
  }
  return folder
}

await t.test('a flat folder is one version: types inlined at first use, named after, docs and defaults kept', async t => {
  const folder = await folderOf(t, { 'a.avsc': source, 'z.avsc': alert, 'readme.txt': 'no schema' })
  const { versions, latest } = await loadSchemaPackage(folder)
  t.equal(versions.length, 1)
  t.match(latest, { version: '3.1', major: 3, minor: 1, id: 301 })
  t.same(JSON.parse(latest.text), {
    ...alert,
    fields: [alert.fields[0], { name: 'diaSource', type: source }, { name: 'prior', type: ['null', { type: 'array', items: 'lsst.v3_1.diaSource' }], default: null }]
  })
  t.equal(latest.text, JSON.stringify(JSON.parse(latest.text)), 'no whitespace')
  t.equal(latest.schema.name, 'lsst.v3_1.alert')
  t.same(latest.schema.decode(latest.schema.encode({ id: 1n, diaSource: {}, prior: null })), { id: 1n, diaSource: { n: 5 }, prior: null })
})

await t.test('one .avsc finds its named types beside it, and is not put off by other files there', async t => {
  const folder = await folderOf(t, { 'alert.avsc': alert, 'source.avsc': source, 'broken.avsc': '{' })
  const { latest } = await loadSchemaPackage(join(folder, 'alert.avsc'))
  t.equal(latest.schema.fields.length, 3)
  t.equal(parseSchema(latest.text).text, latest.text)
})

await t.test('a tree of versions is ordered by number', async t => {
  const version = (major: number, minor: number) => ({ type: 'record', name: 'alert', namespace: `x.v${major}_${minor}`, fields: [{ name: 'id', type: 'long' }] })
  const folder = await folderOf(t, {
    '10/0/a.avsc': version(10, 0), '9/0/a.avsc': version(9, 0), '9/12/a.avsc': version(9, 12), '9/2/a.avsc': version(9, 2), 'examples/a.avsc': version(99, 0)
  })
  const found = await loadSchemaPackage(folder)
  t.same(found.versions.map(({ version, id }) => [version, id]), [['9.0', 900], ['9.2', 902], ['9.12', 912], ['10.0', 1000]])
  t.equal(found.latest.version, '10.0')
  t.equal(found.get('9.2').schema.name, 'x.v9_2.alert')
  t.throws(() => found.get('7.4'), { code: 'PACKAGE_UNKNOWN_VERSION', message: /no schema version 7\.4; there are 9\.0, 9\.2, 9\.12, 10\.0/ })
})

await t.test('what is no package says what is wrong and where', async t => {
  await t.rejects(loadSchemaPackage('/no/such/place'), { code: 'PACKAGE_NOT_FOUND', where: '/no/such/place' })
  await t.rejects(loadSchemaPackage(await tempDir(t)), { code: 'PACKAGE_NOT_FOUND', message: /no \.avsc files/ })
  await t.rejects(loadSchemaPackage(await folderOf(t, { 'alert.avsc': alert })), { code: 'PACKAGE_INVALID', message: /lsst\.v3_1\.diaSource/ })
  await t.rejects(loadSchemaPackage(await folderOf(t, { 'alert.avsc': '{' })), { code: 'PACKAGE_INVALID', where: /alert\.avsc/ })
  const other = { ...source, name: 'other' }
  await t.rejects(loadSchemaPackage(await folderOf(t, { 'a.avsc': source, 'b.avsc': other })), { code: 'PACKAGE_INVALID', message: /diaSource, lsst\.v3_1\.other/ })
})

await t.test('the survey\'s package is fetched once, and needs no Python after', async t => {
  const { cacheDir } = cache()
  const folder = await fetchSchemaPackage({ cacheDir })
  t.equal(await fetchSchemaPackage({ cacheDir, python: '/no/such/python' }), folder)
  const { versions, latest } = await loadSchemaPackage(folder)
  t.equal(versions.length, 15)
  t.equal(latest.version, (await readFile(join(folder, 'lsst/alert/packet/schema/latest.txt'), 'utf8')).trim())
  for (const { version, text } of versions) t.notMatch(text.replace(/"(?:[^"\\]|\\.)*"/g, ''), /\s/, version)
})

await t.test('docs and defaults of the survey\'s files are all in the one document', async t => {
  const folder = await fetchSchemaPackage({ cacheDir: cache().cacheDir })
  const place = join(folder, 'lsst/alert/packet/schema/7/4')
  const { latest } = await loadSchemaPackage(place)
  const count = (text: string, key: string) => text.match(new RegExp(`"${key}"\\s*:`, 'g'))?.length
  const files = await Promise.all((await readdir(place)).filter(name => name.endsWith('.avsc')).map(name => readFile(join(place, name), 'utf8')))
  for (const key of ['doc', 'default', 'aliases', 'fields']) t.equal(count(latest.text, key), count(files.join(''), key), key)
})

await t.test('a fetch that fails says why and leaves nothing behind', async t => {
  const cacheDir = await tempDir(t)
  await t.rejects(fetchSchemaPackage({ cacheDir, python: '/no/such/python' }), { code: 'PACKAGE_NO_PYTHON', message: /is not installed/ })
  const script = async (body: string) => {
    const path = join(await tempDir(t), 'python')
    await writeFile(path, `#!/bin/sh\n${body}\n`)
    await chmod(path, 0o755)
    return path
  }
  const noPip = await script('echo "/usr/bin/python3: No module named pip" >&2; exit 1')
  await t.rejects(fetchSchemaPackage({ cacheDir, python: noPip }), { code: 'PACKAGE_NO_PYTHON', message: /has no pip/ })
  const noNetwork = await script('echo "ERROR: Could not find a version that satisfies the requirement" >&2; exit 1')
  await t.rejects(fetchSchemaPackage({ cacheDir, python: noNetwork }), { code: 'PACKAGE_FETCH_FAILED', retryable: true, message: /Could not find a version/ })
  const forged = await script('while [ "$1" != --dest ]; do shift; done; echo forged > "$2/lsst_alert_packet-30.2026.2700-py3-none-any.whl"')
  await t.rejects(fetchSchemaPackage({ cacheDir, python: forged }), { code: 'PACKAGE_BAD_CHECKSUM', retryable: false })
  t.same(await readdir(cacheDir), [])
})
