import t, { type Test } from 'tap'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type ClientRequest, Agent, get, type IncomingMessage, type RequestOptions } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { build } from '../../src/api/app.ts'
import { closeWithin, listen } from '../../src/api/listen.ts'
import { createArchive } from '../../src/stores/archive.ts'
import { checksumsOf } from '../../src/stores/checksums.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { gzipFrame } from '../../src/stores/gzip.ts'

const id = '170028518906855444'
const frame = Buffer.concat([Buffer.from([0, 0, 0, 4, 76]), randomBytes(20_000), Buffer.alloc(60_000)])
const gz = await gzipFrame(frame)

/** Starts a server on a free port. Reads of alert 5 wait for `release`; `waiting` resolves when such a read has begun. */
async function serve (t: Test) {
  const store = await openFileStore(t.testdir())
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  await archive.putAlert(id, gz, checksumsOf(frame))
  await archive.putAlert('5', gz, checksumsOf(frame))
  let release!: () => void
  const released = new Promise<void>(resolve => { release = resolve })
  let arrived!: () => void
  const waiting = new Promise<void>(resolve => { arrived = resolve })
  const app = build({
    archive: {
      ...archive,
      async findAlert (which, admit) {
        if (which === '5') {
          arrived()
          await released
        }
        return archive.findAlert(which, admit)
      }
    },
    pressure: false
  })
  t.teardown(async () => {
    release()
    await app.close()
  })
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  return { app, url, port: (app.server.address() as AddressInfo).port, release, waiting }
}

async function responseTo (request: ClientRequest): Promise<IncomingMessage & { body: Buffer }> {
  const [response] = await once(request, 'response') as [IncomingMessage]
  return Object.assign(response, { body: await buffer(response) })
}

const fetchRaw = (port: number, path: string, options: RequestOptions = {}) =>
  responseTo(get({ host: '127.0.0.1', port, path, ...options }))

await t.test('sends the stored gzip byte for byte, and fetch decodes it to the frame', async t => {
  const { url, port } = await serve(t)
  const raw = await fetchRaw(port, `/v1/alerts/${id}`, { headers: { 'accept-encoding': 'gzip' } })
  t.equal(raw.headers['content-encoding'], 'gzip')
  t.equal(raw.headers['content-length'], String(gz.length))
  t.ok(raw.body.equals(gz))
  const plain = await fetchRaw(port, `/v1/alerts/${id}`)
  t.equal(plain.headers['content-encoding'], undefined)
  t.ok(plain.body.equals(frame))
  const fetched = await fetch(`${url}/v1/alerts/${id}`)
  t.equal(fetched.headers.get('content-encoding'), 'gzip')
  t.ok(Buffer.from(await fetched.arrayBuffer()).equals(frame))
  const head = await fetch(`${url}/v1/alerts/${id}`, { method: 'HEAD', headers: { 'accept-encoding': 'identity' } })
  t.equal(head.headers.get('content-length'), String(frame.length))
})

await t.test('dot segments in place of an alert id, and other invalid ids, give 400', async t => {
  const { port } = await serve(t)
  for (const id of ['%2e%2e', '..', '%2e%2e%2f%2e%2e', '+1', '-1', '9223372036854775808', '12345678901234567890']) {
    const response = await fetchRaw(port, `/v1/alerts/${id}`)
    t.equal(response.statusCode, 400, id)
    t.type(JSON.parse(response.body.toString()).detail, 'string')
  }
  t.equal((await fetchRaw(port, '/v1/alerts/../../etc/passwd')).statusCode, 404)
})

await t.test('bytes that are not HTTP and headers that are too long give an error response with `detail`', async t => {
  const { port } = await serve(t)
  const longHeader = `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`
  for (const [text, status] of [['nonsense\r\n\r\n', 400], [longHeader, 431]] as const) {
    const socket = connect(port, '127.0.0.1')
    socket.write(text)
    const reply = (await buffer(socket)).toString()
    t.match(reply, new RegExp(`^HTTP/1.1 ${status} `))
    const [, body] = reply.split('\r\n\r\n')
    t.type(JSON.parse(body!).detail, 'string')
    t.match(reply, `Content-Length: ${body!.length}\r\n`)
  }
})

await t.test('close lets requests in flight finish, rejects new connections and closes idle ones', async t => {
  const { app, port, release, waiting } = await serve(t)
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => { agent.destroy() })
  // Opens one idle connection, and one connection with a request in flight.
  const idle = connect(port, '127.0.0.1')
  idle.write('GET /v1 HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(idle, 'data')
  const idleEnded = once(idle, 'close')
  const inFlight = fetchRaw(port, '/v1/alerts/5', { agent })
  await waiting
  t.equal(app.stats.inFlight, 1)
  const closed = closeWithin(app, 60_000)
  await idleEnded
  while (app.server.listening) await new Promise(setImmediate)
  await t.rejects(fetchRaw(port, '/v1'), { code: 'ECONNREFUSED' })
  release()
  const response = await inFlight
  t.equal(response.statusCode, 200)
  t.ok(response.body.equals(frame))
  t.equal(response.headers.connection, 'close')
  t.equal(await closed, true, 'closeWithin reports that all requests finished')
  t.equal(app.stats.inFlight, 0)
})

await t.test('close aborts a hanging request at the deadline', async t => {
  const { app, port, waiting } = await serve(t)
  const hanging = fetchRaw(port, '/v1/alerts/5')
  await waiting
  const cut = t.rejects(hanging, { code: 'ECONNRESET' })
  t.equal(await closeWithin(app, 1), false)
  await cut
})

await t.test('counts a request as aborted if its client disconnects', async t => {
  const { app, port, release, waiting } = await serve(t)
  const request = get({ host: '127.0.0.1', port, path: '/v1/alerts/5' })
  request.on('error', () => {})
  await waiting
  request.destroy()
  while (app.stats.aborted === 0) await new Promise(setImmediate)
  release()
  t.match(app.stats, { inFlight: 0, aborted: 1, requests: {} })
  t.equal((await fetchRaw(port, `/v1/alerts/${id}`)).statusCode, 200)
})

await t.test('listen rejects with an error code if the port is busy or the address is not local', async t => {
  const { port } = await serve(t)
  const second = build({ archive: {} as never, pressure: false })
  t.teardown(() => second.close())
  await t.rejects(listen(second, { host: '127.0.0.1', port }), { code: 'API_PORT_BUSY', where: `127.0.0.1:${port}` })
  const third = build({ archive: {} as never, pressure: false })
  t.teardown(() => third.close())
  await t.rejects(listen(third, { host: '192.0.2.1', port: 0 }), { code: 'API_LISTEN_FAILED', message: /EADDRNOTAVAIL/ })
})
