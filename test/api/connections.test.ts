import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { listen } from '../../src/api/listen.ts'
import { noneShed } from '../../src/api/problems.ts'
import { gzipFrame } from '../../src/stores/gzip.ts'
import { apiOf, until } from './support.ts'

await t.test('above the maximum of connections, requests get 503 and health responds; above twice the maximum, refuses them', async t => {
  const { app, lines, writeAlert } = await apiOf(t, { limits: { connections: 3 } })
  await writeAlert('1', await gzipFrame(Buffer.from('alert')))
  await listen(app, { host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const { connections } = app.stats
  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => { socket.destroy() })
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }
  const opened = async (count: number): Promise<void> => { await until(() => connections.open === count) }
  const ask = async (socket: Socket, path: string, end = ''): Promise<string> => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${end}\r\n`)
    return (await buffer(socket)).toString()
  }
  const idle = [await open(), await open(), await open()]
  await opened(3)
  idle[0]!.write('GET /v1/alerts/1 HTTP/1.1\r\nHost: x\r\n\r\n')
  const [first] = await once(idle[0]!, 'data') as [Buffer]
  t.match(first.toString(), /^HTTP\/1.1 200 [^]*connection: keep-alive/i, 'three connections are permitted')
  const more = [await open(), await open(), await open()]
  await opened(6)
  const shed = await ask(more[0]!, '/v1/alerts/1')
  t.match(shed, /^HTTP\/1.1 503 /)
  t.match(shed, /\r\nretry-after: \d+\r\n/i)
  t.match(shed, /\r\nconnection: close\r\n/i)
  t.match(shed, /\{"detail":"the server is overloaded; try again later"\}$/)
  t.match(await ask(more[1]!, '/v1/health'), /^HTTP\/1.1 200 [^]*connection: close[^]*OK$/i)
  t.strictSame(app.stats.shed, { ...noneShed(), connections: 1 })
  await opened(4)
  const refill = [await open(), await open()]
  await opened(6)
  t.equal((await buffer(await open())).length, 0, 'the seventh connection is closed without a response')
  t.equal(connections.refused, 1)
  for (const socket of [...idle, ...more, ...refill]) socket.destroy()
  await opened(0)
  t.match(await ask(await open(), '/v1/alerts/1', 'Connection: close\r\n'), /^HTTP\/1.1 200 /)
  t.match(lines, [{ level: 'warn', message: 'shedding requests', reason: 'connections' }], 'one line for an overload')
})
