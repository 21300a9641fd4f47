// What Terraform and the charts must say alike: who acts as whom in Google Cloud, which nodes are Kafka's, where the listener is reached.
import { isDeepStrictEqual } from 'node:util'
import type { KubernetesObject } from '../helm/render.ts'

/** Outputs of an environment, as far as they are compared. */
export interface Outputs {
  readonly kubernetes_service_accounts: { readonly writer: string, readonly reader: string }
  readonly kafka_nodes: { readonly key: string, readonly value: string, readonly effect: string }
  /** YAML. */
  readonly helm_values: string
  readonly helm_values_by_chart: Readonly<Record<string, string>>
}

const ANNOTATION = 'iam.gke.io/gcp-service-account'

interface PodSpec {
  readonly serviceAccountName?: string
}

/** `accounts`: NAMESPACE/NAME of a Kubernetes service account -> e-mail address of the Google one that it acts as, by Terraform. */
export function identityFaults (accounts: Readonly<Record<string, string>>, objects: readonly KubernetesObject[]): string[] {
  const faults: string[] = []
  const found = objects.filter(({ kind }) => kind === 'ServiceAccount')
  for (const [account, email] of Object.entries(accounts)) {
    const [namespace, name] = account.split('/')
    const object = found.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace)
    if (object === undefined) {
      const accounts = found.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`).join(', ')
      faults.push(`Terraform lets the service account ${account} act as ${email}, but the chart has ${accounts}`)
      continue
    }
    const said = object.metadata.annotations?.[ANNOTATION]
    if (said !== email)
      faults.push(`the chart's service account ${account} is to act as ${said ?? 'nobody'}, Terraform lets it act as ${email}`)
    const used = objects.some(({ kind, spec }) =>
      kind === 'Deployment' && (spec as { template?: { spec?: PodSpec } }).template?.spec?.serviceAccountName === name
    )
    if (!used) faults.push(`no Deployment runs as ${account}`)
  }
  return faults
}

interface NodePoolSpec {
  readonly roles?: readonly string[]
  readonly template?: { readonly pod?: {
    readonly tolerations?: ReadonlyArray<Readonly<Record<string, unknown>>>
    readonly affinity?: { readonly nodeAffinity?: { readonly requiredDuringSchedulingIgnoredDuringExecution?: {
            readonly nodeSelectorTerms?: ReadonlyArray<
              {
                readonly matchExpressions?: ReadonlyArray<
                  { readonly key: string, readonly operator: string, readonly values?: readonly string[] }
                >
              }
            >
    } } }
  } }
}

/** Brokers go to the nodes that Terraform makes for them, and bear their taint. */
export function nodeFaults ({ key, value, effect }: Outputs['kafka_nodes'], objects: readonly KubernetesObject[]): string[] {
  const pools = objects.filter(({ kind, spec }) => kind === 'KafkaNodePool' && (spec as NodePoolSpec).roles?.includes('broker') === true)
  if (pools.length === 0) return ['the chart renders no KafkaNodePool of brokers']
  const faults: string[] = []
  for (const { metadata, spec } of pools) {
    const { tolerations = [], affinity } = (spec as NodePoolSpec).template?.pod ?? {}
    const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
    const bears = tolerations.some(toleration =>
      toleration['key'] === key && [value, undefined].includes(toleration['value'] as string) &&
      [effect, undefined].includes(toleration['effect'] as string)
    )
    const chosen = terms.length > 0 &&
      terms.every(({ matchExpressions = [] }) =>
        matchExpressions.some(one => one.key === key && one.operator === 'In' && one.values?.includes(value) === true)
      )
    if (!bears) faults.push(`brokers of ${metadata.name} do not bear the taint ${key}=${value}:${effect} of the nodes that Terraform makes`)
    if (!chosen) faults.push(`brokers of ${metadata.name} do not look for nodes with the label ${key}=${value}`)
  }
  return faults
}

/** Where both give a value, it is the same. `given`: what an environment's file says; `made`: what Terraform's outputs say. */
export function valueFaults (given: unknown, made: unknown, path = ''): string[] {
  if (given === undefined || made === undefined || isDeepStrictEqual(given, made)) return []
  if (isTree(given) && isTree(made)) {
    if (Array.isArray(given) && Array.isArray(made) && given.length !== made.length)
      return [`${path}: the environment has ${given.length}, Terraform ${made.length}`]
    return Object.entries(made).flatMap(([key, value]) =>
      valueFaults((given as Record<string, unknown>)[key], value, path === '' ? key : `${path}.${key}`)
    )
  }
  return [`${path}: the environment says ${JSON.stringify(given)}, Terraform ${JSON.stringify(made)}`]
}

function isTree (value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Every value that is no tree, with its path. */
export function leavesOf (value: unknown, path = ''): ReadonlyArray<readonly [path: string, value: unknown]> {
  if (!isTree(value)) return [[path, value]]
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, path === '' ? key : `${path}.${key}`))
}
