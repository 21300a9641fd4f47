import t from 'tap'
import { projectFaults } from '../../../deploy/checks/helm/project.ts'
import type { KubernetesObject } from '../../../deploy/checks/helm/render.ts'

const object = (kind: string, name: string, spec: unknown, apiVersion = 'argoproj.io/v1alpha1'): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: { name },
  spec
})
const installed = (kind: string, apiVersion: string, namespace?: string): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: { name: 'a', ...namespace === undefined ? {} : { namespace } }
})
const project = (rest: object = {}): KubernetesObject =>
  object('AppProject', 'system', { sourceRepos: ['ours'], destinations: [{ namespace: 'here' }], ...rest })
const application = (rest: object = {}): KubernetesObject =>
  object('Application', 'part', { project: 'system', source: { repoURL: 'ours' }, destination: { namespace: 'here' }, ...rest })
const namespace = object('Namespace', 'here', {}, 'v1')
const all = [namespace, application()]

await t.test('accepts a project that allows exactly what is installed', async t => {
  t.same(projectFaults([project(), ...all], [installed('Deployment', 'apps/v1', 'here')]), [])
  const crds = { clusterResourceWhitelist: [{ group: 'apiextensions.k8s.io', kind: 'CustomResourceDefinition' }] }
  t.same(projectFaults([project(crds), ...all], [installed('CustomResourceDefinition', 'apiextensions.k8s.io/v1')]), [])
})

await t.test('reports sources, namespaces and kinds that the project does not allow', async t => {
  t.same(projectFaults([namespace, application()], []), ['there is no project'])
  t.same(projectFaults([project(), namespace, application({ source: undefined, sources: [{ repoURL: 'theirs' }] })], []), [
    'the project takes nothing from theirs'
  ])
  t.same(projectFaults([project(), namespace, application({ destination: { namespace: 'there' } })], []), [
    'Application/part: the project has no namespace there'
  ])
  t.same(projectFaults([project(), ...all], [installed('Role', 'rbac.authorization.k8s.io/v1', 'there')]), [
    'Role/a: the project has no namespace there'
  ])
  t.same(projectFaults([project(), ...all], [installed('ClusterRole', 'rbac.authorization.k8s.io/v1')]), [
    'the project does not allow ClusterRole.rbac.authorization.k8s.io'
  ])
})

await t.test('reports cluster kinds that are allowed but unused, and namespaces that nothing creates', async t => {
  t.same(projectFaults([project({ clusterResourceWhitelist: [{ group: '', kind: 'Namespace' }] }), ...all], []), [
    'the project allows Namespace., which nothing brings'
  ])
  t.same(projectFaults([project({ destinations: [{ namespace: 'here' }, { namespace: 'there' }] }), ...all], []), [
    'nobody makes the namespace there'
  ])
  t.same(projectFaults([project(), application()], []), [], 'unless others make all of them')
})

await t.test('counts the objects of Strimzi\'s own chart, which is not rendered here', async t => {
  const strimzi = application({ source: undefined, sources: [{ repoURL: 'ours', chart: 'strimzi-kafka-operator' }] })
  t.match(projectFaults([project(), namespace, strimzi], []), ['the project does not allow ClusterRole.rbac.authorization.k8s.io'])
})
