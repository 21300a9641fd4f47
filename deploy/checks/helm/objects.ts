// What must hold for all rendered objects of a chart, whatever their kind: labels, selectors, namespaces, and that the parts find each
// other.
import { podsOf } from './pods.ts'
import { APPLICATIONS, isOperator, nameOf, type KubernetesObject, type Rendered } from './render.ts'

/** Kinds without a namespace, of those that a chart might make. */
const clusterKinds = [
  'ClusterRole',
  'ClusterRoleBinding',
  'ClusterIssuer',
  'CustomResourceDefinition',
  'IngressClass',
  'MutatingWebhookConfiguration',
  'Namespace',
  'PersistentVolume',
  'PriorityClass', 'StorageClass', 'ValidatingWebhookConfiguration', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'
]
/** Whether objects of that kind have no namespace. */
export function isClusterKind (kind: string): boolean {
  return clusterKinds.includes(kind)
}

const wanted = ['app.kubernetes.io/name', 'app.kubernetes.io/instance', 'app.kubernetes.io/managed-by', 'helm.sh/chart']

/** A Service or a Deployment cannot change its selector: a version there ends every upgrade. */
const versions = ['app.kubernetes.io/version', 'helm.sh/chart', 'app.kubernetes.io/managed-by']
const selectors = ['selector', 'podSelector', 'labelSelector', 'matchLabels', 'namespaceSelector']

export function selectorFaults (objects: readonly KubernetesObject[]): string[] {
  return objects.flatMap(object => {
    const faults: string[] = []
    const walk = (value: unknown, inSelector: boolean, path: string): void => {
      if (Array.isArray(value)) value.forEach((each, index) => { walk(each, inSelector, `${path}[${index}]`) })
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return
      for (const [key, each] of Object.entries(value)) {
        if (inSelector && versions.includes(key)) faults.push(`${nameOf(object)}: ${path} selects by ${key}`)
        if (inSelector && key === 'key' && versions.includes(String(each)))
          faults.push(`${nameOf(object)}: ${path} selects by ${String(each)}`)
        walk(each, inSelector || selectors.includes(key), `${path}.${key}`)
      }
    }
    walk(object.spec, false, 'spec')
    return faults
  })
}

/** Selectors of what runs pods match those pods, and each Service finds one in the same release. */
export function matchFaults (objects: readonly KubernetesObject[]): string[] {
  const pods = objects.flatMap(podsOf)
  // Pods that an operator makes: it labels those of a registry with its name.
  const made = objects.filter(({ kind }) => kind === 'StrimziSchemaRegistry').map(({ metadata }) => ({ labels: { app: metadata.name } }))
  const matches = (selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean =>
    Object.entries(selector).every(([key, value]) => labels[key] === value)
  return objects.flatMap(object => {
    const spec = object.spec as
      | { selector?: Readonly<Record<string, string>> & { matchLabels?: Readonly<Record<string, string>> } }
      | undefined
    const selector = spec?.selector
    if (selector === undefined) return []
    if (object.kind === 'Service')
      return [...pods, ...made].some(({ labels }) => matches(selector, labels)) ?
        [] :
        [`${nameOf(object)}: it selects no pod of this chart`]
    if (!['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].includes(object.kind)) return []
    const own = podsOf(object)
    // Another workload's pods would be taken for its own.
    const strangers = pods.filter(({ owner, labels }) => owner !== object && matches(selector.matchLabels ?? {}, labels))
    return [
      ...own.every(({ labels }) => matches(selector.matchLabels ?? {}, labels)) ?
        [] :
        [`${nameOf(object)}: its selector does not match its own pods`],
      ...strangers.map(({ owner }) => `${nameOf(object)}: its selector matches the pods of ${nameOf(owner)} too`)
    ]
  })
}

// The operator copies labels of these to Kafka's pods: with a version among them each release of the chart would restart all brokers.
const copied = ['Kafka', 'KafkaNodePool']

export function labelFaults (objects: readonly KubernetesObject[]): string[] {
  return objects.filter(({ kind }) => kind !== 'CustomResourceDefinition').flatMap(object => {
    const lasting = copied.includes(object.kind)
    const lacking = wanted.filter(label => object.metadata.labels?.[label] === undefined && !(lasting && label === 'helm.sh/chart'))
    return [
      ...lacking.length === 0 ? [] : [`${nameOf(object)}: without the label ${lacking.join(', ')}`],
      ...lasting ?
        versions.filter(label => label !== 'app.kubernetes.io/managed-by' && object.metadata.labels?.[label] !== undefined).map(label =>
          `${nameOf(object)}: with the label ${label}, whose change restarts the brokers`
        ) :
        []
    ]
  })
}

/** All is in the release's namespace; only an operator is let out of it, into the one that it watches. */
export function namespaceFaults ({ objects, rendering }: Pick<Rendered, 'objects' | 'rendering'>): string[] {
  // Neither has the one who makes the namespaces.
  const operator = isOperator(rendering.chart.name) || rendering.chart.name === APPLICATIONS
  return objects.flatMap(object => {
    const { namespace } = object.metadata
    if (clusterKinds.includes(object.kind)) {
      if (namespace !== undefined) return [`${nameOf(object)}: has no namespace, but says ${namespace}`]
      return operator ? [] : [`${nameOf(object)}: is of the whole cluster`]
    }
    if (namespace === undefined) return [`${nameOf(object)}: does not say its namespace`]
    return namespace === rendering.namespace || operator ? [] : [`${nameOf(object)}: is in ${namespace}, not in ${rendering.namespace}`]
  })
}

/** One name, one object: Helm would apply both, the second over the first. */
export function doubleFaults (objects: readonly KubernetesObject[]): string[] {
  const seen = new Set<string>()
  return objects.flatMap(object => {
    const key = `${object.apiVersion} ${nameOf(object)} in ${object.metadata.namespace ?? 'no namespace'}`
    if (seen.has(key)) return [`${key}: twice`]
    seen.add(key)
    return []
  })
}
