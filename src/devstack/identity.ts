// Which process a pid file means. A pid alone is not enough: pids are used again, so a process is known by its pid, the time it
// started and its command line. Everything that stops a server checks this first, and so never ends a stranger's process.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemErrorCode } from '../pipeline/errors.ts'

export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in the system's own words: equal for as long as the process lives. */
  readonly started: string
}

export interface ProcessFacts extends ProcessIdentity {
  readonly command: string
}

/** Facts of a living process; undefined where there is none (a zombie counts as dead). */
export async function processFacts (pid: number): Promise<ProcessFacts | undefined> {
  return process.platform === 'linux' ? await fromProc(pid) : await fromPs(pid)
}

async function fromProc (pid: number): Promise<ProcessFacts | undefined> {
  try {
    const [stat, command] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile(`/proc/${pid}/cmdline`, 'utf8')])
    // The second field is the program's name in brackets and may hold spaces: count from its end.
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

/** Whether that very process still lives. */
export async function isAlive (identity: ProcessIdentity): Promise<boolean> {
  return (await processFacts(identity.pid))?.started === identity.started
}

/**
 * Ends that very process: SIGTERM, then SIGKILL after `graceMs` (0: SIGKILL at once). Resolves when it is gone; true when it had to be
 * killed. Does nothing where the process is gone or the pid now means another one.
 */
export async function endProcess (identity: ProcessIdentity, graceMs: number): Promise<boolean> {
  if (!await isAlive(identity)) return false
  if (graceMs > 0) {
    send(identity.pid, 'SIGTERM')
    for (const deadline = Date.now() + graceMs; Date.now() < deadline;) {
      await sleep(25)
      if (!await isAlive(identity)) return false
    }
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
