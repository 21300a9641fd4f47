import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { createAuthority, issueCertificate } from '../../src/devstack/issue-certificate.ts'
import { accessFailureOf, aclFailure } from '../../src/kafka/access-errors.ts'
import type { AuthState, FailureContext } from '../../src/kafka/connection-diagnostics.ts'

const authority = await createAuthority('an authority')
const certificate = new X509Certificate((await issueCertificate(authority, { name: 'ann' })).certificate)
const DAY_MS = 86_400_000
const past = { from: new Date(Date.now() - 9 * DAY_MS), to: new Date(Date.now() - DAY_MS) }
const expired = new X509Certificate((await issueCertificate(authority, { name: 'ann', validity: past })).certificate)

const authState: AuthState = {
  tls: true, scram: false, user: undefined, serverCa: 'ca.crt', clientCert: 'ann.crt', certificate,
  accepted: false, rejections: new Map(), graceMs: 0
}
const context: FailureContext = { authState, broker: 'b:9093', request: 'ApiVersions', responded: false, reason: undefined }
const errorOf = (code: string, message = code): Error => Object.assign(new Error(message), { code })
const closed = new Error('Connection closed')

await t.test('a TLS alert about the client certificate names the certificate and the reason', async t => {
  const cases: Array<[string, RegExp]> = [
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /does not trust the authority/],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN', /most likely .* does not trust the authority/],
    ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', /does not accept it/],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /does not accept it/],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', /has expired/],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_REVOKED', /has been revoked/],
    ['ERR_SSL_SSL/TLS_ALERT_UNSUPPORTED_CERTIFICATE', /not valid for client authentication/]
  ]
  for (const [code, why] of cases) {
    // The TLS alert arrives after the handshake, so the failed request itself reports only a closed connection.
    const failure = accessFailureOf([closed], { ...context, reason: new Error('Connection error', { cause: errorOf(code) }) })
    t.equal(failure?.code, 'KAFKA_CLIENT_CERTIFICATE', code)
    t.match(failure?.why, /^b:9093 rejected the client certificate ann\.crt \(CN=ann, signed by CN=an authority, valid until 20/)
    t.match(failure?.why, why)
    const withExpired = accessFailureOf([closed], { ...context, authState: { ...authState, certificate: expired }, reason: errorOf(code) })
    t.match(withExpired?.why, /: it has expired$/, 'an expired client certificate is the reported reason for any TLS alert')
    const none = { ...authState, clientCert: undefined, certificate: undefined }
    const withNone = accessFailureOf([closed], { ...context, authState: none, reason: errorOf(code) })
    t.match(withNone, { code: 'KAFKA_CLIENT_CERTIFICATE', why: /requires a client certificate, but none was sent/ })
  }
})

await t.test('the explanation of a connection closed without an error depends on whether the broker had responded', async t => {
  t.match(accessFailureOf([closed], context), { code: 'KAFKA_CLIENT_CERTIFICATE', why: /right after the TLS handshake/ })
  t.match(accessFailureOf([errorOf('ECONNRESET')], context), { code: 'KAFKA_CLIENT_CERTIFICATE' })
  t.match(accessFailureOf([closed], { ...context, responded: true, request: 'Metadata' }), {
    code: 'KAFKA_SASL_MISMATCH', why: /requires SASL authentication/
  })
  const accepted = { ...context, authState: { ...authState, accepted: true } }
  t.equal(accessFailureOf([closed], accepted), undefined, 'no explanation for a client that a broker has accepted before')
  t.equal(accessFailureOf([closed], { ...context, authState: { ...authState, tls: false } }), undefined)
  t.equal(accessFailureOf([closed], { ...context, request: undefined }), undefined, 'no explanation if the connection was not established')
  t.equal(accessFailureOf([closed], undefined), undefined)
  t.equal(accessFailureOf([errorOf('ECONNREFUSED')], context), undefined)
})

await t.test('problems of the broker certificate and of the listener have different codes', async t => {
  const cases: Array<[Error, string, RegExp]> = [
    [errorOf('CERT_NOT_YET_VALID'), 'KAFKA_SERVER_CERTIFICATE', /is not valid yet/],
    [errorOf('DEPTH_ZERO_SELF_SIGNED_CERT'), 'KAFKA_CA_UNKNOWN', /not in ca\.crt/],
    [errorOf('UNABLE_TO_GET_ISSUER_CERT_LOCALLY'), 'KAFKA_CA_UNKNOWN', /not in ca\.crt/],
    [errorOf('ERR_SSL_WRONG_VERSION_NUMBER'), 'KAFKA_TLS_FAILED', /its listener is plaintext/],
    [errorOf('ERR_SSL_NO_SHARED_CIPHER', 'no shared cipher'), 'KAFKA_TLS_FAILED', /^TLS with b:9093 failed: no shared cipher$/],
    [Object.assign(errorOf('EAI_AGAIN'), { hostname: 'kafka.example' }), 'KAFKA_HOST_UNKNOWN', /kafka\.example cannot be .*EAI_AGAIN/]
  ]
  for (const [error, code, why] of cases) {
    t.match(accessFailureOf([new Error('outer', { cause: error }), error], { ...context, request: undefined }), { code, why })
  }
})

await t.test('an ACL failure names the principal, the operation and the resource, as far as they are known', async t => {
  const scram = { ...authState, scram: true, user: 'ann', certificate: undefined }
  const topicFailure = (state: AuthState): string =>
    aclFailure('TOPIC_AUTHORIZATION_FAILED', { authState: state, request: 'Produce' }, { topic: 'a' }).why
  t.equal(topicFailure(scram), 'User:ann may not Write topic a (TOPIC_AUTHORIZATION_FAILED)')
  t.match(topicFailure(authState), /^User:CN=ann may not/)
  t.match(topicFailure({ ...authState, certificate: undefined }), /^User:ANONYMOUS may not/)
  const subject = { subject: 'C=US\nO=Rubin\nCN=ann' } as X509Certificate
  t.match(topicFailure({ ...authState, certificate: subject }), /^User:CN=ann,O=Rubin,C=US may not/, 'RFC 2253 reverses the subject')
  const why = (id: string, request: string | undefined, names = {}): string => aclFailure(id, { authState: scram, request }, names).why
  t.equal(why('TOPIC_AUTHORIZATION_FAILED', 'OffsetCommit'), 'User:ann may not Read topic (TOPIC_AUTHORIZATION_FAILED)')
  t.match(why('GROUP_AUTHORIZATION_FAILED', 'DeleteGroups', { group: 'g', topic: 'a' }), /^User:ann may not Delete group g \(/)
  t.match(why('CLUSTER_AUTHORIZATION_FAILED', 'InitProducerId'), /^User:ann may not IdempotentWrite the cluster \(/)
  t.match(why('CLUSTER_AUTHORIZATION_FAILED', 'InitProducerId', { topic: 'a' }), /^User:ann may not Write topic a \(/)
  t.equal(why('TOPIC_AUTHORIZATION_FAILED', 'ANewRequest', { topic: 'a' }), 'User:ann may not use topic a (TOPIC_AUTHORIZATION_FAILED)')
  t.match(aclFailure('GROUP_AUTHORIZATION_FAILED', { authState: undefined, request: undefined }, { group: 'g' }), {
    why: /^this user may not use group g/, hint: /allows this user to use group g/
  })
})
