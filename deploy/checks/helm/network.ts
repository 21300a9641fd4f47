// Whether the parts of a system reach each other: Services lead to Pods that listen there, Ingresses to Services, autoscalers to
// Deployments, and NetworkPolicies let through what the Pods' own arguments say they ask for. What Strimzi and the registry operator make
// is known by their rules.
import { allows, matches, selects, type Peer, type Place, type Policy, type PortRule } from './policies.ts'
import { containersOf, podsOf, type Pod } from './pods.ts'
import { nameOf, type KubernetesObject } from './render.ts'

interface Service {
  readonly name: string
  readonly namespace: string
  readonly ports: ReadonlyArray<{ readonly name?: string, readonly port: number, readonly targetPort: number | string }>
  readonly pods: readonly Place[]
}
interface Listener { readonly port: number, readonly networkPolicyPeers?: readonly Peer[] }

/** What a registry's Pod listens on, and how its operator labels it. */
const REGISTRY_PORT = 8081

/** What does not reach what it should, among all objects of one system; one line each. */
export function networkFaults (objects: readonly KubernetesObject[]): string[] {
  const places = [...objects.flatMap(podsOf).map(placeOf),
    ...objects.filter(({ kind }) => kind === 'StrimziSchemaRegistry').map(registryPlace)]
  const services = servicesOf(objects, places)
  return [
    ...services.flatMap(serviceFaults),
    ...objects.flatMap(object => backendFaults(object, services)),
    ...objects.flatMap(object => scaleFaults(object, objects)),
    ...policiesOf(objects).flatMap(policy => policyFaults(policy, places)),
    ...flowFaults(objects, services)
  ]
}

function placeOf ({ owner, labels, spec }: Pod): Place {
  const ports = containersOf({ owner, labels, spec }).flatMap(({ ports = [] }) => ports).map(({ name, containerPort }) => ({
    name,
    port: containerPort
  }))
  return { title: nameOf(owner), namespace: owner.metadata.namespace ?? '', labels, ports }
}

function registryPlace (registry: KubernetesObject): Place {
  const { name, namespace = '' } = registry.metadata
  return { title: `the Pods of ${nameOf(registry)}`, namespace, labels: { app: name }, ports: [{ name: undefined, port: REGISTRY_PORT }] }
}

function servicesOf (objects: readonly KubernetesObject[], places: readonly Place[]): Service[] {
  const own = objects.filter(({ kind }) => kind === 'Service').map(({ metadata: { name, namespace = '' }, spec }) => {
    const { selector = {}, ports = [] } = spec as {
      readonly selector?: Readonly<Record<string, string>>
      readonly ports?: ReadonlyArray<{ readonly name?: string, readonly port: number, readonly targetPort?: number | string }>
    }
    return {
      name,
      namespace,
      ports: ports.map(each => ({ ...each, targetPort: each.targetPort ?? each.port })),
      pods: places.filter(place => place.namespace === namespace && matches({ matchLabels: selector }, place.labels))
    }
  })
  // The operator's Service has the registry's name.
  const made = objects.filter(({ kind }) => kind === 'StrimziSchemaRegistry').map(registry => {
    const place = registryPlace(registry)
    return {
      name: registry.metadata.name,
      namespace: place.namespace,
      ports: [{ port: REGISTRY_PORT, targetPort: REGISTRY_PORT }],
      pods: [place]
    }
  })
  return [...own, ...made]
}

function serviceFaults ({ name, pods, ports }: Service): string[] {
  return pods.flatMap(({ title, ports: open }) =>
    ports.filter(({ targetPort }) => !open.some(each => each.name === targetPort || each.port === targetPort))
    .map(({ targetPort }) => `Service/${name}: ${title} does not listen on ${targetPort}`))
}

interface Backend { readonly name: string, readonly port: { readonly name?: string, readonly number?: number } }

/** Of an Ingress, and of the template in a GafaelfawrIngress. */
function backendFaults (object: KubernetesObject, services: readonly Service[]): string[] {
  if (!['Ingress', 'GafaelfawrIngress'].includes(object.kind)) return []
  const backends: Backend[] = []
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const { backend } = value as { readonly backend?: { readonly service?: Backend } }
    if (backend?.service !== undefined) backends.push(backend.service)
    Object.values(value).forEach(walk)
  }
  walk(object)
  if (backends.length === 0) return [`${nameOf(object)}: leads nowhere`]
  return backends.flatMap(({ name, port }) => {
    const service = services.find(each => each.name === name && each.namespace === object.metadata.namespace)
    if (service === undefined) return [`${nameOf(object)}: there is no Service ${name}`]
    return service.ports.some(each => port.name === undefined ? each.port === port.number : each.name === port.name) ?
      [] :
      [`${nameOf(object)}: Service ${name} has no port ${port.name ?? port.number}`]
  })
}

