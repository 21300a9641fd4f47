import t from 'tap'
import { allows, matches, type Place, type Policy } from '../../../deploy/checks/helm/policies.ts'

const place = (title: string, labels: Record<string, string>, namespace = 'here'): Place => ({
  title,
  namespace,
  labels,
  ports: [{ name: 'http', port: 3000 }, { name: undefined, port: 9600 }]
})
const client = place('client', { app: 'client' })
const server = place('server', { app: 'server' })
const policy = (rest: Partial<Policy>): Policy => ({ namespace: 'here', podSelector: { matchLabels: { app: 'server' } }, ...rest })

await t.test('selectors match labels and expressions as in Kubernetes', async t => {
  const expression = (operator: string, values?: readonly string[]): boolean =>
    matches({ matchExpressions: [{ key: 'app', operator, ...values === undefined ? {} : { values } }] }, { app: 'a' })
  t.equal(matches({}, { app: 'a' }), true, 'an empty one selects all')
  t.equal(matches({ matchLabels: { app: 'b' } }, { app: 'a' }), false)
  t.equal(expression('In', ['a', 'b']), true)
  t.equal(expression('In', ['b']), false)
  t.equal(expression('NotIn', ['b']), true)
  t.equal(expression('NotIn', ['a']), false)
  t.equal(expression('Exists'), true)
  t.equal(expression('DoesNotExist'), false)
  t.equal(expression('Like', ['a']), false, 'an operator that there is not selects nothing')
})

await t.test('a Pod without a policy accepts all peers, a Pod with policies only those of their rules', async t => {
  t.equal(allows([], client, server, 3000), true)
  t.equal(
    allows([policy({ podSelector: { matchLabels: { app: 'other' } } })], client, server, 3000),
    true,
    'a policy of others does not count'
  )
  t.equal(allows([policy({ namespace: 'there' })], client, server, 3000), true, 'nor one of another namespace')
  t.equal(allows([policy({})], client, server, 3000), false, 'no rule lets nobody in')
  t.equal(allows([policy({ ingress: [{}] })], client, server, 3000), true, 'a rule without peers and ports lets in all')
  t.equal(allows([policy({ ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }] }] })], client, server, 3000), true)
  t.equal(allows([policy({ ingress: [{ from: [{ podSelector: { matchLabels: { app: 'stranger' } } }] }] })], client, server, 3000), false)
  t.equal(allows([policy({}), policy({ ingress: [{}] })], client, server, 3000), true, 'one policy of several is enough')
})

await t.test('a peer without a namespace selector is in the policy\'s namespace, and an IP block matches no Pod', async t => {
  const stranger = place('stranger', { app: 'client' }, 'there')
  const byLabel = [{ podSelector: { matchLabels: { app: 'client' } } }]
  t.equal(allows([policy({ ingress: [{ from: byLabel }] })], stranger, server, 3000), false)
  t.equal(allows([policy({ ingress: [{ from: [{ namespaceSelector: {}, ...byLabel[0] }] }] })], stranger, server, 3000), true)
  t.equal(
    allows(
      [policy({ ingress: [{ from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'there' } } }] }] })],
      stranger,
      server,
      3000
    ),
    true
  )
  t.equal(
    allows(
      [policy({ ingress: [{ from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'here' } } }] }] })],
      stranger,
      server,
      3000
    ),
    false
  )
  t.equal(allows([policy({ ingress: [{ from: [{}] }] })], client, server, 3000), false, 'what is left of a peer by address')
})

await t.test('ports match by number, by name on either side, and by range', async t => {
  const open = (port: number | string, asked: number | string, endPort?: number): boolean =>
    allows([policy({ ingress: [{ ports: [{ port, ...endPort === undefined ? {} : { endPort } }] }] })], client, server, asked)
  t.equal(open(3000, 3000), true)
  t.equal(open('http', 3000), true)
  t.equal(open(3000, 'http'), true)
  t.equal(open('https', 3000), false, 'a name that the Pod does not have')
  t.equal(open(9600, 3000), false)
  t.equal(open(2000, 3000, 4000), true)
  t.equal(open(2000, 3000, 2999), false)
})

await t.test('an egress policy restricts connections to its rules', async t => {
  const out = (rest: Partial<Policy>): Policy =>
    policy({ podSelector: { matchLabels: { app: 'client' } }, policyTypes: ['Egress'], ...rest })
  t.equal(
    allows(
      [out({ egress: [{ to: [{ podSelector: { matchLabels: { app: 'server' } } }], ports: [{ port: 3000 }] }] })],
      client,
      server,
      3000
    ),
    true
  )
  t.equal(allows([out({ egress: [{ to: [{ podSelector: { matchLabels: { app: 'other' } } }] }] })], client, server, 3000), false)
  t.equal(allows([out({})], client, server, 3000), false)
  t.equal(allows([out({ egress: [] })], server, client, 3000), true, 'coming to it is another matter')
})
