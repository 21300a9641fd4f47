// Renders charts with the real Helm, each set of values once per run however many groups look at it.
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { Fault, type Context } from '../check.ts'
import { objectsOf } from '../schemas/files.ts'
import { LIBRARY, type Chart, type Variant } from './charts.ts'

/** The namespace of everything but the operators (DMTN-210, 5.1). */
export const NAMESPACE = 'alert-stream-broker'

/** As far as the checks know them; the rest is for schemas to judge. */
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

export interface Rendering extends Variant {
  /** Strimzi's API version: `v1`, `v1beta2`, or undefined where the values say it themselves. */
  readonly strimzi: string | undefined
  readonly namespace: string
}

export interface Rendered {
  readonly rendering: Rendering
  /** As Helm printed it. */
  readonly text: string
  readonly objects: readonly KubernetesObject[]
}

export interface TemplateOptions {
  readonly namespace?: string
  readonly files?: readonly string[]
  /** `--set` and the like. */
  readonly args?: readonly string[]
  readonly strimzi?: string | undefined
}

/** Both API versions of Strimzi where the chart asks for one, but for values that choose themselves: ZooKeeper is of the old one only. */
export async function renderingsOf (variant: Variant): Promise<Rendering[]> {
  const { chart } = variant
  const asks = await usesStrimzi(chart)
  const texts = await Promise.all(variant.files.map(async file => await readFile(file, 'utf8')))
  const chosen = !asks || texts.some(text => setsVersion(parse(text)))
  const namespace = namespaceOf(chart)
  return (chosen ? [undefined] : ['v1', 'v1beta2']).map(strimzi => ({ ...variant, strimzi, namespace }))
}

async function usesStrimzi ({ folder }: Chart): Promise<boolean> {
  const text = await templatesOf(folder)
  const taken = await readdir(join(folder, 'charts')).catch(() => [])
  const others = await Promise.all(
    taken.filter(name => name !== LIBRARY).map(async name => await templatesOf(join(folder, 'charts', name)))
  )
  return [text, ...others].some(each => each.includes('strimziAPIVersion'))
}

/** Text of all templates of a chart's folder. */
export async function templatesOf (folder: string): Promise<string> {
  const entries = await readdir(join(folder, 'templates'), { recursive: true, withFileTypes: true }).catch(() => [])
  return (await Promise.all(
    entries.filter(entry => entry.isFile()).map(async entry => await readFile(join(entry.parentPath, entry.name), 'utf8'))
  )).join('\n')
}

function setsVersion (values: unknown): boolean {
  if (typeof values !== 'object' || values === null) return false
  return Object.entries(values).some(([key, value]) => key === 'strimziAPIVersion' || setsVersion(value))
}

/** The namespace that Argo CD lives in, and Applications with it. */
export const ARGOCD_NAMESPACE = 'argocd'
/** The chart of Argo CD's Applications. */
export const APPLICATIONS = 'alert-stream-apps'

/** Operators live in namespaces of their own, and what sets all of it up in Argo CD's. */
const otherNamespaces: Readonly<Record<string, string>> = {
  'strimzi-registry-operator': 'strimzi-registry-operator',
  strimzi: 'strimzi',
  [APPLICATIONS]: ARGOCD_NAMESPACE
}

export function namespaceOf ({ name }: Pick<Chart, 'name'>): string {
  return otherNamespaces[name] ?? NAMESPACE
}

/** Whether its objects may be of the whole cluster, or in a namespace that it does not live in. */
export function isOperator (chart: string): boolean {
  return chart in otherNamespaces
}

export function titleOf ({ chart, title, strimzi }: Rendering): string {
  return `${chart.name}, ${title}${strimzi === undefined ? '' : `, Strimzi ${strimzi}`}`
}

/** The command line that renders a chart's folder. */
export function templateArgs (folder: string, { namespace = NAMESPACE, files = [], args = [], strimzi }: TemplateOptions): string[] {
  const version = strimzi === undefined ? [] : ['--set', `global.strimziAPIVersion=kafka.strimzi.io/${strimzi}`]
  return ['template', 'check', folder, '--namespace', namespace, '--include-crds', ...files.flatMap(file => ['--values', file]), ...version,
    ...args]
}

// By the repository, as tests have their own beside the real one.
const rendered = new Map<string, Promise<Rendered>>()

/**
 * Whether a chart may refuse to render without values of somebody's own: it says which. Helm's words are those of its `fail`.
 */
export function asksForValues (error: unknown, chart: Chart): boolean {
  const said = error instanceof Fault ? /execution error at \(.*?\): (.*)/s.exec(error.words)?.[1] ?? '' : ''
  return [...said.matchAll(/[\w-]+(?:\.[\w-]+)+|\b\w+\b/g)].some(([path]) =>
    path.includes('.') ? has(chart.values, path.split('.')) : path in chart.values
  )
}

function has (value: unknown, path: readonly string[]): boolean {
  const [key = '', ...rest] = path
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return false
  return rest.length === 0 || has((value as Record<string, unknown>)[key], rest)
}

/** Throws a `Fault` with Helm's words where it does not render. */
export async function render (context: Pick<Context, 'must' | 'tool' | 'root'>, rendering: Rendering): Promise<Rendered> {
  const { chart, files, strimzi, namespace } = rendering
  const args = templateArgs(chart.folder, { namespace, files, strimzi })
  const key = args.join('\0')
  const known = rendered.get(key)
  if (known !== undefined) return await known
  const result = (async () => {
    const text = await context.must(await context.tool('helm'), args)
    const objects = objectsOf(text, titleOf(rendering)) as KubernetesObject[]
    if (objects.length === 0 && !chart.library) throw new Fault('it renders nothing')
    return { rendering, text, objects }
  })()
  rendered.set(key, result)
  return await result
}

/** `Deployment/alert-database-server` */
export function nameOf ({ kind, metadata }: KubernetesObject): string {
  return `${kind}/${metadata?.name ?? '(no name)'}`
}
