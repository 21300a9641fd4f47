// Whether the parts of a system find each other: each chart is right by itself, but names a cluster, listeners, users, topics and Secrets
// that others have to make. Names here are those of Strimzi: a KafkaUser's Secret is called as the user is, the listeners' Service
// NAME-kafka-bootstrap.
import { containersOf, podsOf } from './pods.ts'
import { nameOf, type KubernetesObject } from './render.ts'

interface Listener {
  readonly name: string
  readonly port: number
  readonly type: string
  readonly authentication?: { readonly type: string }
}
interface Named { readonly name?: string }
type Spec = Readonly<Record<string, unknown>>

/** Port of the registry's Service, as its operator makes it. */
const REGISTRY_PORT = 8081

/** What does not fit together among all objects of one system; one line each. */
export function wiringFaults (objects: readonly KubernetesObject[]): string[] {
  const ofKind = (...kinds: readonly string[]): KubernetesObject[] => objects.filter(({ kind }) => kinds.includes(kind))
  const [kafka, ...others] = ofKind('Kafka')
  if (kafka === undefined || others.length > 0) return [`there are ${others.length + (kafka === undefined ? 0 : 1)} Kafkas`]
  const cluster = kafka.metadata.name
  const { listeners } = (kafka.spec as { readonly kafka: { readonly listeners: readonly Listener[] } }).kafka
  const topics = new Set(ofKind('KafkaTopic').map(({ metadata, spec }) => String((spec as Spec).topicName ?? metadata.name)))
  // The Job makes the static one itself (DMTN-210, 3.5.2.1).
  for (const args of argsOf(objects).filter(({ words }) => words[0] === 'create-stream'))
    for (const topic of valuesOf(args.words, 'dst-topic'))
      topics.add(topic)
  const users = new Set(ofKind('KafkaUser').map(({ metadata }) => metadata.name))
  const registries = ofKind('StrimziSchemaRegistry')

  const faults: string[] = []
  for (const object of ofKind('KafkaUser', 'KafkaTopic', 'KafkaNodePool', 'KafkaRebalance', 'StrimziSchemaRegistry')) {
    const named = object.metadata.labels?.['strimzi.io/cluster']
    if (named !== cluster) faults.push(`${nameOf(object)}: is of the cluster ${named ?? '(none)'}, and Kafka is called ${cluster}`)
  }
  for (const registry of registries) {
    const { listener: name, registryTopic } = registry.spec as { readonly listener?: string, readonly registryTopic?: string }
    const listener = listeners.find(each => each.name === name)
    if (listener === undefined)
      faults.push(`${nameOf(registry)}: Kafka has no listener ${name ?? '(none)'}, but ${listeners.map(each => each.name).join(', ')}`)
    else if (listener.authentication?.type !== 'tls')
      faults.push(`${nameOf(registry)}: comes in with a certificate, and the listener ${listener.name} takes none`)
    if (registryTopic !== undefined && !topics.has(registryTopic))
      faults.push(`${nameOf(registry)}: nobody makes its topic ${registryTopic}`)
    if (!users.has(registry.metadata.name))
      faults.push(`${nameOf(registry)}: there is no user of its name, by whose Secret it would come in`)
  }
  const made = secretsOf(objects, cluster)
  for (const { owner, name } of secretsWanted(objects))
    if (!made.has(name)) faults.push(`${nameOf(owner)}: nobody makes the Secret ${name}`)
  for (const { owner, words } of argsOf(objects)) {
    for (const address of valuesOf(words, 'broker').flatMap(value => value.split(',')))
      faults.push(...brokerFaults(address, cluster, kafka, listeners).map(fault => `${nameOf(owner)}: ${fault}`))
    const wanted = ['topic', 'src-topic', 'dst-topic', 'dead-letter-topic'].flatMap(flag => valuesOf(words, flag)).flatMap(value =>
      value.split(',')
    )
    for (const topic of wanted) if (!topics.has(topic)) faults.push(`${nameOf(owner)}: nobody makes the topic ${topic}`)
    for (const url of valuesOf(words, 'schema-registry-url')) {
      const { hostname, port } = new URL(url)
      const registry = registries.find(({ metadata }) =>
        hostname === `${metadata.name}.${metadata.namespace}.svc` || hostname === metadata.name ||
        hostname === `${metadata.name}.${metadata.namespace}`
      )
      if (registry === undefined) faults.push(`${nameOf(owner)}: no registry answers at ${url}`)
      else if (Number(port) !== REGISTRY_PORT) faults.push(`${nameOf(owner)}: ${url} is another port than the registry's ${REGISTRY_PORT}`)
    }
  }
  return [...new Set(faults)]
}

function brokerFaults (address: string, cluster: string, { metadata }: KubernetesObject, listeners: readonly Listener[]): string[] {
  const [host, port] = address.split(':')
  const service = `${cluster}-kafka-bootstrap`
  const listener = listeners.find(each => each.port === Number(port))
  return [
    ...[service, `${service}.${metadata.namespace}`, `${service}.${metadata.namespace}.svc`,
        `${service}.${metadata.namespace}.svc.cluster.local`].includes(host ?? '') ?
      [] :
      [`no Kafka answers at ${address}`],
    ...listener === undefined || listener.type !== 'internal' ? [`Kafka has no internal listener on port ${port}`] : []
  ]
}

interface Words { readonly owner: KubernetesObject, readonly words: readonly string[] }

function argsOf (objects: readonly KubernetesObject[]): Words[] {
  return objects.flatMap(podsOf).flatMap(pod => containersOf(pod).map(({ args = [] }) => ({ owner: pod.owner, words: args })))
}

function valuesOf (words: readonly string[], flag: string): string[] {
  return words.filter(word => word.startsWith(`--${flag}=`)).map(word => word.slice(flag.length + 3))
}

/** Names of the Secrets that somebody makes of these objects. */
function secretsOf (objects: readonly KubernetesObject[], cluster: string): Set<string> {
  const made = objects.flatMap(({ kind, metadata, spec }) => {
    switch (kind) {
      case 'Secret':
      case 'VaultSecret':
      case 'KafkaUser': return [metadata.name]
      case 'Certificate': return [String((spec as Spec).secretName)]
      default: return []
    }
  })
  return new Set([...made, `${cluster}-cluster-ca-cert`, `${cluster}-clients-ca-cert`])
}

/** Those that are mounted, read into variables, or named as passwords and certificates of Kafka. */
function secretsWanted (objects: readonly KubernetesObject[]): Array<{ readonly owner: KubernetesObject, readonly name: string }> {
  return objects.flatMap(owner => {
    const names: string[] = []
    const walk = (value: unknown): void => {
      if (Array.isArray(value)) value.forEach(walk)
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return
      const { secret, secretKeyRef, brokerCertChainAndKey } = value as {
        readonly secret?: Named & { readonly secretName?: string, readonly optional?: boolean }
        readonly secretKeyRef?: Named & { readonly optional?: boolean }
        readonly brokerCertChainAndKey?: { readonly secretName?: string }
      }
      for (
        const name of [secret?.optional === true ? undefined : secret?.secretName,
          secretKeyRef?.optional === true ? undefined : secretKeyRef?.name, brokerCertChainAndKey?.secretName]
      ) if (name !== undefined) names.push(name)
      Object.values(value).forEach(walk)
    }
    walk(owner.spec)
    return names.map(name => ({ owner, name }))
  })
}
