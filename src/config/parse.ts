// From argv, environment and configuration file to a checked configuration. Precedence: flag, environment, the file's section of the mode, the
// file's top level, default. Every complaint names the flag, the variable or the place in the file, the value, and what would be right.
import { checkPositionals, readArguments, type Arguments, type CommandLine, type GivenFlag } from './argv.ts'
import { convert } from './convert.ts'
import { valuesFor, type ConfigFile, type FileValue } from './file.ts'
import { camel, environmentName, type ConfigOf, type Flags, type FlagSpec } from './flags.ts'

export { type CommandLine, type Positional } from './argv.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Parsed<F extends Flags> {
  readonly config: ConfigOf<F>
  readonly positionals: readonly string[]
  readonly help: boolean
}

/** Where a value came from: the flag as typed, the variable's name, the file's key and `path:line:column`. */
export type Origin =
  | { readonly from: 'flag' | 'environment', readonly name: string }
  | { readonly from: 'file', readonly name: string, readonly where: string }
  | { readonly from: 'default' }

/** One flag with its value, `undefined` where it has none and no default. */
export interface Setting {
  readonly name: string
  readonly spec: FlagSpec
  readonly value: unknown
  readonly origin: Origin
}

/** Errors: the USAGE_* codes. With --help nothing else is checked. */
export function parseCommandLine<F extends Flags> (command: CommandLine<F>, argv: readonly string[], environment: Environment, file?: ConfigFile): Parsed<F> {
  const words = readArguments(command, argv)
  if (words.help) return { config: {} as ConfigOf<F>, positionals: words.positionals, help: true }
  checkPositionals(command, words.positionals)
  return { config: configOf<F>(settle(command, words, environment, file)), positionals: words.positionals, help: false }
}

/** Every flag of the mode, in the order of its table. Errors: USAGE_BAD_VALUE, USAGE_UNKNOWN_KEY, USAGE_CONFIG_FILE. */
export function settle (command: CommandLine<Flags>, { given }: Arguments, environment: Environment, file?: ConfigFile): Setting[] {
  const fromFile = file === undefined ? new Map<string, FileValue>() : valuesFor(command, file)
  return Object.entries<FlagSpec>(command.flags).map(([name, spec]) => ({ name, spec, ...settingOf(command.mode, name, spec, given.get(name), environment, fromFile.get(name)) }))
}

/** The settings as the mode reads them. */
export function configOf<F extends Flags> (settings: readonly Setting[]): ConfigOf<F> {
  return Object.fromEntries(settings.map(({ name, value }) => [camel(name), value])) as ConfigOf<F>
}

/** The variables that set a flag, in the order in which they are looked at. */
export function variablesOf (name: string, spec: FlagSpec): string[] {
  return [environmentName(name), ...(spec.aliases ?? []).map(environmentName), ...spec.environment ?? []]
}

/** One flag's value and origin. Error: USAGE_BAD_VALUE. */
export function settingOf (
  mode: string, name: string, spec: FlagSpec, given: GivenFlag | undefined, environment: Environment, fromFile?: FileValue
): Pick<Setting, 'value' | 'origin'> {
  if (given !== undefined) {
    const names = given.names.join(', ')
    return { value: convert(spec, given.values, { name: names, where: mode }), origin: { from: 'flag', name: names } }
  }
  for (const variable of variablesOf(name, spec)) {
    const value = environment[variable]
    if (value !== undefined && value !== '') return { value: convert(spec, [value], { name: variable, where: mode }), origin: { from: 'environment', name: variable } }
  }
  if (fromFile !== undefined) return { value: convert(spec, fromFile.values, { name: fromFile.key, where: fromFile.where }), origin: { from: 'file', name: fromFile.key, where: fromFile.where } }
  return { value: spec.default ?? (spec.type === 'switch' ? false : undefined), origin: { from: 'default' } }
}
