// The reference of all flags: as JSON, as a text table, or as the Markdown of docs/configuration.md.
import type { CommandLine } from './argv.ts'
import { range } from './convert.ts'
import { placeholder, type Flags, type FlagSpec } from './flags.ts'
import { variablesOf } from './parse.ts'
import { table } from './table.ts'

interface Described extends CommandLine<Flags> {
  readonly summary: string
}

interface FlagReference {
  readonly flag: string
  readonly type: FlagSpec['type']
  /** The valid values, if `type` is choice. */
  readonly choices?: readonly string[]
  readonly min?: number
  readonly max?: number
  /** Null if the flag has no default. The description then explains the default behaviour. */
  readonly default: unknown
  readonly aliases: readonly string[]
  /** Environment variables, in order of precedence. */
  readonly variables: readonly string[]
  /** Whether the flag is accepted from the environment only. */
  readonly secret: boolean
  readonly description: string
}

export interface ModeReference {
  readonly mode: string
  readonly summary: string
  readonly arguments: ReadonlyArray<{ readonly name: string, readonly optional: boolean, readonly description: string }>
  readonly flags: readonly FlagReference[]
}

export function referenceOf ({ mode, summary, positionals = [], flags }: Described): ModeReference {
  return {
    mode,
    summary,
    arguments: positionals.map(({ name, optional = false, description }) => ({ name, optional, description })),
    flags: Object.entries(flags).map(([name, spec]) => flagReference(name, spec))
  }
}

function flagReference (flag: string, spec: FlagSpec): FlagReference {
  const isNumber = spec.type === 'integer' || spec.type === 'number'
  return {
    flag,
    type: spec.type,
    ...(spec.type === 'choice' ? { choices: spec.choices } : {}),
    ...(isNumber && spec.min !== undefined ? { min: spec.min } : {}),
    ...(isNumber && spec.max !== undefined ? { max: spec.max } : {}),
    default: spec.default ?? (spec.type === 'switch' ? false : null),
    aliases: spec.aliases ?? [],
    variables: variablesOf(flag, spec),
    secret: spec.secret === true,
    description: spec.description
  }
}

export function referenceTable (modes: readonly Described[]): string {
  return modes.map(({ mode, flags }) => {
    const rows = Object.entries(flags).map(([name, spec]) => {
      return [name, placeholder(spec), defaultText(spec), variablesOf(name, spec).join(', ')]
    })
    return `${mode}\n${table(['FLAG', 'VALUE', 'DEFAULT', 'VARIABLES'], rows)}`
  }).join('\n')
}

/** Flags that several modes share come first, each once, with the names of the modes. The flags of each mode follow. */
export function referenceMarkdown (modes: readonly Described[]): string {
  const owners = new Map<FlagSpec, { readonly name: string, readonly modes: string[] }>()
  for (const { mode, flags } of modes) {
    for (const [name, spec] of Object.entries(flags)) {
      const owner = owners.get(spec) ?? { name, modes: [] }
      owner.modes.push(mode)
      owners.set(spec, owner)
    }
  }
  const shared = [...owners].filter(([, owner]) => owner.modes.length > 1)
  const everywhere = shared.filter(([, owner]) => owner.modes.length === modes.length)
  const several = shared.filter(([, owner]) => owner.modes.length < modes.length)
  return [
    ...section('All modes', everywhere.map(([spec, { name }]) => [name, spec])),
    ...section('Several modes', several.map(([spec, { name, modes }]) => [name, spec, modes])),
    ...modes.flatMap(({ mode, summary, positionals = [], flags, variants = {} }) => [
      `### ${['alert-stream', mode, ...positionals.map(each => each.optional === true ? `[${each.name}]` : each.name)].join(' ')}`, '',
      `${summary}.`, '',
      ...positionals.flatMap(({ name, description }) => [`- ${name}: ${description}`, '']),
      ...markdownTable(Object.entries(flags).filter(([, spec]) => owners.get(spec)?.modes.length === 1)),
      ...variantLines(variants),
      ...sharedFlags(Object.entries(flags).filter(([, spec]) => several.some(([each]) => each === spec)).map(([name]) => name))
    ])
  ].join('\n').trimEnd() + '\n'
}

function variantLines (variants: NonNullable<CommandLine<Flags>['variants']>): string[] {
  const names = (flags: readonly string[]): string => flags.map(name => `\`${name}\``).join(', ')
  return Object.entries(variants).flatMap(([selector, { only, unused }]) =>
    [`Only with \`--${selector}\`: ${names(only)}.`, '', `Without effect with \`--${selector}\`: ${names(unused)}.`, ''])
}

type Row = readonly [name: string, spec: FlagSpec, modes?: readonly string[]]

function section (title: string, rows: readonly Row[]): string[] {
  return rows.length === 0 ? [] : [`### ${title}`, '', ...markdownTable(rows)]
}

function sharedFlags (names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`Shared flags: ${names.map(name => `\`${name}\``).join(', ')}.`, '']
}

function markdownTable (rows: readonly Row[]): string[] {
  if (rows.length === 0) return []
  const withModes = rows.some(([, , modes]) => modes !== undefined)
  const cells = rows.map(([name, spec, modes]) => [
    [...spec.secret === true ? [] : [`\`--${name}\``], ...variablesOf(name, spec).map(variable => `\`${variable}\``)].join('<br>'),
    valueText(spec),
    code(defaultText(spec)),
    [spec.description, ...notes(spec)].join(' '),
    ...(withModes ? [(modes ?? []).join(', ')] : [])
  ])
  const line = (texts: readonly string[]): string => `| ${texts.map(text => text.replaceAll('|', '\\|')).join(' | ')} |`
  const head = ['flag, variables', 'value', 'default', 'description', ...(withModes ? ['modes'] : [])]
  return [line(head), `|${'---|'.repeat(head.length)}`, ...cells.map(line), '']
}

function valueText (spec: FlagSpec): string {
  switch (spec.type) {
    case 'switch': return 'on or off'
    case 'choice': return spec.choices.map(code).join(', ')
    case 'integer': return `whole number${range(spec)}`
    case 'number': return `number${range(spec)}`
    case 'list': return 'list'
    case 'text': return 'text'
  }
}

function notes (spec: FlagSpec): string[] {
  return [
    ...(spec.aliases === undefined ? [] : [`Alias: ${spec.aliases.map(alias => `\`--${alias}\``).join(', ')}.`]),
    ...(spec.example === undefined ? [] : [`For example \`${spec.example}\`.`]),
    ...(spec.secret === true ? ['Environment only.'] : [])
  ]
}

function defaultText (spec: FlagSpec): string {
  if (spec.default === undefined || spec.default === false) return ''
  return Array.isArray(spec.default) ? spec.default.join(',') : String(spec.default)
}

function code (text: string): string {
  return text === '' ? '' : `\`${text}\``
}
