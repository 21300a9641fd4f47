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

interface Template { readonly metadata?: { readonly labels?: Record<string, string> }, readonly spec: PodSpec }

/** The pods of an object; none if its kind has no pods. */
export function podsOf (owner: KubernetesObject): Pod[] {
  const pod = ({ metadata, spec }: Template): Pod => ({ owner, labels: metadata?.labels ?? {}, spec })
  switch (owner.kind) {
    case 'Pod': return [pod(owner as unknown as Template)]
    case 'Deployment':
    case 'StatefulSet':
    case 'DaemonSet':
    case 'Job': return [pod((owner.spec as { template: Template }).template)]
    case 'CronJob': return [pod((owner.spec as { jobTemplate: { spec: { template: Template } } }).jobTemplate.spec.template)]
    default: return []
  }
}

export function containersOf ({ spec }: Pod): Container[] {
  return [...spec.initContainers ?? [], ...spec.containers]
}
