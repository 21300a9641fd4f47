// Restarts of a secured Kafka: users, ACLs and passwords follow the ACL table, and no listener allows anonymous access.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  AclOperations, AclPermissionTypes, Admin, ResourcePatternTypes, ResourceTypes, type BaseOptions
} from '@platformatic/kafka'
import root from 'tap'
import { principalOf, type AclTable } from '../../src/devstack/acls.ts'
import type { KafkaServer } from '../../src/devstack/index.ts'
import { tempDir, useOwnKafka } from '../support/stack.ts'

const about = 'test user'
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

/** A Kafka server with the ACL table `second`, shared by the last two tests. */
let running: KafkaServer | undefined

/** Returns the error of a metadata request, or undefined if the request succeeds. */
async function requestMetadata (options: Partial<BaseOptions> & Pick<BaseOptions, 'bootstrapBrokers'>): Promise<unknown> {
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
  return await requestMetadata({
    bootstrapBrokers: [server.access!.listeners.external], tls: await tlsOf(server),
    sasl: { mechanism: 'SCRAM-SHA-512', username, password }
  })
}

/** The broker's ACLs as text, for example `User:ann may READ LITERAL TOPIC a`. */
async function acls (server: KafkaServer): Promise<string[]> {
  const { internal } = server.access!.listeners
  const client = new Admin({ clientId: 'test', bootstrapBrokers: [internal], tls: await tlsOf(server, admin.name), tlsServerName: true })
  try {
    const found = await client.describeAcls({
      filter: {
        resourceType: ResourceTypes.ANY, resourceName: null, resourcePatternType: ResourcePatternTypes.ANY,
        principal: null, host: null, operation: AclOperations.ANY, permissionType: AclPermissionTypes.ALLOW
      }
    })
    const nameOf = (names: object, value: number): string => Object.entries(names).find(([, each]) => each === value)?.[0] ?? '?'
    return found.flatMap(({ resourceType, resourceName, resourcePatternType, acls }) => acls.map(({ principal, operation }) => {
      const resource = `${nameOf(ResourcePatternTypes, resourcePatternType)} ${nameOf(ResourceTypes, resourceType)} ${resourceName}`
      return `${principal} may ${nameOf(AclOperations, operation)} ${resource}`
    })).sort()
  } finally {
    await client.close()
  }
}

await root.test('the principal of a user is the certificate subject or the SCRAM user name', async t => {
  t.strictSame(first.users.map(principalOf), ['User:ann', 'User:bob', 'User:CN=cid'])
})

await root.test('each start applies the ACLs of the table and the passwords of its users, and removes all others', async t => {
  const dataDir = await tempDir(root)
  const folder = await tempDir(root)
  const before = await useOwnKafka(t, { dataDir, security: { folder, table: first } })
  t.equal(before.broker, before.access?.listeners.external)
  t.strictSame(await acls(before), [
    'User:CN=cid may WRITE LITERAL TOPIC a',
    'User:ann may ALL PREFIXED GROUP ann',
    'User:ann may DESCRIBE LITERAL TOPIC a',
    'User:ann may READ LITERAL TOPIC a',
    'User:bob may READ LITERAL TOPIC *'
  ])
  const passwordOf = async (name: string): Promise<string> => (await readFile(join(folder, 'passwords', name), 'utf8')).trim()
  const [ann, bob] = [await passwordOf('ann'), await passwordOf('bob')]
  t.equal(await login(before, 'ann', ann), undefined)
  t.equal(await login(before, 'bob', bob), undefined)
  await before.stop()

  await writeFile(join(folder, 'passwords', 'ann'), 'another one\n')
  const ports = { internal: Number(before.access!.listeners.internal.split(':')[1]) }
  const more = { plain: { protocol: 'SASL_PLAINTEXT' } } as const
  const after = running = await useOwnKafka(root, { dataDir, security: { folder, table: second, ports, more } })
  t.equal(after.access?.listeners.internal, before.access?.listeners.internal, 'the internal listener uses the given port')
  t.strictSame(await acls(after), [
    'User:CN=cid may WRITE LITERAL TOPIC a',
    'User:ann may ALL PREFIXED GROUP ann',
    'User:ann may READ LITERAL TOPIC b'
  ])
  t.equal(await login(after, 'ann', 'another one'), undefined)
  t.ok(await login(after, 'ann', ann), 'Kafka rejects the old password of ann')
  t.ok(await login(after, 'bob', bob), 'Kafka rejects bob, who is no longer in the table')
})

await root.test('no listener, including the controller\'s, accepts unauthenticated clients', async t => {
  const server = running!
  const settings = await readFile(join(server.dataDir, 'server.properties'), 'utf8')
  const [, controller] = /CONTROLLER:\/\/127\.0\.0\.1:(\d+)/.exec(settings)!
  const { internal, external, plain } = server.access!.listeners
  const tls = await tlsOf(server)
  for (const [name, address] of Object.entries({ internal, external, plain: plain!, controller: `localhost:${controller}` })) {
    t.ok(await requestMetadata({ bootstrapBrokers: [address] }), `${name} rejects plaintext`)
    t.ok(await requestMetadata({ bootstrapBrokers: [address], tls }), `${name} rejects TLS without certificate or password`)
  }
  t.notMatch(settings, /ANONYMOUS|PLAINTEXT:PLAINTEXT/)
  t.match(settings, /^super\.users=User:CN=kafka-broker;User:CN=kafka-admin$/m)
  t.equal(await requestMetadata({ bootstrapBrokers: [internal], tls: await tlsOf(server, 'cid') }), undefined, 'internal accepts cid')
})
