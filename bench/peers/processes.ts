// Runs a subject as a child process and measures it between two events, such as the 2,000th and the last object that it stores.
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Result } from '../harness.ts'
import { treeUsage } from './process-tree.ts'

export interface Command {
  readonly command: string
  readonly args: readonly string[]
  /** Additional environment variables. */
  readonly env?: Readonly<Record<string, string>>
}

interface RunningCommand {
  readonly pid: number
  /** Resolves to the value of `work`. Rejects if the process ends first, or after `limitMs`. */
  before<R> (work: Promise<R>, limitMs: number): Promise<R>
  /** Sends SIGTERM, after 10 s SIGKILL, and waits for the end. */
  stop (): Promise<void>
}

export function startCommand ({ command, args, env = {} }: Command): RunningCommand {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const kill = (): void => { child.kill('SIGKILL') }
  process.once('exit', kill)
  child.once('close', () => process.off('exit', kill))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { output = (output + String(chunk)).slice(-2000) })
  const ended = new Promise<string>(resolve => {
    child.once('error', error => { resolve(error.message) })
    child.once('close', (code, signal) => { resolve(`ended with ${signal ?? `code ${code}`}: ${output.trim().slice(-600)}`) })
  })
  return {
    pid: child.pid ?? 0,
    before: async (work, limitMs) => {
      const timer = new AbortController()
      try {
        return await Promise.race([
          work,
          ended.then(how => { throw new Error(`${command} ${how}`) }),
          sleep(limitMs, undefined, { signal: timer.signal }).then(() => { throw new Error(`nothing for ${limitMs / 1000} s: ${output}`) })
        ])
      } finally {
        timer.abort()
      }
    },
    stop: async () => {
      child.kill()
      const killer = setTimeout(() => { child.kill('SIGKILL') }, 10_000)
      await ended
      clearTimeout(killer)
    }
  }
}

/** Wall time, CPU time and memory of the process and its descendants from `start` to `end`. */
export async function measureBetween (
  running: RunningCommand, start: Promise<unknown>, end: Promise<unknown>, limitMs: number
): Promise<Pick<Result, 'seconds' | 'cpuMs' | 'peakBytes'>> {
  await running.before(start, limitMs)
  const [began, before] = [performance.now(), treeUsage(running.pid)]
  await running.before(end, limitMs)
  const after = treeUsage(running.pid)
  return { seconds: (performance.now() - began) / 1000, cpuMs: after.cpuMs - before.cpuMs, peakBytes: after.peakBytes }
}
