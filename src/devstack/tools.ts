// Programs of the machine: finding them on a PATH that is given, and running them to their end. One that can be stopped has a process group of its
// own, so that a stop reaches what it has started too; a promise resolves when it is gone, so nothing runs on behind our back.
import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import { finished } from 'node:stream/promises'

/** Environment variables as an argument; only src/cli and tests read the real ones. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Told what goes on, one line each, while something takes long. */
export type Progress = (message: string) => void

/** The full path of a program, or undefined where PATH has none that can be run. */
export async function findProgram (name: string, env: Environment): Promise<string | undefined> {
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const path = join(folder === '' ? '.' : folder, name)
    if (await isProgram(path)) return path
  }
  return undefined
}

export async function isProgram (path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

export interface ToolResult {
  /** Exit code; undefined where a signal ended it or it could not be started. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
}

export interface ToolOptions {
  readonly env: Environment
  readonly cwd?: string
  /** Where it is aborted, the program and all that it has started are stopped. */
  readonly signal?: AbortSignal
  /** What the program reads; by default nothing. */
  readonly input?: string
}

/** What a program has for its own cleaning up, once it is told to stop. */
const GRACE_MS = 5_000

/** Runs a program to its end and collects what it prints; never rejects for a failing program. */
export async function runTool (program: string, args: readonly string[], options: ToolOptions): Promise<ToolResult> {
  const { input, signal, ...rest } = options
  if (signal?.aborted === true) return { code: undefined, stdout: '', stderr: 'stopped' }
  return await new Promise(resolve => {
    const child = spawn(program, args, { ...rest, detached: signal !== undefined, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => { stdout.push(chunk) })
    child.stderr?.on('data', (chunk: Buffer) => { stderr.push(chunk) })
    const kill = (name: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name)
      } catch {
        // It has just gone, or is another user's: then it is waited for.
      }
    }
    let killer: NodeJS.Timeout | undefined
    const stop = (): void => {
      kill('SIGTERM')
      killer = setTimeout(() => { kill('SIGKILL') }, GRACE_MS)
    }
    signal?.addEventListener('abort', stop, { once: true })
    const finish = (code: number | undefined, problem = ''): void => {
      clearTimeout(killer)
      signal?.removeEventListener('abort', stop)
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() + problem })
    }
    child.once('error', error => { finish(undefined, error.message) })
    child.once('close', code => { finish(code ?? undefined) })
    if (child.stdin !== null) {
      // A program that ends before it has read all says so by its exit code.
      void finished(child.stdin).catch(() => undefined)
      child.stdin.end(input)
    }
  })
}

/** The last lines of a program's output that say anything, for an error message: a Java stack's frames are left out. */
export function tailOf (text: string, lines: number): string {
  return text.split('\n').map(line => line.trimEnd()).filter(line => line !== '' && !/^\s+(at |\.\.\. \d+ more)/.test(line)).slice(-lines).join('\n')
}

/** The end of a log, indented below the message that it is added to. */
export function lastWords (text: string): string {
  const tail = tailOf(text, 8)
  return tail === '' ? '' : `; its last words:\n${tail.replaceAll(/^/gm, '  | ')}\n`
}

export function isDiskFull (output: string): boolean {
  return /No space left on device|Disk quota exceeded/i.test(output)
}

export function isPortTaken (output: string): boolean {
  return /Address already in use|Port \d+ seems to be used by another process/i.test(output)
}

/** Where downloads are kept: `$XDG_CACHE_HOME/alert-stream`, else `~/.cache/alert-stream`. A relative or empty XDG_CACHE_HOME counts as none (XDG Base Directory). */
export function defaultCacheDir (env: Environment): string {
  const xdg = env.XDG_CACHE_HOME
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(env.HOME || homedir(), '.cache')
  return join(base, 'alert-stream')
}
