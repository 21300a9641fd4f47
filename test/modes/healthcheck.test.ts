import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { freePorts } from '../../src/devstack/index.ts'
import { NOBODY, runCli, startCli, tempDir } from '../support/stack.ts'

async function startServe (t: Test, args: readonly string[], env: Record<string, string> = {}) {
  const folder = await tempDir(t)
  return startCli(t, ['serve', '--alert-store', pathToFileURL(folder).href, '--listen-port', '0', ...args], { env })
}

await t.test('a mode lives where its admin port says so, wherever that was given', async t => {
  const [flag = 0, variable = 0, file = 0] = await freePorts(3)
  const config = join(await tempDir(t), 'alerts.yaml')
  await writeFile(config, `serve: { admin-port: ${file} }\n`)
  const ways = [
    { port: flag, args: ['--admin-port', String(flag)], env: { ALERT_STREAM_ADMIN_PORT: '9' } },
    { port: variable, args: ['--admin-host', '0.0.0.0'], env: { ALERT_STREAM_ADMIN_PORT: String(variable) } },
    { port: file, args: ['--config', config] }
  ]
  for (const { port, args, env } of ways) {
    const serve = await startServe(t, args, env)
    await serve.waitFor(/admin port is open/)
    t.match(await runCli(['healthcheck', String(serve.pid)]), { code: 0, stdout: `serve lives: http://127.0.0.1:${port}/livez\n`, stderr: '' })
    await serve.stop()
  }
})

await t.test('a mode that hangs does not live, nor does one that is gone', async t => {
  const [port = 0] = await freePorts(1)
  const serve = await startServe(t, ['--admin-port', String(port)])
  await serve.waitFor(/admin port is open/)
  process.kill(serve.pid, 'SIGSTOP')
  const said = await runCli(['healthcheck', String(serve.pid), '--timeout', '0.5'])
  process.kill(serve.pid, 'SIGCONT')
  t.match(said, { code: 1, stdout: '', stderr: new RegExp(`^NOT_HEALTHY: serve does not answer \\(http://127\\.0\\.0\\.1:${port}/livez\\)`) })
  t.match(await serve.stop(), { code: 0 })
  t.match(await runCli(['healthcheck', String(serve.pid)]), { code: 1, stdout: '', stderr: /^NOT_HEALTHY: there is no process \d+/ })
})

await t.test('a mode without an admin port lives as long as it runs', async t => {
  const serve = await startServe(t, [])
  await serve.waitFor(/serving http/)
  t.match(await runCli(['healthcheck', String(serve.pid)]), { code: 0, stdout: 'serve has no admin port; it runs\n' })
  await serve.stop()
  const letters = startCli(t, ['print-stream', '--broker', `127.0.0.1:${NOBODY}`])
  const said = await runCli(['healthcheck', String(letters.pid)])
  await letters.stop('SIGKILL')
  // Unless it had given up meanwhile.
  if (said.code === 0) t.equal(said.stdout, 'print-stream has no admin port; it runs\n')
  else t.match(said.stderr, /there is no process/)
})

await t.test('another program is no alert-stream; an init that a container engine puts before it is looked past', async t => {
  const start = (...args: string[]): number => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)', '--', ...args], { stdio: 'ignore' })
    t.teardown(async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    })
    return child.pid ?? 0
  }
  t.match(await runCli(['healthcheck', String(start('serve'))]), { code: 1, stdout: '', stderr: /^NOT_HEALTHY: process \d+ is no alert-stream: / })
  t.match(await runCli(['healthcheck', String(start('/usr/local/bin/alert-stream', 'sync-schema'))]), { code: 0, stdout: 'sync-schema has no admin port; it runs\n' })
  t.match(await runCli(['healthcheck', String(start('alert-stream', 'surf'))]), { code: 1, stderr: /^NOT_HEALTHY: process \d+ cannot run: USAGE_UNKNOWN_MODE/ })
})
