// The charts and their environments, as they are found on disk: nothing here or in the checks lists them by name.
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'

export interface Chart {
  readonly name: string
  readonly folder: string
  readonly library: boolean
  readonly version: string
  readonly appVersion: string | undefined
  /** Names of the charts that it takes along, as values address them. */
  readonly dependencies: readonly string[]
  /** Of values.yaml. */
  readonly values: Readonly<Record<string, unknown>>
}

/** A set of values that a chart is rendered with. */
export interface Variant {
  readonly chart: Chart
  /** `default values`, `ci/pinned`, `environment idfint`. */
  readonly title: string
  /** Of values, above values.yaml. */
  readonly files: readonly string[]
  readonly environment?: string
}

/** Of an environment: values that all of its charts share. */
export const SHARED = 'global.yaml'
/** What a chart takes that understands them. */
export const LIBRARY = 'alert-stream-common'

interface ChartFile {
  readonly name: string
  readonly type?: string
  readonly version: string
  readonly appVersion?: string
  readonly dependencies?: ReadonlyArray<{ readonly name: string, readonly alias?: string }>
}

/** Every folder of deploy/helm, each a chart, and other folders of deploy/ that are one, by name. */
export async function findCharts (root: string): Promise<Chart[]> {
  const folders = async (path: string): Promise<string[]> =>
    (await readdir(path, { withFileTypes: true })).filter(entry => entry.isDirectory()).map(({ name }) => join(path, name)).sort()
  const others: string[] = []
  for (const folder of await folders(join(root, 'deploy'))) if (await exists(join(folder, 'Chart.yaml'))) others.push(folder)
  const values = await foreignValues(root)
  return await Promise.all(
    [...(await folders(join(root, 'deploy', 'helm'))).filter(folder => !values.includes(folder)), ...others].map(readChart)
  )
}

/** Folders of deploy/helm with nothing but values for a chart of somebody else's. */
export async function foreignValues (root: string): Promise<string[]> {
  const base = join(root, 'deploy', 'helm')
  const found: string[] = []
  for (const entry of await readdir(base, { withFileTypes: true })) {
    const folder = join(base, entry.name)
    if (!entry.isDirectory()) continue
    const files = await readdir(folder)
    if (files.includes('values.yaml') && files.every(name => ['values.yaml', 'README.md'].includes(name))) found.push(folder)
  }
  return found
}

/** Those that are installed one by one: neither the library nor a chart that takes others along. */
export function components (charts: readonly Chart[]): Chart[] {
  return charts.filter(({ library, dependencies }) =>
    !library && !dependencies.some(name => charts.some(chart => chart.name === name && !chart.library))
  )
}

export async function readChart (folder: string): Promise<Chart> {
  const { name, type, version, appVersion, dependencies = [] } = parse(await readFile(join(folder, 'Chart.yaml'), 'utf8')) as ChartFile
  const values = parse(await readFile(join(folder, 'values.yaml'), 'utf8').catch(() => '{}')) as Record<string, unknown> | null
  return {
    name,
    folder,
    library: type === 'library',
    version,
    appVersion,
    dependencies: dependencies.map(({ name, alias }) => alias ?? name),
    values: values ?? {}
  }
}

/** What a chart is rendered with: its own values, each file of its ci folder, each environment that has a file for it. */
export async function variantsOf (root: string, chart: Chart): Promise<Variant[]> {
  const ci = (await readdir(join(chart.folder, 'ci')).catch(() => [])).filter(name => name.endsWith('-values.yaml')).sort()
  const environments = join(root, 'deploy', 'environments')
  const variants: Variant[] = [
    { chart, title: 'default values', files: [] },
    ...ci.map(name => ({ chart, title: `ci/${name.slice(0, -'-values.yaml'.length)}`, files: [join(chart.folder, 'ci', name)] }))
  ]
  for (const environment of await environmentNames(root)) {
    const file = join(environments, environment, `${chart.name}.yaml`)
    if (await exists(file))
      variants.push({ chart, title: `environment ${environment}`, files: await environmentFiles(root, environment, chart), environment })
  }
  return variants
}

/** Below a chart's own values those that all charts of the environment share; the umbrella's own file has them already. */
async function environmentFiles (root: string, environment: string, { name, dependencies }: Chart): Promise<string[]> {
  const folder = join(root, 'deploy', 'environments', environment)
  const shared = join(folder, SHARED)
  const takesShared = dependencies.some(dependency => dependency === LIBRARY)
  return takesShared && await exists(shared) ? [shared, join(folder, `${name}.yaml`)] : [join(folder, `${name}.yaml`)]
}

export async function environmentNames (root: string): Promise<string[]> {
  const entries = await readdir(join(root, 'deploy', 'environments'), { withFileTypes: true }).catch(() => [])
  return entries.filter(entry => entry.isDirectory()).map(({ name }) => name).sort()
}

export async function exists (path: string): Promise<boolean> {
  return await stat(path).then(() => true, () => false)
}
