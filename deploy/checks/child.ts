// Runs a program to its end and collects what it prints. A stop sends SIGTERM, and SIGKILL to what does not go in time.
import { spawn } from 'node:child_process'
import { finished } from 'node:stream/promises'
import type { ToolOptions, ToolResult } from '../../src/devstack/tools.ts'

const GRACE_MS = 5_000

export async function runChild (program: string, args: readonly string[], options: ToolOptions & { readonly input?: string }): Promise<ToolResult> {
  const { input, signal, ...rest } = options
  if (signal?.aborted === true) return { code: undefined, stdout: '', stderr: 'stopped' }
  return await new Promise(resolve => {
    const child = spawn(program, args, { ...rest, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => { stdout.push(chunk) })
    child.stderr?.on('data', (chunk: Buffer) => { stderr.push(chunk) })
    let killer: NodeJS.Timeout | undefined
    const stop = (): void => {
      child.kill('SIGTERM')
      killer = setTimeout(() => { child.kill('SIGKILL') }, GRACE_MS)
    }
    signal?.addEventListener('abort', stop, { once: true })
    const finish = (code: number | undefined, problem = ''): void => {
      clearTimeout(killer)
      signal?.removeEventListener('abort', stop)
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() + problem })
    }
    child.once('error', error => { finish(undefined, error.message) })
    child.once('close', code => { finish(code ?? undefined) })
    if (child.stdin !== null && child.stdin !== undefined) {
      // A program that ends before it has read all says so by its exit code.
      void finished(child.stdin).catch(() => undefined)
      child.stdin.end(input)
    }
  })
}
