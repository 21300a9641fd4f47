import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { withLock } from '../../src/devstack/lock.ts'
import { tempDir } from '../support/stack.ts'

await t.test('only one caller holds the lock at a time, and no lock file remains', async t => {
  const folder = await tempDir(t)
  let holders = 0
  let maximum = 0
  await Promise.all(Array.from({ length: 8 }, async () => {
    await withLock(join(folder, 'x.lock'), async () => {
      maximum = Math.max(maximum, ++holders)
      await new Promise(resolve => setImmediate(resolve))
      holders--
    })
  }))
  t.equal(maximum, 1)
  t.strictSame(await readdir(folder), [])
})

await t.test('a lock excludes other processes, and the lock of a killed holder is taken over', async t => {
  const folder = await tempDir(t)
  const lock = join(folder, 'x.lock')
  const program = join(folder, 'holder.ts')
  const source = join(import.meta.dirname, '..', '..', 'src', 'devstack', 'lock.ts')
  await writeFile(program, `import { withLock } from ${JSON.stringify(source)}
await withLock(${JSON.stringify(lock)}, async () => { console.log('held'); await new Promise(resolve => setTimeout(resolve, 1e8)) })`)
  const child = spawn(process.execPath, [program], { env: { PATH: process.env.PATH }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')

  let waitedFor: number | undefined
  const waiting = Promise.withResolvers<undefined>()
  const acquired = withLock(lock, async () => 'acquired', { onWait: pid => { waitedFor = pid; waiting.resolve(undefined) } })
  await waiting.promise
  t.equal(waitedFor, child.pid)
  child.kill('SIGKILL')
  t.equal(await acquired, 'acquired')
})

await t.test('if the work under a lock fails, the lock is released', async t => {
  const lock = join(await tempDir(t), 'x.lock')
  await t.rejects(withLock(lock, async () => { throw new Error('failed') }), { message: 'failed' })
  t.equal(await withLock(lock, async () => 1), 1)
  await t.rejects(readFile(lock), { code: 'ENOENT' })
})

await t.test('if a wait for the lock is aborted, the holder keeps the lock', async t => {
  const folder = await tempDir(t)
  const stop = new AbortController()
  await withLock(join(folder, 'x.lock'), async () => {
    const waiting = withLock(join(folder, 'x.lock'), async () => { t.fail('the aborted wait acquired the lock') }, {
      signal: stop.signal, onWait: () => { stop.abort() }
    })
    await t.rejects(waiting, { name: 'AbortError' })
    t.strictSame(await readdir(folder), ['x.lock'])
  })
  t.strictSame(await readdir(folder), [])
})
