// External programs: finding them on PATH and running them to completion.
// A program with an abort signal runs in its own process group, so that aborting ends its child processes too.
import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import { finished } from 'node:stream/promises'

/** Environment variables, passed as an argument. Only src/cli and tests read `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

export type Progress = (message: string) => void

/** Full path of an executable on PATH, or undefined. */
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
  /** Exit code; undefined if the program was killed by a signal or could not be started. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
}

export interface ToolOptions {
  readonly env: Environment
  readonly cwd?: string
  /** Aborting ends the program and its child processes. */
  readonly signal?: AbortSignal
  /** Content of stdin. Default: empty. */
  readonly input?: string
}

/** Time between SIGTERM and SIGKILL. */
const GRACE_MS = 5_000

/** Runs a program to completion and collects its output. Does not reject if the program fails. */
export async function runTool (program: string, args: readonly string[], options: ToolOptions): Promise<ToolResult> {
  const { input, signal, ...rest } = options
  if (signal?.aborted === true) return { code: undefined, stdout: '', stderr: 'stopped' }
  return await new Promise(resolve => {
    const stdin = input === undefined ? 'ignore' : 'pipe'
    const child = spawn(program, args, { ...rest, detached: signal !== undefined, stdio: [stdin, 'pipe', 'pipe'] })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => { stdout.push(chunk) })
    child.stderr?.on('data', (chunk: Buffer) => { stderr.push(chunk) })
    const kill = (name: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name)
      } catch {
        // The signal was not sent, because the program has just ended or belongs to another user. `runTool` still waits for its exit.
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
      // A program may exit before it has read all input. Its exit code tells whether the program failed.
      void finished(child.stdin).catch(() => undefined)
      child.stdin.end(input)
    }
  })
}

/** The last non-empty lines of a program's output, without Java stack frames, for an error message. */
export function tailOf (text: string, lines: number): string {
  const meaningful = text.split('\n').map(line => line.trimEnd()).filter(line => line !== '' && !/^\s+(at |\.\.\. \d+ more)/.test(line))
  return meaningful.slice(-lines).join('\n')
}

export function isDiskFull (output: string): boolean {
  return /No space left on device|Disk quota exceeded/i.test(output)
}

export function isPortTaken (output: string): boolean {
  return /Address already in use|Port \d+ seems to be used by another process/i.test(output)
}

/**
 * The download cache: `$XDG_CACHE_HOME/alert-stream`, by default `~/.cache/alert-stream`.
 * A relative or empty XDG_CACHE_HOME is ignored (XDG Base Directory Specification).
 */
export function defaultCacheDir (env: Environment): string {
  const xdg = env.XDG_CACHE_HOME
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(env.HOME || homedir(), '.cache')
  return join(base, 'alert-stream')
}
