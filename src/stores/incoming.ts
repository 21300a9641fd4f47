// The folder `.incoming` in the root of a file store. Objects are written there before link(2) gives them their final name.
// No key or listing reaches the folder. A writer that opens the store removes leftovers of killed writers: files of dead processes of this
// host, and files older than an hour. If the file of a live writer were removed, the put of that file would fail and be retried.
import { readlinkSync } from 'node:fs'
import { mkdir, readdir, stat, unlink } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { systemErrorCode } from '../pipeline/errors.ts'

export const incomingName = '.incoming'

const staleAfterMs = 60 * 60 * 1000
const separator = '~'

// File names identify the writer. Process ids repeat across containers and restarts, so names include the pid namespace and a nonce.
const host = hostname().replace(/[^A-Za-z0-9.-]/g, '_')
const namespace = pidNamespace()
const nonce = randomBytes(6).toString('hex')
const owner = [host, namespace, process.pid, nonce].join(separator)
let counter = 0

export class IncomingFolder {
  readonly path: string

  constructor (root: string) {
    this.path = join(root, incomingName)
  }

  /** The path of a new file, unique among all processes and hosts. */
  nextPath (): string {
    return join(this.path, `${owner}${separator}${counter++}`)
  }

  async create (): Promise<void> {
    await mkdir(this.path, { recursive: true })
  }

  /** Removes leftovers of dead writers. Resolves to the number of files removed. */
  async clean (): Promise<number> {
    let removed = 0
    for (const name of await readdir(this.path)) {
      const path = join(this.path, name)
      try {
        if (!isOrphan(name) && Date.now() - (await stat(path)).mtimeMs < staleAfterMs) continue
        await unlink(path)
        removed++
      } catch { /* the writer of the file finished, or another process removed the file */ }
    }
    return removed
  }
}

function isOrphan (name: string): boolean {
  const [itsHost, itsNamespace, pid, itsNonce] = name.split(separator)
  if (itsHost !== host || itsNamespace !== namespace || pid === undefined || !/^[1-9][0-9]*$/.test(pid)) return false
  if (Number(pid) === process.pid) return itsNonce !== nonce
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return systemErrorCode(error) === 'ESRCH'
  }
}

function pidNamespace (): string {
  try {
    return /[0-9]+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
  } catch {
    return '0'
  }
}
