// Enables Node's cache of compiled modules, which saves a third of the CPU time of a start. Node finds
// an entry by the content of the module, so a changed file is compiled anew. The cache never makes a start fail: without a usable folder,
// the program starts without the cache. See "Start of the program" in CONTRIBUTING.md.
import { existsSync, mkdirSync, statSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'

const WRITABLE_BY_OTHERS = 0o022

/** Does nothing if the user has set NODE_COMPILE_CACHE or NODE_DISABLE_COMPILE_CACHE. */
export function enableCompileCache (environment) {
  try {
    // Cannot be imported from src/devstack/tools.ts (defaultCacheDir), because src/ is loaded with the cache.
    const xdg = environment.XDG_CACHE_HOME
    const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(environment.HOME || homedir(), '.cache')
    const program = join(base, 'alert-stream')
    const cache = join(program, 'compile-cache')
    if (!isAbsolute(base) || !isOwn(dirname(base))) return
    for (const folder of [base, program, cache]) {
      // Not recursive, because Node's recursive mkdir does not return in /proc.
      if (!existsSync(folder)) makeFolder(folder)
      if (!isOwn(folder)) return
    }
    if ((statSync(cache).mode & WRITABLE_BY_OTHERS) === 0) module.enableCompileCache(cache)
  } catch { /* No usable folder. */ }
}

/** Whether the folder belongs to this user. The files of a cache run as this user, and no folder is made in the home of another user. */
function isOwn (folder) {
  const stats = statSync(folder)
  return stats.isDirectory() && stats.uid === process.getuid?.()
}

/** Another process may make the folder at the same time. */
function makeFolder (folder) {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
}
