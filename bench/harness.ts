// Runs the rows of one scenario and prints a table: alerts/s, MB/s, CPU-ms per alert, peak memory. Each row runs in a separate process, so
// rows do not share peak memory or compiled code. A scenario is one file, `bench/NAME.ts`:
//
//   import { bench } from './harness.ts'
//   await bench('gzip', { alerts: { full: 20_000, quick: 500 } }, {
//     'node:zlib, level 6': async ({ sizes, warmUp, measure }) => {
//       const frames = makeFrames(sizes.alerts)                         // not measured
//       await warmUp(() => compress(frames.slice(0, 50)))               // not measured: compiles, fills caches
//       return measure(async () => ({ alerts: frames.length, bytes: await compress(frames) }))
//     }
//   })
//
// `node bench/gzip.ts [--quick] [--alerts N] [--only TEXT] [--runs N] [--json PATH]`: each size has a flag, such as `--alerts`.
// If another process does the work (such as an ingester), pass its `{ pid }` to `measure`, which reads CPU time and memory of that process.
// A row that cannot run returns `skip('no Java')`. Measured work may return more values as `extra`, the last column. Logs go to stderr.
import { fork } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

export type Sizes = Readonly<Record<string, { readonly full: number, readonly quick: number }>>

/** Alerts and bytes that the measured work processed. */
export interface Work {
  readonly alerts: number
  /** Payload bytes processed. */
  readonly bytes: number
  /** Additional values for the table, such as `{ 'ns/record/node': 310 }`. */
  readonly extra?: Readonly<Record<string, number | string>>
}

export interface Result extends Work {
  readonly seconds: number
  /** User and system CPU time of all threads of the measured process, in milliseconds. */
  readonly cpuMs: number
  /** Largest resident set size of the measured process since its start. */
  readonly peakBytes: number
}

export interface Skipped { readonly skipped: string }

type Outcome = Result | Skipped | { readonly failed: string }

/** One row of the table, as written to the JSON file. */
export type Line = { readonly scenario: string, readonly row: string } & Outcome

export interface Bench<S extends Sizes> {
  readonly sizes: { readonly [K in keyof S]: number }
  readonly quick: boolean
  /** Writes a progress line to stderr. */
  log (line: string): void
  skip (reason: string): Skipped
  warmUp (work: () => unknown): Promise<void>
  /** Runs the work once and measures wall time, CPU time and memory of the process `pid`. Default: this process. */
  measure (work: () => Promise<Work> | Work, options?: { readonly pid?: number }): Promise<Result>
}

export type Rows<S extends Sizes> = Readonly<Record<string, (bench: Bench<S>) => Promise<Result | Skipped>>>

export interface BenchOptions {
  /** Node flags for the child process of each row. */
  readonly nodeFlags?: readonly string[]
  /** Rows that --quick runs. Default: all rows. */
  readonly quick?: readonly string[]
}

/** Runs the rows of a scenario, each in its own process, and prints a table. The exit code is 1 if a row failed. */
export async function bench<const S extends Sizes> (scenario: string, sizes: S, rows: Rows<S>, options: BenchOptions = {}): Promise<void> {
  const flags = parseFlags(scenario, sizes, Object.keys(rows))
  const row = flags.row === undefined ? undefined : rows[flags.row]
  if (row !== undefined) return runAsChild(row, flags.sizes as Bench<S>['sizes'], flags.quick)

  const lines: Line[] = []
  const quick = flags.quick && flags.only === undefined ? options.quick : undefined
  const chosen = quick ?? Object.keys(rows).filter(name => flags.only === undefined || name.includes(flags.only))
  for (const name of chosen) {
    log(`${scenario}: ${name} ...`)
    const runs: Outcome[] = []
    for (let run = 0; run < flags.runs; run++) runs.push(await runInChild(name, options.nodeFlags ?? []))
    lines.push({ scenario, row: name, ...median(runs) })
  }
  if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(lines, null, 2) + '\n')
  if (!flags.silent) process.stdout.write(table(lines))
  if (lines.length === 0 || lines.some(line => 'failed' in line)) process.exitCode = 1
}

/** Writes a progress line to stderr. */
export function log (line: string): void {
  process.stderr.write(`${line}\n`)
}

/** CPU time and peak memory of a process: any process on Linux, only this process on other systems. */
export function usage (pid?: number): { readonly cpuMs: number, readonly peakBytes: number } {
  if (pid === undefined || pid === process.pid) {
    const { user, system } = process.cpuUsage()
    return { cpuMs: (user + system) / 1000, peakBytes: process.resourceUsage().maxRSS * 1024 }
  }
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the command in parentheses, which may contain spaces and parentheses. The last parenthesis ends that field.
  // utime and stime are fields 14 and 15 of the line, in units of 10 ms.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * 10, peakBytes: Number(peak?.[1] ?? 0) * 1024 }
}

