// From argv and environment to a checked configuration. Precedence: flag, environment, default. Every complaint names the flag or
// variable, the value, and what would be right; unknown flags suggest the nearest known one.
import { parseArgs } from 'node:util'
import { usageErrors } from './errors.ts'
import { camel, environmentName, placeholder, type ConfigOf, type Flags, type FlagSpec } from './flags.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Positional {
  readonly name: string
  readonly description: string
  readonly optional?: boolean
}

/** What a mode takes on its command line. */
export interface CommandLine<F extends Flags> {
  readonly mode: string
  readonly flags: F
  readonly positionals?: readonly Positional[]
}

export interface Parsed<F extends Flags> {
  readonly config: ConfigOf<F>
  readonly positionals: readonly string[]
  readonly help: boolean
}

/** Errors: the USAGE_* codes. With --help nothing else is checked. */
export function parseCommandLine<F extends Flags> (command: CommandLine<F>, argv: readonly string[], environment: Environment): Parsed<F> {
  const names = new Map<string, string>()
  for (const [name, spec] of Object.entries<FlagSpec>(command.flags)) for (const each of [name, ...spec.aliases ?? []]) names.set(each, name)
  const switches = new Set(Object.entries<FlagSpec>(command.flags).filter(([, spec]) => spec.type === 'switch').map(([name]) => name))
  const options = Object.fromEntries([...names].map(([each, name]) => [each, { type: switches.has(name) ? 'boolean' as const : 'string' as const }]))
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true })

  const given = new Map<string, string[]>()
  const positionals: string[] = []
  let help = false
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    if (token.name === 'help' || token.name === 'h') {
      help = true
      continue
    }
    const negated = token.name.startsWith('no-') && switches.has(names.get(token.name.slice(3)) ?? '')
    const name = names.get(negated ? token.name.slice(3) : token.name)
    if (name === undefined) throw unknownFlag(command.mode, token.rawName, names)
    const spec = command.flags[name] as FlagSpec
    if (spec.secret === true) throw usageErrors.USAGE_BAD_VALUE(`${token.rawName} cannot be given on the command line, where every user of this machine can read it`, { where: command.mode, hint: `Set ${environmentName(name)} instead.` })
    if (negated && token.value !== undefined) throw usageErrors.USAGE_BAD_VALUE(`${token.rawName} takes no value`, { where: command.mode })
    const value = spec.type === 'switch' ? negated ? 'false' : token.value ?? 'true' : token.value
    // parseArgs takes the next word whatever it is; the next flag is no value, a negative number is one.
    const swallowed = value !== undefined && token.inlineValue === false && /^-[^\d.]/.test(value)
    if (value === undefined || swallowed) {
      const hint = swallowed ? `If ${value} is meant as the value, write ${token.rawName}=${value}.` : undefined
      throw usageErrors.USAGE_MISSING(`${token.rawName} needs a value: ${placeholder(spec)}`, { where: command.mode, hint })
    }
    given.set(name, [...given.get(name) ?? [], value])
  }
  if (help) return { config: {} as ConfigOf<F>, positionals, help }
  checkPositionals(command, positionals)
  const config: Record<string, unknown> = {}
  for (const [name, spec] of Object.entries<FlagSpec>(command.flags)) config[camel(name)] = valueOf(command.mode, name, spec, given.get(name), environment)
  return { config: config as ConfigOf<F>, positionals, help }
}

function valueOf (mode: string, name: string, spec: FlagSpec, given: readonly string[] | undefined, environment: Environment): unknown {
  if (given !== undefined) return convert(spec, given, `--${name}`, mode)
  for (const variable of [environmentName(name), ...(spec.aliases ?? []).map(environmentName), ...spec.environment ?? []]) {
    const value = environment[variable]
    if (value !== undefined && value !== '') return convert(spec, [value], variable, mode)
  }
  return spec.default ?? (spec.type === 'switch' ? false : undefined)
}

function convert (spec: FlagSpec, values: readonly string[], source: string, mode: string): unknown {
  const value = values.at(-1) as string
  const bad = (expected: string): Error => usageErrors.USAGE_BAD_VALUE(`${source} is '${value}', but must be ${expected}`, { where: mode })
  switch (spec.type) {
    case 'text': {
      if (value === '' && spec.default !== '') throw bad('a text that is not empty')
      const complaint = spec.check?.(value)
      if (complaint !== undefined) throw bad(complaint)
      return value
    }
    case 'list': {
      const items = values.flatMap(each => each.split(',')).map(each => each.trim()).filter(each => each !== '')
      if (items.length === 0) throw bad('a list with at least one item')
      return items
    }
    case 'choice':
      if (!spec.choices.includes(value)) throw bad(`one of ${spec.choices.join(', ')}`)
      return value
    case 'switch':
      if (/^(true|on|yes|1)$/i.test(value)) return true
      if (/^(false|off|no|0)$/i.test(value)) return false
      throw bad('on or off')
    case 'integer':
    case 'number': {
      const number = Number(value)
      const kind = spec.type === 'integer' ? 'a whole number' : 'a number'
      const range = spec.min !== undefined && spec.max !== undefined ? ` from ${spec.min} to ${spec.max}` : spec.min !== undefined ? ` of at least ${spec.min}` : spec.max !== undefined ? ` of at most ${spec.max}` : ''
      const fits = value.trim() !== '' && (spec.type === 'integer' ? Number.isSafeInteger(number) : Number.isFinite(number)) &&
        number >= (spec.min ?? -Infinity) && number <= (spec.max ?? Infinity)
      if (!fits) throw bad(kind + range)
      return number
    }
  }
}

function checkPositionals (command: CommandLine<Flags>, positionals: readonly string[]): void {
  const expected = command.positionals ?? []
  const missing = expected[positionals.length]
  if (missing !== undefined && missing.optional !== true) throw usageErrors.USAGE_MISSING(`${missing.name} is missing: ${missing.description}`, { where: command.mode })
  if (positionals.length > expected.length) throw usageErrors.USAGE_EXTRA_ARGUMENT(`'${positionals[expected.length]}' is one argument too many`, { where: command.mode })
}

function unknownFlag (mode: string, rawName: string, names: ReadonlyMap<string, string>): Error {
  const wanted = rawName.replace(/^-+/, '')
  const near = nearest(wanted, [...names.keys()])
  return usageErrors.USAGE_UNKNOWN_FLAG(`${rawName} is not a flag of ${mode}${near === undefined ? '' : `: did you mean --${near}?`}`, { where: mode })
}

/** The known word within a third of the letters by edit distance, if any. */
export function nearest (word: string, known: readonly string[]): string | undefined {
  const ranked = known.map(each => ({ each, distance: editDistance(word, each) })).sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best !== undefined && best.distance <= Math.max(2, Math.floor(word.length / 3)) ? best.each : undefined
}

function editDistance (a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length] ?? 0
}
