// config: what a mode would run with, and where each value came from, without running it. The same words, variables and file give the same
// values and the same errors as the mode itself. Part of the CLI because it speaks of every mode; it reads no file but --config's.
import { checkPositionals, readArguments, refuseExtra } from '../config/argv.ts'
import { commonFlags } from '../config/common.ts'
import { effective } from '../config/effective.ts'
import { usageErrors } from '../config/errors.ts'
import { checkKeys } from '../config/file.ts'
import { flags, type Flags } from '../config/flags.ts'
import { configOf, settle, type Setting } from '../config/parse.ts'
import { referenceMarkdown, referenceOf, referenceTable } from '../config/reference.ts'
import { mode, type Host, type Mode } from '../program/mode.ts'
import { allModes, findMode } from '../cli/find-mode.ts'
import { modes } from '../cli/modes.ts'
import { warnOfUnread } from '../cli/unread.ts'

const none = { mode: 'config', flags: commonFlags }

export default mode({
  mode: 'config',
  summary: 'Prints the values that a mode would run with, and where each came from.',
  about: 'Takes the command line of any mode and checks it, the environment and the configuration file as that mode would. Without MODE: all modes, so that every section of the file is checked. Secrets are masked; a file that holds a password is not read.',
  examples: [
    'alert-stream config ingest --config alerts.yaml --alert-store file:///var/alerts', 'alert-stream config --config alerts.yaml --format yaml',
    'alert-stream config --list --format json'
  ],
  positionals: [{ name: 'MODE', optional: true, description: 'the mode, followed by flags as for that mode' }],
  delegates: true,
  flags: flags({
    format: { type: 'choice', choices: ['table', 'json', 'yaml', 'markdown'], default: 'table', description: 'yaml: a configuration file that sets these values, with their origins as comments. markdown: with --list only.' },
    list: { type: 'switch', description: 'Every flag there is, with its variables, type and default, instead of its value.' }
  }),
  async run ({ format, list }, words, host) {
    const [first, ...others] = words
    const [name, rest] = first === undefined || first.startsWith('-') ? [undefined, words] : [first, others]
    const chosen = name === undefined ? await allModes() : [await findMode(name)]
    // Without MODE no flag but every mode's can be meant; and a listing has no values.
    if (name === undefined || list) checkPositionals(none, readArguments(none, rest).positionals)
    if (list) return host.print(listing(chosen, format))
    if (format === 'markdown') throw usageErrors.USAGE_BAD_VALUE('--format markdown is for --list only', { where: 'config', hint: 'Give table, json or yaml, or --list.' })
    const effectiveModes = []
    for (const each of chosen) effectiveModes.push({ mode: each.mode, settings: await settingsOf(each, rest, host) })
    await host.print(effective(effectiveModes, format))
    await warnOfUnread(host.environment, chosen, host.log)
  }
})

/** What the mode itself would make of these words; arguments may be left out. Errors: the USAGE_* codes. */
async function settingsOf (target: Mode<Flags>, words: readonly string[], { environment, configFile }: Host): Promise<Setting[]> {
  const read = readArguments(target, words)
  refuseExtra(target, read.positionals)
  if (configFile !== undefined) await checkKeys(configFile, target, Object.keys(modes), async () => (await allModes()).map(each => each.flags))
  const settings = settle(target, read, environment, configFile)
  // Flags that contradict each other are the mode's own affair, and it looks at them before it describes what it would run.
  await target.describe?.(configOf(settings), (target.positionals ?? []).map(({ name }) => name))
  return settings
}

function listing (chosen: readonly Mode<Flags>[], format: string): string {
  switch (format) {
    case 'json': return `${JSON.stringify({ modes: chosen.map(referenceOf) }, null, 2)}\n`
    case 'markdown': return referenceMarkdown(chosen)
    case 'table': return referenceTable(chosen)
    default: throw usageErrors.USAGE_BAD_VALUE(`--list cannot be printed as ${format}`, { where: 'config', hint: 'Give --format table, json or markdown.' })
  }
}
