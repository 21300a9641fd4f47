import t from 'tap'
import { networkProblems } from '../../../deploy/checks/helm/network.ts'
import type { KubernetesObject } from '../../../deploy/checks/helm/charts.ts'

const object = (apiVersion: string, kind: string, name: string, spec: unknown): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'here' },
  spec
})
const deployment = (name: string, args: readonly string[], port: number): KubernetesObject => object('apps/v1', 'Deployment', name, {
  template: { metadata: { labels: { app: name } }, spec: { containers: [{ name, args, ports: [{ name: 'http', containerPort: port }] }] } }
})
const service = (targetPort: number | string = 'http'): KubernetesObject =>
  object('v1', 'Service', 'server', { selector: { app: 'server' }, ports: [{ name: 'http', port: 80, targetPort }] })
const ingress = (name: string, port: object = { name: 'http' }): KubernetesObject =>
  object('networking.k8s.io/v1', 'Ingress', 'in', { rules: [{ http: { paths: [{ backend: { service: { name, port } } }] } }] })
const policy = (from: object, port: number | string = 'http', app = 'server'): KubernetesObject =>
  object('networking.k8s.io/v1', 'NetworkPolicy', 'guard', {
    podSelector: { matchLabels: { app } },
    policyTypes: ['Ingress'],
    ingress: [{ from: [from], ports: [{ port }] }]
  })
const client = deployment('client', ['ingest', '--url=http://server.here.svc', '--broker=kafka:9092'], 1)
const server = deployment('server', ['serve'], 3000)
const registry = object('roundtable.lsst.codes/v1beta1', 'StrimziSchemaRegistry', 'schemas', {})
const kafka = (peers?: readonly object[]): KubernetesObject =>
  object('kafka.strimzi.io/v1', 'Kafka', 'kafka', {
    kafka: { listeners: [{ name: 'internal', port: 9092, ...peers === undefined ? {} : { networkPolicyPeers: peers } }] }
  })

await t.test('accepts a system whose parts reach each other', async t => {
  t.same(
    networkProblems([client, server, service(), ingress('server'), policy({ podSelector: { matchLabels: { app: 'client' } } }),
      kafka([{ podSelector: {} }])]),
    []
  )
})

await t.test('a Service must target a port that a container listens on', async t => {
  t.same(networkProblems([server, service('https')]), ['Service/server: Deployment/server does not listen on https'])
  t.same(networkProblems([server, service(3000)]), [])
})

await t.test('an Ingress must target a Service and one of its ports', async t => {
  t.same(networkProblems([server, service(), ingress('serve')]), ['Ingress/in: there is no Service serve with port http'])
  t.same(networkProblems([server, service(), ingress('server', { number: 3000 })]),
    ['Ingress/in: there is no Service server with port 3000'])
  t.same(networkProblems([object('networking.k8s.io/v1', 'Ingress', 'in', {})]), ['Ingress/in: has no backend'])
  const made: KubernetesObject = {
    ...object('gafaelfawr.lsst.io/v1alpha1', 'GafaelfawrIngress', 'in', undefined),
    ...{ template: { spec: ingress('serve').spec } }
  }
  t.same(networkProblems([made]), ['GafaelfawrIngress/in: there is no Service serve with port http'], 'in a template too')
})

await t.test('an autoscaler must target an existing workload', async t => {
  t.same(
    networkProblems([server,
      object('autoscaling/v2', 'HorizontalPodAutoscaler', 'scale', { scaleTargetRef: { kind: 'Deployment', name: 'serve' } })]),
    ['HorizontalPodAutoscaler/scale: there is no Deployment/serve']
  )
  t.same(networkProblems([server, object('keda.sh/v1alpha1', 'ScaledObject', 'scale', { scaleTargetRef: { name: 'server' } })]), [])
})

await t.test('a NetworkPolicy must select a Pod and one of its ports', async t => {
  t.same(networkProblems([server, policy({ podSelector: {} }, 'http', 'nobody')]), ['NetworkPolicy/guard: selects no pods'])
  t.same(networkProblems([server, policy({ podSelector: {} }, 'admin')]), ['NetworkPolicy/guard: no selected pod listens on admin'])
})

await t.test('network policies must allow the connections in the arguments of a Pod', async t => {
  t.same(networkProblems([client, server, service(), policy({ podSelector: { matchLabels: { app: 'friend' } } })]), [
    'Deployment/client: no NetworkPolicy admits it to Deployment/server'
  ])
  const other = deployment('client', ['http://server:8080/v1'], 1)
  t.same(networkProblems([other, server, service()]), [
    'Deployment/client: Service server has no port 8080'
  ])
  t.same(
    networkProblems([deployment('client', ['http://example.org:8080/'], 1), server, service()]),
    [],
    'what is elsewhere is not for it to know'
  )
})

await t.test('policies apply to the Pods that the registry operator creates', async t => {
  const asking = deployment('client', ['--schema-registry-url=http://schemas.here.svc:8081'], 1)
  t.same(networkProblems([asking, registry, policy({ podSelector: { matchLabels: { app: 'client' } } }, 8081, 'schemas')]), [])
  t.same(networkProblems([asking, registry, policy({ podSelector: { matchLabels: { app: 'server' } } }, 8081, 'schemas')]),
    ['Deployment/client: no NetworkPolicy admits it to Deployment/schemas'])
})

await t.test('the peers of a Kafka listener must include its clients', async t => {
  t.same(networkProblems([client, kafka()]), [], 'without any, all may')
  const faults = networkProblems([client, kafka([{ podSelector: { matchLabels: { app: 'server' } } }])])
  t.same(faults, ["Deployment/client: is not among the peers of Kafka's listener on port 9092"])
})

await t.test('KEDA must be among the peers of the listener that it asks for the lag', async t => {
  const scaled = object('keda.sh/v1alpha1', 'ScaledObject', 'scale', {
    scaleTargetRef: { name: 'server' },
    triggers: [{ metadata: { bootstrapServers: 'kafka:9092' } }]
  })
  t.same(networkProblems([server, scaled, kafka([{ podSelector: {} }])]), ["KEDA: is not among the peers of Kafka's listener on port 9092"])
  const peer = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'keda' } } }
  t.same(networkProblems([server, scaled, kafka([{ podSelector: {} }, peer])]), [])
})

await t.test('a pod with restricted egress must reach the name service', async t => {
  const egress = (port: number): KubernetesObject => object('networking.k8s.io/v1', 'NetworkPolicy', 'guard', {
    podSelector: { matchLabels: { app: 'server' } },
    policyTypes: ['Egress'],
    egress: [{ ports: [{ port, protocol: 'UDP' }, { port, protocol: 'TCP' }] }]
  })
  t.same(networkProblems([server, egress(53)]), [])
  t.same(networkProblems([server, egress(5353)]), ['UDP', 'TCP'].map(name =>
    `Deployment/server: no NetworkPolicy admits DNS (${name} port 53)`))
})
