// Who we are to Cloud Storage: Application Default Credentials by the client library, here those of a pod with Workload Identity (its token comes
// from a metadata server), and what is said where there are none or where their issuer refuses.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { noRetry } from '../../src/pipeline/index.ts'
import { GcsClient } from '../../src/stores/gcs-client.ts'
import { GcsStore } from '../../src/stores/gcs-store.ts'
import { eventually } from '../kafka/support.ts'
import { faultProxy } from '../support/fault-proxy.ts'
import { tempDir, useGcs } from '../support/stack.ts'
import { collect, gz, meta } from './contract.ts'

const gcs = await useGcs(t)

/** Environment variables that the library reads, for one test. */
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

/** A store that sends credentials to this address as it would to Google. */
async function storeAt (url: string, requestMs = 10_000): Promise<GcsStore> {
  const client = new GcsClient({ requestMs, project: 'rubin' }, { apiEndpoint: url, useAuthWithCustomEndpoint: true })
  return new GcsStore({ bucket: await gcs.bucket(), prefix: '' }, client, true, noRetry)
}

async function metadataServer (t: Test, token: () => { readonly status: number, readonly body: string } | undefined): Promise<{ readonly asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const answer = request.url?.includes('/token') === true ? token() : { status: 200, body: 'rubin' }
    if (answer === undefined) return
    response.writeHead(answer.status, { 'metadata-flavor': 'Google', 'content-type': answer.body.startsWith('{') ? 'application/json' : 'text/plain' }).end(answer.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  withEnvironment(t, { GCE_METADATA_HOST: `127.0.0.1:${(server.address() as AddressInfo).port}`, METADATA_SERVER_DETECTION: 'assume-present', HOME: await tempDir(t) })
  return { asked }
}

await t.test('a pod\'s token goes with every kind of request, and is fetched once', async t => {
  const { asked } = await metadataServer(t, () => ({ status: 200, body: JSON.stringify({ access_token: 'of-the-pod', expires_in: 3600, token_type: 'Bearer' }) }))
  const proxy = await faultProxy(t, gcs.url)
  const store = await storeAt(proxy.url)
  await store.check()
  t.equal(await store.put('a.gz', gz, meta), 'written')
  t.equal(await store.put('a.gz', gz, meta), 'identical')
  t.ok((await store.get('a.gz'))?.body.equals(gz))
  t.equal(await store.exists('a.gz'), true)
  t.strictSame(await collect(store.list('')), ['a.gz'])
  t.equal(proxy.seen.length, 7)
  t.strictSame([...new Set(proxy.seen.map(({ headers }) => headers.authorization))], ['Bearer of-the-pod'])
  t.equal(asked.filter(url => url.includes('/token')).length, 1)
})

await t.test('an issuer that refuses is fatal, one that is down or silent passes', async t => {
  let answer: { readonly status: number, readonly body: string } | undefined = { status: 403, body: 'no service account' }
  await metadataServer(t, () => answer)
  const proxy = await faultProxy(t, gcs.url)
  await t.rejects((await storeAt(proxy.url)).put('a.gz', gz, meta), { code: 'STORE_CREDENTIALS', fatal: true, message: /no access token, its issuer answers 403/ })
  answer = undefined
  await t.rejects((await storeAt(proxy.url, 1000)).put('a.gz', gz, meta), { code: 'STORE_UNAVAILABLE', retryable: true })
  t.equal(proxy.seen.length, 0, 'nothing is sent without a token')
})

await t.test('what is given up while it waits for a token uploads nothing later, though the library goes on to get one', async t => {
  let silent = true
  const { asked } = await metadataServer(t, () => silent ? undefined : { status: 200, body: JSON.stringify({ access_token: 'late', expires_in: 3600, token_type: 'Bearer' }) })
  const proxy = await faultProxy(t, gcs.url)
  const store = await storeAt(proxy.url, 500)
  await t.rejects(store.put('a.gz', gz, meta), { code: 'STORE_UNAVAILABLE', message: /no whole answer within 500 ms/ })
  silent = false
  // Its look for a token is everybody's, and has to fail first.
  await eventually(async () => await store.put('b.gz', gz, meta).catch(() => undefined) !== undefined)
  t.ok(asked.filter(url => url.includes('/token')).length >= 2)
  t.strictSame([...new Set(proxy.seen.map(({ url }) => /name=([^&]+)/.exec(url)?.[1]))], ['b.gz'])
})

await t.test('no credentials at all, and a file of credentials that is not there, are fatal and say so', async t => {
  withEnvironment(t, { METADATA_SERVER_DETECTION: 'none', HOME: await tempDir(t) })
  const proxy = await faultProxy(t, gcs.url)
  // Cloud Storage's answer to strangers.
  proxy.fail({ status: 401, body: JSON.stringify({ error: { code: 401, message: 'Anonymous caller does not have storage.objects.create access' } }) })
  const store = await storeAt(proxy.url)
  for (const attempt of [() => store.put('a.gz', gz, meta), () => store.get('a.gz'), () => store.check()] as const) {
    await t.rejects(async () => { await attempt() }, { code: 'STORE_CREDENTIALS', fatal: true, retryable: false, hint: /Workload Identity.*GOOGLE_APPLICATION_CREDENTIALS/ })
  }
  withEnvironment(t, { GOOGLE_APPLICATION_CREDENTIALS: join(await tempDir(t), 'missing.json') })
  await t.rejects((await storeAt(proxy.url)).put('a.gz', gz, meta), { code: 'STORE_CREDENTIALS', fatal: true, cause: { message: /missing\.json/ } })
})
