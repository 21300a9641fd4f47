// Who may do what in Kafka: deploy/acls.json is the one table, which the secure demo and the tests apply to their Kafka, and from which charts
// make their users. Applying it makes the brokers' rules and passwords those of the table: what is missing is added, what is too much is removed.
import {
  AclOperations, AclPermissionTypes, ResourcePatternTypes, ResourceTypes, ScramMechanisms, alterUserScramCredentialsV0, describeUserScramCredentialsV0,
  type Acl, type Admin, type Connection
} from '@platformatic/kafka'
import { pbkdf2, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { devstackErrors } from './errors.ts'

const operations = {
  All: AclOperations.ALL,
  Read: AclOperations.READ,
  Write: AclOperations.WRITE,
  Create: AclOperations.CREATE,
  Delete: AclOperations.DELETE,
  Alter: AclOperations.ALTER,
  Describe: AclOperations.DESCRIBE,
  ClusterAction: AclOperations.CLUSTER_ACTION,
  DescribeConfigs: AclOperations.DESCRIBE_CONFIGS,
  AlterConfigs: AclOperations.ALTER_CONFIGS,
  IdempotentWrite: AclOperations.IDEMPOTENT_WRITE
} as const
const resources = { topic: ResourceTypes.TOPIC, group: ResourceTypes.GROUP, transactionalId: ResourceTypes.TRANSACTIONAL_ID } as const
const patterns = { literal: ResourcePatternTypes.LITERAL, prefix: ResourcePatternTypes.PREFIXED } as const

/** One rule, in the shape of Strimzi's KafkaUser. The name `*` with the pattern `literal` is Kafka's wildcard: any. */
interface AclRule {
  readonly resource: { readonly type: keyof typeof resources, readonly name: string, readonly patternType: keyof typeof patterns }
  readonly operations: readonly (keyof typeof operations)[]
  readonly host: string
}

export interface SuperUser {
  readonly name: string
  readonly authentication: 'tls' | 'scram-sha-512'
  readonly about: string
}

export interface KafkaUser extends SuperUser {
  readonly acls: readonly AclRule[]
}

export interface AclTable {
  readonly superUsers: readonly SuperUser[]
  readonly users: readonly KafkaUser[]
}

const TABLE = new URL('../../deploy/acls.json', import.meta.url)
const AGREE_MS = 20_000
const POLL_MS = 25
/** Kafka's own default, and the least that it takes. */
const ITERATIONS = 4096
const pbkdf2Async = promisify(pbkdf2)

/** The table of deploy/acls.json. */
export async function readAclTable (): Promise<AclTable> {
  return JSON.parse(await readFile(TABLE, 'utf8')) as AclTable
}

/** Kafka's name of a user: the whole subject of a client certificate, or the name of SCRAM. */
export function principalOf ({ name, authentication }: Pick<SuperUser, 'name' | 'authentication'>): string {
  return authentication === 'tls' ? `User:CN=${name}` : `User:${name}`
}

/** The table's rules as Kafka has them, one per operation. */
export function bindingsOf (table: AclTable): Acl[] {
  return table.users.flatMap(user => user.acls.flatMap(({ resource, operations: allowed, host }) => allowed.map(operation => ({
    resourceType: resources[resource.type],
    resourceName: resource.name,
    resourcePatternType: patterns[resource.patternType],
    principal: principalOf(user),
    host,
    operation: operations[operation],
    permissionType: AclPermissionTypes.ALLOW
  }))))
}

/** Makes the brokers' rules those of the table, and returns when the broker that is asked goes by them. `admin` must be a super user's. */
export async function applyAcls (admin: Admin, table: AclTable): Promise<void> {
  const wanted = new Map(bindingsOf(table).map(acl => [textOf(acl), acl]))
  const found = await presentAcls(admin)
  const missing = [...wanted].filter(([text]) => !found.has(text)).map(([, acl]) => acl)
  const surplus = [...found].filter(([text]) => !wanted.has(text)).map(([, acl]) => acl)
  if (surplus.length > 0) await admin.deleteAcls({ filters: surplus })
  if (missing.length > 0) await admin.createAcls({ creations: missing })
  await until('go by the rules', async () => {
    const now = await presentAcls(admin)
    return now.size === wanted.size && [...wanted.keys()].every(text => now.has(text))
  })
}

/** Makes SCRAM users and passwords those given; others are removed. `canLogIn` tells whether the broker takes a user's password already. */
export async function applyPasswords (
  admin: Admin, passwords: ReadonlyMap<string, string>, canLogIn: (name: string, password: string) => Promise<boolean>
): Promise<void> {
  const connection = await anyBroker(admin)
  const upsertions = await Promise.all([...passwords].map(async ([name, password]) => {
    const salt = randomBytes(32)
    return { name, mechanism: ScramMechanisms.SCRAM_SHA_512, iterations: ITERATIONS, salt, saltedPassword: await pbkdf2Async(password, salt, ITERATIONS, 64, 'sha512') }
  }))
  const { results } = await describeUserScramCredentialsV0.api.async(connection, null)
  const deletions = results.flatMap(({ user, credentialInfos }) => passwords.has(user) ? [] : credentialInfos.map(({ mechanism }) => ({ name: user, mechanism })))
  if (upsertions.length + deletions.length === 0) return
  await alterUserScramCredentialsV0.api.async(connection, deletions, upsertions)
  const last = [...passwords].at(-1)
  if (last !== undefined) await until(`take the password of ${last[0]}`, async () => await canLogIn(...last))
}

async function anyBroker (admin: Admin): Promise<Connection> {
  const [connection] = (await admin.connectToBrokers()).values()
  if (connection === undefined) throw new Error('Kafka lists no broker')
  return connection
}

/** Every rule that the broker goes by. */
export async function presentAcls (admin: Admin): Promise<Map<string, Acl>> {
  const found = await admin.describeAcls({
    filter: {
      resourceType: ResourceTypes.ANY, resourceName: null, resourcePatternType: ResourcePatternTypes.ANY,
      principal: null, host: null, operation: AclOperations.ANY, permissionType: AclPermissionTypes.ANY
    }
  })
  const acls = found.flatMap(({ resourceType, resourceName, resourcePatternType, acls }) =>
    acls.map(acl => ({ resourceType, resourceName, resourcePatternType, ...acl })))
  return new Map(acls.map(acl => [textOf(acl), acl]))
}

/** One line for a rule, the same for the same rule. */
export function textOf (acl: Acl): string {
  return [acl.principal, acl.resourceType, acl.resourcePatternType, acl.resourceName, acl.operation, acl.permissionType, acl.host].join(' ')
}

// What the controller has accepted reaches the broker that clients talk to a moment later.
async function until (what: string, done: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + AGREE_MS; ; await sleep(POLL_MS)) {
    if (await done()) return
    if (Date.now() > deadline) throw devstackErrors.DEVSTACK_SERVER_SILENT(`Kafka did not ${what} within ${AGREE_MS / 1000} s`)
  }
}
