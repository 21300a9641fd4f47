// Runs `npm test`: the type check, the linter, the check for unused code, and all tests. If paths are given, only their tests run.
// --rounds=N repeats the random faults of the fault tests N times; --seed=N repeats the faults of an earlier run. tap gets the other flags.
// The last line is `N passed, N failed, N skipped`. Each check and each named test without subtests counts once.
// All servers and temporary files of a run are in one folder. At the end, even after a failure, the servers stop and the folder is removed.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  checkPrerequisites, defaultCacheDir, downloadsMissing, ensureGcs, ensureKafka, ensureRegistry, pythonEnvironment
} from '../src/devstack/index.ts'
import { formatError } from '../src/pipeline/errors.ts'
import { makeRunFolder, removeRunFolder, RUN_FOLDER } from '../test/support/run-folder.ts'
import { ROUNDS, SEED } from '../test/support/rounds.ts'
import { tapCounter, type Counts } from '../test/support/tap-counts.ts'

const ROOT = join(import.meta.dirname, '..')
const TAP = join('tap', 'dist', 'esm', 'run.mjs')
// Fields of a tap diagnosis that are not printed.
const HIDDEN = new Set(['args', 'command', 'cwd', 'externalID', 'jobId', 'source', 'stdio', 'at', 'test'])

// Tests start their own storage emulator, so they must not use the emulator of the caller.
delete process.env.STORAGE_EMULATOR_HOST

const counts = { passed: 0, failed: 0, skipped: 0 }
let running: ChildProcess | undefined
let stopped: NodeJS.Signals | undefined

function print (line: string): void {
  process.stdout.write(`${line}\n`)
}

function fail (line: string): void {
  counts.failed++
  print(line)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stopped ??= signal
    signalGroup(running, signal)
  })
}

// Each step runs in a separate process group, so that a signal reaches all processes of the step and none of them outlives it.
function signalGroup (child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch { /* The group has ended. */ }
}

interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  /** Receives stdout. If undefined, the child process inherits stdout. */
  readonly onOutput?: (chunk: Buffer) => void
}

async function run (program: string, args: readonly string[], { env = process.env, onOutput }: RunOptions = {}): Promise<number> {
  if (stopped !== undefined) return 1
  const stdio: StdioOptions = ['ignore', onOutput === undefined ? 'inherit' : 'pipe', 'inherit']
  const child = spawn(process.execPath, [join(ROOT, 'node_modules', program), ...args], { cwd: ROOT, env, stdio, detached: true })
  running = child
  if (onOutput !== undefined) child.stdout?.on('data', onOutput)
  const code = await new Promise<number>(resolve => {
    child.once('error', () => { resolve(1) })
    // A process that a test left behind would keep the output open, so the group is killed before the remaining output is read.
    child.once('exit', () => { signalGroup(child, 'SIGKILL') })
    child.once('close', code => { resolve(code ?? 1) })
    // After a signal, a step has 10 seconds to end before it is killed.
    const watch = setInterval(() => {
      if (stopped === undefined) return
      clearInterval(watch)
      setTimeout(() => { signalGroup(child, 'SIGKILL') }, 10_000).unref()
    }, 100)
    child.once('exit', () => { clearInterval(watch) })
  })
  running = undefined
  return code
}

async function check (title: string, program: string, args: readonly string[]): Promise<void> {
  print(`# ${title}`)
  if (await run(program, args) === 0) counts.passed++
  else if (stopped === undefined) fail(`${title} failed`)
}

async function testFiles (path: string): Promise<string[]> {
  const stats = await stat(join(ROOT, path)).catch(() => undefined)
  if (stats?.isFile() === true) return [path]
  const entries = stats === undefined ? [] : await readdir(join(ROOT, path), { recursive: true })
  return entries.filter(name => name.endsWith('.test.ts')).map(name => join(path, name)).sort()
}

