// Runs the program as a user does: `node bin/alert-stream.js ...` in a child process, without the test run's environment variables.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Test } from 'tap'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'alert-stream.js')

export interface CliOptions {
  /** Variables to add to the environment of the child process. The value undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface CliResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunningCli {
  readonly child: ChildProcess
  readonly pid: number
  /** The output that the program has printed so far. */
  readonly stdout: string
  readonly stderr: string
  readonly finished: Promise<CliResult>
  /** Resolves with the match when stdout or stderr matches `pattern`. Rejects with all output if the program exits first. */
  waitFor (pattern: RegExp): Promise<RegExpExecArray>
  /** Sends a signal (default SIGTERM) and waits for the exit. */
  stop (signal?: NodeJS.Signals): Promise<CliResult>
}

/** Runs the program until it exits. */
export async function runCli (args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return await launch(args, options).finished
}

/** Starts a long-running mode. If the process still runs in teardown, it is killed. */
export function startCli (t: Test, args: readonly string[], options: CliOptions = {}): RunningCli {
  const running = launch(args, options)
  t.teardown(async () => { await running.stop('SIGKILL') })
  return running
}

function launch (args: readonly string[], options: CliOptions): RunningCli {
  const env = cleanEnvironment(options.env)
  const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
      child.emit('output')
    })
  }
  const finished = once(child, 'close').then(([code, signal]): CliResult =>
    ({ code: code as number | null, signal: signal as NodeJS.Signals | null, ...output }))
  const ended = finished.then(() => true)
  return {
    child,
    pid: child.pid ?? -1,
    get stdout () { return output.stdout },
    get stderr () { return output.stderr },
    finished,
    async waitFor (pattern) {
      for (;;) {
        const match = pattern.exec(output.stdout) ?? pattern.exec(output.stderr)
        if (match !== null) return match
        if (await Promise.race([ended, once(child, 'output').then(() => false)])) {
          const late = pattern.exec(output.stdout) ?? pattern.exec(output.stderr)
          if (late !== null) return late
          const { code, signal } = await finished
          const what = `the program exited (code ${code}, signal ${signal}) before it printed ${pattern}`
          throw new Error(`${what}\nstdout: ${output.stdout}\nstderr: ${output.stderr}`)
        }
      }
    },
    async stop (signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      return await finished
    }
  }
}

const TEST_RUN_VARIABLE = /^(NODE_OPTIONS|NODE_V8_COVERAGE|TAP|TAP_.*|_TAP.*|ALERT_STREAM_.*|ALERTDB_.*|STORAGE_EMULATOR_HOST)$/

// tap instruments child processes through NODE_OPTIONS and TAP variables. A developer's ALERT_STREAM_* variables must not affect a test.
function cleanEnvironment (extra: CliOptions['env'] = {}): Record<string, string> {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries({ ...process.env, ...extra })) {
    if (value !== undefined && (name in extra || !TEST_RUN_VARIABLE.test(name))) env[name] = value
  }
  return env
}
