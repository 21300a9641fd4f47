// KafkaUsers as the charts render them and as deploy/acls.json lists them, in one form, so that a test can compare the two.
import type { AclTable } from '../../src/devstack/acls.ts'
import type { KubernetesObject } from './helm/charts.ts'

interface Rule {
  readonly resource: { readonly type: string, readonly name: string, readonly patternType?: string }
  readonly operations: readonly string[]
  readonly host?: string
  readonly type?: string
}
interface KafkaUser { readonly authentication?: { readonly type?: string }, readonly authorization?: { readonly acls?: readonly Rule[] } }
interface Kafka { readonly kafka: { readonly authorization?: { readonly superUsers?: readonly string[] } } }

/** `NAME by MECHANISM`, or `NAME by MECHANISM: RULE` for each operation of each rule, and `super user PRINCIPAL`; sorted. */
export function renderedUsers (objects: readonly KubernetesObject[]): string[] {
  return objects.flatMap(({ kind, metadata: { name }, spec }) => {
    if (kind === 'Kafka') return superUsers((spec as Kafka).kafka.authorization?.superUsers ?? [])
    if (kind !== 'KafkaUser') return []
    const { authentication, authorization } = spec as KafkaUser
    return lines(name, authentication?.type ?? 'none', authorization?.acls)
  }).sort()
}

export function listedUsers ({ users, superUsers: all }: AclTable): string[] {
  // Strimzi issues certificates with the subject CN=NAME.
  const principals = all.map(({ name, authentication }) => authentication === 'tls' ? `CN=${name}` : name)
  return [...superUsers(principals), ...all.flatMap(({ name, authentication }) => lines(name, authentication)),
    ...users.flatMap(({ name, authentication, acls }) => lines(name, authentication, acls))].sort()
}

function superUsers (principals: readonly string[]): string[] {
  return principals.map(principal => `super user ${principal}`)
}

function lines (name: string, authentication: string, rules: readonly Rule[] = []): string[] {
  return [`${name} by ${authentication}`, ...rules.flatMap(({ resource, operations, host = '*', type = 'allow' }) =>
    operations.map(operation => `${name} by ${authentication}: ${type} ${operation} on ${resource.type} ${resource.name}` +
      ` (${resource.patternType ?? 'literal'}) from ${host}`))]
}
