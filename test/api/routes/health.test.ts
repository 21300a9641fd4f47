// The health check while the server is overloaded. test/api/app.test.ts tests what the check reports.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { listen } from '../../../src/api/listen.ts'
import { gzipFrame } from '../../../src/stores/gzip.ts'
import type { Admit } from '../../../src/stores/object-store.ts'
import { apiOf, until } from '../support.ts'

const busyConnections = 500

async function opened (t: Test, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Requests an alert on each of 500 connections. `statuses` fills up as responses begin. */
async function flood (t: Test, port: number, path: (i: number) => string) {
  const statuses: number[] = []
  const sockets = await Promise.all(Array.from({ length: busyConnections }, async () => await opened(t, port)))
  const retryAfter = new Set<boolean>()
  for (const [i, socket] of sockets.entries()) {
    socket.once('data', (data: Buffer) => {
      const head = data.toString('latin1')
      statuses.push(Number(head.slice(9, 12)))
      if (head.startsWith('HTTP/1.1 503')) retryAfter.add(/\r\nretry-after: \d+\r\n/i.test(head))
      socket.resume()
    })
    socket.write(`GET ${path(i)} HTTP/1.1\r\nHost: x\r\n\r\n`)
  }
  return { statuses, retryAfter }
}

await t.test('serves health while 500 connections wait for the archive, and sheds requests beyond the queue with Retry-After', async t => {
  const { archive } = await apiOf(t)
  let release!: () => void
  const released = new Promise<void>(resolve => { release = resolve })
  const waiting = { ...archive, findAlert: async () => { await released; return undefined } }
  const { app } = await apiOf(t, { archive: waiting, limits: { reads: 10, waitingReads: 90 } })
  await listen(app, { host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const { statuses, retryAfter } = await flood(t, port, i => `/v1/alerts/${i}`)
  await until(() => statuses.length >= 400)
  t.equal((await fetch(`http://127.0.0.1:${port}/v1/health`)).status, 200)
  t.strictSame([statuses.length, new Set(statuses), retryAfter], [400, new Set([503]), new Set([true])])
  t.equal((await fetch(`http://127.0.0.1:${port}/v1/alerts/1000`)).status, 503)
  release()
  await until(() => statuses.length === busyConnections)
  t.equal(statuses.filter(status => status === 404).length, 100)
})

await t.test('health overtakes 500 requests that each inflate a different large alert', async t => {
  const { archive, writeAlert } = await apiOf(t, { maxFrameBytes: 32 * 1024 * 1024 })
  const gz = await gzipFrame(Buffer.concat([randomBytes(100_000), Buffer.alloc(1_900_000, 'pixels')]), 1)
  await writeAlert('1', gz)
  const everyId = { ...archive, findAlert: (_id: string, admit?: Admit) => archive.findAlert('1', admit) }
  const { app } = await apiOf(t, { archive: everyId, limits: { bufferBytes: 15_000_000 } })
  await listen(app, { host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const probe = await opened(t, port)
  const { statuses, retryAfter } = await flood(t, port, i => `/v1/alerts/${i}`)
  probe.write('GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n')
  const [health] = await once(probe, 'data') as [Buffer]
  t.match(health.toString(), /^HTTP\/1.1 200 [^]*OK$/)
  t.ok(statuses.length < busyConnections, `health came after ${statuses.length} of ${busyConnections} responses`)
  await until(() => statuses.length === busyConnections)
  t.strictSame(statuses.filter(status => status !== 200 && status !== 503), [])
  t.ok(statuses.includes(200))
  t.strictSame([...retryAfter].filter(present => !present), [])
})
