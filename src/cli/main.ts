// The entry point: `alert-stream MODE [flags]`. Only this folder reads argv, the environment and signals, prints errors and sets exit
// codes. Exit codes: 0 success (also a clean drain after a signal), 1 failure, 2 wrong usage. No package is imported here, so that the
// overview and --version start at once.
import { fileURLToPath } from 'node:url'
import { modeHelp } from '../config/help.ts'
import type { Environment } from '../config/parse.ts'
import { versionLine } from '../config/version.ts'
import { AlertStreamError, formatError } from '../pipeline/errors.ts'
import { readCommandLine } from '../program/command-line.ts'
import { warnOfUnreadVariables } from '../program/unread-variables.ts'
import { createHost } from './host.ts'
import { modes, overview } from './modes.ts'
import { plainLogger } from './plain-logger.ts'

/** After a mode has failed, the process exits after this time, even if a client library is still retrying a request. */
const LINGER_MS = 3000

export async function main (argv: readonly string[]): Promise<number> {
  let debug = argv.includes('--debug')
  ignoreBrokenPipes()
  process.on('uncaughtException', error => {
    printError(error, debug)
    process.exit(1)
  })
  try {
    return await runCommand(argv, takeEnvironment(), on => { debug = on })
  } catch (error) {
    printError(error, debug)
    return error instanceof AlertStreamError && error.usage ? 2 : 1
  } finally {
    setTimeout(() => process.exit(), LINGER_MS).unref()
  }
}

async function runCommand (argv: readonly string[], environment: Environment, onDebug: (on: boolean) => void): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined) {
    process.stderr.write(overview())
    return 2
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(name === 'help' && rest[0] !== undefined ? modeHelp(await modes.find(rest[0])) : overview())
    return 0
  }
  if (name === '--version') {
    process.stdout.write(`${versionLine(environment)}\n`)
    return 0
  }
  const mode = await modes.find(name)
  const line = await readCommandLine(mode, rest, environment, modes)
  if (line === undefined) {
    process.stdout.write(modeHelp(mode))
    return 0
  }
  const { config, positionals, configFile } = line
  const common = config as unknown as { readonly debug: boolean, readonly logLevel: string, readonly cacheDir?: string }
  onDebug(common.debug)
  const level = common.debug ? 'debug' : common.logLevel
  const log = mode.plainLogs === true
    ? plainLogger(level, line => { process.stderr.write(line) })
    : await (await import('./logger.ts')).createLogger(level, mode.mode, process.stderr.isTTY === true)
  // `config`, the only mode with `delegates`, reads the variables of other modes and calls warnOfUnreadVariables itself.
  if (mode.delegates !== true) await warnOfUnreadVariables(environment, [mode], modes, log)
  const self = [process.execPath, fileURLToPath(new URL('../../bin/alert-stream.js', import.meta.url))]
  const host = createHost(log, { environment, configFile, modes, cacheDir: common.cacheDir, self })
  try {
    await mode.run(config, positionals, host)
  } finally {
    host.dispose()
  }
  return 0
}

// The Cloud Storage client library reads two variables from process.env. It would misread STORAGE_EMULATOR_HOST, so that variable is
// deleted, and our store reads it from the returned environment. NO_PROXY keeps the library from using a proxy for local servers.
function takeEnvironment (): Environment {
  const environment = { ...process.env }
  delete process.env.STORAGE_EMULATOR_HOST
  const noProxy = process.env.NO_PROXY ?? process.env.no_proxy ?? ''
  process.env.NO_PROXY = [noProxy, 'localhost', '127.0.0.1'].filter(host => host !== '').join(',')
  return environment
}

/** Prints the error on one line. With --debug, also prints its stack. */
function printError (error: unknown, debug: boolean): void {
  process.stderr.write(`${formatError(error).replace(/\s*\n\s*/g, ' ')}\n`)
  if (debug && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`)
}

/** EPIPE (the reader closed the pipe, as in `| head -1`) is not an error. While a mode runs, the host also stops the mode (host.ts). */
function ignoreBrokenPipes (): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => { if (error.code !== 'EPIPE') throw error })
  }
}

function stackOf (error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return (error.stack ?? error.message) + cause
}
