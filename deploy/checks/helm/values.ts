// What must hold for a chart's values: each is documented and does something, and its schema refuses what is none of them.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isMap, isScalar, parse, parseDocument, type Node } from 'yaml'
import { Fault, type Context } from '../check.ts'
import type { Chart, Variant } from './charts.ts'
import { namespaceOf, templateArgs, templatesOf } from './render.ts'

export type Path = ReadonlyArray<string | number>

/** Values of values.yaml above which no comment says `# -- what it is`; one above an object speaks for all that is in it. */
export function undocumented (text: string): string[] {
  const lines = text.split('\n')
  const lineOf = (offset: number): number => text.slice(0, offset).split('\n').length - 1
  const documented = (offset: number): boolean => {
    for (let line = lineOf(offset) - 1; line >= 0 && /^\s*#/.test(lines[line] ?? ''); line--)
      if (/^\s*# -- \S/.test(lines[line] ?? '')) return true
    return false
  }
  const faults: string[] = []
  const walk = (node: Node | null | undefined, path: Path): void => {
    if (!isMap(node) || node.items.length === 0) {
      if (path.length > 0) faults.push(path.join('.'))
      return
    }
    for (const { key, value } of node.items) {
      if (!isScalar(key) || key.range === null || key.range === undefined) continue
      if (!documented(key.range[0])) walk(value as Node | null, [...path, String(key.value)])
    }
  }
  walk(parseDocument(text).contents, [])
  return faults
}

/** Every value that stands for itself: all but the objects that hold others. Lists are one value each. */
export function leaves (value: unknown, path: Path = []): Array<{ readonly path: Path, readonly value: unknown }> {
  const entries = isObject(value) ? Object.entries(value) : []
  return entries.length === 0 ? [{ path, value }] : entries.flatMap(([key, each]) => leaves(each, [...path, key]))
}

/** Another value of the same kind; texts and numbers can be found again by it. */
export function changed (value: unknown, index: number): unknown {
  switch (typeof value) {
    case 'boolean': return !value
    case 'number': return 70_001 + index
    case 'string': return `${value}x70${index}x`
    default: return Array.isArray(value) ? value.length > 0 ? [] : ['x'] : isObject(value) ? { x: 'y' } : 'x'
  }
}

/** By which a changed value shows in what is rendered, if it can. */
function mark (value: unknown, index: number): string | undefined {
  return typeof value === 'number' ? String(70_001 + index) : typeof value === 'string' ? `x70${index}x` : undefined
}

interface Candidate { readonly path: Path, readonly value: unknown, readonly index: number }

/** Values that change nothing of what is rendered, whichever of the variants they are changed in. */
export async function unused (context: Context, chart: Chart, variants: readonly Variant[]): Promise<string[]> {
  const templates = withoutAliases(await templatesOf(chart.folder))
  // Those of a chart that is taken along are that chart's to use; those whose whole path stands in a template need no proof.
  let left: readonly Candidate[] = leaves(chart.values).filter(({ path }) =>
    !chart.dependencies.includes(String(path[0])) && !mentions(templates, path)
  )
    .map((leaf, index) => ({ ...leaf, index }))
  const helm = await context.tool('helm')
  const namespace = namespaceOf(chart)
  const output = async (files: readonly string[], candidates: readonly Candidate[]): Promise<string | undefined> => {
    const settings = candidates.flatMap((
      { path, value, index }
    ) => ['--set-json', `${path.map(key => String(key).replaceAll('.', '\\.')).join('.')}=${JSON.stringify(changed(value, index))}`])
    const { code, stdout } = await context.run(
      helm,
      templateArgs(chart.folder, { namespace, files, args: ['--skip-schema-validation', ...settings] })
    )
    return code === 0 ? stdout : undefined
  }
  /** Those that do nothing with these files; many at once where their marks tell them apart. */
  const dead = async (files: readonly string[], before: string, candidates: readonly Candidate[]): Promise<Candidate[]> => {
    const [first, ...others] = candidates
    if (first === undefined) return []
    const after = await output(files, candidates)
    // A template that refuses the changed value has read it.
    if (others.length === 0) return after === before ? [first] : []
    const half = Math.ceil(candidates.length / 2)
    if (after === undefined)
      return [...await dead(files, before, candidates.slice(0, half)), ...await dead(files, before, candidates.slice(half))]
    if (after === before) return [...candidates]
    const unseen = candidates.filter(({ value, index }) => after.includes(mark(value, index) ?? 'nothing that is rendered') === false)
    if (unseen.length < candidates.length) return await dead(files, before, unseen)
    return [...await dead(files, before, unseen.slice(0, half)), ...await dead(files, before, unseen.slice(half))]
  }
  const bases = await Promise.all(variants.map(async ({ files }) => ({ files, text: await output(files, []) })))
  // Those with the most in them first: an option that is off hides what belongs to it.
  for (const { files, text } of bases.sort((one, other) => (other.text?.length ?? 0) - (one.text?.length ?? 0))) {
    if (text !== undefined) left = await dead(files, text, left)
  }
  return left.map(({ path }) => path.join('.'))
}

/** `$kafka := .Values.kafka` and `$kafka.version` -> `.Values.kafka.version`, where the name means the same everywhere. */
export function withoutAliases (templates: string): string {
  const meanings = new Map<string, Set<string>>()
  for (const [, name = '', meaning = ''] of templates.matchAll(/\$(\w+)\s*:?=\s*([^}]*?)\s*-?\}\}/g))
    meanings.set(name, (meanings.get(name) ?? new Set()).add(meaning))
  return templates.replaceAll(/\$(\w+)(?=\.)/g, (whole, name: string) => {
    const [meaning = '', ...others] = meanings.get(name) ?? []
    return others.length === 0 && /^\.Values(\.\w+)+$/.test(meaning) ? meaning : whole
  })
}

