import t from 'tap'
import type { KubernetesObject } from '../../deploy/checks/helm/charts.ts'
import { listedUsers, renderedUsers } from '../../deploy/checks/kafka-users.ts'

const object = (kind: string, name: string, spec: object): KubernetesObject => ({
  apiVersion: 'kafka.strimzi.io/v1',
  kind,
  metadata: { name },
  spec
})
const user = (name: string, type: string, acls?: readonly object[]): KubernetesObject =>
  object('KafkaUser', name, { authentication: { type }, ...acls === undefined ? {} : { authorization: { type: 'simple', acls } } })
const resource = { type: 'topic', name: 'alerts', patternType: 'literal' } as const

await t.test('rendered users equal listed users, regardless of the order, the grouping and the defaults of their rules', async t => {
  const expected = [
    'ann by tls',
    'ann by tls: allow Describe on topic alerts (literal) from *',
    'ann by tls: allow Read on topic alerts (literal) from *',
    'root by tls',
    'staff by scram-sha-512',
    'super user CN=root',
    'super user staff'
  ]
  t.strictSame(listedUsers({
    superUsers: [{ name: 'root', authentication: 'tls', about: '' }, { name: 'staff', authentication: 'scram-sha-512', about: '' }],
    users: [{ name: 'ann', authentication: 'tls', about: '', acls: [{ resource, operations: ['Read', 'Describe'], host: '*' }] }]
  }), expected)
  t.strictSame(renderedUsers([
    user('ann', 'tls', [{ resource, operations: ['Describe'] },
      { resource: { type: 'topic', name: 'alerts' }, operations: ['Read'], host: '*' }]),
    user('root', 'tls'),
    user('staff', 'scram-sha-512'),
    object('Kafka', 'k', { kafka: { authorization: { superUsers: ['staff', 'CN=root'] } } }),
    object('KafkaTopic', 'alerts', {})
  ]), expected)
})

await t.test('shows denials, patterns, hosts and missing authentication', async t => {
  t.strictSame(renderedUsers([
    user('ann', 'tls', [{ type: 'deny', resource: { ...resource, patternType: 'prefix' }, operations: ['All'], host: '10.0.0.1' }]),
    object('KafkaUser', 'bob', {})
  ]), ['ann by tls', 'ann by tls: deny All on topic alerts (prefix) from 10.0.0.1', 'bob by none'])
})
