// What `npm test` runs: the type check, the linter, then the tests (all of them, or those under the paths that are given). Its last line is
// `N passed, N failed, N skipped`: each named test that holds no other ones counts as one, and so do the type check and the linter.
// The run has one folder for its servers and temporary files; whatever happens, the servers are stopped and the folder is removed.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { checkPrerequisites, defaultCacheDir, downloadsMissing, ensureGcs, ensureKafka, ensureRegistry, pythonEnvironment } from '../src/devstack/index.ts'
import { formatError } from '../src/pipeline/errors.ts'
import { makeRunFolder, removeRunFolder, RUN_FOLDER } from '../test/support/run-folder.ts'
import { tapCounter, type Counts } from '../test/support/tap-counts.ts'

const ROOT = join(import.meta.dirname, '..')
const TAP = join('tap', 'dist', 'esm', 'run.mjs')
// What tap adds to a failure that helps nobody who reads it.
const NOISE = new Set(['args', 'command', 'cwd', 'externalID', 'jobId', 'source', 'stdio', 'at', 'test'])

// Tests say themselves where Cloud Storage is.
delete process.env.STORAGE_EMULATOR_HOST

const counts = { passed: 0, failed: 0, skipped: 0 }
let running: ChildProcess | undefined
let stopped: NodeJS.Signals | undefined

function say (line: string): void {
  process.stdout.write(`${line}\n`)
}

function fail (line: string): void {
  counts.failed++
  say(line)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stopped ??= signal
    signalGroup(running, signal)
  })
}

// Each step has a process group of its own: a signal reaches all of it, and nothing of it is left at the end.
function signalGroup (child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch { /* the group is gone */ }
}

interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  /** Given its stdout, which is else shown as it is. */
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
    // Its output may end long after it where a test left a child behind: the group goes first, then the rest is read.
    child.once('exit', () => { signalGroup(child, 'SIGKILL') })
    child.once('close', code => { resolve(code ?? 1) })
    // After a signal a step may end in peace, but not stay.
    const patience = setInterval(() => {
      if (stopped === undefined) return
      clearInterval(patience)
      setTimeout(() => { signalGroup(child, 'SIGKILL') }, 10_000).unref()
    }, 100)
    child.once('exit', () => { clearInterval(patience) })
  })
  running = undefined
  return code
}

async function check (title: string, program: string, args: readonly string[]): Promise<void> {
  say(`# ${title}`)
  if (await run(program, args) === 0) counts.passed++
  else if (stopped === undefined) fail(`${title} failed`)
}

async function testFiles (path: string): Promise<string[]> {
  const facts = await stat(join(ROOT, path)).catch(() => undefined)
  if (facts?.isFile() === true) return [path]
  const entries = facts === undefined ? [] : await readdir(join(ROOT, path), { recursive: true })
  return entries.filter(name => name.endsWith('.test.ts')).map(name => join(path, name)).sort()
}

// Downloads are done before the tests, so that a slow network is not taken for a test that hangs; only what the chosen files use.
async function prepare (files: readonly string[]): Promise<void> {
  const texts = await Promise.all(files.map(async file => await readFile(join(ROOT, file), 'utf8')))
  const servers = texts.some(text => /\b(useStack|useOwnKafka|startKafka|startRegistry|startStack|startCli|runCli)\b/.test(text))
  const python = texts.some(text => /\b(usePython|pythonEnvironment)\b/.test(text))
  const gcs = texts.some(text => /\b(useGcs|startGcs|ensureGcs)\b|--store'?,? '?gs\b/.test(text))
  const cache = { cacheDir: defaultCacheDir(process.env), env: process.env, progress: say }
  await checkPrerequisites({ java: servers, maven: servers && await downloadsMissing(cache.cacheDir), python: python && 'venv' }, process.env)
  if (servers) {
    await ensureKafka(cache)
    await ensureRegistry(cache)
  }
  if (gcs) await ensureGcs(cache)
  if (python) await pythonEnvironment(cache)
}

function reportFile (name: string, { passed, failed, skipped, failures }: Counts): void {
  const others = [...failed > 0 ? [`${failed} failed`] : [], ...skipped > 0 ? [`${skipped} skipped`] : []]
  say(`${failed > 0 ? 'FAIL' : 'ok  '} ${name} (${[`${passed} passed`, ...others].join(', ')})`)
  for (const { path, diagnosis } of failures) {
    say(`  ${path.length === 1 ? 'the file itself' : path.slice(1).join(' > ')}`)
    const shown = Object.entries(diagnosis).filter(([key]) => !NOISE.has(key))
    for (const [key, value] of shown) say(`    ${key}: ${(typeof value === 'string' ? value : JSON.stringify(value)).trim().replaceAll('\n', '\n      ')}`)
  }
}

async function runTests (files: readonly string[], flags: readonly string[]): Promise<void> {
  if (files.length === 0) {
    fail('no test file was found')
    return
  }
  const folder = await makeRunFolder()
  try {
    await prepare(files)
    say(`# Tests (${files.length} files)`)
    const counter = tapCounter(reportFile)
    const code = await run(TAP, ['--reporter=tap', '--no-color', ...flags, ...files], { env: { ...process.env, [RUN_FOLDER]: folder }, onOutput: counter.write })
    const found = counter.end()
    counts.passed += found.passed
    counts.failed += found.failed
    counts.skipped += found.skipped
    if (stopped === undefined && code !== 0 && found.failed === 0) fail(`tap ended with exit code ${code}`)
    if (stopped === undefined && code === 0 && found.passed + found.failed + found.skipped === 0) fail('no test ran')
    if (found.failures.length > 0) say(`\n# Failed\n${found.failures.map(({ path }) => path.join(' > ')).join('\n')}`)
  } catch (error) {
    fail(formatError(error))
  } finally {
    await removeRunFolder(folder)
  }
}

const args = process.argv.slice(2)
const paths = args.filter(arg => !arg.startsWith('-'))
const flags = args.filter(arg => arg.startsWith('-'))
if (paths.length === 0) {
  await check('Type check', join('typescript', 'bin', 'tsc'), ['--noEmit'])
  await check('Linter', join('eslint', 'bin', 'eslint.js'), ['.'])
}
if (stopped === undefined) await runTests((await Promise.all((paths.length === 0 ? ['test'] : paths).map(testFiles))).flat(), flags)
if (stopped !== undefined) fail(`stopped by ${stopped}`)
say(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed === 0 ? 0 : 1
