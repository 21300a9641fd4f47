// Connection failures that the client library does not report.
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import { kafkaConnection } from '../../src/kafka/connection.ts'
import type { AuthState } from '../../src/kafka/connection-diagnostics.ts'
import { mapKafkaError } from '../../src/kafka/errors.ts'
import { uniqueName, useStack } from '../support/stack.ts'
import { connect } from './support.ts'

await t.test('a connection reset during SASL authentication rejects the call and does not end the process', async t => {
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
  t.equal(connection.authState.accepted, false)
})

await t.test('rejections by a broker are retryable for a grace period, but only if any broker has accepted the client before', async t => {
  const { kafka } = await useStack(t)
  const connection = await connect(kafka)
  t.equal(connection.authState.accepted, false)
  const admin = new KafkaAdmin(connection)
  await admin.describeTopic(uniqueName('none'))
  t.equal(connection.authState.accepted, true)
  await admin.close()

  const reject = async (authState: AuthState, before?: { readonly since: number, readonly last: number }) => {
    const { Admin } = await import('@platformatic/kafka')
    const server = createServer((socket: Socket) => {
      socket.on('error', () => {})
      // A TLS alert record, as a TLS listener sends it in response to plaintext.
      socket.once('data', () => { socket.end(Buffer.from([0x15, 0x03, 0x03, 0, 2, 2, 80])) })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const broker = `127.0.0.1:${(server.address() as AddressInfo).port}`
    if (before !== undefined) authState.rejections.set(broker, before)
    const client = new Admin({ clientId: 'test', bootstrapBrokers: [broker], retries: 0, context: authState })
    try {
      const error = await client.metadata({ topics: [] }).then(() => undefined, (error: unknown) => error)
      return mapKafkaError(error, { action: 'connect', brokers: broker })
    } finally {
      await client.close()
      server.close()
    }
  }
  const stateWith = (more: Partial<AuthState>): AuthState => ({ ...connection.authState, rejections: new Map(), ...more })
  t.match(await reject(stateWith({ accepted: false })), { code: 'KAFKA_TLS_FAILED', retryable: false, fatal: true })
  t.match(await reject(stateWith({ graceMs: 60_000 })), { code: 'KAFKA_TLS_FAILED', retryable: true, fatal: false })
  const now = performance.now()
  t.match(await reject(stateWith({ graceMs: 60_000 }), { since: now - 59_000, last: now - 1000 }), { retryable: true })
  t.match(await reject(stateWith({ graceMs: 60_000 }), { since: now - 61_000, last: now - 1000 }), { retryable: false, fatal: true },
    'a rejection after the grace period is not retryable')
  t.match(await reject(stateWith({ graceMs: 60_000 }), { since: now - 900_000, last: now - 890_000 }), { retryable: true, fatal: false },
    'a rejection from an earlier series does not count towards the grace period')
  t.match(await reject(stateWith({ graceMs: 500 }), { since: now - 3000, last: now - 1000 }), { retryable: false },
    'a grace period shorter than the interval between attempts also ends')
  t.match(await reject(stateWith({ graceMs: 0 })), { retryable: false, fatal: true })
})
