import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { endProcess, isAlive, processFacts } from '../../src/devstack/process-identity.ts'

await t.test('identifies a process by pid and start time, so that a process that reuses the pid is never ended', async t => {
  const child = spawn('sleep', ['1000'])
  t.teardown(() => child.kill('SIGKILL'))
  const facts = await processFacts(child.pid ?? 0)
  t.match(facts, { pid: child.pid, command: /sleep 1000/ })
  if (facts === undefined) return
  const other = { pid: facts.pid, started: `${facts.started}0` }
  t.equal(await isAlive(other), false)
  t.equal(await endProcess(other, 0), false)
  t.equal(await isAlive(facts), true, 'a process whose start time differs is not ended')
  t.equal(await endProcess(facts, 10_000), false, 'SIGTERM was enough')
  t.equal(await isAlive(facts), false)
})

await t.test('a process that ignores SIGTERM is killed', async t => {
  const script = 'trap "" TERM; echo ready; while :; do sleep 1000 & wait; done'
  const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  const pid = child.pid ?? 0
  t.teardown(() => { process.kill(-pid, 'SIGKILL') })
  await once(child.stdout, 'data')
  const facts = await processFacts(pid)
  if (facts === undefined) throw new Error('the process was not found')
  t.equal(await endProcess(facts, 100), true)
  t.equal(await isAlive(facts), false)
})
