// A mode run in the test's own process, as the program would run it: flags are parsed, output is collected, an error becomes line and exit code.
// A child costs a second of CPU time for its start: what is tested of the program as such (signals, logs, being killed) needs one, the rest does not.
import { readCommandLine } from '../../src/program/command-line.ts'
import { modes } from '../../src/cli/modes.ts'
import type { Host } from '../../src/program/mode.ts'
import { AlertStreamError, formatError, silent } from '../../src/pipeline/index.ts'
import { cache, type CliResult } from './stack.ts'

/** `argv`: the mode and its flags. */
export async function runMode (argv: readonly string[], environment: Host['environment'] = {}): Promise<Pick<CliResult, 'code' | 'stdout' | 'stderr'>> {
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
