import t from 'tap'
import { doubleFaults, labelFaults, matchFaults, namespaceFaults, selectorFaults } from '../../../deploy/checks/helm/objects.ts'
import { podFaults, type Container, type PodSpec } from '../../../deploy/checks/helm/pods.ts'
import type { KubernetesObject, Rendered } from '../../../deploy/checks/helm/render.ts'

const container: Container = {
  name: 'main', image: 'example.org/alert-stream:1',
  resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '1Gi' } },
  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
  livenessProbe: {}, readinessProbe: {}
}
const pod: PodSpec = {
  enableServiceLinks: false, automountServiceAccountToken: false,
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [container], volumes: [{ name: 'tmp', emptyDir: {} }]
}
const labels = {
  'app.kubernetes.io/name': 'a',
  'app.kubernetes.io/instance': 'b',
  'app.kubernetes.io/managed-by': 'Helm',
  'helm.sh/chart': 'a-1'
}
const selector = { 'app.kubernetes.io/name': 'a' }
function deployment (spec: object = {}, more: object = {}): KubernetesObject {
  return {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', namespace: 'n', labels },
    spec: { selector: { matchLabels: selector }, template: { metadata: { labels: selector }, spec: { ...pod, ...spec } }, ...more }
  }
}
const inContainer = (more: object): KubernetesObject => deployment({ containers: [{ ...container, ...more }] })
const service: KubernetesObject = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'n', labels }, spec: { selector } }

await t.test('accepts a correct pod in each workload kind', async t => {
  t.strictSame(podFaults([deployment(), service]), [])
  const template = { spec: pod }
  t.strictSame(podFaults([
    { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j' }, spec: { template } },
    { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'c' }, spec: { jobTemplate: { spec: { template } } } }
  ]), [])
})

await t.test('reports violations of the Pod Security level "restricted"', async t => {
  const security = (more: object): KubernetesObject => inContainer({ securityContext: { ...container.securityContext, ...more } })
  const cases: ReadonlyArray<readonly [KubernetesObject, RegExp]> = [
    [deployment({ hostNetwork: true }), /hostNetwork is on/],
    [deployment({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }), /volume v is of kind hostPath/],
    [deployment({ securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }), /container main: runAsNonRoot is not true/],
    [deployment({ securityContext: { runAsNonRoot: true } }), /container main: has no seccompProfile/],
    [deployment({ securityContext: { ...pod.securityContext, runAsUser: 0 } }), /runAsUser is 0/],
    [deployment({ securityContext: { ...pod.securityContext, sysctls: [{ name: 'kernel.msgmax' }] } }), /sysctl kernel.msgmax/],
    [security({ privileged: true }), /is privileged/],
    [security({ allowPrivilegeEscalation: undefined }), /allowPrivilegeEscalation is not false/],
    [security({ capabilities: {} }), /does not drop ALL/],
    [security({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } }), /adds the capability SYS_ADMIN/],
    [security({ runAsNonRoot: false }), /runAsNonRoot is false/],
    [security({ procMount: 'Unmasked' }), /procMount Unmasked/],
    [inContainer({ ports: [{ containerPort: 1, hostPort: 1 }] }), /hostPort 1/],
    [deployment({ initContainers: [{ ...container, name: 'first', securityContext: {} }] }), /container first: allowPrivilegeEscalation/]
  ]
  for (const [object, fault] of cases) t.match(podFaults([object]).join('\n'), fault)
})

await t.test('reports violations of the project\'s own rules', async t => {
  const cases: ReadonlyArray<readonly [KubernetesObject, RegExp]> = [
    [deployment({ enableServiceLinks: undefined }), /enableServiceLinks/],
    [deployment({ automountServiceAccountToken: undefined }), /automountServiceAccountToken is not decided/],
    [inContainer({ resources: {} }), /requests no memory/],
    [inContainer({ resources: { requests: container.resources?.requests } }), /no limit of memory/],
    [inContainer({ securityContext: { ...container.securityContext, readOnlyRootFilesystem: false } }), /may write/],
    [inContainer({ livenessProbe: undefined }), /no livenessProbe/],
    [inContainer({ readinessProbe: undefined }), /no readinessProbe, and a Service leads to it/]
  ]
  for (const [object, fault] of cases) t.match(podFaults([object, service]).join('\n'), fault)
  t.strictSame(podFaults([inContainer({ readinessProbe: undefined })]), [], 'nobody waits for one without a Service')
})

await t.test('selectors contain no version and match only their own pods', async t => {
  t.strictSame(selectorFaults([deployment(), service]), [])
  t.match(selectorFaults([deployment({}, { selector: { matchLabels: { 'app.kubernetes.io/version': '1' } } })]), [
    /d: spec.selector.matchLabels selects by app.kubernetes.io\/version/
  ])
  t.match(selectorFaults([deployment({}, { selector: { matchExpressions: [{ key: 'helm.sh/chart' }] } })]), [/selects by helm.sh\/chart/])
  t.strictSame(matchFaults([deployment(), service]), [])
  t.match(matchFaults([deployment({}, { selector: { matchLabels: { x: 'y' } } })]), [/does not match its own pods/])
  t.match(matchFaults([service]), [/selects no pod/])
  t.match(matchFaults([deployment(), { ...deployment(), metadata: { name: 'e', namespace: 'n' } }]), [
    /d: its selector matches the pods of Deployment\/e too/,
    /e: .* Deployment\/d too/
  ])
})

await t.test('reports missing labels, wrong namespaces and duplicate objects', async t => {
  t.strictSame(labelFaults([deployment()]), [])
  t.match(labelFaults([{ ...service, metadata: { name: 's' } }]), [/without the label app.kubernetes.io\/name/])
  const kafka = (more: object): KubernetesObject => ({
    apiVersion: 'kafka.strimzi.io/v1',
    kind: 'Kafka',
    metadata: { name: 'k', labels: { ...labels, ...more } }
  })
  t.match(labelFaults([kafka({})]), [/helm.sh\/chart, whose change restarts the brokers/])
  const rendered = (chart: string, objects: readonly KubernetesObject[]): Pick<Rendered, 'objects' | 'rendering'> =>
    ({ objects, rendering: { chart: { name: chart }, namespace: 'n' } as Rendered['rendering'] })
  t.strictSame(namespaceFaults(rendered('a', [deployment()])), [])
  t.match(namespaceFaults(rendered('a', [{ ...service, metadata: { name: 's' } }])), [/does not say its namespace/])
  t.match(namespaceFaults(rendered('a', [{ ...service, metadata: { name: 's', namespace: 'other' } }])), [/is in other, not in n/])
  const role: KubernetesObject = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'r' } }
  t.match(namespaceFaults(rendered('a', [role])), [/is of the whole cluster/])
  t.strictSame(namespaceFaults(rendered('strimzi-registry-operator', [role])), [])
  t.match(doubleFaults([service, service]), [/Service\/s in n: twice/])
})
