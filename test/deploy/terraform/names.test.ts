import t from 'tap'
import type { KubernetesObject } from '../../../deploy/checks/helm/render.ts'
import { identityFaults, leavesOf, nodeFaults, valueFaults } from '../../../deploy/checks/terraform/names.ts'

const email = 'alertdb-writer@project.iam.gserviceaccount.com'
const account: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'alert-database-ingester', namespace: 'alert-stream-broker', annotations: { 'iam.gke.io/gcp-service-account': email } }
}
const deployment: KubernetesObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'ingester' },
  spec: { template: { spec: { serviceAccountName: 'alert-database-ingester' } } }
}
const accounts = { 'alert-stream-broker/alert-database-ingester': email }

await t.test('Workload Identity bindings match the service accounts of the charts', async t => {
  t.strictSame(identityFaults(accounts, [account, deployment]), [])
  const elsewhere = { ...account, metadata: { ...account.metadata, namespace: 'default' } }
  t.match(identityFaults(accounts, [elsewhere, deployment]), [
    /Terraform lets .*alert-stream-broker\/alert-database-ingester.*the chart has default\/alert-database-ingester/
  ])
  const reader = {
    ...account,
    metadata: { ...account.metadata, annotations: { 'iam.gke.io/gcp-service-account': 'alertdb-reader@project.iam.gserviceaccount.com' } }
  }
  t.match(identityFaults(accounts, [reader, deployment]), [/act as alertdb-reader@.*Terraform lets it act as alertdb-writer@/])
  t.match(identityFaults(accounts, [{ ...account, metadata: { ...account.metadata, annotations: {} } }, deployment]), [/to act as nobody/])
  t.match(identityFaults(accounts, [account]), [/no Deployment runs as/])
})

const nodes = { key: 'kafka', value: 'ok', effect: 'NoSchedule' }
const pool = (tolerations: unknown, terms: unknown, roles = ['broker']): KubernetesObject => ({
  apiVersion: 'kafka.strimzi.io/v1',
  kind: 'KafkaNodePool',
  metadata: { name: 'broker' },
  spec: {
    roles,
    template: {
      pod: { tolerations, affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } } }
    }
  }
})
const toleration = { key: 'kafka', operator: 'Equal', value: 'ok', effect: 'NoSchedule' }
const term = { matchExpressions: [{ key: 'kafka', operator: 'In', values: ['ok'] }] }

await t.test('Kafka pods select and tolerate the nodes of the Kafka node pool', async t => {
  t.strictSame(nodeFaults(nodes, [pool([toleration], [term])]), [])
  t.strictSame(nodeFaults(nodes, [pool([{ key: 'kafka', operator: 'Exists' }], [term])]), [])
  t.match(nodeFaults(nodes, [pool([], [term])]), [/do not bear the taint kafka=ok:NoSchedule/])
  t.match(nodeFaults(nodes, [pool([{ ...toleration, value: 'yes' }], [term])]), [/do not bear/])
  t.match(nodeFaults(nodes, [pool([toleration], [])]), [/do not look for nodes with the label kafka=ok/])
  t.match(
    nodeFaults(nodes, [pool([toleration], [term, { matchExpressions: [] }])]),
    [/do not look for/],
    'one of two terms is enough for Kubernetes'
  )
  t.match(nodeFaults(nodes, [pool([toleration], [term], ['controller'])]), [/no KafkaNodePool of brokers/])
  t.match(nodeFaults(nodes, [{ ...pool([], []), spec: { roles: ['broker'] } }]), [/do not bear/, /do not look/])
})

await t.test('reports values that differ between the environment and Terraform', async t => {
  const made = { storage: { gcp: { alertBucket: 'a' } }, brokers: [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }] }
  t.strictSame(valueFaults({ storage: { gcp: { alertBucket: 'a' } }, other: 1 }, made), [], 'what only one of them gives is its own affair')
  t.strictSame(valueFaults({ storage: { gcp: { alertBucket: 'b' } } }, made), [
    'storage.gcp.alertBucket: the environment says "b", Terraform "a"'
  ])
  t.strictSame(valueFaults({ brokers: [{ ip: '192.0.2.1' }, { ip: '192.0.2.3' }] }, made), [
    'brokers.1.ip: the environment says "192.0.2.3", Terraform "192.0.2.2"'
  ])
  t.strictSame(valueFaults({ brokers: [{ ip: '192.0.2.1' }] }, made), ['brokers: the environment has 1, Terraform 2'])
  t.match(valueFaults({ storage: 'none' }, made), [/^storage: the environment says "none"/])
})

await t.test('lists the leaves of nested values with their paths', async t => {
  t.strictSame(leavesOf({ a: { b: [1, { c: null }] }, d: false }), [['a.b.0', 1], ['a.b.1.c', null], ['d', false]])
})
