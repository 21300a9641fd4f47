// Servers as detached child processes with a pid file in their data folder.
// Ctrl-C in a terminal does not reach the servers, so this program can finish its work before it stops them.
// The pid file lets a later run find and stop a server that a killed run left behind.
import { spawn } from 'node:child_process'
import { access, constants, mkdir, open, readFile, readdir, rename, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemErrorCode } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { writeAtomically } from './atomic-file.ts'
import { devstackErrors, folderError } from './errors.ts'
import { endProcess, isAlive, processFacts, type ProcessIdentity } from './process-identity.ts'
import { isDiskFull, isPortTaken, tailOf, type Environment } from './tools.ts'
import { waitUntil } from './wait-until.ts'

const PID_FILE = 'server.pid.json'

export interface PidRecord extends ProcessIdentity {
  readonly name: string
  /** Part of the server's command line, by which a later run recognizes the server. */
  readonly mark: string
  /** The program that started the server. While the owner runs, no other program may use the data folder. */
  readonly owner: ProcessIdentity
}

export interface ServerSpec {
  /** Name in messages: `Kafka`. */
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly env: Environment
  /** The server's folder, which holds the pid file. */
  readonly dataDir: string
  /** Part of `args` that distinguishes this server from other programs; default: the path of `dataDir`. */
  readonly mark?: string
  readonly logFile: string
  readonly cwd?: string
  /** Checks whether the server is ready. Called until the result is true. */
  readonly ready: (signal: AbortSignal) => Promise<boolean>
  /** Matches a log text that shows a failed start. The server is then ended at once (Kafka itself gives up after a minute). */
  readonly fatalLog?: RegExp
  /** Startup timeout, milliseconds. */
  readonly readyMs: number
  readonly log: Logger
}

interface ServerExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface RunningServer extends ProcessIdentity {
  readonly logFile: string
  /** Resolves when the process ends for any reason; never rejects. */
  readonly exited: Promise<ServerExit>
  /** Sends SIGTERM, then SIGKILL after `graceMs` (default: 20 s). Resolves when the process has ended. Idempotent. */
  stop (graceMs?: number): Promise<void>
  /** Sends SIGKILL. Resolves when the process has ended. */
  kill (): Promise<void>
  /** Lets this program exit while the server keeps running. A later program finds the server by its pid file. */
  unref (): void
}

const GRACE_MS = 20_000
const POLL_MS = 50
const PROBE_MS = 5_000

/** Creates the folder if necessary and checks that it is writable. Errors: DEVSTACK_FOLDER, DEVSTACK_DISK_FULL. */
export async function writableFolder (folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw folderError(error, folder)
  }
}

/**
 * Prepares a data folder for a new server: stops a server that a killed run left there and removes its pid file.
 * If the owner of that server is still running, throws DEVSTACK_IN_USE. If another process now has the pid, only removes the pid file.
 */
export async function reclaimFolder (dataDir: string, log: Logger): Promise<void> {
  const record = await readPidFile(dataDir)
  if (record === undefined) return
  const facts = await processFacts(record.pid)
  if (facts?.started === record.started && facts.command.includes(record.mark)) {
    if (await isAlive(record.owner)) {
      const what = `the folder is in use by ${record.name} (process ${record.pid}), which process ${record.owner.pid} started`
      throw devstackErrors.DEVSTACK_IN_USE(what, { where: dataDir })
    }
    log.warn({ pid: record.pid, dataDir }, `stopping ${record.name}, which an earlier run left running`)
    await endProcess(record, GRACE_MS)
  }
  await rm(join(dataDir, PID_FILE), { force: true })
}

/**
 * Starts a server and waits until it is ready. If the start fails, no process keeps running.
 * Errors: DEVSTACK_SERVER_DIED, DEVSTACK_SERVER_SILENT, DEVSTACK_PORT_IN_USE, DEVSTACK_FOLDER, DEVSTACK_DISK_FULL.
 */