function mentions (templates: string, path: Path): boolean {
  const name = path.join('\\.')
  return new RegExp(`\\.Values\\.${name}(?![\\w.-])`).test(templates)
}

export interface SchemaNode {
  readonly $ref?: string
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: boolean | SchemaNode
  readonly items?: SchemaNode
  readonly allOf?: readonly SchemaNode[]
  readonly anyOf?: readonly SchemaNode[]
  readonly oneOf?: readonly SchemaNode[]
  readonly definitions?: Readonly<Record<string, SchemaNode>>
  readonly $defs?: Readonly<Record<string, SchemaNode>>
}

export const UNKNOWN = 'unknownKeyOfACheck'

/**
 * Objects of some values that must refuse an unknown key, by JSON pointer, and those values with one in each. Objects whose schema names no
 * properties are maps of the user's own (annotations, labels) and take any.
 */
export function withUnknownKeys (
  values: unknown,
  schema: SchemaNode,
  except: readonly string[] = []
): { readonly values: unknown, readonly pointers: readonly string[] } {
  const pointers: string[] = []
  const walk = (value: unknown, node: SchemaNode | undefined, pointer: string): unknown => {
    const resolved = node === undefined ? undefined : resolve(node, schema)
    if (Array.isArray(value)) return value.map((each, index) => walk(each, resolved?.items, `${pointer}/${index}`))
    if (!isObject(value)) return value
    const inside = Object.fromEntries(Object.entries(value).map(([key, each]) => {
      const { properties = {}, additionalProperties } = resolved ?? {}
      const next = properties[key] ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined)
      return [key, pointer === '' && except.includes(key) ? each : walk(each, next, `${pointer}/${escape(key)}`)]
    }))
    if (resolved?.properties === undefined && resolved?.additionalProperties !== false) return inside
    pointers.push(pointer)
    return { ...inside, [UNKNOWN]: true }
  }
  return { values: walk(values, schema, ''), pointers }
}

function resolve (node: SchemaNode, root: SchemaNode): SchemaNode {
  const path = node.$ref?.split('/').slice(1)
  const target = path === undefined ?
    node :
    path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], root) as SchemaNode | undefined ?? {}
  if (target.$ref !== undefined) return resolve(target, root)
  const parts = [...target.allOf ?? [], ...target.anyOf ?? [], ...target.oneOf ?? []].map(part => resolve(part, root))
  const described = parts.find(({ properties }) => properties !== undefined)
  return target.properties === undefined && described !== undefined ? { ...described, ...target } : target
}

/** Checks it with Helm: throws where an unknown key is taken at one of the places, or where there is no schema. */
export async function refusesUnknownKeys (context: Context, { chart, title, files }: Variant): Promise<void> {
  const text = await readFile(join(chart.folder, 'values.schema.json'), 'utf8').catch(() => {
    throw new Fault('there is no values.schema.json')
  })
  const schema = JSON.parse(text) as SchemaNode
  const given = files.length === 0 ?
    chart.values :
    merged(await Promise.all(files.map(async file => parse(await readFile(file, 'utf8')) as unknown)))
  const { values, pointers } = withUnknownKeys(given, schema, ['global', ...chart.dependencies])
  const file = join(context.scratch, `${chart.name}-${title.replaceAll(/\W/g, '-')}-unknown.json`)
  await writeFile(file, JSON.stringify(values))
  const { code, stderr } = await context.run(
    await context.tool('helm'),
    templateArgs(chart.folder, { namespace: namespaceOf(chart), files: [...files, file] })
  )
  if (code === 0) throw new Fault('all of them are taken', pointers.join('\n'))
  const refused = new Set(
    [...stderr.matchAll(/^\s*- at '([^']*)': additional properties ([^\n]*) not allowed/gm)].filter(([, , names]) =>
      names?.includes(UNKNOWN)
    ).map(([, pointer]) => pointer)
  )
  const taken = pointers.filter(pointer => !refused.has(pointer))
  if (taken.length > 0)
    throw new Fault(`an unknown key is taken at ${taken.map(pointer => pointer === '' ? 'the top' : pointer).join(', ')}`, stderr)
}

function merged (files: readonly unknown[]): unknown {
  return Object.assign({}, ...files.filter(isObject)) as unknown
}

function escape (key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
