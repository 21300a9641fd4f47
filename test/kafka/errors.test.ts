import t from 'tap'
import { AuthenticationError, MultipleErrors, NetworkError, ProtocolError, ResponseError, UserError } from '@platformatic/kafka'
import { hasProtocolError, kafkaErrors, mapKafkaError } from '../../src/kafka/errors.ts'

const operation = { action: 'write to alerts', brokers: 'broker-0:9092', topic: 'alerts' }
const retried = (error: Error): Error => new MultipleErrors('produce failed 3 times.', [error, error])
const failedConnection = (cause: Error): Error => new NetworkError('Connection to b:1 failed.', { cause })
const failedSasl = (cause: Error): Error => failedConnection(new AuthenticationError('SASL authentication failed.', { cause }))
const socketError = (code: string, message: string): Error => Object.assign(new Error(message), { code })

await t.test('maps a library error to the code of the nested error that explains the failure', async t => {
  const cases: Array<[Error, string, boolean]> = [
    [retried(new ResponseError(0, 11, { '/': [10, null] } as never, {})), 'KAFKA_MESSAGE_TOO_LARGE', false],
    [new ProtocolError('TOPIC_AUTHORIZATION_FAILED'), 'KAFKA_NOT_AUTHORISED', false],
    [new ProtocolError('GROUP_AUTHORIZATION_FAILED'), 'KAFKA_NOT_AUTHORISED', false],
    [new ProtocolError('UNKNOWN_TOPIC_ID'), 'KAFKA_TOPIC_RECREATED', false],
    [new ProtocolError('NOT_ENOUGH_REPLICAS'), 'KAFKA_NOT_ENOUGH_REPLICAS', true],
    [new ProtocolError('COORDINATOR_NOT_AVAILABLE'), 'KAFKA_REFUSED', true],
    [new ProtocolError('INVALID_SESSION_TIMEOUT'), 'KAFKA_CONFIG', false],
    [new ProtocolError('INVALID_REQUEST'), 'KAFKA_REFUSED', false],
    [new UserError('Unknown topic alerts.'), 'KAFKA_TOPIC_MISSING', false],
    [failedSasl(new ProtocolError('SASL_AUTHENTICATION_FAILED')), 'KAFKA_AUTH_FAILED', false],
    [failedSasl(new NetworkError('Connection closed')), 'KAFKA_UNREACHABLE', true],
    [retried(failedConnection(socketError('ECONNREFUSED', 'connect ECONNREFUSED b:1'))), 'KAFKA_UNREACHABLE', true],
    [failedConnection(socketError('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate')), 'KAFKA_CA_UNKNOWN', false],
    [new TypeError('x is not a function'), 'KAFKA_UNEXPECTED', false]
  ]
  for (const [error, code, retryable] of cases) {
    const mapped = mapKafkaError(error, operation)
    t.match({ code: mapped.code, retryable: mapped.retryable, where: mapped.where, cause: mapped.cause },
      { code, retryable, where: 'alerts at broker-0:9092', cause: error }, `${code}: ${mapped.message}`)
    t.match(mapped.message, /^cannot write to alerts: ./)
  }
})

await t.test('the error for an unreachable broker names the address of the broker and the reason', async t => {
  const refused = failedConnection(socketError('ECONNREFUSED', 'connect ECONNREFUSED b:1'))
  t.equal(mapKafkaError(refused, operation).message, 'cannot write to alerts: Connection to b:1 failed: connect ECONNREFUSED b:1')
})

await t.test('mapKafkaError returns an AlertStreamError unchanged, and hasProtocolError finds protocol errors nested in it', async t => {
  const error = kafkaErrors.KAFKA_REFUSED('no', { cause: retried(new ProtocolError('ILLEGAL_GENERATION')) })
  t.equal(mapKafkaError(error, operation), error)
  t.ok(hasProtocolError(error, 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION'))
  t.notOk(hasProtocolError(error, 'UNKNOWN_MEMBER_ID'))
})
