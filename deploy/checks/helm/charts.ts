// The charts, the environments, and what helm renders of them. Each rendering is made once per process.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { must, ROOT, tool } from '../tools/toolbox.ts'

const DEPLOY = join(ROOT, 'deploy')
/** The folder of the charts, except that of the Argo CD Applications. */
export const HELM = join(DEPLOY, 'helm')
/** The chart that contains all others; its values files are the environments. */
const UMBRELLA = 'alert-stream'
/** The environment of DMTN-210. */
export const IDFINT = 'idfint'
/** The namespace of everything except the operators (DMTN-210, 5.1). */
const NAMESPACE = 'alert-stream-broker'
const OPERATOR = 'strimzi-registry-operator'
const namespaces: Readonly<Record<string, string>> = { [OPERATOR]: OPERATOR, 'alert-stream-apps': 'argocd' }

export interface Chart { readonly name: string, readonly folder: string, readonly appVersion: string | undefined }

/** A chart with a set of values. */
export interface Variant { readonly chart: Chart, readonly title: string, readonly files: readonly string[] }

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

export const environments = yamlFiles(join(DEPLOY, 'environments')).map(file => basename(file, '.yaml'))

/** All charts except libraries. */
export const charts: readonly Chart[] = [...readdirSync(HELM).sort().map(name => join(HELM, name)),
  join(DEPLOY, 'argocd')].flatMap(folder => {
  if (!existsSync(join(folder, 'Chart.yaml'))) return []
  const { name = '', type, appVersion } = parse(readFileSync(join(folder, 'Chart.yaml'), 'utf8')) as Record<string, string>
  return type === 'library' ? [] : [{ name, folder, appVersion }]
})

/** Each chart with its defaults, with the files in its folder ci, and the umbrella with every environment. */
export const variants: readonly Variant[] = charts.flatMap(chart => [
  { chart, title: 'default values', files: [] },
  ...[...yamlFiles(join(chart.folder, 'ci')), ...chart.name === UMBRELLA ? environments.map(environmentFile) : []]
    .map(file => ({ chart, title: basename(file, '.yaml'), files: [file] }))
])

function yamlFiles (folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter(name => name.endsWith('.yaml')).sort().map(name => join(folder, name)) : []
}

export function environmentFile (environment: string): string {
  return join(DEPLOY, 'environments', `${environment}.yaml`)
}

/** Everything in an environment: the umbrella with its values, and the registry operator. */
export async function systemObjects (environment: string, set: readonly string[] = []): Promise<KubernetesObject[]> {
  const chartOf = (name: string): Chart => charts.find(chart => chart.name === name)!
  const parts = [await render({ chart: chartOf(UMBRELLA), files: [environmentFile(environment)] }, set),
    await render({ chart: chartOf(OPERATOR), files: [] })]
  return parts.flatMap(({ objects }) => objects)
}

const cache = new Map<string, Promise<Rendered>>()

export async function render ({ chart: { name, folder }, files }: Omit<Variant, 'title'>, set: readonly string[] = []): Promise<Rendered> {
  const args = ['template', 'check', folder, '--namespace', namespaces[name] ?? NAMESPACE, '--include-crds',
    ...files.flatMap(file => ['--values', file]), ...set.flatMap(each => ['--set', each])]
  const result = cache.get(args.join('\0')) ?? (async () => {
    const text = await must(await tool('helm'), args)
    const objects = parseAllDocuments(text).map(document => document.toJS({ maxAliasCount: -1 }) as KubernetesObject | null)
    return { text, objects: objects.filter(each => each !== null) }
  })()
  cache.set(args.join('\0'), result)
  return await result
}

/** `Deployment/alert-database-server` */
export function nameOf ({ kind, metadata }: KubernetesObject): string {
  return `${kind}/${metadata.name}`
}
