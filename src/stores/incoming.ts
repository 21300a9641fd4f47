// The folder in which a file store's objects grow until they are complete. It lies in the store's root (same file system, so that link(2)
// works) and no listing or key reaches it. Files that a killed writer left are removed at the next opening: only those of a process of this
// host that is dead, or older than an hour. Were a file of a living writer ever removed, its link(2) would fail and it would try again.
import { readlinkSync } from 'node:fs'
import { mkdir, readdir, stat, unlink } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'

export const incomingFolder = '.incoming'

const staleAfterMs = 60 * 60 * 1000
const separator = '~'

/** Who writes: a container's process is mostly number 1, so host and pid namespace are part of it, and a nonce for this very process. */
const host = hostname().replace(/[^A-Za-z0-9.-]/g, '_')
const namespace = pidNamespace()
const nonce = randomBytes(6).toString('hex')
const owner = [host, namespace, process.pid, nonce].join(separator)
let counter = 0

export class Incoming {
  readonly path: string

  constructor (root: string) {
    this.path = join(root, incomingFolder)
  }

  /** A path for a new file, unique among all processes and hosts. */
  next (): string {
    return join(this.path, `${owner}${separator}${counter++}`)
  }

  async make (): Promise<void> {
    await mkdir(this.path, { recursive: true })
  }

  /** Removes what dead writers left. Resolves to the number of files removed. */
  async clean (now = Date.now()): Promise<number> {
    let removed = 0
    for (const name of await readdir(this.path)) {
      const path = join(this.path, name)
      try {
        if (!isOrphan(name) && now - (await stat(path)).mtimeMs < staleAfterMs) continue
        await unlink(path)
        removed++
      } catch { /* gone meanwhile: its writer finished or another process cleans too */ }
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
    return error instanceof Error && 'code' in error && error.code === 'ESRCH'
  }
}

function pidNamespace (): string {
  try {
    return /[0-9]+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
  } catch {
    return '0'
  }
}
