import t from 'tap'
import type { Connection } from '@platformatic/kafka'
import { sendAndFree } from '../../src/kafka/request-memory.ts'

function connectionOf () {
  const sent: Buffer[] = []
  const socket = { write (request: Buffer): boolean { return sent.push(request) < 100 } }
  return { sent, socket, connection: { socket } as unknown as Connection }
}

const request = (): Buffer => Buffer.allocUnsafeSlow(1000).fill(7)

await t.test('frees what was written to the socket when the response arrives, and not before', async t => {
  const { connection, socket, sent } = connectionOf()
  const { promise, resolve } = Promise.withResolvers<string>()
  const sending = sendAndFree(connection, async () => {
    socket.write(request())
    return await promise
  })
  const later = request()
  socket.write(later)
  t.strictSame(sent.map(({ length }) => length), [1000, 1000])
  resolve('response')
  t.equal(await sending, 'response')
  t.strictSame(sent.map(({ length }) => length), [0, 1000], 'another request on the connection is not freed')
})

await t.test('frees nothing if the request fails, and nothing that shares its memory with other buffers', async t => {
  const { connection, socket, sent } = connectionOf()
  await t.rejects(sendAndFree(connection, async () => {
    socket.write(request())
    throw new Error('the connection was closed')
  }), /closed/)
  await sendAndFree(connection, async () => socket.write(request().subarray(1)))
  t.strictSame(sent.map(({ length }) => length), [1000, 999])
})

await t.test('the socket writes as before after the request, and after a failure to send', async t => {
  const { connection, socket, sent } = connectionOf()
  const { write } = socket
  await sendAndFree(connection, async () => true)
  t.equal(socket.write, write)
  await t.rejects(sendAndFree(connection, () => { throw new Error('not connected') }), /not connected/)
  t.equal(socket.write, write)
  t.strictSame(sent, [])
})
