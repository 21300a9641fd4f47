// Servers as child processes. Each runs detached, in a process group of its own, so that a terminal's Ctrl-C reaches the program only and
// the servers are stopped after it has drained; a pid file beside the data lets a later run find and stop what a killed run left behind.
import { spawn } from 'node:child_process'
import { access, constants, mkdir, open, readFile, readdir, rename, rm, statfs, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../pipeline/log.ts'
import { systemErrorCode } from '../pipeline/errors.ts'
import { devstackErrors, folderError } from './errors.ts'
import { endProcess, isAlive, processFacts, type ProcessIdentity } from './identity.ts'
import { isDiskFull, isPortTaken, lastWords, type Environment } from './tools.ts'

/** Name of the file that tells which server uses a data folder. */
export const PID_FILE = 'server.pid.json'

/** What a pid file holds. */
export interface PidRecord extends ProcessIdentity {
  readonly name: string
  /** Part of its command line. */
  readonly mark: string
  /** The program that started the server: while it lives, the data folder is its own. */
  readonly owner: ProcessIdentity
}

export interface ServerSpec {
  /** Shown to the user: `Kafka`. */
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly env: Environment
  /** The server's own folder; the pid file lies here. */
  readonly dataDir: string
  /** Something of `args` that tells it from other programs; default the path of `dataDir`. */
  readonly mark?: string
  readonly logFile: string
  readonly cwd?: string
  /** Resolves true once the server answers; called again and again until then. */
  readonly ready: (signal: AbortSignal) => Promise<boolean>
  /** What in its log means that it will never answer; it is ended then (Kafka takes a minute to give up by itself). */
  readonly hopeless?: RegExp
  /** How long it may take until it answers. */
  readonly readyMs: number
  readonly log: Logger
}

/** How a server ended. */
interface ServerExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface RunningServer extends ProcessIdentity {
  readonly logFile: string
  /** Resolves when the process ends, for whatever reason; never rejects. */
  readonly exited: Promise<ServerExit>
  /** SIGTERM, then SIGKILL after `graceMs` (default 20 s). Resolves when the process is gone; may be called again. */
  stop (graceMs?: number): Promise<void>
  /** SIGKILL. Resolves when the process is gone. */
  kill (): Promise<void>
  /** Lets this program end while the server runs on; a later one finds it by its pid file. */
  unref (): void
}

/** The folder, made and tried: an error that names it where it cannot be written. */
export async function writableFolder (folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw folderError(error, folder)
  }
}

/**
 * Clears the way for a new server on `dataDir`: a server that a killed run left there is stopped; one whose owner still lives is refused
 * with DEVSTACK_IN_USE. A pid file whose process is gone, or is a stranger's by now, is just removed.
 */
export async function reclaimFolder (dataDir: string, log: Logger): Promise<void> {
  const record = await readPidFile(dataDir)
  if (record === undefined) return
  const facts = await processFacts(record.pid)
  if (facts?.started === record.started && facts.command.includes(record.mark)) {
    if (await isAlive(record.owner)) {
      throw devstackErrors.DEVSTACK_IN_USE(`${record.name} (process ${record.pid}) of the running program ${record.owner.pid} uses this folder`, { where: dataDir })
    }
    log.warn({ pid: record.pid, dataDir }, `stopping ${record.name} that an earlier run left behind`)
    await endProcess(record, 20_000)
  }
  await rm(join(dataDir, PID_FILE), { force: true })
}

/** Starts a server and waits until it answers; rejects, with nothing left running, where it ends or stays silent. */
export async function startServer (spec: ServerSpec): Promise<RunningServer> {
  const { name, dataDir, logFile } = spec
  await writableFolder(dirname(logFile))
  const log = await freshLog(logFile)
  let child
  try {
    child = spawn(spec.program, spec.args, { env: spec.env, cwd: spec.cwd, detached: true, stdio: ['ignore', log.fd, log.fd] })
  } finally {
    await log.close()
  }
  // Attached at once: an exit that comes while files are written is not missed.
  const exited = new Promise<ServerExit>(resolve => {
    child.once('exit', (code, signal) => { resolve({ code, signal }) })
    child.once('error', () => { resolve({ code: null, signal: null }) })
  })
  const { pid } = child
  if (pid === undefined) throw devstackErrors.DEVSTACK_SERVER_DIED(`${name} could not be started with ${spec.program}`, { where: logFile })

  const facts = await processFacts(pid)
  const identity = { pid, started: facts?.started ?? '' }
  const end = async (graceMs: number): Promise<void> => {
    if (await endProcess(identity, graceMs) && graceMs > 0) spec.log.warn({ pid }, `${name} did not stop in time and was killed`)
    // Waited for, so that no zombie stays behind when this program ends right after.
    child.ref()
    await exited
    const record = await readPidFile(dataDir)
    if (record?.pid === pid) await rm(join(dataDir, PID_FILE), { force: true })
  }
  try {
    await writePidFile(dataDir, name, spec.mark ?? dataDir, identity)
    await untilReady(spec, exited)
  } catch (error) {
    await end(0)
    throw error
  }
  return {
    ...identity,
    logFile,
    exited,
    stop: async (graceMs = 20_000) => { await end(graceMs) },
    kill: async () => { await end(0) },
    unref: () => { child.unref() }
  }
}

