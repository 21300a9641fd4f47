// Help texts, made from the same tables that parse the flags.
import { environmentName, placeholder, type Flags, type FlagSpec } from './flags.ts'
import type { CommandLine } from './parse.ts'

export interface Documented extends CommandLine<Flags> {
  readonly summary: string
  /** A few sentences more. */
  readonly about?: string
  readonly examples?: readonly string[]
}

/** The text of `alert-stream MODE --help`. */
export function modeHelp (command: Documented): string {
  const positionals = command.positionals ?? []
  const usage = ['alert-stream', command.mode, ...positionals.map(each => each.optional === true ? `[${each.name}]` : each.name), '[flags]'].join(' ')
  const out = [`Usage: ${usage}`, '', ...wrap(command.summary, 100)]
  if (command.about !== undefined) out.push('', ...wrap(command.about, 100))
  if (positionals.length > 0) out.push('', 'Arguments:', ...positionals.map(each => `  ${each.name.padEnd(12)} ${each.description}`))
  if (Object.keys(command.flags).length > 0) out.push('', 'Flags (each is also a key of the --config file, and an environment variable:', '--repeat-interval is ALERT_STREAM_REPEAT_INTERVAL):')
  for (const [name, spec] of Object.entries(command.flags)) out.push(...flagHelp(name, spec))
  if ((command.examples ?? []).length > 0) out.push('', 'Examples:', ...(command.examples ?? []).map(example => `  ${example}`))
  return out.join('\n') + '\n'
}

function flagHelp (name: string, spec: FlagSpec): string[] {
  const head = spec.secret === true ? `  ${environmentName(name)} (environment only)` : `  --${name} ${placeholder(spec)}`.trimEnd()
  const notes = [
    ...(spec.default === undefined || spec.default === false || spec.default === '' ? [] : [`default ${Array.isArray(spec.default) ? spec.default.join(',') : String(spec.default)}`]),
    ...(spec.aliases === undefined ? [] : [`also ${spec.aliases.map(alias => `--${alias}`).join(', ')}`]),
    ...(spec.environment === undefined ? [] : [`also ${spec.environment.join(', ')}`]),
    ...(spec.example === undefined ? [] : [`for example ${spec.example}`])
  ]
  const text = spec.description + (notes.length === 0 ? '' : ` (${notes.join('; ')})`)
  return [head, ...wrap(text, 92).map(line => `        ${line}`)]
}

function wrap (text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ''
    }
    line += (line === '' ? '' : ' ') + word
  }
  return [...lines, line]
}