function scaleFaults (object: KubernetesObject, objects: readonly KubernetesObject[]): string[] {
  const target = (object.spec as { readonly scaleTargetRef?: { readonly kind?: string, readonly name: string } } | undefined)
    ?.scaleTargetRef
  if (target === undefined) return []
  const { kind = 'Deployment', name } = target
  return objects.some(other =>
      other.kind === kind && other.metadata.name === name && other.metadata.namespace === object.metadata.namespace
    ) ?
    [] :
    [`${nameOf(object)}: there is no ${kind} ${name}`]
}

interface NamedPolicy extends Policy { readonly title: string }

function policiesOf (objects: readonly KubernetesObject[]): NamedPolicy[] {
  return objects.filter(({ kind }) => kind === 'NetworkPolicy').map(object => ({
    ...object.spec as Omit<Policy, 'namespace'>,
    title: nameOf(object),
    namespace: object.metadata.namespace ?? ''
  }))
}

/** A policy that selects nothing guards nothing, and a port that nobody listens on lets nobody in. */
function policyFaults (policy: NamedPolicy, places: readonly Place[]): string[] {
  const selected = places.filter(place => selects(policy, place))
  if (selected.length === 0) return [`${policy.title}: selects no Pod of the system`]
  return (policy.ingress ?? []).flatMap(({ ports = [] }: { readonly ports?: readonly PortRule[] }) => ports)
    .filter(({ port }) => port !== undefined && !selected.some(({ ports }) => ports.some(open => open.name === port || open.port === port)))
    .map(({ port }) => `${policy.title}: no Pod that it selects listens on ${port}`)
}

/** What Pods ask for by their arguments is let through, on both sides. */
function flowFaults (objects: readonly KubernetesObject[], services: readonly Service[]): string[] {
  const policies = policiesOf(objects)
  const faults: string[] = []
  for (const pod of objects.flatMap(podsOf)) {
    const from = placeOf(pod)
    const words = containersOf(pod).flatMap(({ args = [] }) => args)
    for (const url of words.flatMap(urlsIn)) {
      const [name, namespace = from.namespace] = url.hostname.split('.')
      const service = services.find(each => each.name === name && each.namespace === namespace)
      // Elsewhere on the network: not for this to know.
      if (service === undefined) continue
      const number = Number(url.port || 80)
      const port = service.ports.find(each => each.port === number)
      if (port === undefined) faults.push(`${from.title}: asks for ${url.href}, and Service ${name} has no port ${number}`)
      else for (const to of service.pods)
          if (!allows(policies, from, to, port.targetPort))
            faults.push(`${from.title}: no NetworkPolicy lets it reach ${to.title} on ${port.targetPort}`)
    }
    faults.push(...brokerFaults(objects, from, words))
  }
  return [...new Set(faults)]
}

/** Strimzi makes a policy of each listener's peers; without any, everybody may come. */
function brokerFaults (objects: readonly KubernetesObject[], from: Place, words: readonly string[]): string[] {
  const kafka = objects.find(({ kind }) => kind === 'Kafka')
  if (kafka === undefined) return []
  const { listeners } = (kafka.spec as { readonly kafka: { readonly listeners: readonly Listener[] } }).kafka
  return words.filter(word => word.startsWith('--broker=')).flatMap(word => {
    const port = Number(word.split(':').at(-1))
    const peers = listeners.find(each => each.port === port)?.networkPolicyPeers
    if (peers === undefined) return []
    const namespace = kafka.metadata.namespace ?? ''
    const policy: Policy = { namespace, podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: peers }] }
    const brokers: Place = { title: 'Kafka', namespace, labels: {}, ports: [{ name: undefined, port }] }
    return allows([policy], from, brokers, port) ? [] : [`${from.title}: is not among the peers of Kafka's listener on ${port}`]
  })
}

function urlsIn (word: string): URL[] {
  const text = /^(?:--[\w-]+=)?(http:\/\/\S+)$/.exec(word)?.[1]
  return text === undefined ? [] : [new URL(text)]
}
