// Error messages of the program's client when a real broker denies access. In the same cases, confluent-kafka must fail too.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AclOperations, AclPermissionTypes, Admin, Producer, ResourcePatternTypes, ResourceTypes } from '@platformatic/kafka'
import t from 'tap'
import { createAuthority, issueCertificate, type Credentials } from '../../src/devstack/issue-certificate.ts'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import { kafkaConnection, type KafkaConfig, type KafkaConnection } from '../../src/kafka/connection.ts'
import { mapKafkaError } from '../../src/kafka/errors.ts'
import { AlertStreamError, formatError } from '../../src/pipeline/errors.ts'
import { kafkaGroupSource } from '../../src/sources/kafka-group.ts'
import { readTopic } from '../../src/sources/kafka-topic.ts'
import { kafkaSink } from '../../src/sinks/kafka.ts'
import { contextOf, outgoing, produce } from '../kafka/support.ts'
import { runCli, tempDir, usePython } from '../support/stack.ts'
import { mtlsConf, scramConf, useSecuredKafka, withConfluent } from './support.ts'

const DAY_MS = 86_400_000
const past = { from: new Date(Date.now() - 9 * DAY_MS), to: new Date(Date.now() - DAY_MS) }
const TOPIC = 'alerts-simulated'
const folder = await tempDir(t)

/** Writes NAME.crt and NAME.key. With an issuer, also writes NAME.pem for a listener. Resolves with the path without extension. */
async function save (name: string, { certificate, key }: Credentials, issuer?: Credentials): Promise<string> {
  const path = join(folder, name)
  await writeFile(`${path}.crt`, certificate)
  await writeFile(`${path}.key`, key)
  if (issuer !== undefined) await writeFile(`${path}.pem`, key + certificate + issuer.certificate)
  return path
}

