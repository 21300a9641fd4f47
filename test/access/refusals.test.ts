// What a user is told who does not come in, or may not do something: each case on the real broker, with the sentence that our client makes of it;
// and that confluent-kafka is refused as well where that is a matter of the broker.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AclOperations, AclPermissionTypes, Admin, Producer, ResourcePatternTypes, ResourceTypes } from '@platformatic/kafka'
import t from 'tap'
import { createAuthority, issueCertificate, type Credentials } from '../../src/devstack/certificates.ts'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import { kafkaConnection, type KafkaConfig, type KafkaConnection } from '../../src/kafka/connection.ts'
import { mapKafkaError } from '../../src/kafka/errors.ts'
import { AlertStreamError, formatError } from '../../src/pipeline/errors.ts'
import { kafkaGroupSource } from '../../src/sources/kafka-group.ts'
import { readTopic } from '../../src/sources/kafka-topic.ts'
import { kafkaSink } from '../../src/sinks/kafka.ts'
import { contextOf, outgoing, produce } from '../kafka/support.ts'
import { runCli, tempDir, usePython } from '../support/stack.ts'
import { mtlsConf, scramConf, useLockedKafka, withConfluent } from './support.ts'

const DAY_MS = 86_400_000
const past = { from: new Date(Date.now() - 9 * DAY_MS), to: new Date(Date.now() - DAY_MS) }
const TOPIC = 'alerts-simulated'
const folder = await tempDir(t)
async function keep (name: string, { certificate, key }: Credentials, issuer?: Credentials): Promise<string> {
  const path = join(folder, name)
  await writeFile(`${path}.crt`, certificate)
  await writeFile(`${path}.key`, key)
  if (issuer !== undefined) await writeFile(`${path}.pem`, key + certificate + issuer.certificate)
  return path
}

