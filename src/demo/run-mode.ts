// Runs the demo's short-lived modes (generate, sync-schema, create-stream) to completion in this process.
import type { Flags } from '../config/flags.ts'
import { parseCommandLine } from '../config/parse.ts'
import { silent, type Logger } from '../pipeline/index.ts'
import type { Host, Mode } from '../program/mode.ts'

/** Prints one line of the demo's progress. */
export type PrintLine = (line: string) => void

/** Runs a mode with `args`. Prints the mode's results indented, and logs only its warnings and errors. */
export async function runMode<F extends Flags> (mode: Mode<F>, args: readonly string[], host: Host, print: PrintLine): Promise<void> {
  const { config, positionals } = parseCommandLine(mode, args, {})
  const log: Logger = { ...silent, warn: (...line) => host.log.warn(...line), error: (...line) => host.log.error(...line) }
  await mode.run(config, positionals, { ...host, log, print: async text => { print(`  ${text.trimEnd()}`) } })
}
