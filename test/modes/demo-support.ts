// What tests of the demo share: it runs as at a terminal, in a process group of its own; its parts are known by their pid files.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { endServersUnder, isAlive, PID_FILE } from '../../src/devstack/index.ts'
import type { PidRecord } from '../../src/devstack/process.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PARTS = ['kafka', 'registry', 'gcs', 'modes/ingest', 'modes/serve', 'modes/play-stream']

export interface RunningDemo {
  readonly pid: number
  readonly stdout: string
  readonly stderr: string
  readonly finished: Promise<number | null>
  waitFor (pattern: RegExp): Promise<RegExpExecArray>
  /** To the whole process group, as a terminal does. */
  signal (name: NodeJS.Signals): void
}

/** Starts a command in a process group of its own; what it leaves behind under `stateDir` is ended in teardown. */
export function launch (t: Test, program: string, args: readonly string[], stateDir: string, env: Record<string, string> = {}): RunningDemo {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_OPTIONS|NODE_V8_COVERAGE|TAP|TAP_.*|_TAP.*|ALERT_STREAM_.*|npm_.*)$/.test(name)))
  const child = spawn(program, args, { cwd: ROOT, env: { ...clean, ...env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const pid = child.pid ?? -1
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
      child.emit('output')
    })
  }
  let over = false
  const finished = once(child, 'close').then(([code]) => {
    over = true
    child.emit('output')
    return code as number | null
  })
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-pid, name)
    } catch { /* it has ended */ }
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
        if (over) throw new Error(`it ended before it printed ${pattern}\nstdout: ${output.stdout}\nstderr: ${output.stderr}`)
        await once(child, 'output')
      }
    }
  }
}

/** `alert-stream demo ...` on this state folder, its API on a free port unless told. */
export function startDemo (t: Test, stateDir: string, args: readonly string[], env: Record<string, string> = {}): RunningDemo {
  const port = args.includes('--port') ? [] : ['--port', '0']
  return launch(t, process.execPath, ['bin/alert-stream.js', 'demo', '--state-dir', stateDir, ...port, ...args], stateDir, env)
}

/** The parts whose pid files are there, by folder. */
export async function partsOf (stateDir: string): Promise<Map<string, PidRecord>> {
  const found = new Map<string, PidRecord>()
  for (const part of PARTS) {
    const text = await readFile(join(stateDir, part, PID_FILE), 'utf8').catch(() => undefined)
    if (text !== undefined) found.set(part, JSON.parse(text) as PidRecord)
  }
  return found
}

/** Those of the parts that still run, and every other process whose command line names the folder. */
export async function leftovers (stateDir: string, parts: ReadonlyMap<string, PidRecord> = new Map()): Promise<string[]> {
  const left: string[] = []
  for (const [part, record] of parts) if (await isAlive(record)) left.push(`${part} (${record.pid})`)
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (Number(pid) !== process.pid && command.includes(stateDir)) left.push(`${pid}: ${command.replaceAll('\0', ' ')}`)
  }
  return left
}

export async function exists (path: string): Promise<boolean> {
  return access(path).then(() => true, () => false)
}

/** Number of alerts that a visit line says were archived, and written. */
export function archivedIn (line: string): { readonly archived: number, readonly written: number } {
  const [, archived, written] = /archived (\d+) \((\d+) written\)/.exec(line) ?? []
  return { archived: Number(archived), written: Number(written) }
}
