// The pods of rendered objects: what a namespace with the Pod Security level `restricted` asks for (Kubernetes' Pod Security Standards),
// and what this deployment asks for besides: requests and limits, a root file system that nobody writes to, no token that is not needed.
import type { KubernetesObject } from './render.ts'
import { nameOf } from './render.ts'

export interface Container {
  readonly name: string
  readonly image?: string
  readonly args?: readonly string[]
  readonly command?: readonly string[]
  readonly env?: ReadonlyArray<{ readonly name: string, readonly value?: string, readonly valueFrom?: Readonly<Record<string, unknown>> }>
  readonly envFrom?: readonly unknown[]
  readonly ports?: ReadonlyArray<{ readonly name?: string, readonly containerPort: number, readonly hostPort?: number }>
  readonly volumeMounts?: ReadonlyArray<{ readonly name: string, readonly mountPath: string }>
  readonly resources?: { readonly requests?: Readonly<Record<string, string>>, readonly limits?: Readonly<Record<string, string>> }
  readonly securityContext?: SecurityContext
  readonly livenessProbe?: object
  readonly readinessProbe?: object
}

interface SecurityContext {
  readonly runAsNonRoot?: boolean
  readonly runAsUser?: number
  readonly privileged?: boolean
  readonly allowPrivilegeEscalation?: boolean
  readonly readOnlyRootFilesystem?: boolean
  readonly procMount?: string
  readonly capabilities?: { readonly drop?: readonly string[], readonly add?: readonly string[] }
  readonly seccompProfile?: { readonly type?: string }
  readonly seLinuxOptions?: { readonly type?: string, readonly user?: string, readonly role?: string }
  readonly appArmorProfile?: { readonly type?: string }
  readonly sysctls?: ReadonlyArray<{ readonly name: string }>
  readonly windowsOptions?: { readonly hostProcess?: boolean }
}

export interface PodSpec {
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly volumes?: ReadonlyArray<Readonly<Record<string, unknown>> & { readonly name: string }>
  readonly securityContext?: SecurityContext
  readonly serviceAccountName?: string
  readonly automountServiceAccountToken?: boolean
  readonly enableServiceLinks?: boolean
  readonly hostNetwork?: boolean
  readonly hostPID?: boolean
  readonly hostIPC?: boolean
  readonly terminationGracePeriodSeconds?: number
}

export interface Pod {
  readonly owner: KubernetesObject
  readonly labels: Readonly<Record<string, string>>
  readonly spec: PodSpec
}

interface Template { readonly metadata?: { readonly labels?: Record<string, string> }, readonly spec: PodSpec }

/** The pods that an object leads to, by those of Kubernetes' own kinds that have any. */
export function podsOf (owner: KubernetesObject): Pod[] {
  const pod = ({ metadata, spec }: Template): Pod => ({ owner, labels: metadata?.labels ?? {}, spec })
  switch (owner.kind) {
    case 'Pod': return [pod(owner as unknown as Template)]
    case 'Deployment':
    case 'StatefulSet':
    case 'DaemonSet':
    case 'ReplicaSet':
    case 'Job': return [pod((owner.spec as { template: Template }).template)]
    case 'CronJob': return [pod((owner.spec as { jobTemplate: { spec: { template: Template } } }).jobTemplate.spec.template)]
    default: return []
  }
}

/** All containers of a pod. */
export function containersOf ({ spec }: Pod): Container[] {
  return [...spec.initContainers ?? [], ...spec.containers]
}

