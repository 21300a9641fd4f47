// What idfint must render: names and numbers of DMTN-210 by section, and those of deploy/terraform. docs/deploy.md lists the deviations.
import { createHash } from 'node:crypto'
import { nameOf, type KubernetesObject } from './helm/charts.ts'

/** Section, object, path in it, and value. A path step is a key, or `[key=value]` for an item of a list. */
const facts: ReadonlyArray<readonly [section: string, object: string, path: string, value: unknown]> = [
  ['3.2.1', 'KafkaNodePool/broker', 'spec.replicas', 3],
  ['3.2.1.3', 'KafkaNodePool/broker', 'spec.storage.volumes.0.size', '1000Gi'],
  ['3.2.1.3', 'KafkaNodePool/broker', 'spec.storage.volumes.0.class', 'standard'],
  ['3.2.1.1', 'Kafka/alert-broker', 'spec.kafka.listeners.[name=internal].port', 9092],
  ['3.2.1.1', 'Kafka/alert-broker', 'spec.kafka.listeners.[name=internal].authentication.type', 'tls'],
  ['3.2.1.1', 'Kafka/alert-broker', 'spec.kafka.listeners.[name=tls].port', 9093],
  ['3.2.1.1', 'Kafka/alert-broker', 'spec.kafka.listeners.[name=external].port', 9094],
  ['3.2.1.1', 'Kafka/alert-broker', 'spec.kafka.listeners.[name=external].type', 'loadbalancer'],
  ['3.2.1.1', 'Kafka/alert-broker', 'spec.kafka.listeners.[name=external].authentication.type', 'scram-sha-512'],
  ['3.2.1.1', 'Kafka/alert-broker', 'spec.kafka.listeners.[name=external].configuration.bootstrap.loadBalancerIP', '35.188.169.31'],
  ['3.2.1.2', 'Kafka/alert-broker', 'spec.kafka.authorization.type', 'simple'],
  ['3.2.1.2', 'Kafka/alert-broker', 'spec.kafka.config.offsets.retention.minutes', 10080],
  ['3.2.1.2', 'Kafka/alert-broker', 'spec.kafka.config.log.retention.hours', 168],
  ['3.2.1.2', 'Kafka/alert-broker', 'spec.kafka.config.log.retention.bytes', 644245094400],
  ['3.2.3', 'Kafka/alert-broker', 'spec.kafka.authorization.superUsers.0', 'CN=kafka-admin'],
  ['3.4.1', 'StrimziSchemaRegistry/alert-schema-registry', 'spec.listener', 'tls'],
  ['3.4.2', 'KafkaTopic/registry-schemas', 'spec.partitions', 1],
  ['3.4.4', 'Job/alert-schema-registry-sync', 'spec.template.spec.containers.0.args.0', 'sync-schema'],
  ['3.5.1', 'KafkaTopic/alerts-simulated', 'spec.partitions', 8],
  ['3.5.1', 'KafkaTopic/alerts-simulated', 'spec.replicas', 2],
  ['3.5.1', 'KafkaTopic/alerts-simulated', 'spec.config.retention.ms', 604800000],
  ['3.5.1', 'KafkaTopic/alerts-simulated', 'spec.config.retention.bytes', 100000000000],
  ['5.1', 'Kafka/alert-broker', 'metadata.namespace', 'alert-stream-broker']
]

export function deviations (objects: readonly KubernetesObject[]): string[] {
  return facts.flatMap(([section, name, path, value]) => {
    const object = objects.find(each => nameOf(each) === name)
    const found = object === undefined ? undefined : at(object, path)
    return String(found) === String(value) ? [] : [`${section}: ${path} of ${name} is ${String(found)}, not ${String(value)}`]
  })
}

/** Keys may contain dots, so the longest key that fits is taken. */
function at (value: unknown, path: string): unknown {
  if (path === '' || typeof value !== 'object' || value === null) return path === '' ? value : undefined
  const [, key = '', wanted = '', rest = ''] = /^\[(\w+)=([^\]]+)\]\.?(.*)$/.exec(path) ?? []
  if (key !== '') return at((value as ReadonlyArray<Record<string, unknown>>).find(item => item[key] === wanted), rest)
  const name = Object.keys(value).filter(each => path === each || path.startsWith(`${each}.`)).sort((a, b) => b.length - a.length)[0]
  return name === undefined ? undefined : at((value as Record<string, unknown>)[name], path.slice(name.length + 1))
}

/** Names in the variables of Terraform (`terraform.tfvars`) that the rendered objects of the environment do not have. */
export function terraformProblems (variables: string, objects: readonly KubernetesObject[]): string[] {
  const variable = (name: string): string => new RegExp(`^${name}\\s+= "(.*)"$`, 'm').exec(variables)?.[1] ?? ''
  const list = (name: string): string[] => {
    const [, items = ''] = new RegExp(`^${name}\\s+= \\[(.*)\\]`, 'm').exec(variables) ?? []
    return [...items.matchAll(/"([^"]+)"/g)].map(([, each = '']) => each)
  }
  const [project, environment] = [variable('project_id'), variable('environment')]
  // As in modules/alertdb/main.tf.
  const unique = createHash('sha256').update(`${project}/${environment}/`).digest('hex').slice(0, 8)
  const wanted = [
    `--gcp-bucket-alerts=rubin-alertdb-${environment}-${unique}-packets`,
    `--gcp-bucket-schemas=rubin-alertdb-${environment}-${unique}-schemas`,
    ...['writer', 'reader'].map(name => `alertdb-${name}@${project}.iam.gserviceaccount.com`),
    ...[0, 1, 2].map(id => variable('broker_host').replace('%d', String(id))),
    variable('bootstrap_host'), variable('bootstrap_address'), ...list('broker_addresses'), ...list('ingress_hosts')
  ]
  const rendered = JSON.stringify(objects)
  return wanted.filter(name => name !== '' && !rendered.includes(`"${name}"`)).map(name => `no object has ${name}, which Terraform makes`)
}
