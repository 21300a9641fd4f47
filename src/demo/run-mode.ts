// Short-lived modes of the demo (generate, sync-schema, create-stream), run to completion in this process.
import type { Flags } from '../config/flags.ts'
import { parseCommandLine } from '../config/parse.ts'
import { silent, type Logger } from '../pipeline/index.ts'
import type { Host, Mode } from '../program/mode.ts'

/** Prints one line of the demo's progress. */
export type PrintLine = (line: string) => void

/** Runs a mode with these arguments. Prints its results indented, and logs its warnings and errors only. */
export async function runMode<F extends Flags> (mode: Mode<F>, args: readonly string[], host: Host, print: PrintLine): Promise<void> {
  const { config, positionals } = parseCommandLine(mode, args, {})
  const log: Logger = { ...silent, warn: (...line) => host.log.warn(...line), error: (...line) => host.log.error(...line) }
  await mode.run(config, positionals, { ...host, log, print: async text => { print(`  ${text.trimEnd()}`) } })
}
