import t from 'tap'
import { workloadPods } from '../../../deploy/checks/apiserver/pods.ts'
import { kindOf } from '../../../deploy/checks/apiserver/cluster.ts'
import { standIn } from '../../../deploy/checks/apiserver/definitions.ts'
import type { KubernetesObject } from '../../../deploy/checks/helm/render.ts'

const spec = { containers: [{ name: 'a' }] }
const object = (kind: string, rest: object): KubernetesObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'a', namespace: 'here' },
  ...rest
})

await t.test('derives one Pod per workload, with its labels and namespace', async t => {
  const template = { metadata: { labels: { app: 'a' } }, spec }
  const pods = workloadPods([
    object('Deployment', { spec: { template } }),
    object('Job', { spec: { template } }),
    object('CronJob', { spec: { jobTemplate: { spec: { template } } } }),
    object('Service', { spec: {} })
  ])
  t.same(
    pods.map(({ metadata }) => metadata),
    ['deployment-a', 'job-a', 'cronjob-a'].map(name => ({ name, labels: { app: 'a' }, namespace: 'here' }))
  )
  t.same(pods.map(pod => [pod.kind, pod.spec]), Array(3).fill(['Pod', spec]))
})

await t.test('derives nothing from a Pod', async t => {
  t.same(workloadPods([object('Pod', { spec })]), [])
})

await t.test('distinguishes kinds by their group', async t => {
  t.equal(kindOf({ apiVersion: 'v1', kind: 'Pod' }), 'Pod')
  t.equal(kindOf({ apiVersion: 'apps/v1', kind: 'Deployment' }), 'Deployment.apps')
})

await t.test('creates a stand-in for a CRD that is in no package', async t => {
  t.match(standIn({ apiVersion: 'ricoberger.de/v1alpha1', kind: 'VaultSecret' }), {
    metadata: { name: 'vaultsecrets.ricoberger.de' },
    spec: {
      group: 'ricoberger.de',
      names: { kind: 'VaultSecret', plural: 'vaultsecrets' },
      versions: [{ name: 'v1alpha1', served: true, storage: true }]
    }
  })
  t.match(standIn({ apiVersion: 'gafaelfawr.lsst.io/v1alpha1', kind: 'GafaelfawrIngress' }), {
    metadata: { name: 'gafaelfawringresses.gafaelfawr.lsst.io' }
  })
})