// Downloads the servers and packages of the chosen tests before the tests start, so that a slow download does not count as a hanging test.
async function prepare (files: readonly string[]): Promise<void> {
  const texts = await Promise.all(files.map(async file => await readFile(join(ROOT, file), 'utf8')))
  const servers = texts.some(text => /\b(useStack|useOwnKafka|useCluster|startKafka|startRegistry|startStack|startCli|runCli)\b/.test(text))
  const python = texts.some(text => /\b(usePython|pythonEnvironment)\b/.test(text))
  const gcs = texts.some(text => /\b(useGcs|startGcs|ensureGcs)\b|--store'?,? '?gs\b/.test(text))
  const cache = { cacheDir: defaultCacheDir(process.env), env: process.env, progress: print }
  const maven = servers && await downloadsMissing(cache.cacheDir)
  await checkPrerequisites({ java: servers, maven, python: python && 'venv' }, process.env)
  if (servers) {
    await ensureKafka(cache)
    await ensureRegistry(cache)
  }
  if (gcs) await ensureGcs(cache)
  if (python) await pythonEnvironment(cache)
}

function reportFile (name: string, { passed, failed, skipped, failures }: Counts, ms: number | undefined): void {
  const others = [...failed > 0 ? [`${failed} failed`] : [], ...skipped > 0 ? [`${skipped} skipped`] : []]
  const duration = ms === undefined ? [] : [`${(ms / 1000).toFixed(1)} s`]
  print(`${failed > 0 ? 'FAIL' : 'ok  '} ${name} (${[`${passed} passed`, ...others, ...duration].join(', ')})`)
  for (const { path, diagnosis } of failures) {
    print(`  ${path.length === 1 ? 'outside of a named test' : path.slice(1).join(' > ')}`)
    const shown = Object.entries(diagnosis).filter(([key]) => !HIDDEN.has(key))
    for (const [key, value] of shown) {
      const text = typeof value === 'string' ? value : JSON.stringify(value)
      print(`    ${key}: ${text.trim().replaceAll('\n', '\n      ')}`)
    }
  }
}

/** Takes `--name=N` from the flags. Without such a flag, returns `otherwise`. */
function takeNumber (name: string, otherwise: number): number {
  const index = flags.findIndex(flag => flag.startsWith(`--${name}=`))
  return index < 0 ? otherwise : Number(flags.splice(index, 1)[0]?.split('=')[1])
}

async function runTests (files: readonly string[]): Promise<void> {
  if (files.length === 0) {
    fail('no test files found')
    return
  }
  const folder = await makeRunFolder()
  try {
    await prepare(files)
    print(`# Tests (${files.length} files)`)
    const counter = tapCounter(reportFile)
    const env = { ...process.env, [RUN_FOLDER]: folder, [ROUNDS]: String(rounds), [SEED]: String(seed) }
    // More rounds take longer than the time limit of a file in .taprc.
    const limit = rounds > 1 ? [`--timeout=${300 * rounds}`] : []
    const code = await run(TAP, ['--reporter=tap', '--no-color', ...limit, ...flags, ...files], { env, onOutput: counter.write })
    const found = counter.end()
    counts.passed += found.passed
    counts.failed += found.failed
    counts.skipped += found.skipped
    if (stopped === undefined && code !== 0 && found.failed === 0) fail(`tap exited with code ${code}`)
    if (stopped === undefined && code === 0 && found.passed + found.failed + found.skipped === 0) fail('no test ran')
    if (found.failures.length > 0) {
      print(`\n# Failed\n${found.failures.map(({ path }) => path.join(' > ')).join('\n')}`)
      print(`# To repeat the random faults of this run, add: --rounds=${rounds} --seed=${seed}`)
    }
  } catch (error) {
    fail(formatError(error))
  } finally {
    await removeRunFolder(folder)
  }
}

const args = process.argv.slice(2)
const paths = args.filter(arg => !arg.startsWith('-'))
const flags = args.filter(arg => arg.startsWith('-'))
const rounds = takeNumber('rounds', 1)
const seed = takeNumber('seed', Math.floor(Math.random() * 2 ** 31))
if (paths.length === 0) {
  await check('Type check', join('typescript', 'bin', 'tsc'), ['--noEmit'])
  await check('Linter', join('eslint', 'bin', 'eslint.js'), ['.'])
  await check('Unused code', join('knip', 'bin', 'knip.js'), ['--production'])
}
if (stopped === undefined) await runTests((await Promise.all((paths.length === 0 ? ['test'] : paths).map(testFiles))).flat())
if (stopped !== undefined) fail(`stopped by ${stopped}`)
print(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed === 0 ? 0 : 1
