// Connections that fail where the library listens no more.
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import { kafkaConnection } from '../../src/kafka/connection.ts'
import { mapKafkaError } from '../../src/kafka/errors.ts'
import { uniqueName, useStack } from '../support/stack.ts'
import { connect } from './support.ts'

await t.test('a broker that goes away while a password is being checked is an error of that call, and not the end of the process', async t => {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => {})
    socket.once('data', () => { socket.resetAndDestroy() })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const broker = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const connection = await kafkaConnection({ brokers: [broker], auth: 'scram', tls: false, username: 'u', password: 'p', clientId: 'test' })
  const admin = new KafkaAdmin(connection)
  for (let round = 0; round < 3; round++) await t.rejects(admin.describeTopic('a'), { code: 'KAFKA_UNREACHABLE', retryable: true })
  await admin.close()
  t.equal(connection.way.entered, false)
})

await t.test('a refusal is borne for a while where we were in before, by each broker, and never where we were not', async t => {
  const { kafka } = await useStack(t)
  const connection = await connect(kafka)
  t.equal(connection.way.entered, false)
  const admin = new KafkaAdmin(connection)
  await admin.describeTopic(uniqueName('none'))
  t.equal(connection.way.entered, true)
  await admin.close()

  const refuse = async (way: typeof connection.way, before?: { readonly since: number, readonly last: number }) => {
    const { Admin } = await import('@platformatic/kafka')
    const server = createServer((socket: Socket) => {
      socket.on('error', () => {})
      // The beginning of a TLS record: how a TLS listener answers plain text.
      socket.once('data', () => { socket.end(Buffer.from([0x15, 0x03, 0x03, 0, 2, 2, 80])) })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const broker = `127.0.0.1:${(server.address() as AddressInfo).port}`
    if (before !== undefined) way.refusals.set(broker, before)
    const client = new Admin({ clientId: 'test', bootstrapBrokers: [broker], retries: 0, context: way })
    try {
      const error = await client.metadata({ topics: [] }).then(() => undefined, (error: unknown) => error)
      return mapKafkaError(error, { action: 'look', brokers: broker })
    } finally {
      await client.close()
      server.close()
    }
  }
  const fresh = (more: Partial<typeof connection.way>) => ({ ...connection.way, refusals: new Map(), ...more })
  t.match(await refuse(fresh({ entered: false })), { code: 'KAFKA_TLS_FAILED', retryable: false, fatal: true })
  t.match(await refuse(fresh({ graceMs: 60_000 })), { code: 'KAFKA_TLS_FAILED', retryable: true, fatal: false })
  const now = performance.now()
  t.match(await refuse(fresh({ graceMs: 60_000 }), { since: now - 59_000, last: now - 1000 }), { retryable: true })
  t.match(await refuse(fresh({ graceMs: 60_000 }), { since: now - 61_000, last: now - 1000 }), { retryable: false, fatal: true }, 'for too long')
  t.match(await refuse(fresh({ graceMs: 60_000 }), { since: now - 900_000, last: now - 890_000 }), { retryable: true, fatal: false }, 'another time')
  t.match(await refuse(fresh({ graceMs: 500 }), { since: now - 3000, last: now - 1000 }), { retryable: false }, 'tries may be further apart than a short patience')
  t.match(await refuse(fresh({ graceMs: 0 })), { retryable: false, fatal: true })
})
