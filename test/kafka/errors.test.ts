import t from 'tap'
import { AuthenticationError, MultipleErrors, NetworkError, ProtocolError, ResponseError, UserError } from '@platformatic/kafka'
import { hasProtocolError, kafkaErrors, mapKafkaError } from '../../src/kafka/errors.ts'

const doing = { action: 'write to alerts', brokers: 'broker-0:9092', topic: 'alerts' }
const retried = (error: Error): Error => new MultipleErrors('produce failed 3 times.', [error, error])

await t.test('the error that explains it is found however deep it lies', async t => {
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
    [new NetworkError('Connection to b:1 failed.', { cause: new AuthenticationError('SASL authentication failed.', { cause: new ProtocolError('SASL_AUTHENTICATION_FAILED') }) }), 'KAFKA_AUTH_FAILED', false],
    [new NetworkError('Connection to b:1 failed.', { cause: new AuthenticationError('SASL authentication failed.', { cause: new NetworkError('Connection closed') }) }), 'KAFKA_UNREACHABLE', true],
    [retried(new NetworkError('Connection to b:1 failed.', { cause: Object.assign(new Error('connect ECONNREFUSED b:1'), { code: 'ECONNREFUSED' }) })), 'KAFKA_UNREACHABLE', true],
    [new NetworkError('Connection to b:1 failed.', { cause: Object.assign(new Error('self-signed certificate'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' }) }), 'KAFKA_CA_UNKNOWN', false],
    [new TypeError('x is not a function'), 'KAFKA_UNEXPECTED', false]
  ]
  for (const [error, code, retryable] of cases) {
    const mapped = mapKafkaError(error, doing)
    t.match({ code: mapped.code, retryable: mapped.retryable, where: mapped.where, cause: mapped.cause },
      { code, retryable, where: 'alerts at broker-0:9092', cause: error }, `${code}: ${mapped.message}`)
    t.match(mapped.message, /^cannot write to alerts: ./)
  }
})

await t.test('an unreachable broker is named with its address and the reason', async t => {
  const refused = new NetworkError('Connection to b:1 failed.', { cause: Object.assign(new Error('connect ECONNREFUSED b:1'), { code: 'ECONNREFUSED' }) })
  t.equal(mapKafkaError(refused, doing).message, 'cannot write to alerts: Connection to b:1 failed: connect ECONNREFUSED b:1')
})

await t.test('one of ours passes through, and protocol errors are found in it', async t => {
  const ours = kafkaErrors.KAFKA_REFUSED('no', { cause: retried(new ProtocolError('ILLEGAL_GENERATION')) })
  t.equal(mapKafkaError(ours, doing), ours)
  t.ok(hasProtocolError(ours, 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION'))
  t.notOk(hasProtocolError(ours, 'UNKNOWN_MEMBER_ID'))
})
