// `npm run bench [-- NAME ...] [--quick] [--list] [--json PATH] [other flags]` runs the named scenarios (the files of this folder), or
// all scenarios, one after another, and prints one table at the end. The exit code is 1 if a row failed. Other flags go to the scenarios.
// Scenarios that need Kafka share one.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { log, table, type Line } from './harness.ts'
import { withSharedStack, type Environment } from './support.ts'

const OWN_FLAGS = ['--list', '--help', '--json']
/** Flags without a value. */
const SWITCHES = ['--quick', '--save']

const sourceOf = (scenario: string): string => readFileSync(join(import.meta.dirname, `${scenario}.ts`), 'utf8')
const all = readdirSync(import.meta.dirname)
  .filter(file => file.endsWith('.ts'))
  .map(file => file.slice(0, -3))
  .filter(scenario => /^await bench(Peers)?\(/m.test(sourceOf(scenario)))
  .sort()

const names: string[] = []
const passedOn: string[] = []
let json: string | undefined
const args = process.argv.slice(2)
for (let at = 0; at < args.length; at++) {
  const arg = args[at]!
  if (arg === '--json') json = args[++at]
  else if (!arg.startsWith('--')) names.push(arg)
  else if (!OWN_FLAGS.includes(arg)) {
    passedOn.push(arg)
    // In `--alerts 500`, 500 is the value of the flag, not a scenario.
    if (SWITCHES.includes(arg) || arg.includes('=')) continue
    if (args[at + 1] !== undefined && !args[at + 1]!.startsWith('--')) passedOn.push(args[++at]!)
  }
}

if (args.includes('--help')) {
  process.stdout.write(
    'npm run bench -- [NAME ...] [--quick] [--list] [--json PATH] [--alerts N] [--runs N] [--only ROW]\n' +
    `scenarios: ${all.join(', ')}\n`)
} else if (args.includes('--list')) {
  process.stdout.write(all.map(name => `${name}\n`).join(''))
} else {
  const unknown = names.filter(name => !all.includes(name))
  if (unknown.length > 0) {
    log(`unknown scenario: ${unknown.join(', ')}. Scenarios are ${all.join(', ')}.`)
    process.exitCode = 2
  } else {
    const chosen = names.length > 0 ? names : all
    const needsStack = chosen.some(scenario => /with(Loaded)?Stack\(/.test(sourceOf(scenario)))
    const run = async (environment: Environment): Promise<boolean> => await runAll(chosen, environment)
    process.exitCode = await (needsStack ? withSharedStack(log, run) : run(process.env)) ? 0 : 1
  }
}

async function runAll (scenarios: readonly string[], environment: Environment): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'alert-stream-bench-'))
  const lines: Line[] = []
  try {
    for (const scenario of scenarios) {
      const file = join(folder, `${scenario}.json`)
      const code = await run(scenario, file, environment)
      const results = read(file)
      lines.push(...results)
      if (code !== 0 && !results.some(line => 'failed' in line)) {
        lines.push({ scenario, row: '', failed: results.length === 0 && code === 1 ? 'no row ran' : `exited with code ${code}` })
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  if (json !== undefined) writeFileSync(json, JSON.stringify(lines, null, 2) + '\n')
  process.stdout.write(table(lines))
  return lines.every(line => !('failed' in line))
}

function run (scenario: string, file: string, env: Environment): Promise<number> {
  return new Promise(resolve => {
    const program = join(import.meta.dirname, `${scenario}.ts`)
    const child = spawn(process.execPath, [program, ...passedOn, '--silent', '--json', file], { stdio: ['ignore', 2, 2], env })
    const kill = (): void => { child.kill() }
    process.once('exit', kill)
    child.on('error', () => resolve(1))
    child.on('close', code => {
      process.off('exit', kill)
      resolve(code ?? 1)
    })
  })
}

function read (file: string): Line[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Line[]
  } catch {
    return []
  }
}
