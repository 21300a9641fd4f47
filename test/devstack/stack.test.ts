import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { endServersUnder, isAlive, startStack } from '../../src/devstack/index.ts'
import { cache, tempDir } from '../support/stack.ts'

await t.test('both servers start side by side, answer, and stop', async t => {
  const stateDir = await tempDir(t)
  const stack = await startStack({ ...cache(), stateDir })
  t.teardown(async () => { await stack.kill() })
  t.equal((await fetch(`${stack.registry.url}/subjects`)).status, 200)
  t.match(stack.kafka.broker, /^127\.0\.0\.1:\d+$/)
  await stack.stop()
  t.strictSame(await Promise.all([stack.kafka, stack.registry].map(isAlive)), [false, false])
  await stack.stop()
  t.strictSame(await endServersUnder(stateDir, 0), [], 'nothing is left to end')
})

await t.test('where one of them cannot start, the other is stopped and the failure names the one', async t => {
  const stateDir = await tempDir(t)
  await writeFile(join(stateDir, 'registry'), 'a file in the place of its folder')
  await t.rejects(startStack({ ...cache(), stateDir }), { code: 'DEVSTACK_FOLDER', where: join(stateDir, 'registry') })
  t.strictSame(await endServersUnder(stateDir, 0), [])
})

await t.test('servers that nobody stopped are found by their pid files and ended', async t => {
  const stateDir = await tempDir(t)
  const stack = await startStack({ ...cache(), stateDir })
  t.teardown(async () => { await stack.kill() })
  const ended = await endServersUnder(stateDir, 10_000)
  t.strictSame(ended.map(({ pid }) => pid).sort(), [stack.kafka.pid, stack.registry.pid].sort())
  t.strictSame(await Promise.all([stack.kafka, stack.registry].map(isAlive)), [false, false])
})
