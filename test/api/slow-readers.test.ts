// Clients that do not read their response, over real sockets.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { listen } from '../../src/api/listen.ts'
import { noneShed, noneUnusable } from '../../src/api/problems.ts'
import { gzipFrame } from '../../src/stores/gzip.ts'
import { apiOf, until } from './support.ts'

// Larger than what the kernel buffers of both ends take.
const frame = Buffer.concat([randomBytes(1_000_000), Buffer.alloc(19_000_000)])
const gz = await gzipFrame(frame, 1)

async function serve (t: Test, limits: object) {
  const api = await apiOf(t, { maxFrameBytes: 32 * 1024 * 1024, limits })
  for (const id of ['1', '2', '3']) await api.writeAlert(id, gz)
  await listen(api.app, { host: '127.0.0.1', port: 0 })
  return { ...api, stats: api.app.stats, port: (api.app.server.address() as AddressInfo).port }
}

/** Sends a request and reads nothing but what the kernel accepts. Resolves when the first bytes of the response have arrived. */
async function slowReader (t: Test, port: number, id: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {})
  socket.write(`GET /v1/alerts/${id} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await once(socket, 'readable')
  return socket
}

await t.test('slow readers of one alert share its buffer, and those of other alerts are shed beyond the budget', async t => {
  const { port, stats, app } = await serve(t, { bufferBytes: 50_000_000 })
  const readers = await Promise.all(Array.from({ length: 50 }, () => slowReader(t, port, '1')))
  t.equal(stats.buffers.bufferedBytes, frame.length, '50 responses hold one buffer')
  await slowReader(t, port, '2')
  t.equal(stats.buffers.bufferedBytes, 2 * frame.length)
  const shed = await fetch(`http://127.0.0.1:${port}/v1/alerts/3`)
  t.equal(shed.status, 503)
  t.match(await shed.json(), { detail: /overloaded/ })
  t.ok(Number(shed.headers.get('retry-after')) > 0)
  t.equal(shed.headers.get('cache-control'), 'no-store')
  t.strictSame(stats.shed, { ...noneShed(), buffers: 1 })
  t.equal((await fetch(`http://127.0.0.1:${port}/v1/health`)).status, 200)
  for (const reader of readers) reader.destroy()
  await until(() => stats.buffers.bufferedBytes <= frame.length)
  const response = await fetch(`http://127.0.0.1:${port}/v1/alerts/3`, { headers: { 'accept-encoding': 'identity' } })
  t.ok(Buffer.from(await response.arrayBuffer()).equals(frame), 'admitted when the memory is free again')
  t.strictSame(app.stats.unusableObjects, noneUnusable())
})

await t.test('a client that reads nothing is cut off and its buffer is freed, but a client that reads slowly is not', async t => {
  const { port, stats, lines } = await serve(t, { stallMs: 2000 })
  const stalled = await slowReader(t, port, '1')
  const steady = await slowReader(t, port, '2')
  let received = 0
  const whole = new Promise<void>(resolve => {
    const timer = setInterval(() => {
      received += (steady.read() as Buffer | null)?.length ?? 0
      if (stats.slowReaders === 0 || received < frame.length) return
      clearInterval(timer)
      resolve()
    }, 20)
  })
  await until(() => stats.slowReaders > 0)
  await whole
  t.match(stats, { slowReaders: 1, aborted: 1 })
  const ended = once(stalled, 'close')
  stalled.resume()
  await ended
  t.ok(stalled.bytesRead < frame.length, 'the stalled client got a part of the response')
  t.strictSame(lines, [])
})