// Listeners whose own certificate is wrong are signed by an authority of this test.
const authority = await createAuthority('authority of the test')
const ca = await keep('ca', authority)
const foreign = await keep('foreign', await issueCertificate(authority, { name: 'fink-idfint' }))
const elsewhere = await keep('elsewhere', await issueCertificate(authority, { name: 'broker', hosts: ['elsewhere.example'] }), authority)
const late = await keep('late', await issueCertificate(authority, { name: 'broker', hosts: ['localhost'], validity: past }), authority)
const keystore = (path: string) => ({ protocol: 'SASL_SSL', settings: { 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': `${path}.pem` } } as const)
const kafka = await useLockedKafka(t, {
  more: { plain: { protocol: 'SASL_PLAINTEXT' }, open: { protocol: 'PLAINTEXT' }, elsewhere: keystore(elsewhere), late: keystore(late) }
})
const { listeners, certificates } = kafka.access
const ours: Credentials = { certificate: await readFile(certificates.ca, 'utf8'), key: await readFile(join(certificates.folder, 'ca.key'), 'utf8') }
const expired = await keep('expired', await issueCertificate(ours, { name: 'alert-database-ingester', validity: past }))

const adminConnection = await kafka.connect('kafka-admin')
const admin = new KafkaAdmin(adminConnection)
for (const topic of [TOPIC, 'alerts-static']) {
  await admin.createTopic(topic, { partitions: 1, replicas: 1 })
  await produce(adminConnection, topic, [outgoing('a record')])
}
await admin.close()

const connections = { fink: await kafka.connect('fink-idfint'), simulator: await kafka.connect('alert-stream-simulator'), ingester: await kafka.connect('alert-database-ingester') }
const fink = kafka.config('fink-idfint')
const ingester = kafka.config('alert-database-ingester')
const pair = (path: string): Pick<KafkaConfig, 'clientCert' | 'clientKey'> => ({ clientCert: `${path}.crt`, clientKey: `${path}.key` })
const at = (address: string | undefined): Pick<KafkaConfig, 'brokers'> => ({ brokers: [address ?? ''] })
const port = (address: string | undefined): string => (address ?? '').replace(/.*:/, '')

/** `CODE: what (where). hint`, and whether it would be tried again. */
async function refused (config: KafkaConfig): Promise<AlertStreamError> {
  const admin = new KafkaAdmin(await kafkaConnection(config))
  try {
    await admin.describeTopic(TOPIC)
    throw new Error('it was let in')
  } catch (error) {
    if (error instanceof AlertStreamError) return error
    throw error
  } finally {
    await admin.close()
  }
}

const doors: ReadonlyArray<readonly [string, KafkaConfig, string, RegExp]> = [
  ['a host that does not resolve', { ...fink, ...at('no-such-host.invalid:9092') }, 'KAFKA_HOST_UNKNOWN', /the host name no-such-host\.invalid is not known here/],
  ['a port where nobody listens', { ...fink, ...at('localhost:2') }, 'KAFKA_UNREACHABLE', /localhost:2 .*ECONNREFUSED/],
  ['a server\'s certificate for another host', { ...fink, ...at(listeners.elsewhere), serverCa: `${ca}.crt` }, 'KAFKA_HOST_MISMATCH',
    new RegExp(`certificate of localhost:${port(listeners.elsewhere)} is not for that host, but for DNS:elsewhere\\.example`)],
  ['a server\'s certificate that has expired', { ...fink, ...at(listeners.late), serverCa: `${ca}.crt` }, 'KAFKA_SERVER_CERTIFICATE', /certificate of localhost:\d+ has expired/],
  ['a server\'s certificate of an authority that is not ours', { ...fink, serverCa: `${ca}.crt` }, 'KAFKA_CA_UNKNOWN', /signed by an authority that is not in .*ca\.crt/],
  ['no authority given', { ...fink, serverCa: undefined }, 'KAFKA_CA_UNKNOWN', /an authority that this machine does not trust/],
  ['no client certificate', { ...fink, ...at(listeners.internal), auth: 'none' }, 'KAFKA_CLIENT_CERTIFICATE', /localhost:\d+ wants a client certificate, and none was shown/],
  ['a password where a client certificate is wanted', { ...fink, ...at(listeners.internal) }, 'KAFKA_CLIENT_CERTIFICATE', /wants a client certificate, and none was shown/],
  ['a client certificate of an authority that the server does not know', { ...ingester, ...pair(foreign) }, 'KAFKA_CLIENT_CERTIFICATE',
    /refused the client certificate .*foreign\.crt \(CN=fink-idfint, signed by CN=authority of the test, valid until .*\): (most likely )?the broker (does not trust|closed)/],
  ['a client certificate that has expired', { ...ingester, ...pair(expired) }, 'KAFKA_CLIENT_CERTIFICATE', /refused the client certificate .*expired\.crt \(CN=alert-database-ingester, .*\): it has expired/],
  ['TLS to a plaintext listener', { ...fink, ...at(listeners.plain) }, 'KAFKA_TLS_FAILED', /localhost:\d+ ended the TLS handshake: it speaks plain text/],
  ['a client certificate to a plaintext listener', { ...ingester, ...at(listeners.open) }, 'KAFKA_TLS_FAILED', /ended the TLS handshake: it speaks plain text/],
  ['plain text to a TLS listener', { ...fink, auth: 'none', tls: false, serverCa: undefined, ...at(listeners.internal) }, 'KAFKA_TLS_FAILED', /localhost:\d+ speaks TLS, and was spoken to in plain text/],
  ['a password in plain text to a TLS listener', { ...fink, tls: false, serverCa: undefined }, 'KAFKA_TLS_FAILED', /speaks TLS, and was spoken to in plain text/],
  ['a wrong password', { ...fink, password: 'guessed' }, 'KAFKA_AUTH_FAILED', /localhost:\d+ refused the password of user fink-idfint, or knows no such user/],
  ['a user that the server does not know', { ...fink, username: 'nobody' }, 'KAFKA_AUTH_FAILED', /refused the password of user nobody/],
  ['a wrong password in plain text', { ...fink, tls: false, serverCa: undefined, password: 'guessed', ...at(listeners.plain) }, 'KAFKA_AUTH_FAILED', /refused the password of user fink-idfint/],
  ['a password to a listener without SASL', { ...fink, tls: false, serverCa: undefined, ...at(listeners.open) }, 'KAFKA_SASL_MISMATCH', /does not offer SCRAM-SHA-512 on this listener/],
  ['no password where one is wanted', { ...fink, auth: 'none' }, 'KAFKA_SASL_MISMATCH', /wants a user name and a password/],
  ['no password where one is wanted, in plain text', { ...fink, auth: 'none', tls: false, serverCa: undefined, ...at(listeners.plain) }, 'KAFKA_SASL_MISMATCH', /wants a user name and a password/]
]

const waitedFor = new Set(['KAFKA_HOST_UNKNOWN', 'KAFKA_UNREACHABLE'])
for (const [title, config, code, sentence] of doors) {
  await t.test(`${title}: ${code}`, async t => {
    const error = await refused(config)
    t.equal(error.code, code)
    t.match(error.message, /^cannot look at the topic: /)
    t.match(error.message, sentence)
    t.match(error.where, `${TOPIC} at ${config.brokers[0]}`)
    t.equal(error.retryable, waitedFor.has(code), 'what was refused at the start is not tried again')
    const line = formatError(error)
    t.notMatch(line, /[0-9A-F]{12}:error:|guessed|BEGIN/, 'neither OpenSSL\'s own words nor secrets')
    t.ok(error.hint.length > 10 && line.endsWith(error.hint), line)
  })
}

await t.test('confluent-kafka is refused at the same doors', async t => {
  const scram = kafka.conf('fink-idfint')
  const mtls = kafka.conf('alert-database-ingester')
  const password = String(scram['sasl.password'])
  const cases: Array<[string, Record<string, string>, RegExp]> = [
    ['no certificate', { 'bootstrap.servers': listeners.internal, 'security.protocol': 'SSL', 'ssl.ca.location': certificates.ca }, /^_(SSL|TRANSPORT|ALL_BROKERS_DOWN)$/],
    ['the client does not trust the server', { ...scram, 'ssl.ca.location': `${ca}.crt` }, /^_SSL$/],
    ['the server does not trust the client', { ...mtls, ...mtlsConf(listeners.internal, certificates.ca, `${foreign}.crt`, `${foreign}.key`) }, /^_(SSL|TRANSPORT|ALL_BROKERS_DOWN)$/],
    ['an expired certificate', mtlsConf(listeners.internal, certificates.ca, `${expired}.crt`, `${expired}.key`), /^_(SSL|TRANSPORT|ALL_BROKERS_DOWN)$/],
    ['an expired certificate of the server', scramConf(listeners.late!, `${ca}.crt`, 'fink-idfint', password), /^_SSL$/],
    ['another host', scramConf(listeners.elsewhere!, `${ca}.crt`, 'fink-idfint', password), /^_SSL$/],
    ['a wrong password', { ...scram, 'sasl.password': 'guessed' }, /^_AUTHENTICATION$/],
    ['an unknown user', { ...scram, 'sasl.username': 'nobody' }, /^_AUTHENTICATION$/]
  ]
  const came = await withConfluent(await usePython(t), cases.map(([id, conf]) => ({ id, conf, do: 'read', topic: TOPIC })))
  for (const [title, , answer] of cases) t.match(came.get(title), answer, `${title}: ${came.get(title)}`)
})

async function library (connection: KafkaConnection, action: string, work: (client: Admin) => Promise<unknown>): Promise<unknown> {
  const client = new Admin({ ...connection.options, retries: 0 })
  try {
    return await work(client)
  } catch (error) {
    throw mapKafkaError(error, { action, brokers: connection.brokers })
  } finally {
    await client.close()
  }
}
const scramUser = 'User:fink-idfint'
const rules: ReadonlyArray<readonly [string, () => Promise<unknown>, RegExp]> = [
  ['reading another topic', async () => await readTopic({ connection: connections.fink, topic: 'alerts-static' }).open?.(contextOf()), /User:fink-idfint may not Describe topic alerts-static/],
  ['reading what may be written only', async () => {
    const source = readTopic({ connection: connections.simulator, topic: TOPIC })
    const context = contextOf()
    await source.open?.(context)
    try {
      for await (const _ of source.records(context)) return
    } finally {
      await source.close?.()
    }
  }, /User:CN=alert-stream-simulator may not Read topic alerts-simulated/],
  ['writing', async () => {
    const sink = kafkaSink({ connection: connections.fink, topic: TOPIC })
    await sink.open?.(contextOf())
    try {
      await sink.writeBatch([outgoing('x')], { signal: new AbortController().signal, attempt: 1 })
    } finally {
      await sink.close?.()
    }
  }, /^cannot write to alerts-simulated: User:fink-idfint may not Write topic alerts-simulated/],
  ['another\'s group', async () => await kafkaGroupSource({ connection: connections.fink, topics: [TOPIC], group: 'antares-idfint' }).open?.(contextOf()),
    /^cannot join group antares-idfint: User:fink-idfint may not use group antares-idfint \(GROUP_AUTHORIZATION_FAILED\)$/],
  ['the lag of another\'s group', async () => {
    const client = new KafkaAdmin(connections.fink)
    await client.groupLag('admin', [TOPIC]).finally(async () => { await client.close() })
  }, /User:fink-idfint may not Describe group admin/],
  ['creating a topic', async () => {
    const client = new KafkaAdmin(connections.ingester)
    await client.createTopic('mine', { partitions: 1, replicas: 1 }).finally(async () => { await client.close() })
  }, /User:CN=alert-database-ingester may not Create topic mine/],
  ['seeing a topic\'s settings', async () => {
    const client = new KafkaAdmin(connections.ingester)
    await client.topicConfigs(TOPIC).finally(async () => { await client.close() })
  }, /User:CN=alert-database-ingester may not DescribeConfigs topic alerts-simulated/],
  ['changing rules', async () => await library(connections.fink, 'change rules', async client => {
    await client.createAcls({
      creations: [{ resourceType: ResourceTypes.TOPIC, resourceName: '*', resourcePatternType: ResourcePatternTypes.LITERAL, principal: scramUser, host: '*', operation: AclOperations.ALL, permissionType: AclPermissionTypes.ALLOW }]
    })
  }), /^cannot change rules: User:fink-idfint may not Alter the cluster \(CLUSTER_AUTHORIZATION_FAILED\)$/],
  ['a transaction', async () => {
    const { options, brokers } = connections.simulator
    const producer = new Producer({ ...options, retries: 0, idempotent: true, transactionalId: 'tx' })
    try {
      await producer.beginTransaction()
    } catch (error) {
      throw mapKafkaError(error, { action: 'begin a transaction', brokers })
    } finally {
      await producer.close(true).catch(() => {})
    }
  }, /User:CN=alert-stream-simulator may not (Describe|Write) transactional id \(TRANSACTIONAL_ID_AUTHORIZATION_FAILED\)/]
]
for (const [title, work, sentence] of rules) {
  await t.test(`${title}: KAFKA_NOT_AUTHORISED names user, operation and resource`, async t => {
    const error = await work().then(() => undefined, (error: unknown) => error as AlertStreamError)
    t.equal(error?.code, 'KAFKA_NOT_AUTHORISED')
    t.match(error?.message, sentence)
    t.equal(error?.retryable, false)
    const [, who] = /: (User:\S+) may not/.exec(error?.message ?? '') ?? []
    t.ok(error?.hint.includes(`that allows ${who}`), `who administers rules is told what to allow: ${error?.hint}`)
  })
}

await t.test('the program says it in one line and ends with 1', async t => {
  const flags = kafka.flags('fink-idfint')
  const run = async (...args: string[]) => await runCli(['print-stream', '--topic', 'alerts-static', '--schema-registry-url', 'http://localhost:2', '--log-level', 'error', ...args])
  const [rule, password, certificate] = await Promise.all([
    run(...flags),
    run(...flags.filter((_, index) => !['--kafka-password-file'].includes(flags[index - 1] ?? '') && flags[index] !== '--kafka-password-file'), '--kafka-password-file', `${ca}.key`),
    run('--broker', listeners.internal, '--kafka-auth-mechanism', 'mtls', '--tls-client-crt-location', `${expired}.crt`, '--tls-client-key-location', `${expired}.key`, '--tls-server-ca-crt-location', certificates.ca)
  ])
  t.match(rule, { code: 1, stdout: '', stderr: /^KAFKA_NOT_AUTHORISED: .*User:fink-idfint may not Describe topic alerts-static .*\n$/ })
  t.match(password, { code: 1, stdout: '', stderr: /^KAFKA_AUTH_FAILED: .*refused the password of user fink-idfint.*\n$/ })
  t.match(certificate, { code: 1, stdout: '', stderr: /^KAFKA_CLIENT_CERTIFICATE: .*it has expired.*\n$/ })
})

await t.test('docs/access.md tells of every refusal and every user', async t => {
  const text = await readFile(join(import.meta.dirname, '../../docs/access.md'), 'utf8')
  for (const code of new Set([...doors.map(([, , code]) => code), 'KAFKA_NOT_AUTHORISED', 'KAFKA_FILE', 'PASSWORD_FILE'])) t.match(text, new RegExp(`^\\|.*\`${code}\`.*\\|`, 'm'), code)
  for (const { name } of [...kafka.table.users, ...kafka.table.superUsers]) t.match(text, new RegExp(`^\\|.*\`${name}\`.*\\|`, 'm'), name)
})
