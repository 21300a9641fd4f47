// Kafka users and ACLs from deploy/acls.json, which the secure demo, the tests and the charts share.
// Applying the table adds missing ACLs and SCRAM credentials to Kafka and deletes those that are not in the table.
import {
  AclOperations, AclPermissionTypes, ResourcePatternTypes, ResourceTypes, ScramMechanisms, alterUserScramCredentialsV0,
  describeUserScramCredentialsV0, type Acl, type Admin
} from '../kafka/client-library.ts'
import { pbkdf2, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { devstackErrors } from './errors.ts'
import { waitUntil } from './wait-until.ts'

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

/** An ACL rule in the format of Strimzi's KafkaUser. The literal name `*` matches every resource. */
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

interface KafkaUser extends SuperUser {
  readonly acls: readonly AclRule[]
}

export interface AclTable {
  readonly superUsers: readonly SuperUser[]
  readonly users: readonly KafkaUser[]
}

const TABLE = new URL('../../deploy/acls.json', import.meta.url)
const PROPAGATION_MS = 20_000
const POLL_MS = 25
/** Number of SCRAM iterations: Kafka's default and minimum. */
const SCRAM_ITERATIONS = 4096
const pbkdf2Async = promisify(pbkdf2)

export async function readAclTable (): Promise<AclTable> {
  return JSON.parse(await readFile(TABLE, 'utf8')) as AclTable
}

/** The Kafka principal of a user: the subject of the client certificate, or the SCRAM user name. */
export function principalOf ({ name, authentication }: Pick<SuperUser, 'name' | 'authentication'>): string {
  return authentication === 'tls' ? `User:CN=${name}` : `User:${name}`
}

/** Kafka ACLs for the rules of the table, one ACL per operation. */
function aclsOf (table: AclTable): Acl[] {
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

/** Makes Kafka's ACLs equal to those of the table and waits until the broker enforces the ACLs. `admin` must be a super user. */
export async function applyAcls (admin: Admin, table: AclTable): Promise<void> {
  const wanted = new Map(aclsOf(table).map(acl => [keyOf(acl), acl]))
  const found = await currentAcls(admin)
  const missing = [...wanted].filter(([key]) => !found.has(key)).map(([, acl]) => acl)
  const surplus = [...found].filter(([key]) => !wanted.has(key)).map(([, acl]) => acl)
  if (surplus.length > 0) await admin.deleteAcls({ filters: surplus })
  if (missing.length > 0) await admin.createAcls({ creations: missing })
  await propagated('enforce the ACLs', async () => {
    const now = await currentAcls(admin)
    return now.size === wanted.size && [...wanted.keys()].every(key => now.has(key))
  })
}

/** Sets the SCRAM credentials of `passwords` and deletes all other credentials. `canLogIn` checks whether the broker accepts a password. */
export async function applyPasswords (
  admin: Admin, passwords: ReadonlyMap<string, string>, canLogIn: (name: string, password: string) => Promise<boolean>
): Promise<void> {
  const [connection] = (await admin.connectToBrokers()).values()
  if (connection === undefined) throw new Error('the Kafka metadata lists no broker')
  const upsertions = await Promise.all([...passwords].map(async ([name, password]) => {
    const salt = randomBytes(32)
    const saltedPassword = await pbkdf2Async(password, salt, SCRAM_ITERATIONS, 64, 'sha512')
    return { name, mechanism: ScramMechanisms.SCRAM_SHA_512, iterations: SCRAM_ITERATIONS, salt, saltedPassword }
  }))
  const { results } = await describeUserScramCredentialsV0.api.async(connection, null)
  const deletions = results.filter(({ user }) => !passwords.has(user))
    .flatMap(({ user, credentialInfos }) => credentialInfos.map(({ mechanism }) => ({ name: user, mechanism })))
  if (upsertions.length + deletions.length === 0) return
  await alterUserScramCredentialsV0.api.async(connection, deletions, upsertions)
  const last = [...passwords].at(-1)
  if (last !== undefined) await propagated(`accept the password of ${last[0]}`, async () => await canLogIn(...last))
}

async function currentAcls (admin: Admin): Promise<Map<string, Acl>> {
  const found = await admin.describeAcls({
    filter: {
      resourceType: ResourceTypes.ANY, resourceName: null, resourcePatternType: ResourcePatternTypes.ANY,
      principal: null, host: null, operation: AclOperations.ANY, permissionType: AclPermissionTypes.ANY
    }
  })
  const acls = found.flatMap(({ resourceType, resourceName, resourcePatternType, acls }) =>
    acls.map(acl => ({ resourceType, resourceName, resourcePatternType, ...acl })))
  return new Map(acls.map(acl => [keyOf(acl), acl]))
}

function keyOf (acl: Acl): string {
  return [acl.principal, acl.resourceType, acl.resourcePatternType, acl.resourceName, acl.operation, acl.permissionType, acl.host].join(' ')
}

// Polls the broker, because the controller accepts a change before the broker applies the change.
async function propagated (what: string, done: () => Promise<boolean>): Promise<void> {
  if (await waitUntil(done, PROPAGATION_MS, POLL_MS)) return
  throw devstackErrors.DEVSTACK_SERVER_SILENT(`Kafka did not ${what} within ${PROPAGATION_MS / 1000} s`)
}
