// What a start loads, and the cache of compiled modules, which must never make a start fail.
import { execFile } from 'node:child_process'
import { chmod, chown, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { runCli, tempDir, type CliOptions } from '../support/stack.ts'

const root = join(import.meta.dirname, '..', '..')
const BIN = join(root, 'bin', 'alert-stream.js')

/** Runs the program and returns the packages from which it loaded modules. */
async function packagesOf (...args: readonly string[]): Promise<readonly string[]> {
  const hook = `
    import { registerHooks } from 'node:module'
    const urls = []
    registerHooks({ load (url, context, next) { urls.push(url); return next(url, context) } })
    process.on('exit', () => { process.stderr.write(JSON.stringify(urls)) })`
  const { code, stderr } = await runCli(args, { env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}` } })
  if (code !== 0) throw new Error(stderr)
  const all = JSON.parse(stderr) as string[]
  // The test runner loads modules of its own before the program.
  const urls = all.slice(all.indexOf(pathToFileURL(BIN).href))
  if (!urls.some(url => url.includes('/src/cli/main.'))) throw new Error('the hook does not see the modules of the program')
  return [...new Set(urls.flatMap(url => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []))].sort()
}

await t.test('the overview and --version load no package', async t => {
  for (const args of [['--help'], ['--version'], ['help']]) t.strictSame(await packagesOf(...args), [], args.join(' '))
})

await t.test('a mode loads only the packages that it always needs', async t => {
  const onDemand = /^(@aws-sdk|@google-cloud|@kafkajs|@smithy|fastify|google-auth-library|koffi|pino-pretty|prom-client|undici|yaml)/
  for (const mode of ['ingest', 'copy', 'play-stream']) {
    const packages = await packagesOf(mode, '--help')
    t.ok(packages.includes('rxjs'), mode)
    t.strictSame(packages.filter(name => onDemand.test(name)), [], mode)
  }
})

/** The files in the cache below a cache folder of the user, in all versions of Node. */
async function cached (base: string): Promise<string[]> {
  const files = await readdir(join(base, 'alert-stream', 'compile-cache'), { recursive: true }).catch(() => [])
  return files.filter(file => file.includes('/'))
}

/** Asserts that the program starts normally with this environment. A start that hangs is killed. */
async function starts (t: Tap, name: string, env: CliOptions['env']): Promise<void> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [BIN, '--version'], {
    timeout: 60_000, killSignal: 'SIGKILL', env: { PATH: process.env['PATH'], ...env }
  })
  t.match({ stdout, stderr }, { stdout: /^\d+\.\d+\.\d+\n$/, stderr: '' }, name)
}
type Tap = Parameters<typeof tempDir>[0]

await t.test('a start caches compiled modules in a folder that only its user can write', async t => {
  const home = await tempDir(t)
  await starts(t, 'first start', { HOME: home })
  const files = await cached(join(home, '.cache'))
  t.ok(files.length > 5, files.join())
  t.equal((await stat(join(home, '.cache', 'alert-stream', 'compile-cache'))).mode & 0o777, 0o700)
  await starts(t, 'second start', { HOME: home })
  const xdg = await tempDir(t)
  await starts(t, 'XDG_CACHE_HOME', { HOME: home, XDG_CACHE_HOME: join(xdg, 'new') })
  t.ok((await cached(join(xdg, 'new'))).length > 5)
  const disabled = await tempDir(t)
  await starts(t, 'switched off', { HOME: disabled, NODE_DISABLE_COMPILE_CACHE: '1' })
  t.strictSame(await cached(join(disabled, '.cache')), [])
})

await t.test('a module that has changed is compiled anew, even with the same length and time', async t => {
  const folder = await tempDir(t)
  await writeFile(join(folder, 'main.mjs'), `
    import { enableCompileCache } from ${JSON.stringify(pathToFileURL(join(root, 'bin', 'compile-cache.js')).href)}
    enableCompileCache({ HOME: ${JSON.stringify(folder)} })
    console.log((await import('./value.ts')).value)`)
  const run = async (): Promise<string> => (await promisify(execFile)(process.execPath, [join(folder, 'main.mjs')])).stdout.trim()
  for (const value of ['one', 'two', 'one']) {
    await writeFile(join(folder, 'value.ts'), `export const value: string = '${value}'\n`)
    t.equal(await run(), value)
  }
  t.ok((await cached(join(folder, '.cache'))).length > 0)
})

await t.test('without a usable cache folder, the program starts, prints nothing about it and creates nothing', async t => {
  const folder = await tempDir(t)
  const file = join(folder, 'file')
  await writeFile(file, '')
  await symlink('nowhere', join(folder, 'dangling'))
  const missing = join(folder, 'missing')
  for (const [name, env] of Object.entries<CliOptions['env']>({
    'a home in /proc, in which no folder can be created': { HOME: '/proc' },
    'a cache folder in /proc': { XDG_CACHE_HOME: '/proc/cache/deep' },
    'a home in /sys': { HOME: '/sys' },
    'a device': { XDG_CACHE_HOME: '/dev/null' },
    'a file as home': { HOME: file },
    'a file as cache folder': { XDG_CACHE_HOME: file },
    'a dangling link': { XDG_CACHE_HOME: join(folder, 'dangling') },
    'a home that does not exist': { HOME: missing },
    'a relative home': { HOME: 'relative-home' },
    'no variable HOME': {}
  })) await starts(t, name, env)
  await t.rejects(stat(missing), { code: 'ENOENT' })
  await t.rejects(stat(join(process.cwd(), 'relative-home')), { code: 'ENOENT' })
})

await t.test('a folder that another user can write or owns is not used', async t => {
  const open = await tempDir(t)
  const cache = join(open, '.cache', 'alert-stream', 'compile-cache')
  await mkdir(cache, { recursive: true })
  await chmod(cache, 0o777)
  await starts(t, 'writable by others', { HOME: open })
  t.strictSame(await cached(join(open, '.cache')), [])
  if (process.getuid?.() !== 0) {
    await starts(t, 'a home of root', { HOME: '/usr' })
    return
  }
  for (const foreign of ['', '.cache', '.cache/alert-stream', '.cache/alert-stream/compile-cache']) {
    const home = await tempDir(t)
    await mkdir(join(home, foreign), { recursive: true })
    await chown(join(home, foreign), 12345, 12345)
    await starts(t, `~/${foreign} of another user`, { HOME: home })
    t.strictSame((await readdir(join(home, foreign))), [], foreign)
  }
})

await t.test('processes that start at the same time share the cache', async t => {
  const home = await tempDir(t)
  await Promise.all(Array.from({ length: 8 }, async (_, index) => { await starts(t, `process ${index}`, { HOME: home }) }))
  const files = await cached(join(home, '.cache'))
  t.ok(files.length > 5)
  t.strictSame(files.filter(file => !file.endsWith('.cache') && !/\/[0-9a-f]+$/.test(file)), [], 'no temporary file is left')
})

/** Runs the program with a home on a file system of its own, which `mount` prepares in $HOME. */
async function onOwnFileSystem (home: string, mount: string): Promise<{ readonly stdout: string, readonly stderr: string }> {
  const script = `${mount} && "$0" "$1" --version && ls -A "$HOME/.cache/alert-stream/compile-cache"`
  return await promisify(execFile)('unshare', ['-Urm', 'sh', '-c', script, process.execPath, BIN], {
    timeout: 60_000, killSignal: 'SIGKILL', env: { PATH: process.env['PATH'], HOME: home }
  })
}

const mayMount = await promisify(execFile)('unshare', ['-Urm', 'sh', '-c', 'mount -t tmpfs none /mnt']).then(() => true, () => false)

const skip = !mayMount && 'this user cannot mount file systems'

await t.test('a full disk and a read-only file system do no harm', { skip }, async t => {
  const full = await onOwnFileSystem(await tempDir(t), 'mount -t tmpfs -o size=16k none "$HOME"')
  t.match(full, { stdout: /^\d+\.\d+\.\d+\n/, stderr: '' })
  const home = await tempDir(t)
  await starts(t, 'a start that fills the cache', { HOME: home })
  const before = await cached(join(home, '.cache'))
  const readOnly = 'mount --bind "$HOME" "$HOME" && mount -o remount,bind,ro "$HOME"'
  t.match(await onOwnFileSystem(home, readOnly), { stdout: /^\d+\.\d+\.\d+\nv/, stderr: '' })
  t.strictSame(await cached(join(home, '.cache')), before)
  const nothingMade = await onOwnFileSystem(await tempDir(t), readOnly).catch((error: unknown) => error)
  t.match(nothingMade, { stdout: /^\d+\.\d+\.\d+\n$/, stderr: /^ls: [^\n]*\n$/ }, 'only ls fails')
})
