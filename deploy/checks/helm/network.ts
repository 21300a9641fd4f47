// Whether the parts of a system reach each other: Services lead to pods that listen, Ingresses to Services, autoscalers to Deployments, and
// NetworkPolicies admit what pods and KEDA connect to, name service included.
import { nameOf, type KubernetesObject } from './charts.ts'
import { containersOf, podsOf } from './pods.ts'

type Labels = Readonly<Record<string, string>>
interface Expression { readonly key: string, readonly operator: string, readonly values?: readonly string[] }
interface Selector { readonly matchLabels?: Labels, readonly matchExpressions?: readonly Expression[] }
interface Peer { readonly podSelector?: Selector, readonly namespaceSelector?: Selector, readonly ipBlock?: object }
interface PortRule { readonly port?: number | string, readonly protocol?: string }
interface Rule { readonly from?: readonly Peer[], readonly to?: readonly Peer[], readonly ports?: readonly PortRule[] }
interface Policy {
  readonly title: string
  readonly namespace: string
  readonly podSelector: Selector
  readonly policyTypes: readonly string[]
  readonly ingress?: readonly Rule[]
  readonly egress?: readonly Rule[]
}
/** Pods of one owner: where they are and what they listen on. */
interface Place {
  readonly title: string
  readonly namespace: string
  readonly labels: Labels
  readonly ports: ReadonlyArray<{ readonly name?: string, readonly containerPort: number }>
}
interface ServicePort { readonly name?: string, readonly port: number, readonly targetPort?: number | string }
interface Service extends Pick<Place, 'namespace'> {
  readonly name: string
  readonly ports: readonly ServicePort[]
  readonly pods: readonly Place[]
}
interface Scaler {
  readonly scaleTargetRef?: { readonly kind?: string, readonly name: string }
  readonly triggers?: ReadonlyArray<{ readonly metadata: Labels }>
}

/** The default namespace of KEDA's operator. */
const KEDA: Place = { title: 'KEDA', namespace: 'keda', labels: { app: 'keda-operator' }, ports: [] }

/** Connections that do not work, one per line. */
export function networkProblems (objects: readonly KubernetesObject[]): string[] {
  const all = [...objects, ...objects.filter(({ kind }) => kind === 'StrimziSchemaRegistry').flatMap(registryObjects)]
  const ofKind = (kind: string): KubernetesObject[] => all.filter(object => object.kind === kind)
  const places = all.flatMap(podsOf).map((pod): Place => ({
    title: nameOf(pod.owner),
    namespace: pod.owner.metadata.namespace ?? '',
    labels: pod.labels,
    ports: containersOf(pod).flatMap(({ ports = [] }) => ports)
  }))
  const services = ofKind('Service').map(({ metadata: { name, namespace = '' }, spec }): Service => {
    const { selector = {}, ports } = spec as { readonly selector?: Labels, readonly ports: readonly ServicePort[] }
    const pods = places.filter(place => place.namespace === namespace && matches({ matchLabels: selector }, place.labels))
    return { name, namespace, ports, pods }
  })
  const policies = ofKind('NetworkPolicy').map(({ metadata: { name, namespace = '' }, spec }): Policy =>
    ({ policyTypes: ['Ingress'], ...spec as Omit<Policy, 'policyTypes'>, title: `NetworkPolicy/${name}`, namespace }))
  return [...new Set([
    ...services.flatMap(serviceProblems),
    ...objects.flatMap(object => backendProblems(object, services)),
    ...objects.flatMap(object => scalerProblems(object, objects)),
    ...policies.flatMap(policy => policyProblems(policy, places)),
    ...places.flatMap(place => nameServiceProblems(place, policies)),
    ...connectionProblems(objects, places, services, policies)
  ])]
}

/** The pods and the Service that the registry operator makes. */
function registryObjects ({ metadata }: KubernetesObject): KubernetesObject[] {
  const labels = { app: metadata.name }
  const spec = { containers: [{ name: 'registry', ports: [{ containerPort: 8081 }] }] }
  return [{ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template: { metadata: { labels }, spec } } },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port: 8081 }] } }]
}

function serviceProblems ({ name, pods, ports }: Service): string[] {
  if (pods.length === 0) return [`Service/${name}: selects no pods`]
  return pods.flatMap(({ title, ports: open }) => ports.map(({ port, targetPort = port }) => targetPort)
    .filter(target => !open.some(each => each.name === target || each.containerPort === target))
    .map(target => `Service/${name}: ${title} does not listen on ${target}`))
}

