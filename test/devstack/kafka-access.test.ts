// Locked doors as they are kept: another table and other passwords at the next start, and no door that was left open.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Admin, type BaseOptions } from '@platformatic/kafka'
import root from 'tap'
import type { KafkaServer } from '../../src/devstack/index.ts'
import type { AclTable } from '../../src/devstack/acls.ts'
import { bindingsOf, presentAcls, principalOf, textOf } from '../../src/devstack/acls.ts'
import { tempDir, useOwnKafka } from '../support/stack.ts'

const about = 'of this test'
const admin = { name: 'kafka-admin', authentication: 'tls', about } as const
const topic = (name: string, ...operations: Array<'Read' | 'Write' | 'Describe'>) =>
  ({ resource: { type: 'topic', name, patternType: 'literal' }, operations, host: '*' } as const)
const group = (name: string) => ({ resource: { type: 'group', name, patternType: 'prefix' }, operations: ['All'], host: '*' } as const)
const first: AclTable = {
  superUsers: [admin],
  users: [
    { name: 'ann', authentication: 'scram-sha-512', about, acls: [topic('a', 'Read', 'Describe'), group('ann')] },
    { name: 'bob', authentication: 'scram-sha-512', about, acls: [topic('*', 'Read')] },
    { name: 'cid', authentication: 'tls', about, acls: [topic('a', 'Write')] }
  ]
}
const second: AclTable = {
  superUsers: [admin],
  users: [
    { name: 'ann', authentication: 'scram-sha-512', about, acls: [topic('b', 'Read'), group('ann')] },
    { name: 'cid', authentication: 'tls', about, acls: [topic('a', 'Write')] }
  ]
}

/** The one of the second start: both tests need a Kafka. */
let running: KafkaServer | undefined

/** The error of a look at the brokers, or undefined. */
async function look (options: Partial<BaseOptions> & Pick<BaseOptions, 'bootstrapBrokers'>): Promise<unknown> {
  const client = new Admin({ clientId: 'test', retries: 0, connectTimeout: 2000, requestTimeout: 2000, tlsServerName: true, ...options })
  try {
    await client.metadata({ topics: [] })
    return undefined
  } catch (error) {
    return error
  } finally {
    await client.close()
  }
}

async function tlsOf ({ access }: KafkaServer, name?: string) {
  const { ca, client } = access!.certificates
  if (name === undefined) return { ca: await readFile(ca) }
  const { certificate, key } = client(name)
  return { ca: await readFile(ca), cert: await readFile(certificate), key: await readFile(key) }
}

async function login (server: KafkaServer, username: string, password: string): Promise<unknown> {
  return await look({ bootstrapBrokers: [server.access!.listeners.external], tls: await tlsOf(server), sasl: { mechanism: 'SCRAM-SHA-512', username, password } })
}

async function rules (server: KafkaServer): Promise<string[]> {
  const client = new Admin({ clientId: 'test', bootstrapBrokers: [server.access!.listeners.internal], tls: await tlsOf(server, admin.name), tlsServerName: true })
  try {
    return [...(await presentAcls(client)).keys()].sort()
  } finally {
    await client.close()
  }
}

await root.test('a user\'s principal is the whole subject of the certificate, or the name of SCRAM', async t => {
  t.strictSame(first.users.map(principalOf), ['User:ann', 'User:bob', 'User:CN=cid'])
  t.equal(bindingsOf(first).length, 5)
})

await root.test('a start makes rules and passwords those of the table: new ones come, old ones go, and data stay', async t => {
  const dataDir = await tempDir(root)
  const folder = await tempDir(root)
  const before = await useOwnKafka(t, { dataDir, security: { folder, table: first } })
  t.equal(before.broker, before.access?.listeners.external)
  t.strictSame(await rules(before), bindingsOf(first).map(textOf).sort())
  const [ann, bob] = (await Promise.all(['ann', 'bob'].map(async name => await readFile(join(folder, 'passwords', name), 'utf8')))).map(text => text.trim()) as [string, string]
  t.equal(await login(before, 'ann', ann), undefined)
  t.equal(await login(before, 'bob', bob), undefined)
  await before.stop()

  await writeFile(join(folder, 'passwords', 'ann'), 'another one\n')
  const ports = { internal: Number(before.access!.listeners.internal.split(':')[1]) }
  const after = running = await useOwnKafka(root, { dataDir, security: { folder, table: second, ports, more: { plain: { protocol: 'SASL_PLAINTEXT' } } } })
  t.equal(after.access?.listeners.internal, before.access?.listeners.internal, 'a port that was asked for')
  t.strictSame(await rules(after), bindingsOf(second).map(textOf).sort())
  t.equal(await login(after, 'ann', 'another one'), undefined)
  t.ok(await login(after, 'ann', ann), 'the old password')
  t.ok(await login(after, 'bob', bob), 'a user that is no longer in the table')
})

await root.test('no listener lets anybody in without a name, the controller\'s included', async t => {
  const server = running!
  const settings = await readFile(join(server.dataDir, 'server.properties'), 'utf8')
  const [, controller] = /CONTROLLER:\/\/127\.0\.0\.1:(\d+)/.exec(settings)!
  const { internal, external, plain } = server.access!.listeners
  const tls = await tlsOf(server)
  for (const [name, address] of Object.entries({ internal, external, plain: plain!, controller: `localhost:${controller}` })) {
    t.ok(await look({ bootstrapBrokers: [address] }), `${name} in plain text`)
    t.ok(await look({ bootstrapBrokers: [address], tls }), `${name} with TLS, without certificate and password`)
  }
  t.notMatch(settings, /ANONYMOUS|PLAINTEXT:PLAINTEXT/)
  t.match(settings, /^super\.users=User:CN=kafka-broker;User:CN=kafka-admin$/m)
  t.equal(await look({ bootstrapBrokers: [internal], tls: await tlsOf(server, 'cid') }), undefined, 'with a certificate')
})
