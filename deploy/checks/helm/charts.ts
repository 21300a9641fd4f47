// The charts, the environments, and what helm renders of them. Each rendering is made once per run.
import { readFile, readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { Fault, type Context } from '../check.ts'

/** The chart that contains all others; its values files are the environments. */
export const UMBRELLA = 'alert-stream'
/** The environment of DMTN-210. */
export const IDFINT = 'idfint'
/** The namespace of everything except the operators (DMTN-210, 5.1). */
export const NAMESPACE = 'alert-stream-broker'
const OPERATOR = 'strimzi-registry-operator'
const namespaces: Readonly<Record<string, string>> = { [OPERATOR]: OPERATOR, 'alert-stream-apps': 'argocd' }

export interface Chart { readonly name: string, readonly folder: string, readonly library: boolean,
  readonly appVersion: string | undefined }

/** A set of values for a chart. */
export interface Variant { readonly chart: Chart, readonly title: string, readonly files: readonly string[],
  readonly set?: readonly string[] }

/** The fields that the checks read. The rest is for schemas. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec?: unknown
}

export interface Rendered { readonly text: string, readonly objects: readonly KubernetesObject[] }

type Tools = Pick<Context, 'root' | 'must' | 'tool'>

export async function findCharts (root: string): Promise<Chart[]> {
  const folders = (await readdir(join(root, 'deploy/helm'))).sort().map(name => join(root, 'deploy/helm', name))
  const charts: Chart[] = []
  for (const folder of [...folders, join(root, 'deploy/argocd')])
    if (await exists(join(folder, 'Chart.yaml'))) charts.push(await readChart(folder))
  return charts
}

async function readChart (folder: string): Promise<Chart> {
  const { name, type, appVersion } = parse(await readFile(join(folder, 'Chart.yaml'), 'utf8')) as Record<string, string>
  return { name: name ?? '', folder, library: type === 'library', appVersion }
}

/** The values that a chart is rendered with: its defaults, the files in its folder ci, and for the umbrella every environment. */
export async function variantsOf (root: string, chart: Chart): Promise<Variant[]> {
  const ci = (await readdir(join(chart.folder, 'ci')).catch(() => [])).sort().map(name => join(chart.folder, 'ci', name))
  const files = chart.name === UMBRELLA ? [...ci, ...(await environmentsOf(root)).map(name => environmentFile(root, name))] : ci
  return [{ chart, title: 'default values', files: [] }, ...files.map(file => ({ chart, title: basename(file, '.yaml'), files: [file] }))]
}

export async function environmentsOf (root: string): Promise<string[]> {
  return (await readdir(join(root, 'deploy/environments'))).filter(name => name.endsWith('.yaml')).sort().map(name =>
    basename(name, '.yaml'))
}

export function environmentFile (root: string, environment: string): string {
  return join(root, 'deploy/environments', `${environment}.yaml`)
}

/** Everything in an environment: the umbrella with its values, and the registry operator. */
export async function systemObjects (context: Tools, environment: string, set: readonly string[] = []): Promise<KubernetesObject[]> {
  const charts = await findCharts(context.root)
  const chartOf = (name: string): Chart => charts.find(chart => chart.name === name) ?? fail(`there is no chart ${name}`)
  const whole = await render(context, { chart: chartOf(UMBRELLA), title: environment, files: [environmentFile(context.root, environment)],
    set })
  const operator = await render(context, { chart: chartOf(OPERATOR), title: environment, files: [] })
  return [...whole.objects, ...operator.objects]
}

// Keyed by command line, because tests and checks work on different copies of the repository.
const rendered = new Map<string, Promise<Rendered>>()

/** Throws a `Fault` with the output of helm. */
export async function render (context: Tools, { chart, files, set = [] }: Variant): Promise<Rendered> {
  const args = ['template', 'check', chart.folder, '--namespace', namespaces[chart.name] ?? NAMESPACE, '--include-crds',
    ...files.flatMap(file => ['--values', file]), ...set.flatMap(each => ['--set', each])]
  const key = args.join('\0')
  const result = rendered.get(key) ?? (async () => {
    const text = await context.must(await context.tool('helm'), args)
    return { text, objects: objectsOf(text) }
  })()
  rendered.set(key, result)
  return await result
}

export function objectsOf (text: string): KubernetesObject[] {
  return parseAllDocuments(text).map(document => document.toJS({ maxAliasCount: -1 }) as KubernetesObject | null).filter(each =>
    each !== null)
}

/** `Deployment/alert-database-server` */
export function nameOf ({ kind, metadata }: KubernetesObject): string {
  return `${kind}/${metadata.name}`
}

/** The one object of a kind whose name ends with `name`. */
export function pick<T extends KubernetesObject> (objects: readonly KubernetesObject[], kind: string, name = ''): T {
  const [object, ...others] = objects.filter(each => each.kind === kind && each.metadata.name.endsWith(name))
  if (object === undefined || others.length > 0) throw new Fault(`expected one ${kind} ${name}, found ${others.length}`)
  return object as T
}

async function exists (path: string): Promise<boolean> {
  return await stat(path).then(() => true, () => false)
}

function fail (message: string): never {
  throw new Error(message)
}
