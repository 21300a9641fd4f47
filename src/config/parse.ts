// Merges argv, environment and configuration file into a checked configuration. Precedence: flag, environment, the mode's section of the
// file, the top level of the file, default. An error names the flag, variable or file position, the value, and the valid values.
import { checkPositionals, readArguments, type Arguments, type CommandLine, type GivenFlag } from './argv.ts'
import { convert } from './convert.ts'
import { usageErrors } from './errors.ts'
import { valuesFor, type ConfigFile, type FileValue } from './file.ts'
import { camel, environmentName, type ConfigOf, type Flags, type FlagSpec } from './flags.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The source of a value: the flag as typed, the environment variable, or the key in the file with its `path:line:column`. */
export type Origin =
  | { readonly from: 'flag' | 'environment', readonly name: string }
  | { readonly from: 'file', readonly name: string, readonly where: string }
  | { readonly from: 'default' }

/** One flag with its value. The value is undefined if the flag is not set and has no default. */
export interface Setting {
  readonly name: string
  readonly spec: FlagSpec
  readonly value: unknown
  readonly origin: Origin
}

/** Reads a command line that does not contain --help. Errors: the USAGE_* codes. */
export function parseCommandLine<F extends Flags> (
  command: CommandLine<F>, argv: readonly string[], environment: Environment, file?: ConfigFile
): { readonly config: ConfigOf<F>, readonly positionals: readonly string[] } {
  const args = readArguments(command, argv)
  checkPositionals(command, args.positionals)
  const settings = settingsOf(command, args, environment, file)
  checkVariants(command, settings)
  return { config: configOf<F>(settings), positionals: args.positionals }
}

/**
 * Rejects flags of the command line that have no effect in the selected variant of the mode. Variables and the configuration file may set
 * them, because they are common to several commands. Error: USAGE_BAD_VALUE.
 */
export function checkVariants ({ mode, variants = {} }: CommandLine<Flags>, settings: readonly Setting[]): void {
  for (const [selector, { only, unused }] of Object.entries(variants)) {
    const selected = settings.some(({ name, value }) => name === selector && value !== undefined && value !== false)
    for (const { name, origin } of settings) {
      if (origin.from !== 'flag' || !(selected ? unused : only).includes(name)) continue
      const what = selected ? `has no effect with --${selector}` : `needs --${selector}`
      throw usageErrors.USAGE_BAD_VALUE(`${origin.name} ${what}`, { where: mode })
    }
  }
}

/** All flags of the mode with their values, in table order. Errors: USAGE_BAD_VALUE, USAGE_UNKNOWN_KEY, USAGE_CONFIG_FILE. */
export function settingsOf (command: CommandLine<Flags>, { given }: Arguments, environment: Environment, file?: ConfigFile): Setting[] {
  const fromFile = file === undefined ? new Map<string, FileValue>() : valuesFor(command, file)
  return Object.entries<FlagSpec>(command.flags).map(([name, spec]) => {
    return { name, spec, ...settingOf(command.mode, name, spec, given.get(name), environment, fromFile.get(name)) }
  })
}

export function configOf<F extends Flags> (settings: readonly Setting[]): ConfigOf<F> {
  return Object.fromEntries(settings.map(({ name, value }) => [camel(name), value])) as ConfigOf<F>
}

/** The environment variables of a flag, in order of precedence. */
export function variablesOf (name: string, spec: FlagSpec): string[] {
  return [environmentName(name), ...(spec.aliases ?? []).map(environmentName), ...spec.environment ?? []]
}

/** The value of one flag and its source. Error: USAGE_BAD_VALUE. */
export function settingOf (
  mode: string, name: string, spec: FlagSpec, given: GivenFlag | undefined, environment: Environment, fromFile?: FileValue
): Pick<Setting, 'value' | 'origin'> {
  if (given !== undefined) {
    const names = given.names.join(', ')
    return { value: convert(spec, given.values, { name: names, where: mode }), origin: { from: 'flag', name: names } }
  }
  for (const variable of variablesOf(name, spec)) {
    const value = environment[variable]
    if (value === undefined || value === '') continue
    return { value: convert(spec, [value], { name: variable, where: mode }), origin: { from: 'environment', name: variable } }
  }
  if (fromFile !== undefined) {
    const source = { name: fromFile.key, where: fromFile.where }
    return { value: convert(spec, fromFile.values, source), origin: { from: 'file', ...source } }
  }
  return { value: spec.default ?? (spec.type === 'switch' ? false : undefined), origin: { from: 'default' } }
}
