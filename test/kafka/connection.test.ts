import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createAuthority, issueCertificate } from '../../src/devstack/issue-certificate.ts'
import { kafkaConnection, type KafkaConfig } from '../../src/kafka/connection.ts'
import { tempDir } from '../support/stack.ts'

const plain: KafkaConfig = { brokers: ['a:9092', ' b:9093 '], auth: 'none', tls: false, clientId: 'me' }
const usageError = { code: 'KAFKA_CONFIG', usage: true }

await t.test('a plaintext connection sets only the options clientId, bootstrapBrokers and context', async t => {
  const { options, brokers, authState } = await kafkaConnection(plain)
  t.strictSame(options, { clientId: 'me', bootstrapBrokers: ['a:9092', 'b:9093'], context: authState })
  t.equal(brokers, 'a:9092,b:9093')
})

await t.test('SCRAM authentication uses SCRAM-SHA-512, with and without TLS', async t => {
  const { options } = await kafkaConnection({ ...plain, auth: 'scram', username: 'u', password: 'p' })
  t.strictSame(options.sasl, { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' })
  t.notOk('tls' in options)
  const encrypted = await kafkaConnection({ ...plain, auth: 'scram', tls: true, username: 'u', password: 'p' })
  t.strictSame(Object.keys({ ...encrypted.options.tls }), ['secureContext'])
  t.equal(encrypted.options.tlsServerName, true)
})

await t.test('mTLS reads the key, certificate and CA files for each connection and rejects unusable files', async t => {
  const folder = await tempDir(t)
  const authority = await createAuthority('an authority')
  const client = await issueCertificate(authority, { name: 'me' })
  const [clientKey, clientCert, serverCa] = ['key', 'crt', 'ca'].map(name => join(folder, name)) as [string, string, string]
  await writeFile(clientKey, client.key)
  await writeFile(clientCert, client.certificate)
  await writeFile(serverCa, authority.certificate)
  const mtls: KafkaConfig = { ...plain, auth: 'mtls', clientKey, clientCert, serverCa }
  const { options, authState } = await kafkaConnection(mtls)
  t.equal(authState.certificate?.subject, 'CN=me')
  const before = { ...options.tls }.secureContext
  t.ok(before)
  t.equal({ ...options.tls }.secureContext, before, 'unchanged files do not create a new TLS context')
  const next = await issueCertificate(authority, { name: 'me-2' })
  await writeFile(clientKey, next.key)
  await writeFile(clientCert, next.certificate)
  t.not({ ...options.tls }.secureContext, before)
  t.equal(authState.certificate?.subject, 'CN=me-2')

  await t.rejects(kafkaConnection({ ...mtls, clientCert: undefined }), { ...usageError, hint: 'Set --tls-client-crt-location.' })
  const missing = join(folder, 'nothing')
  await t.rejects(kafkaConnection({ ...mtls, serverCa: missing }), {
    code: 'KAFKA_FILE', where: missing, message: /server CA certificate.*ENOENT/
  })
  await writeFile(join(folder, 'text'), 'no certificate')
  await t.rejects(kafkaConnection({ ...plain, tls: true, serverCa: join(folder, 'text') }), { code: 'KAFKA_FILE', message: /no PEM block/ })
  await t.rejects(kafkaConnection({ ...plain, tls: true, clientKey }), usageError)
})

await t.test('reads the password file for each connection; an explicit password takes precedence', async t => {
  const passwordFile = join(await tempDir(t), 'password')
  await writeFile(passwordFile, 'first\nnot this line\n')
  const scram: KafkaConfig = { ...plain, auth: 'scram', username: 'u', passwordFile }
  const provider = (await kafkaConnection(scram)).options.sasl?.password as () => string
  t.equal(provider(), 'first')
  await writeFile(passwordFile, 'second')
  t.equal(provider(), 'second')
  t.equal((await kafkaConnection({ ...scram, password: 'given' })).options.sasl?.password, 'given')
  await t.rejects(kafkaConnection({ ...scram, passwordFile: `${passwordFile}-2` }), { code: 'PASSWORD_FILE', where: `${passwordFile}-2` })
})

await t.test('missing and malformed options are usage errors that describe the problem', async t => {
  await t.rejects(kafkaConnection({ ...plain, brokers: [' '] }), { ...usageError, message: 'no bootstrap brokers' })
  for (const broker of ['a', 'a:b', 'a:0', 'a:70000', 'http://a:9092']) {
    const message = `broker ${JSON.stringify(broker)} is not host:port`
    await t.rejects(kafkaConnection({ ...plain, brokers: [broker] }), { ...usageError, message })
  }
  await t.rejects(kafkaConnection({ ...plain, auth: 'scram', username: 'u' }), { ...usageError, message: 'SCRAM requires a password' })
  await t.rejects(kafkaConnection({ ...plain, auth: 'scram', password: 'p' }), { ...usageError, message: 'SCRAM requires a user name' })
})
