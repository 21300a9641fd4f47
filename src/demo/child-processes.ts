// The long-running modes of the demo, each a process of its own as in production: this same program, started detached (a terminal's Ctrl-C
// must not reach them before the demo drains them), with its log in the state folder and an admin port that the demo asks for counts.
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts, lastWords, reclaimFolder, startServer, type Environment, type RunningServer } from '../devstack/index.ts'
import type { NodeStats } from '../pipeline/index.ts'
import { modeErrors } from '../program/errors.ts'
import type { Host } from '../program/mode.ts'

/** What /status of an admin port says. */
export interface ModeStatus<Stats> {
  readonly state?: string
  readonly nodes: readonly NodeStats[]
  readonly stats: Stats
}

export interface ModeProcess<Stats> extends RunningServer {
  readonly mode: string
  /** URL of its admin port, without a path. */
  readonly admin: string
  /** Undefined while it does not answer: it is beginning, ending or busy. Never rejects. */
  status (): Promise<ModeStatus<Stats> | undefined>
}

/** Starts a mode and waits until its admin port answers at `path`. Error: DEVSTACK_SERVER_DIED with the last words of its log. */
export async function startMode<Stats> (
  mode: string, args: readonly string[], stateDir: string, host: Host, path: '/livez' | '/readyz'
): Promise<ModeProcess<Stats>> {
  const dataDir = join(stateDir, 'modes', mode)
  await mkdir(dataDir, { recursive: true })
  await reclaimFolder(dataDir, host.log)
  // A port that the mode is told to open is free until then.
  const port = (await freePorts(2)).find(each => !args.includes(String(each))) ?? 0
  const [program = '', ...first] = host.self
  const url = `http://127.0.0.1:${port}`
  const server = await startServer({
    name: mode,
    program,
    args: [...first, mode, ...args, '--admin-port', String(port)],
    env: environmentOf(host.environment),
    dataDir,
    mark: `--admin-port ${port}`,
    logFile: join(dataDir, 'log'),
    ready: async signal => (await fetch(url + path, { signal })).ok,
    readyMs: 60_000,
    log: host.log
  })
  return { ...server, mode, admin: url, status: async () => statusOf<Stats>(url) }
}

async function statusOf<Stats> (url: string): Promise<ModeStatus<Stats> | undefined> {
  try {
    const answer = await fetch(`${url}/status`, { signal: AbortSignal.timeout(10_000) })
    return answer.ok ? await answer.json() as ModeStatus<Stats> : undefined
  } catch {
    return undefined
  }
}

// The demo says by flags all that its parts need: what the user has set for other runs must not change them.
function environmentOf (environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => name === 'ALERT_STREAM_LOG_LEVEL' || !/^(ALERT_STREAM|ALERTDB)_/.test(name)))
}

/** Rejects when a part ends although nobody stopped it. Error: DEMO_PART_FAILED with the last words of its log. */
export async function whenItDies (name: string, server: Pick<RunningServer, 'exited' | 'logFile'>, stopping: () => boolean): Promise<never> {
  const { code, signal } = await server.exited
  if (stopping()) return await new Promise<never>(() => {})
  const said = lastWords(await readFile(server.logFile, 'utf8').catch(() => ''))
  throw modeErrors.DEMO_PART_FAILED(`${name} ended with ${signal === null ? `exit code ${code}` : `signal ${signal}`}${said}`, { where: server.logFile })
}