const volumeKinds = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret']
const safeSysctls = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes'
]
const seLinuxTypes = [undefined, '', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']

/** What of a pod the level `restricted` refuses; one line each. */
export function restrictedFaults (pod: Pod): string[] {
  const { spec } = pod
  const faults: string[] = []
  const context = spec.securityContext ?? {}
  for (const share of ['hostNetwork', 'hostPID', 'hostIPC'] as const) if (spec[share] === true) faults.push(`${share} is on`)
  for (const { name, ...volume } of spec.volumes ?? []) {
    const kind = Object.keys(volume)[0] ?? 'nothing'
    if (!volumeKinds.includes(kind)) faults.push(`volume ${name} is of kind ${kind}`)
  }
  for (const { name } of context.sysctls ?? []) if (!safeSysctls.includes(name)) faults.push(`sysctl ${name}`)
  faults.push(...commonFaults(context))
  for (const container of containersOf(pod)) {
    const own = container.securityContext ?? {}
    const inContainer: string[] = [...commonFaults(own)]
    if (own.privileged === true) inContainer.push('is privileged')
    if (own.allowPrivilegeEscalation !== false) inContainer.push('allowPrivilegeEscalation is not false')
    if ((own.runAsNonRoot ?? context.runAsNonRoot) !== true) inContainer.push('runAsNonRoot is not true')
    if (!['RuntimeDefault', 'Localhost'].includes((own.seccompProfile ?? context.seccompProfile)?.type ?? ''))
      inContainer.push('has no seccompProfile')
    if (own.capabilities?.drop?.includes('ALL') !== true) inContainer.push('does not drop ALL capabilities')
    for (const capability of own.capabilities?.add ?? [])
      if (capability !== 'NET_BIND_SERVICE') inContainer.push(`adds the capability ${capability}`)
    if (own.procMount !== undefined && own.procMount !== 'Default') inContainer.push(`procMount ${own.procMount}`)
    for (const { hostPort } of container.ports ?? []) if (hostPort !== undefined && hostPort !== 0) inContainer.push(`hostPort ${hostPort}`)
    faults.push(...inContainer.map(fault => `container ${container.name}: ${fault}`))
  }
  return faults
}

/** Of a pod and of its containers alike. */
function commonFaults (context: SecurityContext): string[] {
  const faults: string[] = []
  if (context.runAsUser === 0) faults.push('runAsUser is 0')
  if (context.runAsNonRoot === false) faults.push('runAsNonRoot is false')
  if (context.seccompProfile?.type === 'Unconfined') faults.push('seccompProfile is Unconfined')
  if (context.appArmorProfile?.type === 'Unconfined') faults.push('appArmorProfile is Unconfined')
  if (context.windowsOptions?.hostProcess === true) faults.push('is a host process')
  const { type, user = '', role = '' } = context.seLinuxOptions ?? {}
  if (!seLinuxTypes.includes(type) || user !== '' || role !== '') faults.push('has seLinuxOptions of its own')
  return faults
}

/** What this deployment asks of its pods besides; `served` where a Service leads to them. */
export function houseFaults (pod: Pod, served: boolean): string[] {
  const { spec, owner } = pod
  const isMain = (container: string): boolean => spec.containers.some(({ name }) => name === container)
  const lasting = ['Deployment', 'StatefulSet', 'DaemonSet'].includes(owner.kind)
  const faults: string[] = []
  // Kubernetes makes variables of Services, and the program reads variables: ALERT_STREAM_SIMULATOR_PORT would be one of both.
  if (spec.enableServiceLinks !== false) faults.push('enableServiceLinks is not false')
  if (spec.automountServiceAccountToken === undefined) faults.push('automountServiceAccountToken is not decided')
  for (const { name, resources, securityContext, livenessProbe, readinessProbe } of containersOf(pod)) {
    const lacks = [
      ...['cpu', 'memory'].filter(what => resources?.requests?.[what] === undefined).map(what => `requests no ${what}`),
      // None for cpu: one that is throttled answers its probes late.
      ...resources?.limits?.memory === undefined ? ['has no limit of memory'] : [],
      ...securityContext?.readOnlyRootFilesystem !== true ? ['may write to its root file system'] : [],
      ...lasting && isMain(name) && livenessProbe === undefined ? ['has no livenessProbe'] : [],
      ...lasting && isMain(name) && served && readinessProbe === undefined ? ['has no readinessProbe, and a Service leads to it'] : []
    ]
    faults.push(...lacks.map(lack => `container ${name}: ${lack}`))
  }
  return faults
}

/** Of all pods of these objects. */
export function podFaults (objects: readonly KubernetesObject[]): string[] {
  const services = objects.filter(({ kind }) => kind === 'Service').map(({ spec }) =>
    (spec as { selector?: Readonly<Record<string, string>> }).selector
  )
  const served = ({ labels }: Pod): boolean =>
    services.some(selector => selector !== undefined && Object.entries(selector).every(([key, value]) => labels[key] === value))
  return objects.flatMap(podsOf).flatMap(pod =>
    [...restrictedFaults(pod), ...houseFaults(pod, served(pod))].map(fault => `${nameOf(pod.owner)}: ${fault}`)
  )
}
