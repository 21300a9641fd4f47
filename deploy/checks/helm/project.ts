// Argo CD's project of the system: it names the sources, namespaces and kinds that its Applications may use, and refuses a sync for
// anything else.
import { isClusterKind } from './objects.ts'
import { nameOf, type KubernetesObject } from './render.ts'

interface Project extends KubernetesObject {
  readonly spec: {
    readonly sourceRepos: readonly string[]
    readonly destinations: ReadonlyArray<{ readonly namespace: string }>
    readonly clusterResourceWhitelist?: ReadonlyArray<{ readonly group: string, readonly kind: string }>
  }
}

interface Source { readonly repoURL: string, readonly chart?: string }

interface Application extends KubernetesObject {
  readonly spec: {
    readonly project: string
    readonly source?: Source
    readonly sources?: readonly Source[]
    readonly destination: { readonly namespace: string }
  }
}

/** Strimzi's own chart brings these; it is not rendered here. */
const STRIMZI = ['ClusterRole.rbac.authorization.k8s.io', 'ClusterRoleBinding.rbac.authorization.k8s.io',
  'CustomResourceDefinition.apiextensions.k8s.io']

/** @param applications what deploy/argocd renders; `installed` what our own charts do */
export function projectFaults (applications: readonly KubernetesObject[], installed: readonly KubernetesObject[]): string[] {
  const project = applications.find(({ kind }) => kind === 'AppProject') as Project | undefined
  if (project === undefined) return ['there is no project']
  const { sourceRepos, destinations, clusterResourceWhitelist = [] } = project.spec
  const namespaces = destinations.map(({ namespace }) => namespace)
  const allowed = clusterResourceWhitelist.map(({ group, kind }) => `${kind}.${group}`)
  const inProject = (applications.filter(({ kind }) => kind === 'Application') as Application[]).filter(({ spec }) =>
    spec.project === project.metadata.name
  )
  const sources = inProject.flatMap(application =>
    (application.spec.sources ?? [application.spec.source]).flatMap(source => source === undefined ? [] : [source])
  )
  const clusterKinds = new Set([
    ...installed.filter(({ kind }) => isClusterKind(kind)).map(kindOf),
    ...sources.some(({ chart }) => chart === 'strimzi-kafka-operator') ? STRIMZI : []
  ])
  const made = applications.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name)
  return [
    ...sources.filter(({ repoURL }) => !sourceRepos.includes(repoURL)).map(({ repoURL }) => `the project takes nothing from ${repoURL}`),
    ...inProject.filter(({ spec }) => !namespaces.includes(spec.destination.namespace)).map(object =>
      `${nameOf(object)}: the project has no namespace ${object.spec.destination.namespace}`
    ),
    ...installed.filter(({ kind, metadata }) => !isClusterKind(kind) && !namespaces.includes(metadata.namespace ?? '')).map(object =>
      `${nameOf(object)}: the project has no namespace ${object.metadata.namespace}`
    ),
    ...[...clusterKinds].filter(kind => !allowed.includes(kind)).map(kind => `the project does not allow ${kind}`),
    ...allowed.filter(kind => !clusterKinds.has(kind)).map(kind => `the project allows ${kind}, which nothing brings`),
    // Strimzi's roles are bound in it before anything of ours is there.
    ...made.length === 0 ?
      [] :
      namespaces.filter(namespace => !made.includes(namespace)).map(namespace => `nobody makes the namespace ${namespace}`)
  ]
}

function kindOf ({ apiVersion, kind }: KubernetesObject): string {
  return `${kind}.${apiVersion.includes('/') ? apiVersion.split('/')[0] : ''}`
}