function backendProblems (object: KubernetesObject, services: readonly Service[]): string[] {
  if (!['Ingress', 'GafaelfawrIngress'].includes(object.kind)) return []
  const text = JSON.stringify(object)
  const backends = [...text.matchAll(/"service":\{"name":"([^"]+)","port":\{"(?:name|number)":"?([\w-]+)"?\}/g)]
  if (backends.length === 0) return [`${nameOf(object)}: has no backend`]
  return backends.filter(([, name, port]) => !services.some(service => service.name === name &&
    service.ports.some(each => each.name === port || String(each.port) === port)))
    .map(([, name, port]) => `${nameOf(object)}: there is no Service ${name} with port ${port}`)
}

function scalerProblems (object: KubernetesObject, objects: readonly KubernetesObject[]): string[] {
  const { scaleTargetRef } = (object.spec ?? {}) as Scaler
  const name = `${scaleTargetRef?.kind ?? 'Deployment'}/${scaleTargetRef?.name}`
  return scaleTargetRef === undefined || objects.some(each => nameOf(each) === name) ? [] : [`${nameOf(object)}: there is no ${name}`]
}

function policyProblems (policy: Policy, places: readonly Place[]): string[] {
  const selected = places.filter(place => selects(policy, place))
  if (selected.length === 0) return [`${policy.title}: selects no pods`]
  return (policy.ingress ?? []).flatMap(({ ports = [] }) => ports)
    .filter(({ port }) => port !== undefined && !selected.some(place => numberOf(place, port) !== undefined))
    .map(({ port }) => `${policy.title}: no selected pod listens on ${port}`)
}

/** A pod whose egress is restricted still resolves names: UDP and TCP port 53 to any destination. */
function nameServiceProblems (place: Place, policies: readonly Policy[]): string[] {
  const egress = policies.filter(policy => policy.policyTypes.includes('Egress') && selects(policy, place))
  const open = (protocol: string): boolean => egress.some(policy => (policy.egress ?? []).some(({ to = [], ports = [] }) =>
    to.length === 0 && ports.some(rule => rule.port === 53 && (rule.protocol ?? 'TCP') === protocol)))
  return egress.length === 0 ? [] : ['UDP', 'TCP'].filter(protocol => !open(protocol))
    .map(protocol => `${place.title}: no NetworkPolicy admits DNS (${protocol} port 53)`)
}

/** Connections that arguments of pods and triggers of KEDA ask for. */
function connectionProblems (
  objects: readonly KubernetesObject[], places: readonly Place[], services: readonly Service[], policies: readonly Policy[]
): string[] {
  const ofPods = objects.flatMap(podsOf).flatMap(pod => {
    const from = places.find(({ title }) => title === nameOf(pod.owner)) ?? KEDA
    const words = containersOf(pod).flatMap(({ args = [], env = [] }) => [...args, ...env.map(({ value = '' }) => `=${value}`)])
    const urls = words.flatMap(word => /^(?:(?:--)?[\w-]*=)?(http:\/\/\S+)$/.exec(word)?.[1] ?? [])
    return [
      ...urls.flatMap(url => urlProblems(new URL(url), from, services, policies)),
      ...words.filter(word => word.startsWith('--broker=')).flatMap(word => brokerProblems(objects, from, word.slice('--broker='.length)))
    ]
  })
  const ofKeda = objects.filter(({ kind }) => kind === 'ScaledObject').flatMap(({ spec }) => (spec as Scaler).triggers ?? [])
    .flatMap(({ metadata }) => brokerProblems(objects, KEDA, metadata.bootstrapServers ?? ''))
  return [...ofPods, ...ofKeda]
}

/** A host that is no Service of these objects is elsewhere. */
function urlProblems ({ hostname, port }: URL, from: Place, services: readonly Service[], policies: readonly Policy[]): string[] {
  const [name, namespace = from.namespace] = hostname.split('.')
  const service = services.find(each => each.name === name && each.namespace === namespace)
  const open = service?.ports.find(each => each.port === Number(port || 80))
  if (service === undefined) return []
  if (open === undefined) return [`${from.title}: Service ${name} has no port ${port || 80}`]
  return service.pods.filter(to => !admits(policies, from, to, open.targetPort ?? open.port))
    .map(to => `${from.title}: no NetworkPolicy admits it to ${to.title}`)
}

/** Strimzi makes a NetworkPolicy from the peers of a listener. Without peers, every pod may connect. */
function brokerProblems (objects: readonly KubernetesObject[], from: Place, addresses: string): string[] {
  const kafka = objects.find(({ kind }) => kind === 'Kafka')
  if (kafka === undefined) return []
  const namespace = kafka.metadata.namespace ?? ''
  const { listeners } = (kafka.spec as { kafka: { listeners: Array<{ port: number, networkPolicyPeers?: readonly Peer[] }> } }).kafka
  return addresses.split(',').map(address => Number(address.split(':').at(-1))).filter(port => {
    const peers = listeners.find(each => each.port === port)?.networkPolicyPeers
    return peers !== undefined && !admitsPeer(peers, namespace, from)
  }).map(port => `${from.title}: is not among the peers of Kafka's listener on port ${port}`)
}

/** An expression with another operator than In selects nothing here, and is thereby reported. */
function matches ({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => operator === 'In' && values.includes(labels[key] ?? ''))
}

function selects ({ namespace, podSelector }: Policy, place: Place): boolean {
  return namespace === place.namespace && matches(podSelector, place.labels)
}

/** Both sides decide. A side that no policy selects admits everything. */
function admits (policies: readonly Policy[], client: Place, server: Place, port: number | string): boolean {
  const fits = (rule: PortRule): boolean => rule.port === undefined || (numberOf(server, rule.port) ?? rule.port) === numberOf(server, port)
  return ([['Ingress', server, client], ['Egress', client, server]] as const).every(([type, self, peer]) => {
    const deciding = policies.filter(policy => selects(policy, self) && policy.policyTypes.includes(type))
    const rulesOf = ({ ingress = [], egress = [] }: Policy): readonly Rule[] => type === 'Ingress' ? ingress : egress
    return deciding.length === 0 || deciding.some(policy => rulesOf(policy).some(({ from, to, ports }) =>
      admitsPeer(from ?? to, policy.namespace, peer) && (ports === undefined || ports.some(fits))))
  })
}

/** An empty list of peers admits everyone; an address block admits no pod. */
function admitsPeer (peers: readonly Peer[] = [], namespace: string, place: Place): boolean {
  return peers.length === 0 || peers.some(({ podSelector, namespaceSelector, ipBlock }) => ipBlock === undefined &&
    (namespaceSelector === undefined ? place.namespace === namespace :
      matches(namespaceSelector, { 'kubernetes.io/metadata.name': place.namespace })) && matches(podSelector ?? {}, place.labels))
}

function numberOf ({ ports }: Place, port: number | string): number | undefined {
  return ports.find(({ name, containerPort }) => name === port || containerPort === port)?.containerPort
}
