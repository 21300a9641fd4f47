// The tables of inputs and outputs in a module's README, made from what OpenTofu itself says of the module, so that they cannot be out of
// date.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, type Context } from '../check.ts'
import type { TypeNotation } from './bindings.ts'
import { plainly } from './tofu.ts'

interface Variable {
  readonly type?: TypeNotation
  readonly description?: string
  readonly default?: unknown
  readonly required?: boolean
}

/** As `tofu show -json -module=DIR` has it. */
export interface Described {
  readonly variables: Readonly<Record<string, Variable>>
  readonly outputs: Readonly<Record<string, { readonly description?: string }>>
}

const BEGIN = '<!-- made by `npm run check:deploy -- --write`: begin -->'
const END = '<!-- end -->'

/** Text of the README of a module or an environment, as it has to be. Throws a Fault where it has no place for its tables. */
export async function readmeOf (context: Pick<Context, 'must' | 'tool' | 'env'>, folder: string): Promise<string> {
  const readme = await readFile(join(folder, 'README.md'), 'utf8').catch(() => { throw new Fault(`${folder} has no README.md`) })
  const said = await context.must(await context.tool('tofu'), ['show', '-json', '-module=.'], { cwd: folder, env: plainly(context.env) })
  const { root_module: module } = JSON.parse(said) as { readonly root_module: Partial<Described> }
  return withTables(readme, { variables: module.variables ?? {}, outputs: module.outputs ?? {} })
}

/** The README with its tables renewed. Throws a Fault where it has no place for them, or where something is not described. */
export function withTables (readme: string, module: Described): string {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END, begin)
  if (begin === -1 || end === -1) throw new Fault(`the README has no place for the tables: a line ${BEGIN} and a line ${END}`)
  return `${readme.slice(0, begin)}${BEGIN}\n${tables(module)}${readme.slice(end)}`
}

function tables ({ variables, outputs }: Described): string {
  const inputs = Object.entries(variables).sort(([a], [b]) => a < b ? -1 : 1).map(([name, variable]) =>
    row(
      name,
      described(name, variable.description),
      typeText(variable.type),
      variable.required === true ? 'required' : code(JSON.stringify(variable.default ?? null))
    )
  )
  const results = Object.entries(outputs).sort(([a], [b]) => a < b ? -1 : 1).map(([name, { description }]) =>
    row(name, described(name, description))
  )
  return [
    '## Inputs', '', '| Name | What | Type | Default |', '|---|---|---|---|', ...inputs, '',
    '## Outputs', '', '| Name | What |', '|---|---|', ...results, ''
  ].join('\n')
}

function row (name: string, ...cells: readonly string[]): string {
  return `| ${code(name)} | ${cells.map(cell => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
}

function described (name: string, description: string | undefined): string {
  if (description === undefined || description.trim() === '') throw new Fault(`${name} has no description`)
  return description.trim()
}

function code (text: string): string {
  return `\`${text}\``
}

function typeText (type: Variable['type']): string {
  return code(type === undefined ? 'any' : notation(type))
}

function notation (type: NonNullable<Variable['type']>): string {
  if (typeof type === 'string') return type === 'dynamic' ? 'any' : type
  if (type[0] !== 'object') return `${type[0]}(${notation(type[1])})`
  const [, fields, optional = []] = type
  const members = Object.entries(fields)
    .map(([name, of]) => `${name} = ${optional.includes(name) ? `optional(${notation(of)})` : notation(of)}`)
  return `object({ ${members.join(', ')} })`
}
