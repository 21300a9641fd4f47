// Pods and containers of rendered objects.
import type { KubernetesObject } from './charts.ts'

export interface Probe { readonly httpGet?: { readonly path?: string, readonly port: number | string } }

export interface Container {
  readonly name: string
  readonly image?: string
  readonly args?: readonly string[]
  readonly command?: readonly string[]
  readonly env?: ReadonlyArray<{ readonly name: string, readonly value?: string, readonly valueFrom?: Readonly<Record<string, unknown>> }>
  readonly envFrom?: readonly unknown[]
  readonly ports?: ReadonlyArray<{ readonly name?: string, readonly containerPort: number }>
  readonly volumeMounts?: ReadonlyArray<{ readonly name: string, readonly mountPath: string }>
  readonly startupProbe?: Probe
  readonly livenessProbe?: Probe
  readonly readinessProbe?: Probe
}

export interface PodSpec {
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly volumes?: ReadonlyArray<Readonly<Record<string, unknown>> & { readonly name: string }>
  readonly serviceAccountName?: string
  readonly terminationGracePeriodSeconds?: number
}

export interface Pod { readonly owner: KubernetesObject, readonly labels: Readonly<Record<string, string>>, readonly spec: PodSpec }

interface Template { readonly metadata?: { readonly labels?: Record<string, string> }, readonly spec?: Partial<PodSpec> }
interface Workload { readonly template?: Template, readonly jobTemplate?: { readonly spec: { readonly template: Template } } }

/** The pods of an object; none if its kind has no pods. */
export function podsOf (owner: KubernetesObject): Pod[] {
  const { template, jobTemplate } = (owner.spec ?? {}) as Workload
  const { metadata, spec } = owner.kind === 'Pod' ? owner as Template : jobTemplate?.spec.template ?? template ?? {}
  return spec?.containers === undefined ? [] : [{ owner, labels: metadata?.labels ?? {}, spec: spec as PodSpec }]
}

export function containersOf ({ spec }: Pod): Container[] {
  return [...spec.initContainers ?? [], ...spec.containers]
}
