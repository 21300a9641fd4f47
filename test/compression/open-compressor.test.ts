import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { openCompressor, resolveCompressor } from '../../src/compression/open-compressor.ts'
import { silent, type Logger } from '../../src/pipeline/index.ts'
import { alertKey } from '../../src/stores/index.ts'
import { folder, frameOf, idsOf, metaOf, objectOf } from '../modes/copy-support.ts'
import { runCli, tempDir, type CliOptions } from '../support/stack.ts'

await t.test('a level that the compressor does not have is a usage error', t => {
  const open = (compressor: 'libdeflate' | 'isal' | 'zlib', gzipLevel: number) => () => openCompressor({ compressor, gzipLevel }, 1, silent)
  for (const level of [0, 13, -1]) t.throws(open('libdeflate', level), { code: 'COMPRESSOR_LEVEL', usage: true, message: /levels 1 to 12/ })
  t.throws(open('isal', 4), { code: 'COMPRESSOR_LEVEL', message: 'isal has levels 1 to 3, but --gzip-level is 4' })
  t.throws(open('zlib', 10), { code: 'COMPRESSOR_LEVEL', message: 'zlib has levels 1 to 9, but --gzip-level is 10' })
  t.end()
})

await t.test('zlib is always available, and its default level is 3', t => {
  const warnings: unknown[] = []
  const log: Logger = { ...silent, warn: (...warning) => { warnings.push(warning) } }
  const { name, level, library } = openCompressor({ compressor: 'zlib' }, 1, log)
  t.strictSame([name, level, library], ['zlib', 3, `zlib ${process.versions.zlib}`])
  t.strictSame(warnings, [], 'zlib was chosen, so nothing is missing')
  t.strictSame(resolveCompressor({ compressor: 'zlib', gzipLevel: 9 }), { compressor: `zlib (${library})`, 'gzip-level': '9' })
  t.end()
})

const skip = process.platform !== 'linux' && 'LD_LIBRARY_PATH is a variable of Linux'

/** Library folders in which these libraries are empty files, which the dynamic linker rejects. */
async function without (t: Parameters<typeof tempDir>[0], ...files: readonly string[]) {
  const folder = await tempDir(t)
  for (const file of files) await writeFile(join(folder, file), '')
  return { env: { LD_LIBRARY_PATH: folder } }
}

interface Setting { readonly flag: string, readonly resolved?: string }
interface Printed { readonly modes: ReadonlyArray<{ readonly settings: readonly Setting[] }> }

async function resolvedBy (options: CliOptions, ...flags: readonly string[]) {
  const args = ['config', 'ingest', '--alert-store', 'file:///there', '--format', 'json', ...flags]
  const { code, stdout, stderr } = await runCli(args, options)
  if (code !== 0) return stderr
  const { settings } = (JSON.parse(stdout) as Printed).modes[0]!
  return settings.flatMap(({ flag, resolved }) => resolved === undefined ? [] : [`${flag}: ${resolved}`])
}

await t.test('without libdeflate, and with a level that ISA-L does not have, auto selects zlib', { skip }, async t => {
  const zlib = `compressor: zlib (zlib ${process.versions.zlib})`
  const neither = await without(t, 'libdeflate.so.0', 'libisal.so.2')
  t.strictSame(await resolvedBy(neither), [zlib, 'gzip-level: 3'])
  t.strictSame(await resolvedBy(neither, '--gzip-level', '9'), [zlib, 'gzip-level: 9'])
  t.strictSame(await resolvedBy(await without(t, 'libdeflate.so.0'), '--gzip-level', '9'), [zlib, 'gzip-level: 9'])
  t.match(await resolvedBy(neither, '--gzip-level', '12'), /COMPRESSOR_LEVEL: --gzip-level is 12, a level of libdeflate only/)
})

await t.test('a mode that compresses without libdeflate says so once in its log, and not if it compresses nothing', { skip }, async t => {
  const neither = await without(t, 'libdeflate.so.0', 'libisal.so.2')
  const { root, url, store } = await folder(t)
  const copied = async () => await runCli(['copy', '--from', url, '--to', pathToFileURL(join(root, 'to')).href], neither)
  const [first, second, third] = idsOf('20260224', 3)
  const compressed = await objectOf(frameOf(first!))
  await store.put(alertKey('v2', first!), compressed, metaOf(frameOf(first!)))
  t.match(await copied(), { code: 0, stderr: /^((?!cannot load).)*$/s })
  for (const id of [second!, third!]) {
    await store.put(alertKey('v2', id).replace(/\.gz$/, ''), frameOf(id), metaOf(frameOf(id), 'avro/binary'))
  }
  const { code, stderr } = await copied()
  t.equal(code, 0, stderr)
  t.equal(stderr.match(/cannot load libdeflate: compressing with zlib [\d.]+\S* instead/g)?.length, 1, stderr)
  t.match(stderr, /"reason":"[^"]*libdeflate\.so\.0/)
})

await t.test('a named compressor that cannot be loaded is a usage error that names the package', { skip }, async t => {
  const neither = await without(t, 'libdeflate.so.0', 'libisal.so.2')
  for (const name of ['libdeflate', 'isal']) {
    const message = await resolvedBy(neither, '--compressor', name)
    t.match(message, new RegExp(`COMPRESSOR_UNAVAILABLE: cannot load ${name}: .*libdeflate0, libisal2`, 's'))
  }
})
