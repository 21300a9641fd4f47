// KafkaUsers as charts render them, beside the table in deploy/acls.json: the same users, each with the same rules, whatever their order.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KubernetesObject } from './helm/charts.ts'

export interface Rule {
  readonly resource: { readonly type: string, readonly name: string, readonly patternType?: string }
  readonly operations: readonly string[]
  readonly host?: string
  readonly type?: string
}

export interface Table {
  readonly superUsers: ReadonlyArray<{ readonly name: string, readonly authentication: string }>
  readonly users: ReadonlyArray<{ readonly name: string, readonly authentication: string, readonly acls: readonly Rule[] }>
}

interface User {
  readonly name: string
  readonly authentication: string
  /** Undefined for a super user, to whom no rule applies. */
  readonly rules: readonly string[] | undefined
}

export interface Users {
  readonly users: readonly User[]
  /** As the brokers' configuration names them. */
  readonly superUsers: readonly string[]
}

interface KafkaUserSpec {
  readonly authentication?: { readonly type?: string }
  readonly authorization?: { readonly type?: string, readonly acls?: readonly Rule[] }
}
interface KafkaSpec { readonly kafka: { readonly authorization?: { readonly type?: string, readonly superUsers?: readonly string[] } } }

/** The users of rendered objects, and who is a super user by the Kafka among them. */
export function usersOf (objects: readonly KubernetesObject[]): Users {
  const users = objects.filter(({ kind }) => kind === 'KafkaUser').map(({ metadata, spec }) => {
    const { authentication, authorization } = spec as KafkaUserSpec
    return {
      name: metadata.name,
      authentication: authentication?.type ?? 'none',
      rules: authorization === undefined ? undefined : (authorization.acls ?? []).flatMap(lines).sort()
    }
  })
  const superUsers = objects.filter(({ kind }) => kind === 'Kafka').flatMap(({ spec }) =>
    (spec as KafkaSpec).kafka.authorization?.superUsers ?? []
  )
  return { users, superUsers }
}

/** The table itself. */
export async function readTable (root: string): Promise<Table> {
  return JSON.parse(await readFile(join(root, 'deploy', 'acls.json'), 'utf8')) as Table
}

/** How they differ from the table; one line each. */
export function differences ({ users, superUsers }: Users, table: Table): string[] {
  const faults: string[] = []
  for (const { name, authentication, acls } of table.users) {
    const found = users.filter(user => user.name === name)
    if (found.length !== 1) faults.push(`${name}: rendered ${found.length} times`)
    for (const user of found) {
      const wanted = acls.flatMap(lines).sort()
      if (user.authentication !== authentication) faults.push(`${name}: comes in by ${user.authentication}, not by ${authentication}`)
      if (user.rules === undefined) faults.push(`${name}: has no authorization, so nothing is granted to it`)
      for (const rule of wanted) if (user.rules?.includes(rule) === false) faults.push(`${name}: without the rule: ${rule}`)
      for (const rule of user.rules ?? []) if (!wanted.includes(rule)) faults.push(`${name}: with a rule too many: ${rule}`)
    }
  }
  for (const { name, authentication } of table.superUsers) {
    const found = users.filter(user => user.name === name)
    if (found.length !== 1) faults.push(`${name}: rendered ${found.length} times`)
    for (const user of found)
      if (user.authentication !== authentication) faults.push(`${name}: comes in by ${user.authentication}, not by ${authentication}`)
    // A super user's certificate names it, and nothing else: Strimzi issues them with that subject.
    if (!superUsers.includes(`CN=${name}`)) faults.push(`${name}: Kafka does not know it as a super user`)
  }
  const known = [...table.users, ...table.superUsers].map(({ name }) => name)
  for (const { name } of users) if (!known.includes(name)) faults.push(`${name}: is not in the table`)
  for (const principal of superUsers)
    if (!table.superUsers.some(({ name }) => principal === `CN=${name}`)) faults.push(`${principal}: is a super user, but not in the table`)
  return faults
}

/** Each operation of a rule on a line of its own: how they are put together is a matter of taste. */
function lines ({ resource, operations, host = '*', type = 'allow' }: Rule): string[] {
  // Kubernetes' default.
  const { patternType = 'literal' } = resource
  return operations.map(operation => `${type} ${operation} on ${resource.type} ${resource.name} (${patternType}) from ${host}`)
}