// Two listeners have invalid certificates, signed by a CA that this test creates.
const authority = await createAuthority('authority of the test')
const ca = await save('ca', authority)
const foreign = await save('foreign', await issueCertificate(authority, { name: 'fink-idfint' }))
const [forOtherHost, ofThePast] = await Promise.all([
  issueCertificate(authority, { name: 'broker', hosts: ['elsewhere.example'] }),
  issueCertificate(authority, { name: 'broker', hosts: ['localhost'], validity: past })
])
const otherHost = await save('other-host', forOtherHost, authority)
const outdated = await save('outdated', ofThePast, authority)
const keystore = (path: string) => ({
  protocol: 'SASL_SSL', settings: { 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': `${path}.pem` }
} as const)
const kafka = await useSecuredKafka(t, {
  more: {
    plain: { protocol: 'SASL_PLAINTEXT' }, open: { protocol: 'PLAINTEXT' }, elsewhere: keystore(otherHost), late: keystore(outdated)
  }
})
const { listeners, certificates } = kafka.access
const kafkaCa: Credentials = {
  certificate: await readFile(certificates.ca, 'utf8'), key: await readFile(join(certificates.folder, 'ca.key'), 'utf8')
}
const expired = await save('expired', await issueCertificate(kafkaCa, { name: 'alert-database-ingester', validity: past }))

const adminConnection = await kafka.connect('kafka-admin')
const admin = new KafkaAdmin(adminConnection)
for (const topic of [TOPIC, 'alerts-static']) {
  await admin.createTopic(topic, { partitions: 1, replicas: 1 })
  await produce(adminConnection, topic, [outgoing('a record')])
}
await admin.close()

const connections = {
  fink: await kafka.connect('fink-idfint'),
  simulator: await kafka.connect('alert-stream-simulator'),
  ingester: await kafka.connect('alert-database-ingester')
}
const fink = kafka.config('fink-idfint')
const ingester = kafka.config('alert-database-ingester')
const pair = (path: string): Pick<KafkaConfig, 'clientCert' | 'clientKey'> => ({ clientCert: `${path}.crt`, clientKey: `${path}.key` })
const at = (address: string | undefined): Pick<KafkaConfig, 'brokers'> => ({ brokers: [address ?? ''] })
const port = (address: string | undefined): string => (address ?? '').replace(/.*:/, '')

async function connectionError (config: KafkaConfig): Promise<AlertStreamError> {
  const admin = new KafkaAdmin(await kafkaConnection(config))
  try {
    await admin.describeTopic(TOPIC)
    throw new Error('the broker accepted the client')
  } catch (error) {
    if (error instanceof AlertStreamError) return error
    throw error
  } finally {
    await admin.close()
  }
}

const finkPlaintext: KafkaConfig = { ...fink, tls: false, serverCa: undefined }
const rejectedUser = /localhost:\d+ rejected user fink-idfint: wrong password or unknown user/
const requiresTls = /localhost:\d+ requires TLS, but the client connected in plaintext/
const handshakeFailed = /the TLS handshake with localhost:\d+ failed: its listener is plaintext/
const noCertificate = /localhost:\d+ requires a client certificate, but none was sent/
const requiresSasl = /its listener requires SASL authentication/
const otherNames = new RegExp(`certificate of localhost:${port(listeners.elsewhere)} is valid for DNS:elsewhere\\.example, not`)
const connectionCases: ReadonlyArray<readonly [string, KafkaConfig, string, RegExp]> = [
  ['unknown host name', { ...fink, ...at('no-such-host.invalid:9092') }, 'KAFKA_HOST_UNKNOWN',
    /host name no-such-host\.invalid cannot be resolved/],
  ['closed port', { ...fink, ...at('localhost:2') }, 'KAFKA_UNREACHABLE', /localhost:2 .*ECONNREFUSED/],
  ['server certificate for another host', { ...fink, ...at(listeners.elsewhere), serverCa: `${ca}.crt` }, 'KAFKA_HOST_MISMATCH',
    otherNames],
  ['expired server certificate', { ...fink, ...at(listeners.late), serverCa: `${ca}.crt` }, 'KAFKA_SERVER_CERTIFICATE',
    /certificate of localhost:\d+ has expired/],
  ['server certificate of another CA', { ...fink, serverCa: `${ca}.crt` }, 'KAFKA_CA_UNKNOWN',
    /signed by an authority that is not in .*ca\.crt/],
  ['no CA file', { ...fink, serverCa: undefined }, 'KAFKA_CA_UNKNOWN', /an authority that this machine does not trust/],
  ['no client certificate', { ...fink, ...at(listeners.internal), auth: 'none' }, 'KAFKA_CLIENT_CERTIFICATE', noCertificate],
  ['SCRAM to an mTLS listener', { ...fink, ...at(listeners.internal) }, 'KAFKA_CLIENT_CERTIFICATE', noCertificate],
  ['client certificate of another CA', { ...ingester, ...pair(foreign) }, 'KAFKA_CLIENT_CERTIFICATE',
    /rejected the client certificate .*foreign\.crt \(CN=fink-idfint, signed by CN=authority.*\): .*the broker (does not trust|closed)/],
  ['expired client certificate', { ...ingester, ...pair(expired) }, 'KAFKA_CLIENT_CERTIFICATE',
    /rejected the client certificate .*expired\.crt \(CN=alert-database-ingester, .*\): it has expired/],
  ['TLS to a plaintext listener', { ...fink, ...at(listeners.plain) }, 'KAFKA_TLS_FAILED', handshakeFailed],
  ['mTLS to a plaintext listener', { ...ingester, ...at(listeners.open) }, 'KAFKA_TLS_FAILED', handshakeFailed],
  ['plaintext to a TLS listener', { ...finkPlaintext, auth: 'none', ...at(listeners.internal) }, 'KAFKA_TLS_FAILED', requiresTls],
  ['SCRAM in plaintext to a TLS listener', finkPlaintext, 'KAFKA_TLS_FAILED', requiresTls],
  ['wrong password', { ...fink, password: 'guessed' }, 'KAFKA_AUTH_FAILED', rejectedUser],
  ['unknown user', { ...fink, username: 'nobody' }, 'KAFKA_AUTH_FAILED', /rejected user nobody/],
  ['wrong password in plaintext', { ...finkPlaintext, password: 'guessed', ...at(listeners.plain) }, 'KAFKA_AUTH_FAILED', rejectedUser],
  ['SCRAM to a listener without SASL', { ...finkPlaintext, ...at(listeners.open) }, 'KAFKA_SASL_MISMATCH',
    /does not support SCRAM-SHA-512 on this listener/],
  ['no SASL to a SASL listener', { ...fink, auth: 'none' }, 'KAFKA_SASL_MISMATCH', requiresSasl],
  ['no SASL to a plaintext SASL listener', { ...finkPlaintext, auth: 'none', ...at(listeners.plain) }, 'KAFKA_SASL_MISMATCH', requiresSasl]
]

const retryableCodes = new Set(['KAFKA_HOST_UNKNOWN', 'KAFKA_UNREACHABLE'])
for (const [title, config, code, reason] of connectionCases) {
  await t.test(`${title}: ${code}`, async t => {
    const error = await connectionError(config)
    t.equal(error.code, code)
    t.match(error.message, /^cannot describe the topic: /)
    t.match(error.message, reason)
    t.match(error.where, `${TOPIC} at ${config.brokers[0]}`)
    t.equal(error.retryable, retryableCodes.has(code), 'only an unresolved host name or an unreachable broker is retryable')
    const line = formatError(error)
    t.notMatch(line, /[0-9A-F]{12}:error:|guessed|BEGIN/, 'the error line contains no raw OpenSSL message and no secret')
    t.ok(error.hint.length > 10 && line.endsWith(error.hint), line)
  })
}

await t.test('the broker rejects confluent-kafka in the same cases', async t => {
  const scram = kafka.conf('fink-idfint')
  const mtls = kafka.conf('alert-database-ingester')
  const password = String(scram['sasl.password'])
  const anyTlsError = /^_(SSL|TRANSPORT|ALL_BROKERS_DOWN)$/
  const withoutCertificate = { 'bootstrap.servers': listeners.internal, 'security.protocol': 'SSL', 'ssl.ca.location': certificates.ca }
  const mtlsAs = (path: string) => mtlsConf(listeners.internal, certificates.ca, `${path}.crt`, `${path}.key`)
  const cases: Array<[string, Record<string, string>, RegExp]> = [
    ['no client certificate', withoutCertificate, anyTlsError],
    ['server certificate of another CA', { ...scram, 'ssl.ca.location': `${ca}.crt` }, /^_SSL$/],
    ['client certificate of another CA', { ...mtls, ...mtlsAs(foreign) }, anyTlsError],
    ['expired client certificate', mtlsAs(expired), anyTlsError],
    ['expired server certificate', scramConf(listeners.late!, `${ca}.crt`, 'fink-idfint', password), /^_SSL$/],
    ['server certificate for another host', scramConf(listeners.elsewhere!, `${ca}.crt`, 'fink-idfint', password), /^_SSL$/],
    ['wrong password', { ...scram, 'sasl.password': 'guessed' }, /^_AUTHENTICATION$/],
    ['unknown user', { ...scram, 'sasl.username': 'nobody' }, /^_AUTHENTICATION$/]
  ]
  const results = await withConfluent(await usePython(t), cases.map(([id, conf]) => ({ id, conf, do: 'read', topic: TOPIC })))
  for (const [title, , expected] of cases) t.match(results.get(title), expected, `${title}: confluent-kafka reports ${results.get(title)}`)
})

async function withLibrary (connection: KafkaConnection, action: string, work: (client: Admin) => Promise<unknown>): Promise<unknown> {
  const client = new Admin({ ...connection.options, retries: 0 })
  try {
    return await work(client)
  } catch (error) {
    throw mapKafkaError(error, { action, brokers: connection.brokers })
  } finally {
    await client.close()
  }
}

async function withAdmin (connection: KafkaConnection, work: (client: KafkaAdmin) => Promise<unknown>): Promise<void> {
  const client = new KafkaAdmin(connection)
  await work(client).finally(async () => { await client.close() })
}

const aclCases: ReadonlyArray<readonly [string, () => Promise<unknown>, RegExp]> = [
  ['reading a topic without ACL', async () => {
    await readTopic({ connection: connections.fink, topic: 'alerts-static' }).open?.(contextOf())
  }, /User:fink-idfint may not Describe topic alerts-static/],
  ['reading a topic with write access only', async () => {
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
  ['joining the group of another user', async () => {
    await kafkaGroupSource({ connection: connections.fink, topics: [TOPIC], group: 'antares-idfint' }).open?.(contextOf())
  }, /^cannot join group antares-idfint: User:fink-idfint may not use group antares-idfint \(GROUP_AUTHORIZATION_FAILED\)$/],
  ['reading the lag of the group of another user', async () => {
    await withAdmin(connections.fink, async client => await client.groupLag('admin', [TOPIC]))
  }, /User:fink-idfint may not Describe group admin/],
  ['creating a topic', async () => {
    await withAdmin(connections.ingester, async client => await client.createTopic('mine', { partitions: 1, replicas: 1 }))
  }, /User:CN=alert-database-ingester may not Create topic mine/],
  ['ensuring a missing topic', async () => {
    await withAdmin(connections.simulator, async client => await client.ensureTopic('mine', { partitions: 1, replicas: 1 }))
  }, /User:CN=alert-stream-simulator may not (Describe|Create) topic mine/],
  ['reading topic configuration', async () => {
    await withAdmin(connections.ingester, async client => await client.topicConfigs(TOPIC))
  }, /User:CN=alert-database-ingester may not DescribeConfigs topic alerts-simulated/],
  ['creating ACLs', async () => await withLibrary(connections.fink, 'create ACLs', async client => {
    await client.createAcls({
      creations: [{
        resourceType: ResourceTypes.TOPIC, resourceName: '*', resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: 'User:fink-idfint', host: '*', operation: AclOperations.ALL, permissionType: AclPermissionTypes.ALLOW
      }]
    })
  }), /^cannot create ACLs: User:fink-idfint may not Alter the cluster \(CLUSTER_AUTHORIZATION_FAILED\)$/],
  ['starting a transaction', async () => {
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
for (const [title, work, message] of aclCases) {
  await t.test(`${title}: KAFKA_NOT_AUTHORISED names principal, operation and resource`, async t => {
    const error = await work().then(() => undefined, (error: unknown) => error as AlertStreamError)
    t.equal(error?.code, 'KAFKA_NOT_AUTHORISED')
    t.match(error?.message, message)
    t.equal(error?.retryable, false)
    const [, principal] = /: (User:\S+) may not/.exec(error?.message ?? '') ?? []
    t.ok(error?.hint.includes(`an ACL that allows ${principal}`), `the hint names the missing ACL: ${error?.hint}`)
  })
}

await t.test('ensureTopic needs no permission to create an existing topic', async t => {
  await withAdmin(connections.ingester, async client => {
    t.match(await client.ensureTopic(TOPIC, { partitions: 1, replicas: 1 }), { created: false, partitions: 1 })
  })
})

await t.test('on an access error, the program prints one line and exits with 1', async t => {
  const flags = kafka.flags('fink-idfint')
  const registry = ['--schema-registry-url', 'http://localhost:2', '--log-level', 'error']
  const run = async (...args: string[]) => await runCli(['print-stream', '--topic', 'alerts-static', ...registry, ...args])
  const wrongPassword = flags.map((flag, index) => flags[index - 1] === '--kafka-password-file' ? `${ca}.key` : flag)
  const [acl, password, certificate] = await Promise.all([
    run(...flags),
    run(...wrongPassword),
    run('--broker', listeners.internal, '--kafka-auth-mechanism', 'mtls', '--tls-server-ca-crt-location', certificates.ca,
      '--tls-client-crt-location', `${expired}.crt`, '--tls-client-key-location', `${expired}.key`)
  ])
  t.match(acl, { code: 1, stdout: '', stderr: /^KAFKA_NOT_AUTHORISED: .*User:fink-idfint may not Describe topic alerts-static .*\n$/ })
  t.match(password, { code: 1, stdout: '', stderr: /^KAFKA_AUTH_FAILED: .*rejected user fink-idfint.*\n$/ })
  t.match(certificate, { code: 1, stdout: '', stderr: /^KAFKA_CLIENT_CERTIFICATE: .*it has expired.*\n$/ })
})

await t.test('docs/access.md lists every error code and every user', async t => {
  const text = await readFile(join(import.meta.dirname, '../../docs/access.md'), 'utf8')
  const codes = [...connectionCases.map(([, , code]) => code), 'KAFKA_NOT_AUTHORISED', 'KAFKA_FILE', 'PASSWORD_FILE']
  const users = [...kafka.table.users, ...kafka.table.superUsers].map(({ name }) => name)
  for (const name of new Set([...codes, ...users])) t.match(text, new RegExp(`^\\|.*\`${name}\`.*\\|`, 'm'), `a table lists ${name}`)
})
