// A mode's command line with environment and configuration file, read and checked, before anything of it runs.
import { readFileSync } from 'node:fs'
import { checkPositionals, readArguments, type Arguments } from '../config/argv.ts'
import { commonFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { checkKeys, parseConfigFile, type ConfigFile } from '../config/file.ts'
import type { ConfigOf, Flags } from '../config/flags.ts'
import { configOf, settingOf, settle, type Environment } from '../config/parse.ts'
import type { Mode } from '../program/mode.ts'
import { allModes } from './find-mode.ts'
import { modes } from './modes.ts'

export interface CheckedLine {
  readonly config: ConfigOf<Flags>
  readonly positionals: readonly string[]
  readonly configFile: ConfigFile | undefined
}

/** Undefined where help is asked for, and nothing else is checked. Errors: the USAGE_* codes. */
export async function readCommandLine (mode: Mode<Flags>, argv: readonly string[], environment: Environment): Promise<CheckedLine | undefined> {
  const words = readArguments(mode, argv)
  if (words.help) return undefined
  checkPositionals(mode, words.positionals)
  const configFile = await readConfigFile(mode, words, environment)
  return { config: configOf(settle(mode, words, environment, configFile)), positionals: words.positionals, configFile }
}

/** The file that --config or its variable names, if one does, without a key that no mode knows. */
async function readConfigFile (mode: Mode<Flags>, { given }: Arguments, environment: Environment): Promise<ConfigFile | undefined> {
  const { value, origin } = settingOf(mode.mode, 'config', commonFlags.config, given.get('config'), environment)
  if (value === undefined) return undefined
  const path = String(value)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw usageErrors.USAGE_CONFIG_FILE(`the file that ${origin.from === 'default' ? '--config' : origin.name} names cannot be read`, { where: path, cause })
  }
  const file = parseConfigFile(text, path)
  await checkKeys(file, mode, Object.keys(modes), async () => (await allModes()).map(({ flags }) => flags))
  return file
}
