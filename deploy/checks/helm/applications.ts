// What Argo CD would install, and in which order: read from the Applications that deploy/argocd renders for an environment, so that they
// are what is tried.
import { join, normalize } from 'node:path'
import type { Context } from '../check.ts'
import { readChart, SHARED, type Chart } from './charts.ts'
import { UMBRELLA, umbrellaFile } from './umbrella.ts'
import { ARGOCD_NAMESPACE, NAMESPACE, render, type KubernetesObject, type Rendered } from './render.ts'

/** A chart as it is installed in an environment. */
export interface Part {
  readonly chart: Chart
  readonly namespace: string
  readonly release: string
  /** Files of values. */
  readonly values: readonly string[]
}

interface Source {
  readonly path?: string
  readonly helm?: { readonly releaseName?: string, readonly valueFiles?: readonly string[] }
}

interface Application extends KubernetesObject {
  readonly spec: { readonly source?: Source, readonly destination: { readonly namespace: string } }
}

/** The chart of the Applications, rendered for one environment. */
export async function applicationsOf (context: Context, environment: string): Promise<Rendered> {
  const chart = await readChart(join(context.root, 'deploy/argocd'))
  const file = join(context.root, 'deploy/environments', environment, `${chart.name}.yaml`)
  return await render(context, { chart, title: environment, files: [file], environment, strimzi: undefined, namespace: ARGOCD_NAMESPACE })
}

/** Our own charts in the order of the sync waves; Strimzi's own is elsewhere. */
export async function partsOf (context: Context, environment: string): Promise<Part[]> {
  const { objects } = await applicationsOf(context, environment)
  const wave = ({ metadata }: KubernetesObject): number => Number(metadata.annotations?.['argocd.argoproj.io/sync-wave'] ?? 0)
  const applications = objects.filter(({ kind }) => kind === 'Application') as Application[]
  const ours = applications.filter(({ spec }) => spec.source?.path?.startsWith('deploy/helm/') === true).sort((one, other) =>
    wave(one) - wave(other)
  )
  return await Promise.all(ours.map(async ({ metadata, spec: { source, destination } }) => {
    const folder = join(context.root, source?.path ?? '')
    return {
      chart: await readChart(folder),
      namespace: destination.namespace,
      release: source?.helm?.releaseName ?? metadata.name,
      values: source?.helm?.valueFiles?.map(file => normalize(join(folder, file))) ?? []
    }
  }))
}

/** All that is installed of a part: hooks and tests too. */
export async function partObjects (
  context: Context,
  { chart, namespace, values }: Part,
  strimzi: string | undefined
): Promise<readonly KubernetesObject[]> {
  return (await render(context, { chart, title: 'installed', files: values, strimzi, namespace })).objects
}

/** The same with the umbrella in the place of the charts that it takes along: only the operators are apart from it. */
export async function umbrellaParts (context: Context, environment: string): Promise<Part[]> {
  const parts = await partsOf(context, environment)
  const chart = await readChart(join(context.root, 'deploy/helm', UMBRELLA))
  const values = [join(context.root, 'deploy/environments', environment, SHARED), umbrellaFile(context.root, environment)]
  return [...parts.filter(part => !chart.dependencies.includes(part.chart.name)), {
    chart,
    namespace: NAMESPACE,
    release: UMBRELLA,
    values
  }]
}
