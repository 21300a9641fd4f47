// Runs a mode in the test's process as the program would: parses flags, collects output, turns an error into stderr and an exit code.
// Only tests of the process itself (signals, logs, kills) need a child process, whose start takes a second of CPU time.
import { readCommandLine } from '../../src/cli/command-line.ts'
import { findMode } from '../../src/cli/find-mode.ts'
import type { Host } from '../../src/program/mode.ts'
import { AlertStreamError, formatError, silent } from '../../src/pipeline/index.ts'
import { cache, type CliResult } from './stack.ts'

/** `argv`: the mode and its flags. */
export async function runMode (
  argv: readonly string[], environment: Host['environment'] = {}
): Promise<Pick<CliResult, 'code' | 'stdout' | 'stderr'>> {
  const stop = new AbortController()
  let stdout = ''
  const host: Host = {
    log: silent,
    print: async text => { stdout += text },
    progress: () => {},
    stop: stop.signal,
    requestStop: () => { stop.abort() },
    expose: async () => undefined,
    cacheDir: cache().cacheDir,
    environment,
    self: [],
    cwd: process.cwd(),
    isTerminal: false
  }
  try {
    const mode = await findMode(argv[0] ?? '')
    const line = await readCommandLine(mode, argv.slice(1), environment)
    if (line !== undefined) await mode.run(line.config, line.positionals, host)
    return { code: 0, stdout, stderr: '' }
  } catch (error) {
    return { code: error instanceof AlertStreamError && error.code.startsWith('USAGE_') ? 2 : 1, stdout, stderr: `${formatError(error)}\n` }
  }
}