async function untilReady (spec: ServerSpec, exited: Promise<ServerExit>): Promise<void> {
  const { name, logFile } = spec
  let exit: ServerExit | undefined
  const trying = new AbortController()
  void exited.then(how => {
    exit = how
    trying.abort()
  })
  for (const deadline = Date.now() + spec.readyMs; Date.now() < deadline;) {
    if (exit === undefined && await spec.ready(AbortSignal.any([trying.signal, AbortSignal.timeout(5_000)])).catch(() => false)) return
    const text = exit !== undefined || spec.hopeless !== undefined ? await readFile(logFile, 'utf8').catch(() => '') : ''
    if (exit !== undefined) throw await diedError(spec, `ended with ${described(exit)} before it answered`, text)
    if (spec.hopeless?.test(text) === true) throw await diedError(spec, 'cannot start', text)
    await sleep(50)
  }
  const said = lastWords(await readFile(logFile, 'utf8').catch(() => ''))
  throw devstackErrors.DEVSTACK_SERVER_SILENT(`${name} did not answer within ${spec.readyMs / 1000} s${said}`, { where: logFile })
}

function described ({ code, signal }: ServerExit): string {
  return signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`
}

async function diedError ({ name, dataDir, logFile }: ServerSpec, how: string, text: string): Promise<Error> {
  // On a full disk the log itself may have got no room.
  const room = await statfs(dataDir).then(({ bavail, bsize }) => bavail * bsize, () => Infinity)
  if (isDiskFull(text) || room < 1024 * 1024) return devstackErrors.DEVSTACK_DISK_FULL(`${name} ${how}: no space is left on the disk`, { where: dataDir })
  // The launcher tells this one by its code: with a port of its own choice, it tries another.
  if (isPortTaken(text)) return devstackErrors.DEVSTACK_PORT_IN_USE(`${name} ${how}: its port is taken${lastWords(text)}`, { where: logFile })
  return devstackErrors.DEVSTACK_SERVER_DIED(`${name} ${how}${lastWords(text)}`, { where: logFile })
}

// Each start has a log of its own, so that a tail is never an earlier start's; the one before is kept.
async function freshLog (logFile: string): Promise<Awaited<ReturnType<typeof open>>> {
  try {
    await rename(logFile, `${logFile}.1`)
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw folderError(error, dirname(logFile))
  }
  try {
    return await open(logFile, 'a')
  } catch (error) {
    throw folderError(error, dirname(logFile))
  }
}

async function writePidFile (dataDir: string, name: string, mark: string, identity: ProcessIdentity): Promise<void> {
  const me = await processFacts(process.pid)
  const record: PidRecord = { ...identity, name, mark, owner: { pid: process.pid, started: me?.started ?? '' } }
  const path = join(dataDir, PID_FILE)
  try {
    await writeFile(`${path}.new`, JSON.stringify(record))
    await rename(`${path}.new`, path)
  } catch (error) {
    throw folderError(error, dataDir)
  }
}

async function readPidFile (dataDir: string): Promise<PidRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(dataDir, PID_FILE), 'utf8')) as PidRecord
  } catch (error) {
    // A file that a crash left half-written tells nothing: the server's own lock on its data decides then.
    if (systemErrorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw folderError(error, dataDir)
  }
}

/** Ends every server whose pid file lies anywhere under `folder`, whoever owns it; says which. For a run that cleans up after itself. */
export async function endServersUnder (folder: string, graceMs: number): Promise<PidRecord[]> {
  const ended: PidRecord[] = []
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  await Promise.all(entries.filter(entry => entry.name === PID_FILE).map(async entry => {
    const record = await readPidFile(entry.parentPath)
    if (record === undefined || !await isAlive(record)) return
    await endProcess(record, graceMs)
    ended.push(record)
  }))
  return ended
}