/** Resident memory of a process now, in MiB. Linux only. */
export function residentMiB (pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

/** Formats the lines as a text table. */
export function table (lines: readonly Line[]): string {
  const head = ['scenario', 'row', 'alerts', 's', 'alerts/s', 'MB/s', 'CPU-ms/alert', 'peak MiB', '']
  const body = lines.map(line => {
    const name = [line.scenario, line.row]
    if ('skipped' in line) return [...name, '', '', '', '', '', '', `skipped: ${line.skipped}`]
    if ('failed' in line) return [...name, '', '', '', '', '', '', `FAILED: ${line.failed}`]
    const { alerts, bytes, seconds, cpuMs, peakBytes, extra = {} } = line
    return [
      ...name, grouped(alerts), seconds.toFixed(2), grouped(alerts / seconds), (bytes / seconds / 1e6).toFixed(1),
      alerts === 0 ? '' : significant(cpuMs / alerts), grouped(peakBytes / 2 ** 20),
      Object.entries(extra).map(([what, value]) => `${what} ${typeof value === 'number' ? significant(value) : value}`).join(', ')
    ]
  })
  const widths = head.map((_, column) => Math.max(...[head, ...body].map(cells => cells[column]!.length)))
  const isText = (column: number): boolean => column < 2 || column === head.length - 1
  return [head, widths.map(width => '-'.repeat(width)), ...body]
    .map(cells => cells.map((cell, column) => isText(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
    .map(cells => cells.join('  ').trimEnd() + '\n')
    .join('')
}

interface Flags {
  readonly sizes: Readonly<Record<string, number>>
  readonly quick: boolean
  readonly silent: boolean
  readonly runs: number
  readonly only: string | undefined
  readonly json: string | undefined
  /** Name of the row to run. Set only in the child process of a row. */
  readonly row: string | undefined
}

function parseFlags (scenario: string, sizes: Sizes, rows: readonly string[]): Flags {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    options: {
      quick: flag, silent: flag, help: flag, runs: { ...text, default: '1' }, only: text, json: text, row: text,
      ...Object.fromEntries(Object.keys(sizes).map(name => [name, text]))
    },
    // `bench/run.ts` passes the same flags to every scenario, so a scenario must accept the size flags of other scenarios.
    strict: false
  })
  const given = values as Readonly<Record<string, string | boolean | undefined>>
  if (given.help === true) {
    const names = Object.entries(sizes).map(([name, { full }]) => `[--${name} ${full}]`).join(' ')
    process.stdout.write(`node bench/${scenario}.ts ${names} [--quick] [--only TEXT] [--runs N] [--json PATH]\nrows: ${rows.join('; ')}\n`)
    process.exit(0)
  }
  const number = (name: string, otherwise: number): number => {
    const value = given[name] === undefined ? otherwise : Number(given[name])
    if (!(value >= 1)) throw new RangeError(`--${name} must be a number of at least 1, not ${String(given[name])}`)
    return value
  }
  const string = (name: string): string | undefined => typeof given[name] === 'string' ? given[name] : undefined
  const quick = given.quick === true
  return {
    sizes: Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, number(name, quick ? size.quick : size.full)])),
    quick, silent: given.silent === true, runs: number('runs', 1), only: string('only'), json: string('json'), row: string('row')
  }
}

// All output of the child goes to stderr, because stdout is for the table.
function runInChild (row: string, nodeFlags: readonly string[]): Promise<Outcome> {
  return new Promise(resolve => {
    const child = fork(process.argv[1]!, [...process.argv.slice(2), '--row', row], {
      stdio: ['ignore', 2, 2, 'ipc'], execArgv: [...process.execArgv, ...nodeFlags]
    })
    let outcome: Outcome | undefined
    child.on('message', message => { outcome = message as Outcome })
    child.on('error', error => { outcome = { failed: error.message } })
    child.on('close', (code, signal) => {
      const failed = { failed: `exited with ${signal ?? `code ${code}`}` }
      resolve(outcome !== undefined && (code === 0 || 'failed' in outcome) ? outcome : failed)
    })
  })
}

async function runAsChild<S extends Sizes> (row: Rows<S>[string], sizes: Bench<S>['sizes'], quick: boolean): Promise<void> {
  let outcome: Outcome
  try {
    outcome = await row({
      sizes, quick, log,
      skip: reason => ({ skipped: reason }),
      warmUp: async work => { await work() },
      measure: async (work, { pid } = {}) => {
        const before = usage(pid)
        const start = performance.now()
        const done = await work()
        const seconds = (performance.now() - start) / 1000
        const after = usage(pid)
        return { ...done, seconds, cpuMs: after.cpuMs - before.cpuMs, peakBytes: after.peakBytes }
      }
    })
  } catch (error) {
    log(error instanceof Error ? error.stack ?? error.message : String(error))
    outcome = { failed: error instanceof Error ? error.message : String(error) }
    process.exitCode = 1
  }
  await new Promise<void>(resolve => { process.send!(outcome, () => resolve()) })
  process.disconnect()
}

function median (runs: readonly Outcome[]): Outcome {
  const bad = runs.find(run => !('seconds' in run))
  if (bad !== undefined) return bad
  return (runs as Result[]).toSorted((a, b) => a.seconds - b.seconds)[Math.floor((runs.length - 1) / 2)]!
}

function grouped (value: number): string {
  return Math.round(value).toLocaleString('en-GB')
}

function significant (value: number): string {
  return value >= 100 ? grouped(value) : Number.isNaN(value) ? '-' : Number(value.toPrecision(3)).toString()
}
