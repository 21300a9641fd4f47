// Uploads to a server in this process that misbehaves on its connections, as no proxy can make the real servers do.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { base64Crc32c } from '../../src/stores/bucket.ts'
import { checksumsOf } from '../../src/stores/checksums.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { fatal, temporary } from './bucket-faults.ts'
import { gz, meta } from './contract.ts'

type Respond = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void

interface Server {
  readonly store: ObjectStore
  /** The connection of each upload. */
  readonly sockets: readonly Socket[]
}

/** Larger than the buffers of the kernel, so that the client cannot send it to a server that does not read. */
const large = Buffer.alloc(32 * 1024 * 1024, 'an alert')
const largeMeta = { contentType: 'application/octet-stream', ...checksumsOf(large) }

const stored = (body: Buffer): string => JSON.stringify({ crc32c: base64Crc32c(body), generation: '1' })

/** Responds to uploads with the given responses, one after the other, and then as Cloud Storage. */
async function serving (t: Test, ...responses: readonly Respond[]): Promise<Server> {
  const sockets: Socket[] = []
  const json = { 'content-type': 'application/json' }
  const server = createServer((request, response) => {
    if (request.method === 'GET') return response.writeHead(200, json).end(JSON.stringify({ kind: 'storage#objects' }))
    sockets.push(request.socket)
    const respond = responses[sockets.length - 1] ?? (async () => {
      await request.toArray()
      response.writeHead(200, json).end(stored(gz))
    })
    return void respond(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const store = await openStore('gs://bucket', { emulatorHost: `127.0.0.1:${(server.address() as AddressInfo).port}` })
  t.teardown(async () => store.close())
  return { store, sockets }
}

/** Sets environment variables for the duration of one test. */
function withEnvironment (t: Test, variables: Readonly<Record<string, string>>): void {
  const before = { ...process.env }
  Object.assign(process.env, variables)
  t.teardown(() => { process.env = before })
}

await t.test('a connection that is reset in the middle of an upload is a retryable error', async t => {
  const { store, sockets } = await serving(t, async request => {
    await once(request, 'data')
    request.socket.resetAndDestroy()
  })
  await t.rejects(store.put('a', large, largeMeta), { ...temporary, code: 'STORE_UNAVAILABLE', message: /cannot write the object: \w+/ })
  t.equal(await store.put('a', gz, meta), 'written')
  t.equal(sockets.length, 2)
})

await t.test('a response before the end of the body counts, whether or not the server then closes the connection', async t => {
  const denied = JSON.stringify({ error: { code: 403, message: 'no storage.objects.create' } })
  for (const connection of ['close', 'keep-alive']) {
    const { store, sockets } = await serving(t,
      (_, response) => { response.writeHead(403, { connection }).end(denied) },
      (_, response) => { response.writeHead(503, { connection, 'retry-after': '1' }).end() })
    await t.rejects(store.put('a', large, largeMeta), { ...fatal, code: 'STORE_BUCKET_DENIED', message: /403, no storage/ })
    await t.rejects(store.put('a', large, largeMeta), { ...temporary, code: 'STORE_UNAVAILABLE', message: /503/ })
    t.equal(await store.put('a', gz, meta), 'written')
    t.equal(sockets.length, 3)
  }
})

await t.test('a server that closes a connection when the next request arrives causes one retryable error', async t => {
  const { store, sockets } = await serving(t, async (request, response) => {
    await request.toArray()
    response.writeHead(200).end(stored(gz))
  }, request => { request.socket.destroy() })
  t.equal(await store.put('a', gz, meta), 'written')
  // The connection returns to the pool after the put has resolved.
  await setImmediate()
  await t.rejects(store.put('b', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE', message: /other side closed|ECONNRESET/ })
  t.ok(sockets[1] === sockets[0], 'the connection was reused')
  t.equal(await store.put('b', gz, meta), 'written')
  t.ok(sockets[2] !== sockets[0])
})

await t.test('a connection that the server closed while it was idle is not used again', async t => {
  const { store, sockets } = await serving(t)
  t.equal(await store.put('a', gz, meta), 'written')
  sockets[0]!.end()
  await once(sockets[0]!, 'close')
  t.equal(await store.put('b', gz, meta), 'written')
  t.equal(new Set(sockets).size, 2)
})

await t.test('a response of more than 1 MiB is a retryable error', async t => {
  const { store } = await serving(t, (_, response) => { response.writeHead(200).end(Buffer.alloc(2 * 1024 * 1024, ' ')) })
  await t.rejects(store.put('a', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE' })
})

await t.test('uploads go through the proxy of HTTP_PROXY, except to the hosts of NO_PROXY', async t => {
  // A proxy gets the complete URL of a plain HTTP request. It responds as the store would.
  const uploads: string[] = []
  const proxy = createServer(({ method, url = '' }, response) => {
    if (method === 'POST') uploads.push(url)
    response.writeHead(200).end(method === 'POST' ? stored(gz) : JSON.stringify({ kind: 'storage#objects' }))
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => { proxy.close() })
  withEnvironment(t, { HTTP_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, NO_PROXY: '' })
  const proxied = await serving(t)
  t.equal(await proxied.store.put('a', gz, meta), 'written')
  t.match(uploads, [/^http:\/\/127\.0\.0\.1:\d+\/upload\/storage\/v1\/b\/bucket\/o\?/])
  t.equal(proxied.sockets.length, 0)
  withEnvironment(t, { NO_PROXY: '127.0.0.1' })
  const direct = await serving(t)
  t.equal(await direct.store.put('a', gz, meta), 'written')
  t.equal(direct.sockets.length, 1)
})
