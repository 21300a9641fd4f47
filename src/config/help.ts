// Generates the help text of a mode from the flag table that also parses its command line.
import type { CommandLine } from './argv.ts'
import { environmentName, placeholder, type Flags, type FlagSpec } from './flags.ts'

interface Documented extends CommandLine<Flags> {
  readonly summary: string
  readonly about?: string
  readonly examples?: readonly string[]
}

const PRECEDENCE = 'Each flag is also a key of the --config file (repeat-interval: 37) and an environment variable ' +
  '(ALERT_STREAM_REPEAT_INTERVAL=37). Flags take precedence over the environment, and the environment over the file.'

/** The output of `alert-stream MODE --help`. */
export function modeHelp (command: Documented): string {
  const { positionals = [], examples = [] } = command
  const words = positionals.map(each => each.optional === true ? `[${each.name}]` : each.name)
  const out = [`Usage: ${['alert-stream', command.mode, ...words, '[flags]'].join(' ')}`, '', ...wrap(`${command.summary}.`, 100)]
  if (command.about !== undefined) out.push('', ...wrap(command.about, 100))
  if (positionals.length > 0) out.push('', 'Arguments:', ...positionals.map(each => `  ${each.name.padEnd(12)} ${each.description}`))
  if (examples.length > 0) out.push('', 'Examples:', ...examples.map(example => `  ${example}`))
  out.push('', 'Flags:', ...Object.entries(command.flags).flatMap(([name, spec]) => flagHelp(name, spec, variantNotes(command, name))))
  out.push('', ...wrap(PRECEDENCE, 100))
  return out.join('\n') + '\n'
}

/** In which variants of the mode the flag has an effect, unless in all. */
function variantNotes ({ variants = {} }: CommandLine<Flags>, name: string): string[] {
  return Object.entries(variants).flatMap(([selector, { only, unused }]) =>
    only.includes(name) ? [`only with --${selector}`] : unused.includes(name) ? [`not with --${selector}`] : [])
}

function flagHelp (name: string, spec: FlagSpec, variants: readonly string[]): string[] {
  const head = spec.secret === true ? `${environmentName(name)} (environment variable only)` : `--${name} ${placeholder(spec)}`.trimEnd()
  const value = Array.isArray(spec.default) ? spec.default.join(',') : String(spec.default)
  const notes = [
    ...variants,
    ...(spec.default === undefined || spec.default === false || spec.default === '' ? [] : [`default ${value}`]),
    ...(spec.aliases === undefined ? [] : [`alias ${spec.aliases.map(alias => `--${alias}`).join(', ')}`]),
    ...(spec.environment === undefined ? [] : [`alias ${spec.environment.join(', ')}`]),
    ...(spec.example === undefined ? [] : [`for example ${spec.example}`])
  ]
  const text = spec.description + (notes.length === 0 ? '' : ` (${notes.join('; ')})`)
  return [`  ${head}`, ...wrap(text, 92).map(line => `        ${line}`)]
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
