import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { endProcess, freePorts, isAlive, isPortFree, processFacts, withLock } from '../../src/devstack/index.ts'
import { tempDir } from '../support/stack.ts'

await t.test('one at a time holds a lock, and nothing is left of it', async t => {
  const folder = await tempDir(t)
  let inside = 0
  let most = 0
  await Promise.all(Array.from({ length: 8 }, async () => {
    await withLock(join(folder, 'x.lock'), async () => {
      most = Math.max(most, ++inside)
      await new Promise(resolve => setImmediate(resolve))
      inside--
    })
  }))
  t.equal(most, 1)
  t.strictSame(await readdir(folder), [])
})

await t.test('processes exclude each other, and a killed holder\'s lock is taken over', async t => {
  const folder = await tempDir(t)
  const lock = join(folder, 'x.lock')
  const program = join(folder, 'holder.ts')
  const source = join(import.meta.dirname, '..', '..', 'src', 'devstack', 'index.ts')
  await writeFile(program, `import { withLock } from ${JSON.stringify(source)}
await withLock(${JSON.stringify(lock)}, async () => { console.log('held'); await new Promise(resolve => setTimeout(resolve, 1e8)) })`)
  const child = spawn(process.execPath, [program], { env: { PATH: process.env.PATH }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')

  let waitedFor: number | undefined
  const waiting = Promise.withResolvers<undefined>()
  const got = withLock(lock, async () => 'mine', { onWait: pid => { waitedFor = pid; waiting.resolve(undefined) } })
  await waiting.promise
  t.equal(waitedFor, child.pid)
  child.kill('SIGKILL')
  t.equal(await got, 'mine')
})

await t.test('an error inside releases the lock', async t => {
  const lock = join(await tempDir(t), 'x.lock')
  await t.rejects(withLock(lock, async () => { throw new Error('inside') }), { message: 'inside' })
  t.equal(await withLock(lock, async () => 1), 1)
  await t.rejects(readFile(lock), { code: 'ENOENT' })
})

await t.test('a process is known by its start, so that a pid that is used again is never mistaken', async t => {
  const child = spawn('sleep', ['1000'])
  t.teardown(() => child.kill('SIGKILL'))
  const facts = await processFacts(child.pid ?? 0)
  t.match(facts, { pid: child.pid, command: /sleep 1000/ })
  if (facts === undefined) return
  const other = { pid: facts.pid, started: `${facts.started}0` }
  t.equal(await isAlive(other), false)
  t.equal(await endProcess(other, 0), false)
  t.equal(await isAlive(facts), true, 'the stranger lives')
  t.equal(await endProcess(facts, 10_000), false, 'SIGTERM was enough')
  t.equal(await isAlive(facts), false)
})

await t.test('a process that ignores SIGTERM is killed', async t => {
  const child = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 1000 & wait; done'], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  const pid = child.pid ?? 0
  t.teardown(() => { process.kill(-pid, 'SIGKILL') })
  await once(child.stdout, 'data')
  const facts = await processFacts(pid)
  if (facts === undefined) throw new Error('the process is not seen')
  t.equal(await endProcess(facts, 100), true)
  t.equal(await isAlive(facts), false)
})

await t.test('free ports are distinct and free', async t => {
  const ports = await freePorts(20)
  t.equal(new Set(ports).size, 20)
  t.strictSame(await Promise.all(ports.map(isPortFree)), ports.map(() => true))
})

await t.test('a wait can be ended, and leaves the lock to its holder', async t => {
  const folder = await tempDir(t)
  const stop = new AbortController()
  await withLock(join(folder, 'x.lock'), async () => {
    await t.rejects(withLock(join(folder, 'x.lock'), async () => { t.fail('it was let in') }, { signal: stop.signal, onWait: () => { stop.abort() } }), { name: 'AbortError' })
    t.strictSame(await readdir(folder), ['x.lock'])
  })
  t.strictSame(await readdir(folder), [])
})
