import t from 'tap'
import type { KubernetesObject } from '../../deploy/checks/helm/charts.ts'
import { differences, usersOf, type Table } from '../../deploy/checks/kafka-users.ts'

const rule = (operations: readonly string[], name = 'alerts') => ({
  resource: { type: 'topic', name, patternType: 'literal' },
  operations,
  host: '*'
})
const table: Table = {
  superUsers: [{ name: 'root', authentication: 'tls' }],
  users: [{ name: 'ann', authentication: 'tls', acls: [rule(['Read', 'Describe'])] }]
}
const user = (name: string, type: string, acls?: readonly object[]): KubernetesObject => ({
  apiVersion: 'kafka.strimzi.io/v1', kind: 'KafkaUser', metadata: { name },
  spec: { authentication: { type }, ...(acls === undefined ? {} : { authorization: { type: 'simple', acls } }) }
})
const kafka = (superUsers: readonly string[]): KubernetesObject => ({
  apiVersion: 'kafka.strimzi.io/v1',
  kind: 'Kafka',
  metadata: { name: 'k' },
  spec: { kafka: { authorization: { superUsers } } }
})
const root = [kafka(['CN=root']), user('root', 'tls')]
const of = (...objects: readonly KubernetesObject[]): string[] => differences(usersOf(objects), table)

await t.test('accepts equal users regardless of the order and grouping of their rules', async t => {
  t.strictSame(of(...root, user('ann', 'tls', [rule(['Describe', 'Read'])])), [])
  t.strictSame(of(...root, user('ann', 'tls', [rule(['Read']), { ...rule(['Describe']), type: 'allow', host: undefined }])), [])
})

await t.test('reports each difference', async t => {
  const ann = user('ann', 'tls', [rule(['Read', 'Describe'])])
  t.match(of(...root), [/ann: rendered 0 times/])
  t.match(of(...root, ann, ann), [/ann: rendered 2 times/])
  t.match(of(...root, user('ann', 'scram-sha-512', [rule(['Read', 'Describe'])])), [/ann: comes in by scram-sha-512/])
  t.match(of(...root, user('ann', 'tls')), [/no authorization/])
  t.match(of(...root, user('ann', 'tls', [rule(['Read'])])), [/without the rule: allow Describe on topic alerts/])
  t.match(of(...root, user('ann', 'tls', [rule(['Read', 'Describe', 'Write'])])), [/rule too many: allow Write/])
  t.match(of(...root, user('ann', 'tls', [{ ...rule(['Read', 'Describe']), type: 'deny' }])), [/without the rule/, /without the rule/,
    /deny/, /deny/])
  t.match(of(...root, ann, user('bob', 'tls', [])), [/bob: is not in the table/])
  t.match(of(kafka([]), user('root', 'tls'), ann), [/root: Kafka does not know it/])
  t.match(of(kafka(['CN=root', 'CN=eve']), user('root', 'tls'), ann), [/CN=eve: is a super user/])
  t.match(of(kafka(['CN=root']), ann), [/root: rendered 0 times/])
})
