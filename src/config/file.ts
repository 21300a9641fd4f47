// The YAML configuration file: flags by name at the top level, and one section per mode. It is YAML 1.2 with one document, no duplicate
// keys and no tags. Values are taken as written (11.10 stays 11.10) and pass the same checks as flags.
// Secrets are rejected, because a configuration file is often a ConfigMap or part of a repository.
import { flagNames, type CommandLine } from './argv.ts'
import { usageErrors } from './errors.ts'
import { environmentName, type Flags } from './flags.ts'
import { didYouMean } from './nearest.ts'

export interface FileValue {
  /** The name or an alias of the flag, as written in the file. */
  readonly key: string
  /** The items of a list, or the single value. */
  readonly values: readonly string[]
  /** `path:line:column` of the key. */
  readonly where: string
}

/** `config` is both the flag for the path of the file and the name of a mode. The file cannot use it as a key or a section. */
const FILE_FLAG = 'config'

export interface Entry extends FileValue {
  readonly shape: 'value' | 'list' | 'empty' | 'mapping' | 'nested'
  readonly entries: readonly Entry[]
}

/** A parsed configuration file whose keys are not checked yet. */
export interface ConfigFile {
  readonly path: string
  readonly entries: readonly Entry[]
}

/** All modes and their flags. `all` loads every mode, so it is called only for keys that the running mode does not know. */
interface KnownModes {
  readonly names: readonly string[]
  all (): Promise<ReadonlyArray<{ readonly flags: Flags }>>
}

function isSection ({ key, shape }: Entry, modes: readonly string[]): boolean {
  return modes.includes(key) && (shape === 'mapping' || shape === 'empty')
}

/** The file's values for the flags of one mode, by flag name. Errors: USAGE_UNKNOWN_KEY, USAGE_BAD_VALUE, USAGE_CONFIG_FILE. */
export function valuesFor (command: CommandLine<Flags>, file: ConfigFile): Map<string, FileValue> {
  const names = flagNames(command.flags)
  const section = file.entries.find(entry => entry.key !== FILE_FLAG && isSection(entry, [command.mode]))
  for (const { key, where } of section?.entries ?? []) {
    if (!names.has(key)) throw unknownKey(`unknown key '${key}' in section ${command.mode}`, key, [...names.keys()], where)
  }
  const shared = file.entries.filter(entry => entry !== section && names.has(entry.key))
  return new Map([...valuesOf(command, names, shared), ...valuesOf(command, names, section?.entries ?? [])])
}

function valuesOf (command: CommandLine<Flags>, names: ReadonlyMap<string, string>, entries: readonly Entry[]): Map<string, FileValue> {
  const found = new Map<string, FileValue>()
  for (const entry of entries) {
    const { key, where, shape } = entry
    const name = names.get(key) as string
    const earlier = found.get(name)
    if (earlier !== undefined) {
      throw usageErrors.USAGE_CONFIG_FILE(`${key} and ${earlier.key} are the same flag`, { where, hint: 'Remove one of them.' })
    }
    const spec = command.flags[name]
    rejectForbidden(name, command.flags, where)
    const bad = (what: string): Error => usageErrors.USAGE_BAD_VALUE(`${key} ${what}`, { where })
    if (shape === 'empty') {
      throw usageErrors.USAGE_MISSING(`${key} has no value`, { where, hint: 'Add a value, or remove the line to use the default.' })
    }
    if (shape === 'mapping' || shape === 'nested') throw bad(spec?.type === 'list' ? 'must be a list of texts' : 'must be a single value')
    if (shape === 'list' && spec?.type !== 'list') throw bad('must be a single value, not a list')
    found.set(name, entry)
  }
  return found
}

/** Rejects the flags that no configuration file may set: secrets and the path of a configuration file. */
function rejectForbidden (name: string, flags: Flags, where: string): void {
  if (name === FILE_FLAG) {
    throw usageErrors.USAGE_BAD_VALUE('a configuration file cannot name another configuration file', {
      where, hint: 'Use one file. It can have a section for each mode.'
    })
  }
  if (flags[name]?.secret !== true) return
  const file = `${name}-file`
  throw usageErrors.USAGE_BAD_VALUE(`${name} is a secret and cannot be set in a configuration file`, {
    where, hint: `Set ${environmentName(name)}${file in flags ? `, or set ${file} to the path of a file that contains it` : ''}.`
  })
}

/**
 * Rejects sections and top-level keys that no mode knows. The section of another mode is checked when that mode runs.
 * Errors: USAGE_UNKNOWN_KEY, USAGE_BAD_VALUE.
 */
export async function checkKeys (file: ConfigFile, command: CommandLine<Flags>, modes: KnownModes): Promise<void> {
  const own = flagNames(command.flags)
  const unknown = file.entries.filter(entry => !isSection(entry, modes.names) && !own.has(entry.key))
  if (unknown.length === 0) return
  const all = (await modes.all()).map(({ flags }) => ({ flags, names: flagNames(flags) }))
  for (const { key, where } of unknown) {
    const owner = all.find(({ names }) => names.has(key))
    if (owner !== undefined) {
      rejectForbidden(owner.names.get(key) as string, owner.flags, where)
      continue
    }
    if (modes.names.includes(key)) throw usageErrors.USAGE_BAD_VALUE(`${key} is a mode, so its value must be a mapping of flags`, { where })
    const known = [...all.flatMap(({ names }) => [...names.keys()]), ...modes.names]
    throw unknownKey(`unknown key '${key}': no flag and no mode has this name`, key, known, where)
  }
}

function unknownKey (what: string, key: string, known: readonly string[], where: string): Error {
  return usageErrors.USAGE_UNKNOWN_KEY(what, { where, hint: didYouMean(key, known) })
}
