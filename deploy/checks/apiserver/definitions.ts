// The definitions of third parties that the API server is given before it is asked about objects of their kinds.
import { join } from 'node:path'
import type { Context } from '../check.ts'
import type { KubernetesObject } from '../helm/render.ts'
import { yamlFiles, yamlObjects } from '../schemas/files.ts'
import type { ToolName } from '../tools/index.ts'
import { kindOf, type Cluster } from './cluster.ts'

/** Tools that are folders of CRDs, and where in them these lie. */
const sources: ReadonlyArray<readonly [tool: ToolName, folder: string]> = [
  ['cert-manager-crds', 'deploy/crds'],
  ['prometheus-operator-crds', 'example/prometheus-operator-crd'],
  ['keda-crds', 'config/crd/bases'],
  ['argo-cd-crds', 'manifests/crds']
]

/** The releases of Strimzi that are asked, in this order: the current one keeps only what the older one knows as well, so that may follow it. */
export const strimziReleases = ['1.2.0', '0.51.0'] as const
export type StrimziRelease = typeof strimziReleases[number]

export const definitionTools: readonly ToolName[] = ['strimzi-crds', ...sources.map(([tool]) => tool)]

/** Installs what packages carry, and what lies in the folder of further definitions but for those of ours. */
export async function installDefinitions (cluster: Cluster, context: Context): Promise<void> {
  const folders = await Promise.all(sources.map(async ([tool, folder]) => join(await context.tool(tool), folder)))
  const files = (await Promise.all([...folders, ...(context.crds === undefined ? [] : [context.crds])].map(yamlFiles))).flat()
  const objects = (await Promise.all(files.map(yamlObjects))).flat() as KubernetesObject[]
  const ours = (object: KubernetesObject): boolean => object.metadata.name.endsWith('.roundtable.lsst.codes')
  await cluster.establish(objects.filter(object => object.kind === 'CustomResourceDefinition' && !ours(object)))
}

/** The definitions of one release of Strimzi, in the place of those of another. */
export async function installStrimzi (cluster: Cluster, context: Context, release: StrimziRelease): Promise<void> {
  const files = await yamlFiles(join(await context.tool('strimzi-crds'), release))
  await cluster.establish((await Promise.all(files.map(yamlObjects))).flat() as KubernetesObject[])
}

/** Definitions among these objects: those that a chart brings itself. */
export function definedHere (objects: readonly KubernetesObject[]): KubernetesObject[] {
  return objects.filter(({ kind }) => kind === 'CustomResourceDefinition')
}

/** The kind that a definition defines. */
export function definedKind (definition: KubernetesObject): string {
  const { group, names: { kind } } = definition.spec as { readonly group: string, readonly names: { readonly kind: string } }
  return kindOf({ apiVersion: `${group}/any`, kind })
}

/** A definition that takes anything of that kind, so that a chart with one can be installed where nobody has the real one. */
export function standIn ({ apiVersion, kind }: Pick<KubernetesObject, 'apiVersion' | 'kind'>): KubernetesObject {
  const [group = '', version = ''] = apiVersion.split('/')
  const singular = kind.toLowerCase()
  const plural = /(s|x|ch|sh)$/.test(singular) ? `${singular}es` : `${singular}s`
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema: open } }]
    }
  }
}
