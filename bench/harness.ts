// Measures one scenario and prints one table: alerts/s, MB/s, CPU-ms per alert, peak memory. Each row runs in a process of its own, so that its
// peak memory and its compiled code are its own. A scenario is one file, `bench/NAME.ts`:
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
// `node bench/gzip.ts [--quick] [--alerts N] [--only TEXT] [--runs N] [--json PATH]`: each size is a flag. `measure` takes `{ pid }` where
// the work is done by another process (an ingester): CPU and memory are read of that one. A row returns `skip('no Java')` where it cannot run.
// What measured work returns beside `alerts` and `bytes` as `figures` is shown behind the row. Progress goes to stderr by `say`.
import { fork } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

export type Sizes = Readonly<Record<string, { readonly full: number, readonly quick: number }>>

/** What the measured work did. */
export interface Work {
  readonly alerts: number
  /** Payload bytes that went through. */
  readonly bytes: number
  /** Anything else worth a word in the table: `{ 'ns/record/node': 310 }`. */
  readonly figures?: Readonly<Record<string, number | string>>
}

export interface Result extends Work {
  readonly seconds: number
  /** Of user and system, of all threads of the measured process. */
  readonly cpuMs: number
  /** Largest resident set in the life of the measured process. */
  readonly peakBytes: number
}

export interface Skipped { readonly skipped: string }

/** One line of the table, as it is written to JSON. */
export type Line = { readonly scenario: string, readonly row: string } & (Result | Skipped | { readonly failed: string })

export interface Bench<S extends Sizes> {
  readonly sizes: { readonly [K in keyof S]: number }
  readonly quick: boolean
  say (line: string): void
  skip (reason: string): Skipped
  warmUp (work: () => unknown): Promise<void>
  /** Runs the work once between two readings of the clock and of the CPU time. `pid` default: this process. */
  measure (work: () => Promise<Work> | Work, options?: { readonly pid?: number }): Promise<Result>
}

export type Rows<S extends Sizes> = Readonly<Record<string, (bench: Bench<S>) => Promise<Result | Skipped>>>

/** Runs the rows of a scenario, one process each, and prints their table. The exit code is 1 where one failed. `nodeFlags` go to the rows. */
export async function bench<const S extends Sizes> (scenario: string, sizes: S, rows: Rows<S>, options: { readonly nodeFlags?: readonly string[] } = {}): Promise<void> {
  const flags = parseFlags(scenario, sizes, Object.keys(rows))
  const row = flags.row === undefined ? undefined : rows[flags.row]
  if (row !== undefined) return inChild(row, flags.sizes as Bench<S>['sizes'], flags.quick)

  const lines: Line[] = []
  for (const name of Object.keys(rows).filter(name => flags.only === undefined || name.includes(flags.only))) {
    say(`${scenario}: ${name} ...`)
    const runs: (Result | Skipped | { failed: string })[] = []
    for (let run = 0; run < flags.runs; run++) runs.push(await inProcessOfItsOwn(name, options.nodeFlags ?? []))
    lines.push({ scenario, row: name, ...median(runs) })
  }
  if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(lines, null, 2) + '\n')
  if (!flags.silent) process.stdout.write(table(lines))
  if (lines.length === 0 || lines.some(line => 'failed' in line)) process.exitCode = 1
}

export function say (line: string): void {
  process.stderr.write(`${line}\n`)
}

/** CPU time and peak memory of any process of this machine (Linux), or of this one anywhere. */
export function usage (pid?: number): { readonly cpuMs: number, readonly peakBytes: number } {
  if (pid === undefined || pid === process.pid) {
    const { user, system } = process.cpuUsage()
    return { cpuMs: (user + system) / 1000, peakBytes: process.resourceUsage().maxRSS * 1024 }
  }
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // After the command, which may hold anything up to the last parenthesis; utime and stime are fields 14 and 15, in hundredths of a second.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * 10, peakBytes: Number(peak?.[1] ?? 0) * 1024 }
}

