// Whether the charts name what others make: cluster, listeners, users, topics and Secrets. Names are those of Strimzi: the Secret of a
// KafkaUser has the user's name, and the Service of the listeners is called CLUSTER-kafka-bootstrap.
import { nameOf, type KubernetesObject } from './charts.ts'
import { containersOf, podsOf } from './pods.ts'

interface Listener { readonly name: string, readonly port: number, readonly type: string, readonly authentication?: Authentication }
interface Authentication { readonly type: string }
type Spec = Readonly<Record<string, unknown>>

/** What an environment takes from others: a Kafka cluster (`global.kafka.existing`), topics and Secrets. */
export interface Given {
  readonly kafka?: { readonly cluster: string, readonly namespace: string, readonly port: number }
  readonly topics: readonly string[]
  readonly secrets: readonly string[]
}

/** Names that nobody makes, one per line. */
export function wiringProblems (objects: readonly KubernetesObject[], given: Given = { topics: [], secrets: [] }): string[] {
  const existing = given.kafka
  const ofKind = (...kinds: readonly string[]): KubernetesObject[] => objects.filter(({ kind }) => kinds.includes(kind))
  const kafkas = ofKind('Kafka')
  const [kafka] = kafkas
  if (kafkas.length !== (existing === undefined ? 1 : 0)) return [`there are ${kafkas.length} Kafka objects`]
  const cluster = existing?.cluster ?? kafka?.metadata.name ?? ''
  const namespace = existing?.namespace ?? kafka?.metadata.namespace ?? ''
  const listeners: readonly Listener[] = existing === undefined ?
    (kafka?.spec as { readonly kafka: { readonly listeners: readonly Listener[] } }).kafka.listeners :
    [{ name: 'existing', port: existing.port, type: 'internal' }]
  const words = objects.flatMap(podsOf).flatMap(pod => containersOf(pod).map(({ args = [] }) => ({ owner: nameOf(pod.owner), args })))
  const values = (args: readonly string[], ...flags: readonly string[]): string[] => args.flatMap(word => {
    const [, flag = '', value = ''] = /^--([\w-]+)=(.*)$/.exec(word) ?? []
    return flags.includes(flag) ? value.split(',') : []
  })
  const topics = new Set([
    ...given.topics,
    ...ofKind('KafkaTopic').map(({ metadata, spec }) => String((spec as Spec).topicName ?? metadata.name)),
    // The Job creates the static topic itself (DMTN-210, 3.5.2.1).
    ...words.filter(({ args }) => args[0] === 'create-stream').flatMap(({ args }) => values(args, 'dst-topic'))
  ])
  const problems: string[] = []
  for (const object of ofKind('KafkaUser', 'KafkaTopic', 'KafkaNodePool', 'StrimziSchemaRegistry')) {
    const label = object.metadata.labels?.['strimzi.io/cluster']
    if (label !== cluster) problems.push(`${nameOf(object)}: belongs to the cluster ${label}, not to ${cluster}`)
    if (object.metadata.namespace !== namespace && object.kind !== 'StrimziSchemaRegistry')
      problems.push(`${nameOf(object)}: is in the namespace ${object.metadata.namespace}, Kafka is in ${namespace}`)
  }
  for (const registry of ofKind('StrimziSchemaRegistry')) {
    const { listener: name, registryTopic } = registry.spec as { readonly listener?: string, readonly registryTopic?: string }
    if (!listeners.some(each => each.name === name && each.authentication?.type === 'tls'))
      problems.push(`${nameOf(registry)}: Kafka has no listener ${name} with mutual TLS`)
    if (registryTopic !== undefined && !topics.has(registryTopic))
      problems.push(`${nameOf(registry)}: nobody makes its topic ${registryTopic}`)
    if (!ofKind('KafkaUser').some(({ metadata }) => metadata.name === registry.metadata.name))
      problems.push(`${nameOf(registry)}: there is no KafkaUser of its name`)
  }
  const secrets = new Set([
    ...given.secrets,
    ...existing === undefined ? [`${cluster}-cluster-ca-cert`, `${cluster}-clients-ca-cert`] : [],
    ...ofKind('Certificate').map(({ spec }) => String((spec as Spec).secretName)),
    ...ofKind('Secret', 'VaultSecret', 'KafkaUser').map(({ metadata }) => metadata.name)
  ])
  for (const object of objects)
    for (const name of secretsWanted(object.spec))
      if (!secrets.has(name)) problems.push(`${nameOf(object)}: nobody makes the Secret ${name}`)
  const services = ['', `.${namespace}`, `.${namespace}.svc`, `.${namespace}.svc.cluster.local`].map(end =>
    `${cluster}-kafka-bootstrap${end}`)
  for (const { owner, args } of words) {
    for (const address of values(args, 'broker')) {
      const [host = '', port] = address.split(':')
      if (!services.includes(host)) problems.push(`${owner}: no Kafka at ${address}`)
      if (!listeners.some(each => each.port === Number(port) && each.type === 'internal'))
        problems.push(`${owner}: Kafka has no internal listener on ${port}`)
    }
    for (const topic of values(args, 'topic', 'src-topic', 'dst-topic', 'dead-letter-topic'))
      if (!topics.has(topic)) problems.push(`${owner}: nobody makes the topic ${topic}`)
    for (const url of values(args, 'schema-registry-url').map(value => new URL(value)).filter(({ protocol }) => protocol === 'http:')) {
      const hosts = ofKind('StrimziSchemaRegistry').flatMap(({ metadata }) => ['', `.${metadata.namespace}`, `.${metadata.namespace}.svc`]
        .map(end => `${metadata.name}${end}:8081`))
      if (!hosts.includes(url.host)) problems.push(`${owner}: there is no schema registry at ${url.href}`)
    }
  }
  return [...new Set([...problems, ...identityProblems(objects)])]
}

/** Secrets that are mounted, read into variables, or named as passwords and certificates of Kafka, unless they are optional. */
function secretsWanted (value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  const { secret, secretKeyRef, brokerCertChainAndKey } = value as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>
  const own = [secret?.optional === true ? undefined : secret?.secretName, secretKeyRef?.optional === true ? undefined : secretKeyRef?.name,
    brokerCertChainAndKey?.secretName]
  return [...own.filter(name => typeof name === 'string'), ...Object.values(value).flatMap(secretsWanted)]
}

/** Ingester, indexer and server act as different service accounts, in the cluster and in the cloud: only two of them write. */
function identityProblems (objects: readonly KubernetesObject[]): string[] {
  const running = (mode: string) => objects.flatMap(podsOf).filter(pod => containersOf(pod).some(({ args }) => args?.[0] === mode))
    .map(({ owner, spec: { serviceAccountName: name = 'default' } }) => {
      const account = objects.find(object => nameOf(object) === `ServiceAccount/${name}`)
      return { owner: nameOf(owner), names: [name, ...Object.values(account?.metadata.annotations ?? {})] }
    })
  return running('serve').flatMap(({ owner, names }) => ['ingest', 'index', 'compact'].flatMap(running).flatMap(writer =>
    names.filter(name => name !== 'default' && writer.names.includes(name))
      .map(name => `${owner}: acts as ${name}, as does the writer ${writer.owner}`)))
}
