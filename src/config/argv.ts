// Splits a command line into flags with their raw values and positional arguments. Rejects unknown flags, flags without a value, and
// secrets. The values are converted later (convert.ts).
import { parseArgs } from 'node:util'
import { commonFlags } from './common.ts'
import { usageErrors } from './errors.ts'
import { environmentName, placeholder, type Flags, type FlagSpec } from './flags.ts'
import { didYouMean } from './nearest.ts'

export interface Positional {
  readonly name: string
  readonly description: string
  readonly optional?: boolean
}

/** A flag that selects another job of the mode, such as --night of verify. The lists name flags without leading dashes. */
export interface Variant {
  /** Flags that have an effect only in this variant. */
  readonly only: readonly string[]
  /** Flags that have no effect in this variant. */
  readonly unused: readonly string[]
}

/** The command line syntax of a mode. */
export interface CommandLine<F extends Flags> {
  readonly mode: string
  readonly flags: F
  readonly positionals?: readonly Positional[]
  /** Whether the arguments contain the command line of another mode. If so, unknown flags and common flags become positional arguments. */
  readonly delegates?: boolean
  /** By the flag that selects the variant. */
  readonly variants?: Readonly<Record<string, Variant>>
}

/** The values of one flag on the command line, and the names or aliases under which it was given. */
export interface GivenFlag {
  readonly values: readonly string[]
  /** The names as typed, for example `--kafka-host`. */
  readonly names: readonly string[]
}

export interface Arguments {
  readonly given: ReadonlyMap<string, GivenFlag>
  readonly positionals: readonly string[]
  readonly help: boolean
}

/** Maps each flag name and alias to the flag's name. */
export function flagNames (flags: Flags): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const [name, spec] of Object.entries<FlagSpec>(flags)) for (const each of [name, ...spec.aliases ?? []]) names.set(each, name)
  return names
}

/**
 * Splits `argv`. If --help is given, `given` and `positionals` may be incomplete.
 * Errors: USAGE_UNKNOWN_FLAG, USAGE_MISSING, USAGE_BAD_VALUE (a secret, or a value for `--no-...`).
 */
export function readArguments (command: CommandLine<Flags>, argv: readonly string[]): Arguments {
  const where = command.mode
  const names = flagNames(command.flags)
  const switches = new Set(Object.entries<FlagSpec>(command.flags).filter(([, spec]) => spec.type === 'switch').map(([name]) => name))
  const options = Object.fromEntries([...names].map(([each, name]) => [each, { type: switches.has(name) ? 'boolean' : 'string' } as const]))
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true })

  const given = new Map<string, { values: string[], names: string[] }>()
  const positionals: string[] = []
  const passedThrough: string[] = []
  let help = false
  let lastIndex = -1
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    if (token.name === 'help' || token.name === 'h') {
      help = true
      continue
    }
    const negated = token.name.startsWith('no-') && switches.has(names.get(token.name.slice(3)) ?? '')
    const name = names.get(negated ? token.name.slice(3) : token.name)
    if (name === undefined) {
      if (command.delegates !== true) {
        const hint = didYouMean(token.name, [...names.keys()], '--')
        throw usageErrors.USAGE_UNKNOWN_FLAG(`unknown flag ${token.rawName}`, { where, hint })
      }
      // parseArgs returns one token per letter of a word such as -abc, but the word is passed through only once.
      const word = argv[token.index]
      if (word !== undefined && token.index !== lastIndex) positionals.push(word)
      lastIndex = token.index
      continue
    }
    const spec = command.flags[name] as FlagSpec
    if (spec.secret === true) {
      const message = `${token.rawName} cannot be given on the command line, where every user of this machine can read it`
      throw usageErrors.USAGE_BAD_VALUE(message, { where, hint: `Set ${environmentName(name)} instead.` })
    }
    if (negated && token.value !== undefined) throw usageErrors.USAGE_BAD_VALUE(`${token.rawName} takes no value`, { where })
    const value = spec.type === 'switch' ? negated ? 'false' : token.value ?? 'true' : token.value
    // parseArgs takes the next word as the value, even if that word is a flag. Reject a flag, but accept a negative number.
    const swallowed = value !== undefined && token.inlineValue === false && /^-[^\d.]/.test(value)
    if (value === undefined || swallowed) {
      const hint = swallowed ? `If ${value} is the value, write ${token.rawName}=${value}.` : undefined
      throw usageErrors.USAGE_MISSING(`${token.rawName} needs a value: ${placeholder(spec)}`, { where, hint })
    }
    const entry = given.get(name) ?? { values: [], names: [] }
    entry.values.push(value)
    if (!entry.names.includes(token.rawName)) entry.names.push(token.rawName)
    given.set(name, entry)
    if (command.delegates === true && name in commonFlags) passedThrough.push(negated ? token.rawName : `${token.rawName}=${value}`)
  }
  return { given, positionals: [...positionals, ...passedThrough], help }
}

/** Errors: USAGE_MISSING, USAGE_EXTRA_ARGUMENT. */
export function checkPositionals (command: CommandLine<Flags>, positionals: readonly string[]): void {
  const missing = command.positionals?.[positionals.length]
  if (missing !== undefined && missing.optional !== true) {
    throw usageErrors.USAGE_MISSING(`missing argument ${missing.name}: ${missing.description}`, { where: command.mode })
  }
  rejectExtra(command, positionals)
}

/** Rejects surplus arguments, but accepts missing arguments. Error: USAGE_EXTRA_ARGUMENT. */
export function rejectExtra (command: CommandLine<Flags>, positionals: readonly string[]): void {
  const extra = positionals[command.positionals?.length ?? 0]
  if (extra !== undefined && command.delegates !== true) {
    throw usageErrors.USAGE_EXTRA_ARGUMENT(`unexpected argument '${extra}'`, { where: command.mode })
  }
}
