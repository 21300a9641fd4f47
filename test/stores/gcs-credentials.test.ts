// Tests Application Default Credentials with the client library: the token of a pod with Workload Identity (from a metadata server), and
// the errors for missing credentials and for a token server that rejects the request.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { noRetry } from '../../src/pipeline/index.ts'
import { BucketStore } from '../../src/stores/bucket-store.ts'
import { GcsClient } from '../../src/stores/gcs-client.ts'
import { GcsBucket } from '../../src/stores/gcs-bucket.ts'
import { GcsUpload } from '../../src/stores/gcs-upload.ts'
import { eventually } from '../kafka/support.ts'
import { faultProxy } from '../support/fault-proxy.ts'
import { tempDir, useGcs } from '../support/stack.ts'
import { collect, gz, meta } from './contract.ts'

const gcs = await useGcs(t)

/** Sets environment variables that the client library reads, for the duration of one test. */
function withEnvironment (t: Test, variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name]
    process.env[name] = value
    t.teardown(() => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
  }
}

/** Opens a store that sends credentials to `url`, as it would to Google. */
type StoreAt = (url: string, requestMs?: number) => Promise<BucketStore>

function storeWith (upload: 'lean' | 'sdk'): StoreAt {
  return async (url, requestMs = 10_000) => {
    const client = new GcsClient({ requestMs, project: 'rubin' }, { apiEndpoint: url, useAuthWithCustomEndpoint: true })
    const sender = upload === 'lean' ? new GcsUpload(client, requestMs) : undefined
    return new BucketStore(new GcsBucket(await gcs.bucket(), client, sender), { prefix: '', writable: true, reads: noRetry })
  }
}

/** Runs a test for each client that can send the uploads. */
async function withEachUpload (title: string, body: (t: Test, storeAt: StoreAt) => Promise<void>): Promise<void> {
  for (const upload of ['lean', 'sdk'] as const) await t.test(`${upload}: ${title}`, async t => body(t, storeWith(upload)))
}

interface TokenResponse { readonly status: number, readonly body: string }

function token (value: string): TokenResponse {
  return { status: 200, body: JSON.stringify({ access_token: value, expires_in: 3600, token_type: 'Bearer' }) }
}

