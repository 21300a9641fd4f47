import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { kafkaConnection, type KafkaConfig } from '../../src/kafka/connection.ts'
import { tempDir } from '../support/stack.ts'

const plain: KafkaConfig = { brokers: ['a:9092', ' b:9093 '], auth: 'none', tls: false, clientId: 'me' }

await t.test('plaintext names brokers and client, and sets nothing else', async t => {
  const { options, brokers } = await kafkaConnection(plain)
  t.strictSame(options, { clientId: 'me', bootstrapBrokers: ['a:9092', 'b:9093'] })
  t.equal(brokers, 'a:9092,b:9093')
})

await t.test('SCRAM is SHA-512, with and without TLS', async t => {
  const { options } = await kafkaConnection({ ...plain, auth: 'scram', username: 'u', password: 'p' })
  t.strictSame(options.sasl, { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' })
  t.notOk('tls' in options)
  const encrypted = await kafkaConnection({ ...plain, auth: 'scram', tls: true, username: 'u', password: 'p' })
  t.strictSame(encrypted.options.tls, {})
  t.equal(encrypted.options.tlsServerName, true)
})

await t.test('mTLS reads its three files', async t => {
  const folder = await tempDir(t)
  const file = async (name: string): Promise<string> => {
    const path = join(folder, name)
    await writeFile(path, `-----BEGIN ${name}-----\n`)
    return path
  }
  const [clientKey, clientCert, serverCa] = [await file('key'), await file('cert'), await file('ca')]
  const { options } = await kafkaConnection({ ...plain, auth: 'mtls', clientKey, clientCert, serverCa })
  t.match(options.tls, { key: /BEGIN key/, cert: /BEGIN cert/, ca: /BEGIN ca/ })
  await t.rejects(kafkaConnection({ ...plain, auth: 'mtls', clientKey, serverCa }), { code: 'KAFKA_CONFIG', message: /missing client certificate$/ })
  await t.rejects(kafkaConnection({ ...plain, auth: 'mtls', clientKey, clientCert, serverCa: join(folder, 'nothing') }),
    { code: 'KAFKA_FILE', where: join(folder, 'nothing'), message: /server CA certificate.*ENOENT/ })
  await writeFile(join(folder, 'text'), 'no certificate')
  await t.rejects(kafkaConnection({ ...plain, tls: true, serverCa: join(folder, 'text') }), { code: 'KAFKA_FILE', message: /no PEM block/ })
  await t.rejects(kafkaConnection({ ...plain, tls: true, clientKey }), { code: 'KAFKA_CONFIG' })
})

await t.test('what is missing or malformed is named', async t => {
  await t.rejects(kafkaConnection({ ...plain, brokers: [' '] }), { code: 'KAFKA_CONFIG', message: 'no broker is given' })
  for (const broker of ['a', 'a:b', 'a:0', 'a:70000', 'http://a:9092']) {
    await t.rejects(kafkaConnection({ ...plain, brokers: [broker] }), { code: 'KAFKA_CONFIG', message: `broker ${JSON.stringify(broker)} is not host:port` })
  }
  await t.rejects(kafkaConnection({ ...plain, auth: 'scram', username: 'u' }), { code: 'KAFKA_CONFIG', message: /the password is missing/ })
})
