// The Pods that workloads would bring about. No controller runs here that makes them, but it is Pods that are refused: by the level of Pod
// Security that a namespace enforces, and for a service account that does not exist.
import { podsOf as templatesOf } from '../helm/pods.ts'
import type { KubernetesObject } from '../helm/render.ts'

/** One Pod for each workload among these objects; Pods themselves are among the objects already. */
export function workloadPods (objects: readonly KubernetesObject[]): KubernetesObject[] {
  return objects.filter(({ kind }) => kind !== 'Pod').flatMap(templatesOf).map(({ owner, labels, spec }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${owner.kind.toLowerCase()}-${owner.metadata.name}`.slice(0, 63),
      labels,
      ...owner.metadata.namespace === undefined ? {} : { namespace: owner.metadata.namespace }
    },
    spec
  }))
}
