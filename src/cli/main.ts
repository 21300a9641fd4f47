// The program's entry: `alert-stream MODE [flags]`. The only place that reads argv, the environment and signals, and that turns errors into
// lines and exit codes: 0 done (also after a clean drain on a signal), 1 failed, 2 wrong usage.
import { fileURLToPath } from 'node:url'
import { modeHelp } from '../config/help.ts'
import { usageErrors } from '../config/errors.ts'
import type { Environment } from '../config/parse.ts'
import { AlertStreamError, formatError } from '../pipeline/index.ts'
import { readCommandLine } from './command-line.ts'
import { findMode } from './find-mode.ts'
import { createHost } from './host.ts'
import { createLogger } from './logger.ts'
import { modes } from './modes.ts'
import { warnOfUnread } from './unread.ts'
import { versionLine } from '../config/version.ts'

/** What a mode leaves behind when it fails (a request that a client library goes on repeating) must not keep the process. */
const LINGER_MS = 3000

export async function main (argv: readonly string[]): Promise<number> {
  let debug = argv.includes('--debug')
  guardPipes()
  process.on('uncaughtException', error => {
    complain(error, debug)
    process.exit(1)
  })
  try {
    await perform(argv, ownEnvironment(), on => { debug = on })
    return 0
  } catch (error) {
    complain(error, debug)
    return error instanceof AlertStreamError && error.usage ? 2 : 1
  } finally {
    setTimeout(() => process.exit(), LINGER_MS).unref()
  }
}

async function perform (argv: readonly string[], environment: Environment, onDebug: (on: boolean) => void): Promise<void> {
  const [name, ...rest] = argv
  if (name === undefined) throw usageErrors.USAGE_MISSING('no mode is given', { hint: `It is one of ${Object.keys(modes).join(', ')}; run "alert-stream --help" for what they do.` })
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(name === 'help' && rest[0] !== undefined ? modeHelp(await findMode(rest[0])) : overview())
    return
  }
  if (name === '--version') {
    process.stdout.write(`${versionLine(environment)}\n`)
    return
  }
  const mode = await findMode(name)
  const line = await readCommandLine(mode, rest, environment)
  if (line === undefined) {
    process.stdout.write(modeHelp(mode))
    return
  }
  const { config, positionals, configFile } = line
  const common = config as unknown as { readonly debug: boolean, readonly logLevel: string, readonly cacheDir?: string }
  onDebug(common.debug)
  const log = createLogger(common.debug ? 'debug' : common.logLevel, mode.mode, process.stderr.isTTY === true)
  // The one that prints values looks at all of them, after its result.
  if (mode.delegates !== true) await warnOfUnread(environment, [mode], log)
  const self = [process.execPath, fileURLToPath(new URL('../../bin/alert-stream.js', import.meta.url))]
  const host = createHost(log, { environment, configFile, cacheDir: common.cacheDir, self })
  try {
    await mode.run(config, positionals, host)
  } finally {
    host.dispose()
  }
}

// The client library of Cloud Storage reads STORAGE_EMULATOR_HOST by itself and makes a wrong address of it: our store gets it from the host.
function ownEnvironment (): Environment {
  const environment = { ...process.env }
  delete process.env.STORAGE_EMULATOR_HOST
  // Nor would it know that no proxy is on the way to a server of this machine.
  process.env.NO_PROXY = [process.env.NO_PROXY ?? process.env.no_proxy ?? '', 'localhost', '127.0.0.1'].filter(host => host !== '').join(',')
  return environment
}

/** One line for the user; where the program went wrong only for who asks. */
function complain (error: unknown, debug: boolean): void {
  process.stderr.write(`${formatError(error).replace(/\s*\n\s*/g, ' ')}\n`)
  if (debug && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`)
}

/** A reader that went away (`| head -1`) is no error; a mode that runs hears of it from its host. */
function guardPipes (): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => { if (error.code !== 'EPIPE') throw error })
  }
}

function overview (): string {
  const width = Math.max(...Object.keys(modes).map(name => name.length))
  return [
    'Usage: alert-stream MODE [flags]', '',
    'Distributes astronomical alerts: from Avro files through Kafka into an archive that is served over HTTP.', '',
    'Modes:', ...Object.entries(modes).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`), '',
    'alert-stream MODE --help explains a mode and its flags. "npm start" runs "demo": all of it on this machine.'
  ].join('\n') + '\n'
}

function stackOf (error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return (error.stack ?? error.message) + cause
}
