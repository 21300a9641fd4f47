import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { Admin } from '@platformatic/kafka'
import t, { type Test } from 'tap'
import { rotateBrokers } from '../../src/kafka/broker-rotation.ts'

/** A broker that accepts connections but never responds, like a frozen process. */
async function frozenBroker (t: Test) {
  const sockets: Socket[] = []
  let requests = 0
  const server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {}).on('data', () => { requests++ })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, get requests () { return requests } }
}

await t.test('after a failed request, the next request goes to the next bootstrap broker', async t => {
  const brokers = [await frozenBroker(t), await frozenBroker(t)] as const
  const admin = new Admin({
    clientId: 'test', bootstrapBrokers: brokers.map(({ address }) => address), retries: 0, requestTimeout: 50
  })
  admin.on('error', () => {})
  t.teardown(async () => { await admin.close() })
  const rotation = rotateBrokers(admin)
  const counts: number[][] = []
  for (let round = 0; round < 3; round++) {
    await t.rejects(admin.metadata({ topics: [], retries: 0 }))
    rotation.failed()
    counts.push(brokers.map(({ requests }) => requests))
  }
  t.strictSame(counts, [[1, 0], [1, 1], [2, 1]])
})
