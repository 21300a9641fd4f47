// The definitions of third parties that the API server is given before it is asked about objects of their kinds.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../check.ts'
import { exists, type Chart } from '../helm/charts.ts'
import type { KubernetesObject } from '../helm/render.ts'
import { yamlFiles, yamlObjects } from '../schemas/files.ts'
import type { ToolName } from '../tools/index.ts'
import { definitionFolders } from '../tools/schemas.ts'
import { OLDER_STRIMZI, STRIMZI } from '../tools/strimzi.ts'
import type { Cluster } from './cluster.ts'

/**
 * The releases of Strimzi that are asked, in this order: the current one keeps only what the older one knows as well, so that may follow
 * it.
 */
export const strimziReleases = [STRIMZI, OLDER_STRIMZI] as const
export type StrimziRelease = typeof strimziReleases[number]

export const definitionTools: readonly ToolName[] = ['strimzi-crds', ...definitionFolders.map(([tool]) => tool)]

/** Installs what charts bring themselves, what packages carry, and what lies in the folder of further definitions but for those of ours. */
export async function installDefinitions (cluster: Cluster, context: Context, charts: readonly Chart[]): Promise<void> {
  const own: string[] = []
  for (const { folder } of charts) if (await exists(join(folder, 'crds'))) own.push(...await yamlFiles(join(folder, 'crds')))
  const ours = (await Promise.all(own.map(yamlObjects))).flat().map(object => (object as KubernetesObject).metadata.name)
  const further = context.crds === undefined ? [] : await yamlFiles(context.crds)
  const texts = await Promise.all(further.map(async file => await readFile(file, 'utf8')))
  const others = further.filter((_, index) => !ours.some(name => texts[index]!.includes(`name: ${name}\n`)))
  await cluster.establish([...await Promise.all(definitionFolders.map(async ([tool, folder]) => join(await context.tool(tool), folder))),
    ...own, ...others])
}

/** The definitions of one release of Strimzi, in the place of those of another. */
export async function installStrimzi (cluster: Cluster, context: Context, release: StrimziRelease): Promise<void> {
  await cluster.establish([join(await context.tool('strimzi-crds'), release)])
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
