// config: prints the effective configuration of a mode without running it. It reads the same command line, environment and configuration
// file as the mode, and fails with the same errors. No other file is read.
import { checkPositionals, readArguments, rejectExtra } from '../config/argv.ts'
import { commonFlags } from '../config/common.ts'
import { effective, type EffectiveSetting } from '../config/effective.ts'
import { usageErrors } from '../config/errors.ts'
import { checkKeys } from '../config/file.ts'
import { flags, type Flags } from '../config/flags.ts'
import { configOf, settingsOf } from '../config/parse.ts'
import { referenceMarkdown, referenceOf, referenceTable } from '../config/reference.ts'
import { mode, type Host, type ListedMode, type Mode } from '../program/mode.ts'
import { warnOfUnreadVariables } from '../program/unread-variables.ts'

/** With --list, or without a named mode, the words after `config` may contain only these flags. */
const commonOnly = { mode: 'config', flags: commonFlags }

export default mode({
  mode: 'config',
  about: 'Checks the command line of a mode, the environment and the configuration file as that mode does, but does not run the mode. ' +
    'Without MODE, it prints all modes and checks every section of the file. Secrets are masked, and password files are not read.',
  examples: [
    'alert-stream config ingest --config alerts.yaml --alert-store file:///var/alerts',
    'alert-stream config --config alerts.yaml --format yaml',
    'alert-stream config --list --format json'
  ],
  positionals: [{ name: 'MODE', optional: true, description: 'the mode, followed by its flags' }],
  delegates: true,
  flags: flags({
    format: {
      type: 'choice', choices: ['table', 'json', 'yaml', 'markdown'], default: 'table',
      description: 'Output format. yaml is a configuration file with the effective values and their sources. markdown requires --list.'
    },
    list: { type: 'switch', description: 'List of all flags with their variables, types and defaults, instead of the effective values.' }
  }),
  async run ({ format, list }, words, host) {
    const [first, ...others] = words
    const [name, rest] = first === undefined || first.startsWith('-') ? [undefined, words] : [first, others]
    const chosen = name === undefined ? await host.modes.all() : [await host.modes.find(name)]
    if (name === undefined || list) checkPositionals(commonOnly, readArguments(commonOnly, rest).positionals)
    if (list) return host.print(listing(chosen, format))
    if (format === 'markdown') throw usageErrors.USAGE_BAD_VALUE('--format markdown requires --list', { where: 'config' })
    const effectiveModes = []
    for (const each of chosen) effectiveModes.push({ mode: each.mode, settings: await effectiveSettings(each, rest, host) })
    await host.print(effective(effectiveModes, format))
    await warnOfUnreadVariables(host.environment, chosen, host.modes, host.log)
  }
})

/** The settings that the mode would run with. Positional arguments may be missing. Errors: the USAGE_* codes. */
async function effectiveSettings (target: Mode<Flags>, words: readonly string[], host: Host): Promise<EffectiveSetting[]> {
  const { environment, configFile, modes } = host
  const args = readArguments(target, words)
  rejectExtra(target, args.positionals)
  if (configFile !== undefined) await checkKeys(configFile, target, modes)
  const settings = settingsOf(target, args, environment, configFile)
  // `describe` is called for its usage errors, because it rejects flags that contradict each other.
  const config = configOf(settings)
  await target.describe?.(config, (target.positionals ?? []).map(({ name }) => name))
  const resolved = target.resolve?.(config) ?? {}
  return settings.map(setting => ({ ...setting, resolved: resolved[setting.name] }))
}

function listing (chosen: readonly ListedMode[], format: string): string {
  if (format === 'json') return `${JSON.stringify({ modes: chosen.map(referenceOf) }, null, 2)}\n`
  if (format === 'markdown') return referenceMarkdown(chosen)
  if (format === 'table') return referenceTable(chosen)
  const hint = 'Use --format table, json or markdown.'
  throw usageErrors.USAGE_BAD_VALUE(`--list does not support --format ${format}`, { where: 'config', hint })
}
