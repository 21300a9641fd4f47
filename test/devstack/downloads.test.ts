import { chmod, mkdir, readFile, readdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { errorCode } from '../../src/pipeline/errors.ts'
import { downloadsMissing, ensureKafka, ensureRegistry } from '../../src/devstack/index.ts'
import type { CacheOptions } from '../../src/devstack/downloads.ts'
import { cache, tempDir } from '../support/stack.ts'

// Maven's place is taken by a script, so that what it delivers can be good, wrong, late or nothing. It notes each call.
async function withMaven (t: Test, delivers: string): Promise<CacheOptions & { calls: () => Promise<number>, said: string[] }> {
  const root = await tempDir(t)
  const bin = join(root, 'bin')
  await mkdir(bin)
  const calls = join(root, 'calls')
  await writeFile(join(bin, 'mvn'), `#!/bin/sh
if [ "$1" = -v ]; then echo "Apache Maven 3.8.7"; exit 0; fi
echo call >> '${calls}'
for arg; do case $arg in -DoutputDirectory=*) out=\${arg#-DoutputDirectory=};; esac; done
${delivers}
`)
  await chmod(join(bin, 'mvn'), 0o755)
  const said: string[] = []
  return {
    cacheDir: join(root, 'cache'),
    env: { ...process.env, PATH: [bin, process.env.PATH].join(delimiter) },
    progress: line => { said.push(line) },
    said,
    calls: async () => (await readFile(calls, 'utf8').catch(() => '')).split('\n').length - 1
  }
}

async function realJars (): Promise<string> {
  return await ensureKafka(cache())
}

await t.test('two programs that need the same download do it once and both get it', async t => {
  const jars = await realJars()
  const options = await withMaven(t, `sleep 0.3; cp '${jars}'/*.jar "$out"`)
  t.equal(await downloadsMissing(options.cacheDir, { registry: false }), true)
  const [one, two] = await Promise.all([ensureKafka(options), ensureKafka(options)])
  t.equal(one, two)
  t.equal(await options.calls(), 1)
  t.equal(await downloadsMissing(options.cacheDir, { registry: false }), false)
  t.strictSame(await readdir(options.cacheDir), ['kafka-4.4.0'], 'no lock and no temporary folder is left')
  await ensureKafka(options)
  t.equal(options.said.at(-1), 'Kafka 4.4.0: 45 jars, 45 MB, cached')
})

await t.test('a jar that is not the pinned one is refused and nothing stays in the cache', async t => {
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

await t.test('a registry that is not the pinned one is refused before it is unpacked', async t => {
  const options = await withMaven(t, 'echo nonsense > "$out"/apicurio-registry-app-2.6.13.Final-all.tar.gz')
  t.equal(errorCode(await ensureRegistry(options).catch((e: unknown) => e)), 'DEVSTACK_CHECKSUM')
  t.strictSame(await readdir(options.cacheDir), [])
})

await t.test('a Maven that fails is reported with its own first error', async t => {
  const options = await withMaven(t, 'echo "[ERROR] Could not transfer artifact: Connection refused"; echo "[ERROR] To see the full stack trace"; exit 1')
  const error: unknown = await ensureKafka(options).catch((e: unknown) => e)
  t.equal(errorCode(error), 'DEVSTACK_DOWNLOAD')
  t.match(String(error), 'Could not transfer artifact: Connection refused')
  t.strictSame(await readdir(options.cacheDir), [])
})

await t.test('what an interrupted download left is not used, and is removed', async t => {
  const jars = await realJars()
  const options = await withMaven(t, `cp '${jars}'/*.jar "$out"`)
  const left = join(options.cacheDir, 'kafka-4.4.0.partial-1')
  await mkdir(left, { recursive: true })
  await writeFile(join(left, 'half.jar'), '')
  // The lock of a process that is gone.
  await writeFile(join(options.cacheDir, 'downloads.lock'), JSON.stringify({ pid: 2 ** 22 + 1, started: '1' }))
  await ensureKafka(options)
  t.strictSame(await readdir(options.cacheDir), ['kafka-4.4.0'])
})

await t.test('a cached folder that lost a file or part of one is fetched again', async t => {
  const jars = await realJars()
  const options = await withMaven(t, `cp '${jars}'/*.jar "$out"`)
  const folder = await ensureKafka(options)
  await truncate(join(folder, 'kafka-clients-4.4.0.jar'), 1000)
  t.equal(await downloadsMissing(options.cacheDir, { registry: false }), true)
  await ensureKafka(options)
  t.equal(await options.calls(), 2)
})

await t.test('without Maven a cached download is used and a missing one is refused before anything is made', async t => {
  const { cacheDir } = cache()
  await realJars()
  const bin = await tempDir(t)
  await symlink('/bin/sh', join(bin, 'sh'))
  t.equal(dirname(await ensureKafka({ cacheDir, env: { PATH: bin } })), cacheDir)
  const empty = join(bin, 'cache')
  t.equal(errorCode(await ensureKafka({ cacheDir: empty, env: { PATH: bin } }).catch((e: unknown) => e)), 'DEVSTACK_PREREQUISITE')
  await t.rejects(readdir(empty), { code: 'ENOENT' })
})
