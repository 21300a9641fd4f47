import t from 'tap'
import { parse } from 'yaml'
import { differences } from '../../../deploy/checks/groups/umbrella.ts'
import { compose } from '../../../deploy/checks/helm/umbrella.ts'
import type { KubernetesObject } from '../../../deploy/checks/helm/render.ts'

await t.test('nests each values file below the name of its chart', async t => {
  const text = compose([['one', '# About one.\n\na: 1\nb: [2, {c: 3}]\n'], ['two', 'd:\n  # About e.\n  e: "4"\n'], ['none', '{}\n'], [
    'empty',
    '# nothing\n'
  ]])
  t.same(parse(text), { one: { a: 1, b: [2, { c: 3 }] }, two: { d: { e: '4' } } })
  t.match(text, /^# Put together from .*\n# .*--write\n\none:\n {2}# About one\.\n/)
  t.match(text, '\n\ntwo:\n  d:\n    # About e.\n    e: "4"\n', 'comments and quotes are kept')
})

await t.test('the same files give the same text', async t => {
  const parts = [['one', '# About one.\na: 1 # here\n\n# Above b.\nb: {}\n']] as const
  t.equal(compose(parts), compose(parts))
})

await t.test('names the file with invalid YAML', async t => {
  t.throws(() => compose([['one', 'a: [1\n']]), /^one: /)
})

const object = (name: string, spec: unknown, rest: object = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'here' },
  spec,
  ...rest
})

await t.test('reports differences between the umbrella chart and its components', async t => {
  t.same(differences([object('a', 1), object('b', 2)], [object('b', 2), object('a', 1)]), [], 'their order does not count')
  t.same(differences([object('a', 1)], []), ['v1 ConfigMap/a in here: only in its own chart'])
  t.same(differences([], [object('a', 1)]), ['v1 ConfigMap/a in here: only in the umbrella'])
  t.match(differences([object('a', 1)], [object('a', 2)]), [/^v1 ConfigMap\/a in here: differs\n {2}- spec: 1\n {2}\+ spec: 2$/])
})

await t.test('excludes only the umbrella chart\'s own test', async t => {
  const hook = (name: string): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'here', annotations: { 'helm.sh/hook': 'test' } }
  })
  t.same(differences([], [hook('alert-stream-test-alert-flow')]), [])
  t.same(differences([], [hook('alert-database-test-api')]), ['v1 Pod/alert-database-test-api in here: only in the umbrella'])
})
