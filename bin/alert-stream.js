#!/usr/bin/env node
// Starts the program: from src/ by type stripping in a checkout (never a stale build), from dist/ where only that was shipped (the image).
// A Node that is too old is replaced by the one of the npm package `node`, if that is installed.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const tooOld = major < 22 || (major === 22 && minor < 22)
const ownNode = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))

// The first process of a container has no default for a signal: one that comes while the program still loads would be lost, and its sender would
// wait out the whole grace period. Once the program listens itself, it is its affair.
if (process.pid === 1) {
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]]) {
    process.on(signal, () => { if (process.listenerCount(signal) === 1) process.exit(code) })
  }
}

if (!tooOld) {
  const source = new URL('../src/cli/main.ts', import.meta.url)
  const built = new URL('../dist/cli/main.js', import.meta.url)
  const { main } = await import(existsSync(fileURLToPath(source)) ? source : built)
  process.exitCode = await main(process.argv.slice(2))
} else if (process.env.ALERT_STREAM_REEXEC !== '1' && existsSync(ownNode)) {
  const child = spawn(ownNode, process.argv.slice(1), { stdio: 'inherit', env: { ...process.env, ALERT_STREAM_REEXEC: '1' } })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => { process.exitCode = code ?? (signal === null ? 1 : 128) })
} else {
  process.stderr.write(`NODE_TOO_OLD: alert-stream needs Node 22.22 or newer, this is ${process.versions.node}. Run "npm ci" in the checkout, which brings Node 24, or install it.\n`)
  process.exitCode = 1
}
