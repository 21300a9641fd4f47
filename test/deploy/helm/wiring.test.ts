import t from 'tap'
import type { KubernetesObject } from '../../../deploy/checks/helm/charts.ts'
import { wiringProblems } from '../../../deploy/checks/helm/wiring.ts'

const labels = { 'strimzi.io/cluster': 'k' }
const strimzi = (kind: string, name: string, spec: object = {}, its: object = labels): KubernetesObject => ({
  apiVersion: 'kafka.strimzi.io/v1',
  kind,
  metadata: { name, namespace: 'n', labels: its as Record<string, string> },
  spec
})
const kafka = strimzi('Kafka', 'k', {
  kafka: {
    listeners: [{ name: 'internal', port: 9092, type: 'internal', authentication: { type: 'tls' } }, {
      name: 'external',
      port: 9094,
      type: 'loadbalancer',
      authentication: { type: 'scram-sha-512' }
    }]
  }
})
const registry = (spec: object): KubernetesObject => ({
  apiVersion: 'roundtable.lsst.codes/v1beta1',
  kind: 'StrimziSchemaRegistry',
  metadata: { name: 'reg', namespace: 'n', labels },
  spec: { listener: 'internal', registryTopic: 'schemas', ...spec }
})
const pod = (args: readonly string[], secretName = 'ann'): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: {
    containers: [{ name: 'c', args }],
    volumes: [{ name: 's', secret: { secretName } }, { name: 'ca', secret: { secretName: 'k-cluster-ca-cert' } }]
  }
})
const args = ['ingest', '--broker=k-kafka-bootstrap.n.svc:9092', '--topic=alerts', '--schema-registry-url=http://reg.n.svc:8081']
const whole = [kafka, strimzi('KafkaUser', 'ann'), strimzi('KafkaUser', 'reg'), strimzi('KafkaTopic', 'alerts'),
  strimzi('KafkaTopic', 'x', { topicName: 'schemas' })]
const swap = (from: string, to: string): string[] => args.map(word => word.replace(from, to))

await t.test('accepts parts that find each other', async t => {
  t.strictSame(wiringProblems([...whole, registry({}), pod(args)]), [])
  t.strictSame(
    wiringProblems([...whole, registry({}), pod(args), pod(['create-stream', 'FILE', '--dst-topic=static']),
      pod(['play-stream', '--src-topic=static'])]),
    []
  )
})

await t.test('accepts a Kafka cluster, topics and Secrets that others provide', async t => {
  const given = { kafka: { cluster: 'z', namespace: 'zoo', port: 9094 }, topics: ['alerts'], secrets: ['ann', 'k-cluster-ca-cert'] }
  const reader = pod(['ingest', '--broker=z-kafka-bootstrap.zoo.svc:9094', '--topic=alerts'])
  t.strictSame(wiringProblems([reader], given), [])
  t.strictSame(wiringProblems([reader], { ...given, topics: [], secrets: ['ann'] }).length, 2)
  t.match(wiringProblems([...whole, reader], given), ['there are 1 Kafka objects'])
})

await t.test('reports each part that does not find another', async t => {
  const cases: ReadonlyArray<readonly [readonly KubernetesObject[], RegExp]> = [
    [[], /there are 0 Kafka objects/],
    [[...whole, kafka], /there are 2 Kafka objects/],
    [[...whole, strimzi('KafkaTopic', 'y', {}, { 'strimzi.io/cluster': 'z' })],
      /KafkaTopic\/y: belongs to the cluster z, not to k/],
    [[...whole, registry({ listener: 'tls' })], /no listener tls with mutual TLS/],
    [[...whole, registry({ listener: 'external' })], /no listener external with mutual TLS/],
    [[...whole, registry({ registryTopic: 'other' })], /nobody makes its topic other/],
    [[...whole.filter(({ metadata }) => metadata.name !== 'reg'), registry({})], /there is no KafkaUser of its name/],
    [[...whole, registry({}), pod(args, 'bob')], /nobody makes the Secret bob/],
    [[...whole, registry({}), pod(swap('k-kafka', 'z-kafka'))], /no Kafka at z-kafka-bootstrap/],
    [[...whole, registry({}), pod(swap('9092', '9094'))], /no internal listener on 9094/],
    [[...whole, registry({}), pod(swap('=alerts', '=alarms'))], /nobody makes the topic alarms/],
    [[...whole, pod(args)], /there is no schema registry at http:\/\/reg/],
    [[...whole, registry({}), pod(swap('8081', '80'))], /there is no schema registry at http:\/\/reg.n.svc/]
  ]
  const acting = (mode: string, account: string): KubernetesObject => ({
    apiVersion: 'v1', kind: 'Pod', metadata: { name: mode },
      spec: { serviceAccountName: account, containers: [{ name: 'c', args: [mode] }] }
  } as KubernetesObject)
  for (const writer of ['ingest', 'index', 'compact']) {
    t.match(wiringProblems([...whole, acting(writer, 'one'), acting('serve', 'one')]).join(), /acts as one, as does the writer/, writer)
  }
  t.strictSame(wiringProblems([...whole, acting('ingest', 'one'), acting('serve', 'two')]), [])
  for (const [objects, fault] of cases) t.match(wiringProblems(objects).join('\n'), fault)
})
