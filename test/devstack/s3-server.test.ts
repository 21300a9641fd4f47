import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ensureS3Bucket, startS3 } from '../../src/devstack/index.ts'
import { isAlive } from '../../src/devstack/process-identity.ts'
import type { S3Server } from '../../src/devstack/s3-server.ts'
import { cache, tempDir, useS3 } from '../support/stack.ts'

// The server verifies no signature, but rejects requests for objects without one.
const authorization = 'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0'

async function upload (url: string, bucket: string, key: string, body: string): Promise<number> {
  const response = await fetch(`${url}/${bucket}/${key}`, { method: 'PUT', headers: { authorization, 'if-none-match': '*' }, body })
  await response.text()
  return response.status
}

async function read (url: string, path: string): Promise<Response> {
  return await fetch(`${url}/${path}`, { headers: { authorization } })
}

async function start (t: Test, dataDir: string, env: Record<string, string> = {}): Promise<S3Server> {
  const options = cache()
  const server = await startS3({ ...options, env: { ...options.env, ...env }, dataDir })
  t.teardown(async () => { await server.kill() })
  return server
}

await t.test('an object is never overwritten, and all objects are lost when the server stops', async t => {
  const dataDir = await tempDir(t)
  // The user's own settings for AWS do not affect the server.
  const first = await start(t, dataDir, { AWS_PROFILE: 'missing', AWS_CONFIG_FILE: '/missing' })
  await ensureS3Bucket(first.url, 'alerts')
  t.equal(await upload(first.url, 'alerts', 'a.avro.gz', 'first'), 200)
  t.equal(await upload(first.url, 'alerts', 'a.avro.gz', 'second'), 412)
  await ensureS3Bucket(first.url, 'alerts')
  t.equal(await (await read(first.url, 'alerts/a.avro.gz')).text(), 'first', 'an existing bucket keeps its objects')
  await first.stop()
  t.equal(await isAlive(first), false)
  await t.rejects(readFile(join(dataDir, 'server.pid.json')), { code: 'ENOENT' })
  const second = await start(t, dataDir)
  t.equal((await read(second.url, 'alerts/a.avro.gz')).status, 404)
})

await t.test('rejects a folder in use, a port in use, an invalid bucket name and a server that does not run', async t => {
  const dataDir = await tempDir(t)
  const { url, stop } = await start(t, dataDir)
  await t.rejects(startS3({ ...cache(), dataDir }), { code: 'DEVSTACK_IN_USE' })
  const port = Number(new URL(url).port)
  await t.rejects(startS3({ ...cache(), dataDir: await tempDir(t), port }), { code: 'DEVSTACK_PORT_IN_USE', where: `127.0.0.1:${port}` })
  await t.rejects(ensureS3Bucket(url, 'NO'), { code: 'DEVSTACK_SERVER_DIED', message: /NO/, cause: { message: /HTTP status 4\d\d/ } })
  await stop()
  await t.rejects(ensureS3Bucket(url, 'alerts'), { code: 'DEVSTACK_SERVER_DIED', where: url })
})

await t.test('tests share one server and use separate buckets', async t => {
  const [one, two] = await Promise.all([useS3(t), useS3(t)])
  t.equal(one.url, two.url)
  const bucket = await one.bucket()
  t.not(bucket, await two.bucket())
  t.equal(await upload(one.url, bucket, 'a', 'an object'), 200)
})
