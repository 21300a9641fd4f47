import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { createAuthority, issueCertificate } from '../../src/devstack/certificates.ts'
import { principalOf, refusalOf, ruleRefusal, subjectOf } from '../../src/kafka/access-errors.ts'
import type { Circumstances, WayIn } from '../../src/kafka/connection-diagnostics.ts'

const authority = await createAuthority('an authority')
const own = new X509Certificate((await issueCertificate(authority, { name: 'ann' })).certificate)
const DAY_MS = 86_400_000
const late = new X509Certificate((await issueCertificate(authority, { name: 'ann', validity: { from: new Date(Date.now() - 9 * DAY_MS), to: new Date(Date.now() - DAY_MS) } })).certificate)

const way: WayIn = { tls: true, scram: false, user: undefined, serverCa: 'ca.crt', clientCert: 'ann.crt', own, entered: false, refusals: new Map(), graceMs: 0 }
const seen: Circumstances = { way, broker: 'b:9093', request: 'ApiVersions', answered: false, reason: undefined }
const told = (code: string, message = code): Error => Object.assign(new Error(message), { code })
const closed = new Error('Connection closed')

await t.test('whatever alert a broker sends about our certificate, the certificate is named, and what is known of why', async t => {
  const cases: Array<[string, RegExp]> = [
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /does not trust the authority/],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN', /most likely .* does not trust the authority/],
    ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', /does not take it/],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /does not take it/],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', /has expired/],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_REVOKED', /was revoked/],
    ['ERR_SSL_SSL/TLS_ALERT_UNSUPPORTED_CERTIFICATE', /is not for clients/]
  ]
  for (const [code, why] of cases) {
    // It comes after the handshake: the request that fails only knows that the connection is closed.
    const refusal = refusalOf([closed], { ...seen, reason: new Error('Connection error', { cause: told(code) }) })
    t.match(refusal, { code: 'KAFKA_CLIENT_CERTIFICATE', why: /^b:9093 refused the client certificate ann\.crt \(CN=ann, signed by CN=an authority, valid until 20/ }, code)
    t.match(refusal?.why, why)
    t.match(refusalOf([closed], { ...seen, way: { ...way, own: late }, reason: told(code) })?.why, /: it has expired$/, 'its own date says more than an alert')
    t.match(refusalOf([closed], { ...seen, way: { ...way, clientCert: undefined, own: undefined }, reason: told(code) }), { code: 'KAFKA_CLIENT_CERTIFICATE', why: /none was shown/ })
  }
})

await t.test('a connection that closes without a word is read by how far it came', async t => {
  t.match(refusalOf([closed], seen), { code: 'KAFKA_CLIENT_CERTIFICATE', why: /right after the TLS handshake/ }, 'the reset has overtaken the alert')
  t.match(refusalOf([told('ECONNRESET')], seen), { code: 'KAFKA_CLIENT_CERTIFICATE' })
  t.match(refusalOf([closed], { ...seen, answered: true, request: 'Metadata' }), { code: 'KAFKA_SASL_MISMATCH', why: /wants a user name and a password/ })
  t.equal(refusalOf([closed], { ...seen, way: { ...way, entered: true } }), undefined, 'where we were in before, the broker is going down')
  t.equal(refusalOf([closed], { ...seen, way: { ...way, tls: false } }), undefined)
  t.equal(refusalOf([closed], { ...seen, request: undefined }), undefined, 'before the handshake it says nothing')
  t.equal(refusalOf([closed], undefined), undefined)
  t.equal(refusalOf([told('ECONNREFUSED')], seen), undefined)
})

await t.test('what is wrong with the broker\'s certificate or its listener is told apart', async t => {
  const cases: Array<[Error, string, RegExp]> = [
    [told('CERT_NOT_YET_VALID'), 'KAFKA_SERVER_CERTIFICATE', /is not valid yet/],
    [told('DEPTH_ZERO_SELF_SIGNED_CERT'), 'KAFKA_CA_UNKNOWN', /not in ca\.crt/],
    [told('UNABLE_TO_GET_ISSUER_CERT_LOCALLY'), 'KAFKA_CA_UNKNOWN', /not in ca\.crt/],
    [told('ERR_SSL_WRONG_VERSION_NUMBER'), 'KAFKA_TLS_FAILED', /speaks plain text/],
    [told('ERR_SSL_NO_SHARED_CIPHER', 'no shared cipher'), 'KAFKA_TLS_FAILED', /^b:9093: no shared cipher$/],
    [Object.assign(told('EAI_AGAIN'), { hostname: 'kafka.example' }), 'KAFKA_HOST_UNKNOWN', /kafka\.example is not known here \(EAI_AGAIN\)/]
  ]
  for (const [error, code, why] of cases) t.match(refusalOf([new Error('outer', { cause: error }), error], { ...seen, request: undefined }), { code, why })
})

await t.test('a rule is told as user, operation and resource, as far as they are known', async t => {
  const scram = { ...way, scram: true, user: 'ann', own: undefined }
  t.equal(principalOf(scram), 'User:ann')
  t.equal(principalOf(way), 'User:CN=ann')
  t.equal(principalOf({ ...way, own: undefined }), 'User:ANONYMOUS')
  // As Kafka writes it: the other way round than the certificate has it.
  t.equal(subjectOf({ subject: 'C=US\nO=Rubin\nCN=ann' } as X509Certificate), 'CN=ann,O=Rubin,C=US')
  const why = (id: string, request: string | undefined, names = {}): string => ruleRefusal(id, { way: scram, request }, names).why
  t.equal(why('TOPIC_AUTHORIZATION_FAILED', 'Produce', { topic: 'a' }), 'User:ann may not Write topic a (TOPIC_AUTHORIZATION_FAILED)')
  t.equal(why('TOPIC_AUTHORIZATION_FAILED', 'OffsetCommit'), 'User:ann may not Read topic (TOPIC_AUTHORIZATION_FAILED)')
  t.equal(why('GROUP_AUTHORIZATION_FAILED', 'DeleteGroups', { group: 'g', topic: 'a' }), 'User:ann may not Delete group g (GROUP_AUTHORIZATION_FAILED)')
  t.equal(why('CLUSTER_AUTHORIZATION_FAILED', 'InitProducerId'), 'User:ann may not IdempotentWrite the cluster (CLUSTER_AUTHORIZATION_FAILED)')
  t.equal(why('TOPIC_AUTHORIZATION_FAILED', 'ANewRequest', { topic: 'a' }), 'User:ann may not use topic a (TOPIC_AUTHORIZATION_FAILED)')
  t.match(ruleRefusal('GROUP_AUTHORIZATION_FAILED', { way: undefined, request: undefined }, { group: 'g' }), { why: /^this user may not use group g/, hint: /allows this user to use group g/ })
})
