import { chmod, mkdir, readFile, readdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { errorCode } from '../../src/pipeline/errors.ts'
import type { CacheOptions } from '../../src/devstack/download-cache.ts'
import { downloadsMissing, ensureKafka, ensureRegistry } from '../../src/devstack/server-downloads.ts'
import { cache, tempDir } from '../support/stack.ts'

/** Cache options with a shell program in place of Maven. The program counts its calls and runs `script`, which fills the folder `$out`. */
async function withMaven (t: Test, script: string): Promise<CacheOptions & { calls: () => Promise<number>, lines: string[] }> {
  const root = await tempDir(t)
  const bin = join(root, 'bin')
  await mkdir(bin)
  const calls = join(root, 'calls')
  await writeFile(join(bin, 'mvn'), `#!/bin/sh
if [ "$1" = -v ]; then echo "Apache Maven 3.8.7"; exit 0; fi
echo call >> '${calls}'
for arg; do case $arg in -DoutputDirectory=*) out=\${arg#-DoutputDirectory=};; esac; done
${script}
`)
  await chmod(join(bin, 'mvn'), 0o755)
  const lines: string[] = []
  return {
    cacheDir: join(root, 'cache'),
    env: { ...process.env, PATH: [bin, process.env.PATH].join(delimiter) },
    progress: line => { lines.push(line) },
    lines,
    calls: async () => (await readFile(calls, 'utf8').catch(() => '')).split('\n').length - 1
  }
}

async function realJars (): Promise<string> {
  return await ensureKafka(cache())
}

await t.test('two concurrent calls download once and share the result', async t => {
  const jars = await realJars()
  const options = await withMaven(t, `sleep 0.3; cp '${jars}'/*.jar "$out"`)
  t.equal(await downloadsMissing(options.cacheDir, { registry: false }), true)
  const [one, two] = await Promise.all([ensureKafka(options), ensureKafka(options)])
  t.equal(one, two)
  t.equal(await options.calls(), 1)
  t.equal(await downloadsMissing(options.cacheDir, { registry: false }), false)
  t.strictSame(await readdir(options.cacheDir), ['kafka-4.4.0'], 'no lock or temporary folder remains')
  await ensureKafka(options)
  t.equal(options.lines.at(-1), 'Kafka 4.4.0: 45 jars, 45 MB, cached')
})

await t.test('rejects jars that do not match the pinned digest and leaves nothing in the cache', async t => {
  const jars = await realJars()
  const changed = await withMaven(t, `cp '${jars}'/*.jar "$out"; echo x >> "$out"/kafka_2.13-4.4.0.jar`)
  const error: unknown = await ensureKafka(changed).catch((e: unknown) => e)
  t.equal(errorCode(error), 'DEVSTACK_CHECKSUM')
  t.match(String(error), 'kafka_2.13-4.4.0.jar')
  t.strictSame(await readdir(changed.cacheDir), [])

  const other = await withMaven(t, `cp '${jars}'/*.jar "$out"; echo x >> "$out"/jose4j-0.9.6.jar`)
  t.match(String(await ensureKafka(other).catch((e: unknown) => e)), 'the set of 45 Kafka jars')
  const more = await withMaven(t, `cp '${jars}'/*.jar "$out"; echo x > "$out"/another.jar`)
  t.match(String(await ensureKafka(more).catch((e: unknown) => e)), 'the set of 46 Kafka jars')
})

await t.test('rejects a registry archive that does not match its pinned digest before unpacking it', async t => {
  const options = await withMaven(t, 'echo nonsense > "$out"/apicurio-registry-app-2.6.13.Final-all.tar.gz')
  t.equal(errorCode(await ensureRegistry(options).catch((e: unknown) => e)), 'DEVSTACK_CHECKSUM')
  t.strictSame(await readdir(options.cacheDir), [])
})

await t.test('reports a Maven failure with its first error line', async t => {
  const output = ['[ERROR] Could not transfer artifact: Connection refused', '[ERROR] To see the full stack trace']
  const options = await withMaven(t, `${output.map(line => `echo "${line}"`).join('; ')}; exit 1`)
  const error: unknown = await ensureKafka(options).catch((e: unknown) => e)
  t.equal(errorCode(error), 'DEVSTACK_DOWNLOAD')
  t.match(String(error), 'Could not transfer artifact: Connection refused')
  t.strictSame(await readdir(options.cacheDir), [])
})

await t.test('removes the temporary folder and the lock of an interrupted download', async t => {
  const jars = await realJars()
  const options = await withMaven(t, `cp '${jars}'/*.jar "$out"`)
  const partial = join(options.cacheDir, 'kafka-4.4.0.partial-1')
  await mkdir(partial, { recursive: true })
  await writeFile(join(partial, 'half.jar'), '')
  // A lock whose holder has ended.
  await writeFile(join(options.cacheDir, 'downloads.lock'), JSON.stringify({ pid: 2 ** 22 + 1, started: '1' }))
  await ensureKafka(options)
  t.strictSame(await readdir(options.cacheDir), ['kafka-4.4.0'])
})

await t.test('downloads again if a cached file was truncated', async t => {
  const jars = await realJars()
  const options = await withMaven(t, `cp '${jars}'/*.jar "$out"`)
  const folder = await ensureKafka(options)
  await truncate(join(folder, 'kafka-clients-4.4.0.jar'), 1000)
  t.equal(await downloadsMissing(options.cacheDir, { registry: false }), true)
  await ensureKafka(options)
  t.equal(await options.calls(), 2)
})

await t.test('without Maven, uses cached downloads, and fails before it creates a cache folder for a missing download', async t => {
  const { cacheDir } = cache()
  await realJars()
  const bin = await tempDir(t)
  await symlink('/bin/sh', join(bin, 'sh'))
  t.equal(dirname(await ensureKafka({ cacheDir, env: { PATH: bin } })), cacheDir)
  const empty = join(bin, 'cache')
  t.equal(errorCode(await ensureKafka({ cacheDir: empty, env: { PATH: bin } }).catch((e: unknown) => e)), 'DEVSTACK_PREREQUISITE')
  await t.rejects(readdir(empty), { code: 'ENOENT' })
})
