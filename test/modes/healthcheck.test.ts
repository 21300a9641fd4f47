import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { freePorts } from '../../src/devstack/index.ts'
import { CLOSED_PORT, runCli, startCli, tempDir } from '../support/stack.ts'

async function startServe (t: Test, args: readonly string[], env: Record<string, string> = {}) {
  const folder = await tempDir(t)
  return startCli(t, ['serve', '--alert-store', pathToFileURL(folder).href, '--listen-port', '0', ...args], { env })
}

await t.test('a mode is alive if its admin port responds, whether a flag, a variable or the configuration file sets the port', async t => {
  const [flag = 0, variable = 0, file = 0] = await freePorts(3)
  const config = join(await tempDir(t), 'alerts.yaml')
  await writeFile(config, `serve: { admin-port: ${file} }\n`)
  const settings = [
    { port: flag, args: ['--admin-port', String(flag)], env: { ALERT_STREAM_ADMIN_PORT: '9' } },
    { port: variable, args: ['--admin-host', '0.0.0.0'], env: { ALERT_STREAM_ADMIN_PORT: String(variable) } },
    { port: file, args: ['--config', config] }
  ]
  for (const { port, args, env } of settings) {
    const serve = await startServe(t, args, env)
    await serve.waitFor(/admin port is open/)
    const stdout = `serve is alive: http://127.0.0.1:${port}/livez\n`
    t.match(await runCli(['healthcheck', String(serve.pid)]), { code: 0, stdout, stderr: '' })
    await serve.stop()
  }
})

await t.test('a mode that hangs or has exited is not healthy', async t => {
  const [port = 0] = await freePorts(1)
  const serve = await startServe(t, ['--admin-port', String(port)])
  await serve.waitFor(/admin port is open/)
  process.kill(serve.pid, 'SIGSTOP')
  const hanging = await runCli(['healthcheck', String(serve.pid), '--timeout', '0.5'])
  process.kill(serve.pid, 'SIGCONT')
  const stderr = new RegExp(`^NOT_HEALTHY: serve does not respond \\(http://127\\.0\\.0\\.1:${port}/livez\\)`)
  t.match(hanging, { code: 1, stdout: '', stderr })
  t.match(await serve.stop(), { code: 0 })
  t.match(await runCli(['healthcheck', String(serve.pid)]), { code: 1, stdout: '', stderr: /^NOT_HEALTHY: no process \d+/ })
})

await t.test('a mode without an admin port is healthy while it runs', async t => {
  const serve = await startServe(t, [])
  await serve.waitFor(/serving http/)
  t.match(await runCli(['healthcheck', String(serve.pid)]), { code: 0, stdout: 'serve is running, without an admin port\n' })
  await serve.stop()
  const printer = startCli(t, ['print-stream', '--broker', `127.0.0.1:${CLOSED_PORT}`])
  const result = await runCli(['healthcheck', String(printer.pid)])
  await printer.stop('SIGKILL')
  // print-stream may already have exited with an error, because no broker listens on the port.
  if (result.code === 0) t.equal(result.stdout, 'print-stream is running, without an admin port\n')
  else t.match(result.stderr, /no process/)
})

await t.test('rejects a process that is not alert-stream, and accepts alert-stream started by an init', async t => {
  const start = (...args: string[]): number => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)', '--', ...args], { stdio: 'ignore' })
    t.teardown(async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    })
    return child.pid ?? 0
  }
  const check = async (...args: string[]) => await runCli(['healthcheck', String(start(...args))])
  t.match(await check('serve'), { code: 1, stdout: '', stderr: /^NOT_HEALTHY: process \d+ is not alert-stream: / })
  t.match(await check('/usr/local/bin/alert-stream', 'sync-schema'), { code: 0, stdout: 'sync-schema is running, without an admin port\n' })
  t.match(await check('alert-stream', 'surf'), {
    code: 1, stderr: /^NOT_HEALTHY: process \d+ has an invalid command line: USAGE_UNKNOWN_MODE/
  })
})
