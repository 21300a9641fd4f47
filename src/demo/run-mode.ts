// Short-lived modes of the demo (generate, sync-schema, create-stream), run to completion in this process.
import { parseCommandLine } from '../config/parse.ts'
import { silent, type Logger } from '../pipeline/index.ts'
import type { Host, Mode } from '../program/mode.ts'

/** Prints one line of the demo's progress. */
export type PrintLine = (line: string) => void

/** Runs a mode with these arguments. Prints its results indented, and logs its warnings and errors only. */
export async function runMode (mode: unknown, args: readonly string[], host: Host, print: PrintLine): Promise<void> {
  const { mode: name, ...rest } = mode as Mode
  const { config, positionals } = parseCommandLine({ mode: name, ...rest }, args, {})
  const log: Logger = { ...silent, warn: (...line) => host.log.warn(...line), error: (...line) => host.log.error(...line) }
  await (mode as Mode).run(config, positionals, { ...host, log, print: async text => { print(`  ${text.trimEnd()}`) } })
}
