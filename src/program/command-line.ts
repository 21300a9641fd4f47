// Reads and checks the command line, environment and configuration file of a mode before the mode runs.
import { readFileSync } from 'node:fs'
import { checkPositionals, readArguments, type Arguments } from '../config/argv.ts'
import { commonFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { checkKeys, type ConfigFile } from '../config/file.ts'
import type { ConfigOf, Flags } from '../config/flags.ts'
import { checkVariants, configOf, settingOf, settingsOf, type Environment } from '../config/parse.ts'
import type { Mode, ModeCatalogue } from './mode.ts'

interface CheckedLine {
  readonly config: ConfigOf<Flags>
  readonly positionals: readonly string[]
  readonly configFile: ConfigFile | undefined
}

/** Returns undefined if --help is given, without checking values or the configuration file. Errors: the USAGE_* codes. */
export async function readCommandLine (
  mode: Mode<Flags>, argv: readonly string[], environment: Environment, modes: ModeCatalogue
): Promise<CheckedLine | undefined> {
  const args = readArguments(mode, argv)
  if (args.help) return undefined
  checkPositionals(mode, args.positionals)
  const configFile = await readConfigFile(mode, args, environment, modes)
  const settings = settingsOf(mode, args, environment, configFile)
  checkVariants(mode, settings)
  return { config: configOf(settings), positionals: args.positionals, configFile }
}

/** Reads the file given by --config or ALERT_STREAM_CONFIG, if any. Rejects keys that no mode knows. */
async function readConfigFile (
  mode: Mode<Flags>, { given }: Arguments, environment: Environment, modes: ModeCatalogue
): Promise<ConfigFile | undefined> {
  const { value, origin } = settingOf(mode.mode, 'config', commonFlags.config, given.get('config'), environment)
  if (value === undefined) return undefined
  const path = String(value)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const source = origin.from === 'default' ? '--config' : origin.name
    throw usageErrors.USAGE_CONFIG_FILE(`cannot read the configuration file given by ${source}`, { where: path, cause })
  }
  const { parseConfigFile } = await import('../config/parse-file.ts')
  const file = parseConfigFile(text, path)
  await checkKeys(file, mode, modes)
  return file
}
