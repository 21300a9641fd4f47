// Helpers for tests of the demo. The demo runs in its own process group, as from a terminal. Pid files name its child processes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { isAlive } from '../../src/devstack/process-identity.ts'
import { endServersUnder, type PidRecord } from '../../src/devstack/server-process.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SERVER_FOLDERS = ['kafka', 'registry', 'gcs', 's3', 'modes/ingest', 'modes/index', 'modes/serve', 'modes/play-stream']

export interface RunningDemo {
  readonly pid: number
  readonly stdout: string
  readonly stderr: string
  readonly finished: Promise<number | null>
  waitFor (pattern: RegExp): Promise<RegExpExecArray>
  /** Sends a signal to the whole process group, as a terminal does. */
  signal (name: NodeJS.Signals): void
}

/** Matches variables of the test run that must not reach the demo. */
const TEST_VARIABLES = /^(NODE_OPTIONS|NODE_V8_COVERAGE|TAP|TAP_.*|_TAP.*|ALERT_STREAM_.*|npm_.*)$/

/** Starts a command in its own process group. Teardown ends servers that the command left running under `stateDir`. */
export function launch (
  t: Test, program: string, args: readonly string[], stateDir: string, env: Record<string, string> = {}
): RunningDemo {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !TEST_VARIABLES.test(name)))
  const child = spawn(program, args, { cwd: ROOT, env: { ...clean, ...env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const pid = child.pid ?? -1
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
      child.emit('output')
    })
  }
  let ended = false
  const finished = once(child, 'close').then(([code]) => {
    ended = true
    child.emit('output')
    return code as number | null
  })
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-pid, name)
    } catch { /* it has already ended */ }
  }
  t.teardown(async () => {
    signal('SIGKILL')
    await finished
    await endServersUnder(stateDir, 0)
  })
  return {
    pid,
    get stdout () { return output.stdout },
    get stderr () { return output.stderr },
    finished,
    signal,
    async waitFor (pattern) {
      for (;;) {
        const match = pattern.exec(output.stdout) ?? pattern.exec(output.stderr)
        if (match !== null) return match
        if (ended) throw new Error(`the demo ended before it printed ${pattern}\nstdout: ${output.stdout}\nstderr: ${output.stderr}`)
        await once(child, 'output')
      }
    }
  }
}

/** Starts `alert-stream demo ...` with the state folder. Uses a free API port if `args` has no port. */
export function startDemo (t: Test, stateDir: string, args: readonly string[], env: Record<string, string> = {}): RunningDemo {
  const port = args.includes('--port') ? [] : ['--port', '0']
  return launch(t, process.execPath, ['bin/alert-stream.js', 'demo', '--state-dir', stateDir, ...port, ...args], stateDir, env)
}

/** Reads the pid files of the demo's servers and modes, by folder. */
export async function readServers (stateDir: string): Promise<Map<string, PidRecord>> {
  const found = new Map<string, PidRecord>()
  for (const folder of SERVER_FOLDERS) {
    const text = await readFile(join(stateDir, folder, 'server.pid.json'), 'utf8').catch(() => undefined)
    if (text !== undefined) found.set(folder, JSON.parse(text) as PidRecord)
  }
  return found
}

/** The given servers that still run, and every other process with the state folder in its command line. */
export async function leftovers (stateDir: string, servers: ReadonlyMap<string, PidRecord> = new Map()): Promise<string[]> {
  const found: string[] = []
  for (const [folder, record] of servers) if (await isAlive(record)) found.push(`${folder} (${record.pid})`)
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (Number(pid) !== process.pid && command.includes(stateDir)) found.push(`${pid}: ${command.replaceAll('\0', ' ')}`)
  }
  return found
}

export async function exists (path: string): Promise<boolean> {
  return access(path).then(() => true, () => false)
}

/** Parses the numbers of archived and new alerts from a visit line. */
export function countsIn (line: string): { readonly archived: number, readonly fresh: number } {
  const [, archived, fresh] = /archived (\d+) in [\d.]+ s, (\d+) new/.exec(line) ?? []
  return { archived: Number(archived), fresh: Number(fresh) }
}
