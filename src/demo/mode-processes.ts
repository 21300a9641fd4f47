// Long-running modes of the demo. Each mode is a child process with an admin port and, in the state folder, a log file.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts, reclaimFolder, startServer, type Environment, type RunningServer } from '../devstack/index.ts'
import type { NodeStats } from '../pipeline/index.ts'
import type { Host } from '../program/mode.ts'

/** The fields of the admin port's /status response that the demo reads. */
export interface ModeStatus<Stats> {
  readonly nodes: readonly NodeStats[]
  readonly stats: Stats
}

export interface ModeProcess<Stats> extends RunningServer {
  readonly mode: string
  /** URL of the admin port, without a path. */
  readonly admin: string
  /** Returns undefined if the process does not respond, for example while it starts or stops. Never rejects. */
  status (): Promise<ModeStatus<Stats> | undefined>
}

/** Starts a mode and waits until its admin port returns 200 for `path`. Errors: the errors of `startServer`. */
export async function startMode<Stats> (
  mode: string, args: readonly string[], stateDir: string, host: Host, path: '/livez' | '/readyz'
): Promise<ModeProcess<Stats>> {
  const dataDir = join(stateDir, 'modes', mode)
  await mkdir(dataDir, { recursive: true })
  await reclaimFolder(dataDir, host.log)
  // Chooses an admin port other than the --listen-port in `args`. `freePorts` may return the --listen-port, which is not in use yet.
  const port = (await freePorts(2)).find(free => !args.includes(String(free))) ?? 0
  const [program = '', ...firstArgs] = host.self
  const url = `http://127.0.0.1:${port}`
  const server = await startServer({
    name: mode,
    program,
    args: [...firstArgs, mode, ...args, '--admin-port', String(port)],
    env: childEnvironment(host.environment),
    dataDir,
    mark: `--admin-port ${port}`,
    logFile: join(dataDir, 'log'),
    ready: async signal => (await fetch(url + path, { signal })).ok,
    readyMs: 60_000,
    log: host.log
  })
  return { ...server, mode, admin: url, status: async () => await fetchStatus<Stats>(url) }
}

async function fetchStatus<Stats> (url: string): Promise<ModeStatus<Stats> | undefined> {
  try {
    const response = await fetch(`${url}/status`, { signal: AbortSignal.timeout(10_000) })
    return response.ok ? await response.json() as ModeStatus<Stats> : undefined
  } catch {
    return undefined
  }
}

// The demo configures its processes by flags only, so environment variables that set flags are removed, except the log level.
function childEnvironment (environment: Environment): Environment {
  const isOurs = (name: string): boolean => /^(ALERT_STREAM|ALERTDB)_/.test(name) && name !== 'ALERT_STREAM_LOG_LEVEL'
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !isOurs(name)))
}
