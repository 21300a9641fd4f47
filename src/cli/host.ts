// The host of a mode: stdout, progress line and stop signal of this process. The first SIGINT or SIGTERM requests a clean stop.
// A later signal exits at once, but signals within 1000 ms of the first are ignored, because npm can deliver one Ctrl-C twice.
import { defaultCacheDir } from '../devstack/tools.ts'
import type { Logger } from '../pipeline/log.ts'
import type { Host } from '../program/mode.ts'

const SECOND_SIGNAL_MS = 1000

interface ProcessHost extends Host {
  /** Clears the progress line and removes the signal handlers. */
  dispose (): void
}

type HostOptions = Pick<Host, 'environment' | 'configFile' | 'modes' | 'self'> & { readonly cacheDir: string | undefined }

export function createHost (log: Logger, { cacheDir, ...options }: HostOptions): ProcessHost {
  const stop = new AbortController()
  let signalledAt: number | undefined
  let progressShown = false

  const onSignal = (name: NodeJS.Signals): void => {
    const now = Date.now()
    if (signalledAt === undefined) {
      signalledAt = now
      log.info({ signal: name }, 'stopping: draining records in flight (a second signal exits at once)')
      stop.abort()
    } else if (now - signalledAt > SECOND_SIGNAL_MS) {
      process.exit(name === 'SIGINT' ? 130 : 143)
    }
  }
  let stdoutClosed = false
  const onPipeError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') return
    stdoutClosed = true
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
    ...options,
    log,
    stop: stop.signal,
    requestStop: () => stop.abort(),
    expose: async (status, { adminPort, adminHost }) => {
      if (adminPort === undefined) return undefined
      const { startAdmin } = await import('../admin/admin-server.ts')
      return startAdmin(status, adminPort, adminHost, log)
    },
    cacheDir: cacheDir ?? defaultCacheDir(options.environment),
    cwd: process.cwd(),
    isTerminal,
    print: async text => {
      clearProgress()
      if (stdoutClosed) return
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
