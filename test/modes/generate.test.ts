import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openContainer } from '../../src/avro/index.ts'
import { runCli, startCli, tempDir } from '../support/stack.ts'

async function idsOf (path: string): Promise<bigint[]> {
  const container = await openContainer(path)
  const ids: bigint[] = []
  for await (const { value, error } of container.records() as AsyncIterable<{ value?: Record<string, unknown>, error?: Error }>) {
    if (error !== undefined) throw error
    ids.push((value?.['diaSourceId'] ?? value?.['alertId']) as bigint)
  }
  await container.close()
  return ids
}

await t.test('the same flags produce the same bytes, and a different seed produces different bytes', async t => {
  const folder = await tempDir(t)
  const file = (name: string) => join(folder, name)
  const generate = async (name: string, ...args: string[]) => {
    t.match(await runCli(['generate', file(name), '--alerts', '6', '--visits', '2', ...args]), { code: 0, stderr: '' })
    return await readFile(file(name))
  }
  const one = await generate('one.avro')
  t.ok(one.equals(await generate('again.avro')))
  t.notOk(one.equals(await generate('other.avro', '--seed', '2')))
  t.ok(one.equals(await generate('other.avro', '--seed=1')), 'an existing file is replaced')
  t.equal((await idsOf(file('one.avro'))).length, 12)
  t.strictSame((await readdir(folder)).sort(), ['again.avro', 'one.avro', 'other.avro'])
})

for (const version of ['7.4', '9.0', '10.0', '11.1']) {
  await t.test(`generates the requested number of distinct alerts of schema ${version}`, async t => {
    const path = join(await tempDir(t), 'x.avro')
    const { code, stdout, stderr } = await runCli(['generate', path, '--alerts', '5', '--schema-version', version, '--codec', 'deflate'])
    t.equal(code, 0, stderr)
    t.equal(stdout, `generated 5 alerts of schema ${version} in 1 visit: ${path}\n`)
    t.equal(new Set(await idsOf(path)).size, 5)
    const container = await openContainer(path)
    t.equal(container.schema.name, `lsst.v${version.replace('.', '_')}.alert`)
    t.ok((await readFile(path)).includes('avro.codec\x0edeflate'))
    await container.close()
  })
}

await t.test('with --profile rubin-2026, generates larger alerts of the newest schema, and rejects schemas older than 9.0', async t => {
  const folder = await tempDir(t)
  const path = (name: string): string => join(folder, name)
  t.match(await runCli(['generate', path('design.avro'), '--alerts', '24']), { code: 0 })
  t.match(await runCli(['generate', path('rubin.avro'), '--alerts', '24', '--profile', 'rubin-2026']), {
    code: 0, stdout: `generated 24 alerts of schema 11.1 in 1 visit: ${path('rubin.avro')}\n`
  })
  t.not((await readFile(path('rubin.avro'))).length, (await readFile(path('design.avro'))).length)
  t.equal(new Set(await idsOf(path('rubin.avro'))).size, 24)
  t.match(await runCli(['generate', path('old.avro'), '--profile', 'rubin-2026', '--schema-version', '8.0']), {
    code: 2, stdout: '', stderr: /^USAGE_BAD_VALUE: --profile rubin-2026 needs schema 9.0 or newer, not 8.0/
  })
})

await t.test('rejects an unknown schema version and lists the known versions', async t => {
  const path = join(await tempDir(t), 'x.avro')
  t.match(await runCli(['generate', path, '--schema-version', '99.9']), {
    code: 2, stdout: '', stderr: /^PACKAGE_UNKNOWN_VERSION: .*99\.9.*7\.4.*11\.1/
  })
})

await t.test('a stopped run keeps the old file and leaves no partial file', async t => {
  const folder = await tempDir(t)
  const path = join(folder, 'x.avro')
  await writeFile(path, 'old content')
  const cli = startCli(t, ['generate', path, '--alerts', '500000'])
  for (;;) {
    if ((await readdir(folder)).length === 2) break
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  const { code, stdout, stderr } = await cli.stop()
  t.equal(code, 1)
  t.equal(stdout, '')
  t.match(stderr, /^STOPPED: stopped before the last alert, so the file was not written/m)
  t.strictSame(await readdir(folder), ['x.avro'])
  t.equal(await readFile(path, 'utf8'), 'old content')
})

await t.test('the error for an unwritable path names the path, and no file is left behind', async t => {
  const folder = await tempDir(t)
  const missing = join(folder, 'none', 'x.avro')
  t.match(await runCli(['generate', missing, '--alerts', '2']), {
    code: 1, stdout: '', stderr: new RegExp(`^AVRO_UNWRITABLE: .*${missing}.*ENOENT.*\n$`)
  })
  const taken = join(folder, 'folder')
  await mkdir(taken)
  await writeFile(join(taken, 'kept'), 'x')
  t.match(await runCli(['generate', taken, '--alerts', '2', '--log-level', 'error']), {
    code: 1, stdout: '', stderr: new RegExp(`^AVRO_UNWRITABLE: .*${taken}`)
  })
  t.strictSame(await readdir(folder), ['folder'])
  if (process.getuid?.() !== 0) {
    await chmod(taken, 0o500)
    t.match(await runCli(['generate', join(taken, 'x.avro'), '--alerts', '2']), { code: 1, stderr: /^AVRO_UNWRITABLE: .*EACCES/ })
    await chmod(taken, 0o700)
  }
})
