// Identity of a process: its pid and start time. Pids are reused, so a pid alone may refer to an unrelated process.
// The identity is checked before a process is stopped.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemErrorCode } from '../pipeline/errors.ts'
import { waitUntil } from './wait-until.ts'

export interface ProcessIdentity {
  readonly pid: number
  /** Start time in the format of the operating system; constant while the process runs. */
  readonly started: string
}

export interface ProcessFacts extends ProcessIdentity {
  readonly command: string
}

/** Identity and command line of a running process; undefined if the process does not exist or is a zombie. */
export async function processFacts (pid: number): Promise<ProcessFacts | undefined> {
  return process.platform === 'linux' ? await fromProc(pid) : await fromPs(pid)
}

async function fromProc (pid: number): Promise<ProcessFacts | undefined> {
  try {
    const [stat, command] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile(`/proc/${pid}/cmdline`, 'utf8')])
    // proc_pid_stat(5): field 2, the program name in parentheses, may contain spaces. Field 3 is the state, field 22 the start time.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state, started] = [fields[0], fields[19]]
    if (state === 'Z' || state === 'X' || started === undefined) return undefined
    return { pid, started, command: command.replaceAll('\0', ' ').trim() }
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ESRCH') return undefined
    throw error
  }
}

async function fromPs (pid: number): Promise<ProcessFacts | undefined> {
  const options = { env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } }
  return await new Promise(resolve => {
    execFile('ps', ['-ww', '-o', 'stat=,lstart=,command=', '-p', String(pid)], options, (error, stdout) => {
      const match = /^(\S+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.*)$/.exec(stdout.trim())
      if (error !== null || match === null || match[1]?.startsWith('Z') === true) resolve(undefined)
      else resolve({ pid, started: match[2] ?? '', command: match[3] ?? '' })
    })
  })
}

export async function isAlive (identity: ProcessIdentity): Promise<boolean> {
  return (await processFacts(identity.pid))?.started === identity.started
}

/**
 * Ends a process with SIGTERM, then SIGKILL after `graceMs` (0: SIGKILL at once). Waits for its end. Returns whether SIGKILL was needed.
 * If the process has already ended or the pid was reused, sends no signal and returns false.
 */
export async function endProcess (identity: ProcessIdentity, graceMs: number): Promise<boolean> {
  if (!await isAlive(identity)) return false
  if (graceMs > 0) {
    send(identity.pid, 'SIGTERM')
    if (await waitUntil(async () => !await isAlive(identity), graceMs, 25)) return false
  }
  while (await isAlive(identity)) {
    send(identity.pid, 'SIGKILL')
    await sleep(10)
  }
  return true
}

function send (pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (systemErrorCode(error) !== 'ESRCH') throw error
  }
}