/** The lines as text columns. */
export function table (lines: readonly Line[]): string {
  const head = ['scenario', 'row', 'alerts', 's', 'alerts/s', 'MB/s', 'CPU-ms/alert', 'peak MiB', '']
  const body = lines.map(line => {
    const name = [line.scenario, line.row]
    if ('skipped' in line) return [...name, '', '', '', '', '', '', `skipped: ${line.skipped}`]
    if ('failed' in line) return [...name, '', '', '', '', '', '', `FAILED: ${line.failed}`]
    const { alerts, bytes, seconds, cpuMs, peakBytes, figures = {} } = line
    return [
      ...name, grouped(alerts), seconds.toFixed(2), grouped(alerts / seconds), (bytes / seconds / 1e6).toFixed(1),
      alerts === 0 ? '' : significant(cpuMs / alerts), grouped(peakBytes / 2 ** 20),
      Object.entries(figures).map(([what, value]) => `${what} ${typeof value === 'number' ? significant(value) : value}`).join(', ')
    ]
  })
  const widths = head.map((_, column) => Math.max(...[head, ...body].map(cells => cells[column]!.length)))
  const isText = (column: number): boolean => column < 2 || column === head.length - 1
  return [head, widths.map(width => '-'.repeat(width)), ...body]
    .map(cells => cells.map((cell, column) => isText(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join('  ').trimEnd() + '\n')
    .join('')
}

interface Flags {
  readonly sizes: Readonly<Record<string, number>>
  readonly quick: boolean
  readonly silent: boolean
  readonly runs: number
  readonly only: string | undefined
  readonly json: string | undefined
  /** Set in the process of one row. */
  readonly row: string | undefined
}

function parseFlags (scenario: string, sizes: Sizes, rows: readonly string[]): Flags {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    options: { quick: flag, silent: flag, help: flag, runs: { ...text, default: '1' }, only: text, json: text, row: text, ...Object.fromEntries(Object.keys(sizes).map(name => [name, text])) },
    // `bench/run.ts` hands the same flags to every scenario: a size that this one has not is not its business.
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
    if (!(value >= 1)) throw new RangeError(`--${name} wants a number of at least 1, not ${String(given[name])}`)
    return value
  }
  const string = (name: string): string | undefined => typeof given[name] === 'string' ? given[name] : undefined
  const quick = given.quick === true
  return {
    sizes: Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, number(name, quick ? size.quick : size.full)])),
    quick, silent: given.silent === true, runs: number('runs', 1), only: string('only'), json: string('json'), row: string('row')
  }
}

// The child's own output goes to stderr: stdout is for the table.
function inProcessOfItsOwn (row: string, nodeFlags: readonly string[]): Promise<Result | Skipped | { failed: string }> {
  return new Promise(resolve => {
    const child = fork(process.argv[1]!, [...process.argv.slice(2), '--row', row], { stdio: ['ignore', 2, 2, 'ipc'], execArgv: [...process.execArgv, ...nodeFlags] })
    let answer: Result | Skipped | { failed: string } | undefined
    child.on('message', message => { answer = message as Result })
    child.on('error', error => { answer = { failed: error.message } })
    child.on('close', (code, signal) => {
      resolve(answer !== undefined && (code === 0 || 'failed' in answer) ? answer : { failed: `ended with ${signal ?? `code ${code}`}` })
    })
  })
}

async function inChild<S extends Sizes> (row: (bench: Bench<S>) => Promise<Result | Skipped>, sizes: Bench<S>['sizes'], quick: boolean): Promise<void> {
  let answer: Result | Skipped | { failed: string }
  try {
    answer = await row({
      sizes, quick, say,
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
    say(error instanceof Error ? error.stack ?? error.message : String(error))
    answer = { failed: error instanceof Error ? error.message : String(error) }
    process.exitCode = 1
  }
  await new Promise<void>(resolve => { process.send!(answer, () => resolve()) })
  process.disconnect()
}

function median (runs: readonly (Result | Skipped | { failed: string })[]): Result | Skipped | { failed: string } {
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