/** Starts a metadata server. If `respond` returns undefined, the token request gets no response. */
async function metadataServer (t: Test, respond: () => TokenResponse | undefined): Promise<{ readonly tokenRequests: string[] }> {
  const tokenRequests: string[] = []
  const server = createServer(({ url = '' }, response) => {
    const isToken = url.includes('/token')
    if (isToken) tokenRequests.push(url)
    const reply = isToken ? respond() : { status: 200, body: 'rubin' }
    if (reply === undefined) return
    const type = reply.body.startsWith('{') ? 'application/json' : 'text/plain'
    response.writeHead(reply.status, { 'metadata-flavor': 'Google', 'content-type': type }).end(reply.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  withEnvironment(t, { GCE_METADATA_HOST: host, METADATA_SERVER_DETECTION: 'assume-present', HOME: await tempDir(t) })
  return { tokenRequests }
}

await withEachUpload('sends the token of the pod with every kind of request and fetches it once', async (t, storeAt) => {
  const { tokenRequests } = await metadataServer(t, () => token('of-the-pod'))
  const proxy = await faultProxy(t, gcs.url)
  const store = await storeAt(proxy.url)
  await store.check()
  t.equal(await store.put('a.gz', gz, meta), 'written')
  t.equal(await store.put('a.gz', gz, meta), 'identical')
  t.ok((await store.get('a.gz'))?.body.equals(gz))
  t.strictSame(await collect(store.list('')), ['a.gz'])
  t.equal(proxy.seen.length, 6)
  t.strictSame([...new Set(proxy.seen.map(({ headers }) => headers.authorization))], ['Bearer of-the-pod'])
  t.equal(tokenRequests.length, 1)
})

await withEachUpload('a rejected token request is fatal, and a token request without a response is retryable', async (t, storeAt) => {
  let response: TokenResponse | undefined = { status: 403, body: 'no service account' }
  await metadataServer(t, () => response)
  const proxy = await faultProxy(t, gcs.url)
  await t.rejects((await storeAt(proxy.url)).put('a.gz', gz, meta), {
    code: 'STORE_CREDENTIALS', fatal: true, message: /the token server returned 403/
  })
  response = undefined
  await t.rejects((await storeAt(proxy.url, 1000)).put('a.gz', gz, meta), { code: 'STORE_UNAVAILABLE', retryable: true })
  t.equal(proxy.seen.length, 0, 'no request is sent to the store without a token')
})

await withEachUpload('a put that timed out waiting for a token uploads nothing when the token arrives later', async (t, storeAt) => {
  let silent = true
  const { tokenRequests } = await metadataServer(t, () => silent ? undefined : token('late'))
  const proxy = await faultProxy(t, gcs.url)
  const store = await storeAt(proxy.url, 500)
  await t.rejects(store.put('a.gz', gz, meta), { code: 'STORE_UNAVAILABLE', message: /no complete response within 500 ms/ })
  silent = false
  // New puts wait for the same token request as the first put, so they fail until that request has failed.
  await eventually(async () => await store.put('b.gz', gz, meta).catch(() => undefined) !== undefined)
  t.ok(tokenRequests.length >= 2)
  t.strictSame([...new Set(proxy.seen.map(({ url }) => /name=([^&]+)/.exec(url)?.[1]))], ['b.gz'])
})

await withEachUpload('missing credentials and a missing credentials file are fatal, with a hint', async (t, storeAt) => {
  withEnvironment(t, { METADATA_SERVER_DETECTION: 'none', HOME: await tempDir(t) })
  const proxy = await faultProxy(t, gcs.url)
  // Cloud Storage sends this response to a request without credentials.
  const message = 'Anonymous caller does not have storage.objects.create access'
  proxy.fail({ status: 401, body: JSON.stringify({ error: { code: 401, message } }) })
  const store = await storeAt(proxy.url)
  for (const attempt of [() => store.put('a.gz', gz, meta), () => store.get('a.gz'), () => store.check()] as const) {
    await t.rejects(async () => { await attempt() }, {
      code: 'STORE_CREDENTIALS', fatal: true, retryable: false, hint: /Workload Identity.*GOOGLE_APPLICATION_CREDENTIALS/
    })
  }
  withEnvironment(t, { GOOGLE_APPLICATION_CREDENTIALS: join(await tempDir(t), 'missing.json') })
  await t.rejects((await storeAt(proxy.url)).put('a.gz', gz, meta), {
    code: 'STORE_CREDENTIALS', fatal: true, cause: { message: /missing\.json/ }
  })
})

await t.test('an upload with a token that is rejected before it expires is sent once more with a fresh token', async t => {
  let issued = 0
  const { tokenRequests } = await metadataServer(t, () => token(`token-${++issued}`))
  const proxy = await faultProxy(t, gcs.url)
  const store = await storeWith('lean')(proxy.url)
  const rejected = { status: 401, body: JSON.stringify({ error: { code: 401, message: 'Invalid Credentials' } }) }
  t.equal(await store.put('a.gz', gz, meta), 'written')
  proxy.fail(rejected, 4, ({ headers }) => headers.authorization === 'Bearer token-1')
  t.strictSame(await Promise.all(['b.gz', 'c.gz', 'd.gz', 'e.gz'].map(name => store.put(name, gz, meta))), Array(4).fill('written'))
  t.equal(proxy.failed, 4)
  t.equal(tokenRequests.length, 2, 'concurrent uploads share one new token')
  proxy.fail(rejected)
  await t.rejects(store.put('f.gz', gz, meta), { code: 'STORE_CREDENTIALS', fatal: true, message: /401, Invalid Credentials/ })
  t.equal(proxy.failed, 6, 'a fresh token that is rejected too is fatal')
})
