import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createAuthority, issueCertificate } from '../../src/devstack/certificates.ts'
import { kafkaConnection, type KafkaConfig } from '../../src/kafka/connection.ts'
import { tempDir } from '../support/stack.ts'

const plain: KafkaConfig = { brokers: ['a:9092', ' b:9093 '], auth: 'none', tls: false, clientId: 'me' }

await t.test('plaintext names brokers and client, and sets nothing else', async t => {
  const { options, brokers, way } = await kafkaConnection(plain)
  t.strictSame(options, { clientId: 'me', bootstrapBrokers: ['a:9092', 'b:9093'], context: way })
  t.equal(brokers, 'a:9092,b:9093')
})

await t.test('SCRAM is SHA-512, with and without TLS', async t => {
  const { options } = await kafkaConnection({ ...plain, auth: 'scram', username: 'u', password: 'p' })
  t.strictSame(options.sasl, { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' })
  t.notOk('tls' in options)
  const encrypted = await kafkaConnection({ ...plain, auth: 'scram', tls: true, username: 'u', password: 'p' })
  t.strictSame(Object.keys({ ...encrypted.options.tls }), ['secureContext'])
  t.equal(encrypted.options.tlsServerName, true)
})

await t.test('mTLS reads its three files, each anew for the next connection', async t => {
  const folder = await tempDir(t)
  const authority = await createAuthority('an authority')
  const client = await issueCertificate(authority, { name: 'me' })
  const [clientKey, clientCert, serverCa] = ['key', 'crt', 'ca'].map(name => join(folder, name)) as [string, string, string]
  await writeFile(clientKey, client.key)
  await writeFile(clientCert, client.certificate)
  await writeFile(serverCa, authority.certificate)
  const mtls: KafkaConfig = { ...plain, auth: 'mtls', clientKey, clientCert, serverCa }
  const { options, way } = await kafkaConnection(mtls)
  t.equal(way.own?.subject, 'CN=me')
  const before = { ...options.tls }.secureContext
  t.ok(before)
  t.equal({ ...options.tls }.secureContext, before, 'nothing has changed')
  const next = await issueCertificate(authority, { name: 'me-2' })
  await writeFile(clientKey, next.key)
  await writeFile(clientCert, next.certificate)
  t.not({ ...options.tls }.secureContext, before)
  t.equal(way.own?.subject, 'CN=me-2')

  await t.rejects(kafkaConnection({ ...mtls, clientCert: undefined }), { code: 'KAFKA_CONFIG', message: /missing client certificate$/ })
  await t.rejects(kafkaConnection({ ...mtls, serverCa: join(folder, 'nothing') }), { code: 'KAFKA_FILE', where: join(folder, 'nothing'), message: /server CA certificate.*ENOENT/ })
  await writeFile(join(folder, 'text'), 'no certificate')
  await t.rejects(kafkaConnection({ ...plain, tls: true, serverCa: join(folder, 'text') }), { code: 'KAFKA_FILE', message: /no PEM block/ })
  await t.rejects(kafkaConnection({ ...plain, tls: true, clientKey }), { code: 'KAFKA_CONFIG' })
})

await t.test('a password file is read for each connection; a password that is given as such comes first', async t => {
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

await t.test('what is missing or malformed is named', async t => {
  await t.rejects(kafkaConnection({ ...plain, brokers: [' '] }), { code: 'KAFKA_CONFIG', message: 'no broker is given' })
  for (const broker of ['a', 'a:b', 'a:0', 'a:70000', 'http://a:9092']) {
    await t.rejects(kafkaConnection({ ...plain, brokers: [broker] }), { code: 'KAFKA_CONFIG', message: `broker ${JSON.stringify(broker)} is not host:port` })
  }
  await t.rejects(kafkaConnection({ ...plain, auth: 'scram', username: 'u' }), { code: 'KAFKA_CONFIG', message: /the password is missing/ })
})
