// Renders charts with the real Helm, each set of values once per run however many groups look at it.
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { Fault, type Context } from '../check.ts'
import { objectsOf } from '../schemas/files.ts'
import type { Chart, Variant } from './charts.ts'

/** The namespace of everything but the operators (DMTN-210, 5.1). */
export const NAMESPACE = 'alert-stream-broker'

/** As far as the checks know them; the rest is for schemas to judge. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string, readonly namespace?: string, readonly labels?: Readonly<Record<string, string>>, readonly annotations?: Readonly<Record<string, string>> }
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

/** Both API versions, but for values that choose one themselves: ZooKeeper is of the old one only. */
export async function renderingsOf (variant: Variant): Promise<Rendering[]> {
  const texts = await Promise.all(variant.files.map(async file => await readFile(file, 'utf8')))
  const chosen = texts.some(text => setsVersion(parse(text)))
  const namespace = namespaceOf(variant.chart)
  return (chosen ? [undefined] : ['v1', 'v1beta2']).map(strimzi => ({ ...variant, strimzi, namespace }))
}

function setsVersion (values: unknown): boolean {
  if (typeof values !== 'object' || values === null) return false
  return Object.entries(values).some(([key, value]) => key === 'strimziAPIVersion' || setsVersion(value))
}

/** Operators live in namespaces of their own, Applications beside Argo CD. */
export function namespaceOf ({ name }: Pick<Chart, 'name'>): string {
  return isOperator(name) ? name : name === APPLICATIONS ? 'argocd' : NAMESPACE
}

/** The chart of Argo CD's Applications. */
export const APPLICATIONS = 'alert-stream-apps'

export function isOperator (chart: string): boolean {
  return chart === 'strimzi-registry-operator' || chart === 'strimzi'
}

export function titleOf ({ chart, title, strimzi }: Rendering): string {
  return `${chart.name}, ${title}${strimzi === undefined ? '' : `, Strimzi ${strimzi}`}`
}

/** The command line that renders a chart's folder. */
export function templateArgs (folder: string, { namespace = NAMESPACE, files = [], args = [], strimzi }: TemplateOptions): string[] {
  const version = strimzi === undefined ? [] : ['--set', `global.strimziAPIVersion=kafka.strimzi.io/${strimzi}`]
  return ['template', 'check', folder, '--namespace', namespace, '--include-crds', ...files.flatMap(file => ['--values', file]), ...version, ...args]
}

// By the repository, as tests have their own beside the real one.
const rendered = new Map<string, Promise<Rendered>>()

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
