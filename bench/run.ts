// `npm run bench [-- NAME ...] [--quick] [--list] [--json PATH] [other flags]` runs the named scenarios (the files of this folder), or
// all scenarios, one after another, and prints one table at the end. The exit code is 1 if a row failed. Other flags go to the scenarios.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { log, table, type Line } from './harness.ts'

const OWN_FLAGS = ['--list', '--help', '--json']

const all = readdirSync(import.meta.dirname)
  .filter(file => file.endsWith('.ts') && /^await bench\(/m.test(readFileSync(join(import.meta.dirname, file), 'utf8')))
  .map(file => file.slice(0, -3))
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
    if (arg !== '--quick' && !arg.includes('=') && args[at + 1] !== undefined && !args[at + 1]!.startsWith('--')) passedOn.push(args[++at]!)
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
    process.exitCode = await runAll(names.length > 0 ? names : all) ? 0 : 1
  }
}

async function runAll (scenarios: readonly string[]): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'alert-stream-bench-'))
  const lines: Line[] = []
  try {
    for (const scenario of scenarios) {
      const file = join(folder, `${scenario}.json`)
      const code = await run(scenario, file)
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

function run (scenario: string, file: string): Promise<number> {
  return new Promise(resolve => {
    const program = join(import.meta.dirname, `${scenario}.ts`)
    const child = spawn(process.execPath, [program, ...passedOn, '--silent', '--json', file], { stdio: ['ignore', 2, 2] })
    child.on('error', () => resolve(1))
    child.on('close', code => resolve(code ?? 1))
  })
}

function read (file: string): Line[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Line[]
  } catch {
    return []
  }
}
