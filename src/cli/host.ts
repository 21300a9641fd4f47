// The process as a mode sees it: stdout, progress line, stop signal. The first SIGINT or SIGTERM asks for a clean stop; a second one, at
// least a second later (a terminal's Ctrl-C can arrive twice through npm), ends the process at once.
import { defaultCacheDir } from '../devstack/tools.ts'
import type { Host } from '../program/mode.ts'
import type { Logger } from '../pipeline/log.ts'

const SECOND_SIGNAL_MS = 1000

export interface ProcessHost extends Host {
  /** The signal that asked for the stop, if one did. */
  readonly signal: NodeJS.Signals | undefined
  dispose (): void
}

/** What the command line brings. */
export type HostOptions = Pick<Host, 'environment' | 'configFile' | 'self'> & { readonly cacheDir: string | undefined }

export function createHost (log: Logger, { environment, configFile, cacheDir, self }: HostOptions): ProcessHost {
  const stop = new AbortController()
  let signal: NodeJS.Signals | undefined
  let signalledAt = 0
  let progressShown = false

  const onSignal = (name: NodeJS.Signals): void => {
    const now = Date.now()
    if (signal === undefined) {
      signal = name
      signalledAt = now
      log.info({ signal: name }, 'stopping: finishing what is in hand (a second signal ends at once)')
      stop.abort()
    } else if (now - signalledAt > SECOND_SIGNAL_MS) {
      process.exit(name === 'SIGINT' ? 130 : 143)
    }
  }
  let readerGone = false
  const onPipeError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') return
    readerGone = true
    stop.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  process.stdout.on('error', onPipeError)

  const clearProgress = (): void => {
    if (progressShown) process.stderr.write('\r\x1b[2K')
    progressShown = false
  }
  const isTerminal = process.stderr.isTTY === true
  return {
    log,
    stop: stop.signal,
    requestStop: () => stop.abort(),
    expose: async (status, { adminPort, adminHost }) => {
      if (adminPort === undefined) return undefined
      const { startAdmin } = await import('../admin/admin-server.ts')
      return startAdmin(status, adminPort, adminHost, log)
    },
    environment,
    configFile,
    cacheDir: cacheDir ?? defaultCacheDir(environment),
    self,
    cwd: process.cwd(),
    isTerminal,
    get signal () { return signal },
    print: async text => {
      clearProgress()
      if (readerGone) return
      await new Promise<void>(resolve => { process.stdout.write(text, () => resolve()) })
    },
    progress: line => {
      if (!isTerminal) return
      clearProgress()
      if (line === undefined) return
      process.stderr.write(line.slice(0, (process.stderr.columns || 120) - 1))
      progressShown = true
    },
    dispose: () => {
      clearProgress()
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    }
  }
}
