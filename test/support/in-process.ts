// Runs a mode in the process of the test. Like the program, it parses the flags and reports an error by stderr and exit code.
// The start of a child process takes a second of CPU time, so only tests of the process itself (signals, logs, kills) use one.
import { readCommandLine } from '../../src/program/command-line.ts'
import { modes } from '../../src/cli/modes.ts'
import type { Host } from '../../src/program/mode.ts'
import { AlertStreamError, formatError, silent } from '../../src/pipeline/index.ts'
import { cache, type CliResult } from './stack.ts'

/**
 * @param argv the mode and its flags
 * @param stopAt requests a stop, as a signal does, when stdout matches
 */
export async function runMode (
  argv: readonly string[], environment: Host['environment'] = {}, stopAt?: RegExp
): Promise<Pick<CliResult, 'code' | 'stdout' | 'stderr'>> {
  const stop = new AbortController()
  let stdout = ''
  const host: Host = {
    log: silent,
    print: async text => {
      stdout += text
      if (stopAt?.test(stdout) === true) stop.abort()
    },
    progress: () => {},
    stop: stop.signal,
    requestStop: () => { stop.abort() },
    expose: async () => undefined,
    cacheDir: cache().cacheDir,
    environment,
    modes,
    self: [],
    cwd: process.cwd(),
    isTerminal: false
  }
  try {
    const mode = await modes.find(argv[0] ?? '')
    const line = await readCommandLine(mode, argv.slice(1), environment, modes)
    if (line !== undefined) await mode.run(line.config, line.positionals, host)
    return { code: 0, stdout, stderr: '' }
  } catch (error) {
    return { code: error instanceof AlertStreamError && error.usage ? 2 : 1, stdout, stderr: `${formatError(error)}\n` }
  }
}
