import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { startStack } from '../../src/devstack/index.ts'
import { isAlive } from '../../src/devstack/process-identity.ts'
import { endServersUnder } from '../../src/devstack/server-process.ts'
import { cache, tempDir } from '../support/stack.ts'

await t.test('starts and stops Kafka and the registry', async t => {
  const stateDir = await tempDir(t)
  const stack = await startStack({ ...cache(), stateDir })
  t.teardown(async () => { await stack.kill() })
  t.equal((await fetch(`${stack.registry.url}/subjects`)).status, 200)
  t.match(stack.kafka.broker, /^127\.0\.0\.1:\d+$/)
  await stack.stop()
  t.strictSame(await Promise.all([stack.kafka, stack.registry].map(isAlive)), [false, false])
  await stack.stop()
  t.strictSame(await endServersUnder(stateDir, 0), [], 'no server is running')
})

await t.test('if the registry cannot start, stops Kafka and throws the error of the registry', async t => {
  const stateDir = await tempDir(t)
  await writeFile(join(stateDir, 'registry'), 'a file instead of its folder')
  await t.rejects(startStack({ ...cache(), stateDir }), { code: 'DEVSTACK_FOLDER', where: join(stateDir, 'registry') })
  t.strictSame(await endServersUnder(stateDir, 0), [])
})

await t.test('finds and ends running servers by their pid files', async t => {
  const stateDir = await tempDir(t)
  const stack = await startStack({ ...cache(), stateDir })
  t.teardown(async () => { await stack.kill() })
  const ended = await endServersUnder(stateDir, 10_000)
  t.strictSame(ended.map(({ pid }) => pid).sort(), [stack.kafka.pid, stack.registry.pid].sort())
  t.strictSame(await Promise.all([stack.kafka, stack.registry].map(isAlive)), [false, false])
})