export async function startServer (spec: ServerSpec): Promise<RunningServer> {
  const { name, dataDir, logFile } = spec
  await writableFolder(dirname(logFile))
  const log = await openLog(logFile)
  let child
  try {
    child = spawn(spec.program, spec.args, { env: spec.env, cwd: spec.cwd, detached: true, stdio: ['ignore', log.fd, log.fd] })
  } finally {
    await log.close()
  }
  // The event listeners are attached before the next await, so that an early exit is not missed.
  const exited = new Promise<ServerExit>(resolve => {
    child.once('exit', (code, signal) => { resolve({ code, signal }) })
    child.once('error', () => { resolve({ code: null, signal: null }) })
  })
  const { pid } = child
  if (pid === undefined) throw devstackErrors.DEVSTACK_SERVER_DIED(`cannot start ${name} with ${spec.program}`, { where: logFile })

  const facts = await processFacts(pid)
  const identity = { pid, started: facts?.started ?? '' }
  const end = async (graceMs: number): Promise<void> => {
    if (await endProcess(identity, graceMs) && graceMs > 0) spec.log.warn({ pid }, `${name} did not stop in time and was killed`)
    // Waits for the exit event, so that no zombie remains if this program exits immediately afterwards.
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
    stop: async (graceMs = GRACE_MS) => { await end(graceMs) },
    kill: async () => { await end(0) },
    unref: () => { child.unref() }
  }
}

async function untilReady (spec: ServerSpec, exited: Promise<ServerExit>): Promise<void> {
  const { name, logFile, fatalLog, readyMs } = spec
  let exit: ServerExit | undefined
  const ended = new AbortController()
  void exited.then(how => {
    exit = how
    ended.abort()
  })
  const readLog = async (): Promise<string> => await readFile(logFile, 'utf8').catch(() => '')
  const ready = await waitUntil(async () => {
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(PROBE_MS)])
    if (exit === undefined && await spec.ready(signal).catch(() => false)) return true
    const text = exit !== undefined || fatalLog !== undefined ? await readLog() : ''
    if (exit !== undefined) throw await startError(spec, `${describeExit(exit)} before it was ready`, text)
    if (fatalLog?.test(text) === true) throw await startError(spec, 'cannot start', text)
    return false
  }, readyMs, POLL_MS)
  if (ready) return
  const what = `${name} was not ready within ${readyMs / 1000} s${logTail(await readLog())}`
  throw devstackErrors.DEVSTACK_SERVER_SILENT(what, { where: logFile })
}

/** For example `exited with code 1` or `was killed by SIGKILL`. */
export function describeExit ({ code, signal }: ServerExit): string {
  return signal === null ? `exited with code ${code ?? 'unknown'}` : `was killed by ${signal}`
}

/** The last lines of a log, to append to an error message. */
export function logTail (text: string): string {
  const tail = tailOf(text, 8)
  return tail === '' ? '' : `. End of its log:\n${tail.replaceAll(/^/gm, '  | ')}\n`
}

async function startError ({ name, dataDir, logFile }: ServerSpec, how: string, text: string): Promise<Error> {
  // If the disk is full, the server may be unable to log that error, so the free space is checked too.
  const free = await statfs(dataDir).then(({ bavail, bsize }) => bavail * bsize, () => Infinity)
  if (isDiskFull(text) || free < 1024 * 1024) {
    return devstackErrors.DEVSTACK_DISK_FULL(`${name} ${how}: no space left on the disk`, { where: dataDir })
  }
  // launchOn() retries DEVSTACK_PORT_IN_USE with another free port.
  if (isPortTaken(text)) {
    return devstackErrors.DEVSTACK_PORT_IN_USE(`${name} ${how}: its port is in use${logTail(text)}`, { where: logFile })
  }
  return devstackErrors.DEVSTACK_SERVER_DIED(`${name} ${how}${logTail(text)}`, { where: logFile })
}

// Each start writes a new log, so that the tail of a log never shows an earlier start. The previous log is kept as LOG.1.
async function openLog (logFile: string): Promise<Awaited<ReturnType<typeof open>>> {
  try {
    await rename(logFile, `${logFile}.1`).catch((error: unknown) => { if (systemErrorCode(error) !== 'ENOENT') throw error })
    return await open(logFile, 'a')
  } catch (error) {
    throw folderError(error, dirname(logFile))
  }
}

async function writePidFile (dataDir: string, name: string, mark: string, identity: ProcessIdentity): Promise<void> {
  const self = await processFacts(process.pid)
  const record: PidRecord = { ...identity, name, mark, owner: { pid: process.pid, started: self?.started ?? '' } }
  try {
    await writeAtomically(join(dataDir, PID_FILE), JSON.stringify(record))
  } catch (error) {
    throw folderError(error, dataDir)
  }
}

async function readPidFile (dataDir: string): Promise<PidRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(dataDir, PID_FILE), 'utf8')) as PidRecord
  } catch (error) {
    // A pid file truncated by a crash counts as missing. If the server still runs, its lock on its data prevents a second start.
    if (systemErrorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw folderError(error, dataDir)
  }
}

/** Ends every server with a pid file anywhere under `folder`, regardless of its owner, and returns the ended servers. */
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
