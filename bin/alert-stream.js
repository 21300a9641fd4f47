#!/usr/bin/env node
// Starts the program. A checkout runs the TypeScript sources, never a stale build. The container image has only dist/ and runs dist/.
// If the running Node is too old and the npm package `node` is installed, the program restarts with the Node of that package.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { enableCompileCache } from './compile-cache.js'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const tooOld = major < 22 || (major === 22 && minor < 22)
const npmNode = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))

// The kernel ignores a signal to process 1 of a container if the process has no handler for the signal. Without these handlers, a signal
// during the loading of the program would be lost, and the container would be killed after its grace period. Once the mode runs, only
// the handlers of its host act (src/cli/host.ts).
if (process.pid === 1) {
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]]) {
    process.on(signal, () => { if (process.listenerCount(signal) === 1) process.exit(code) })
  }
}

if (!tooOld) {
  enableCompileCache(process.env)
  // A query of the index holds a thread of the pool, which has 4 threads by default, while it runs. File reads need the others.
  if (process.argv[2] === 'serve') process.env.UV_THREADPOOL_SIZE ??= '16'
  const source = new URL('../src/cli/main.ts', import.meta.url)
  const built = new URL('../dist/cli/main.js', import.meta.url)
  const { main } = await import(existsSync(fileURLToPath(source)) ? source : built)
  process.exitCode = await main(process.argv.slice(2))
} else if (process.env.ALERT_STREAM_REEXEC !== '1' && existsSync(npmNode)) {
  const child = spawn(npmNode, process.argv.slice(1), { stdio: 'inherit', env: { ...process.env, ALERT_STREAM_REEXEC: '1' } })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => { process.exitCode = code ?? (signal === null ? 1 : 128) })
} else {
  process.stderr.write(`NODE_TOO_OLD: alert-stream needs Node 22.22 or newer, but this is Node ${process.versions.node}. ` +
    'Install a newer Node, or run "npm ci" in the checkout, which installs Node 24.\n')
  process.exitCode = 1
}
