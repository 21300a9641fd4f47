// A lock between processes, as a file that names its holder. A holder that died is found by its identity and its lock taken over.
// It saves double work and orders starts; whatever is done under it still ends in a rename, so a lock lost to a race corrupts nothing.
import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemErrorCode } from '../pipeline/errors.ts'
import { folderError } from './errors.ts'
import { isAlive, processFacts, type ProcessIdentity } from './identity.ts'

export interface LockOptions {
  /** Told once when the lock is held by somebody else. */
  readonly onWait?: (holder: number) => void
  /** Ends the wait, with an AbortError. */
  readonly signal?: AbortSignal
}

/** Runs `work` while holding the lock file at `path`; waits for as long as its holder lives. */
export async function withLock<T> (path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  await acquire(path, options)
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function acquire (path: string, { onWait, signal }: LockOptions): Promise<void> {
  const me = await processFacts(process.pid)
  const mine = `${path}.${process.pid}.${randomUUID()}`
  try {
    await mkdir(dirname(path), { recursive: true })
    // Written whole before it is linked, so that nobody ever reads half a holder.
    await writeFile(mine, JSON.stringify({ pid: process.pid, started: me?.started ?? '' }))
  } catch (error) {
    throw folderError(error, dirname(path))
  }
  try {
    for (let told = false; ; await sleep(50, undefined, signal === undefined ? {} : { signal })) {
      try {
        await link(mine, path)
        return
      } catch (error) {
        if (systemErrorCode(error) !== 'EEXIST') throw folderError(error, dirname(path))
      }
      const holder = await readHolder(path)
      if (holder === undefined) continue
      if (!await isAlive(holder)) {
        await takeAway(path, holder)
      } else if (!told) {
        told = true
        onWait?.(holder.pid)
      }
    }
  } finally {
    await rm(mine, { force: true })
  }
}

async function readHolder (path: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

// Moved aside before it is removed: of two that find the same dead holder, one could else remove the lock that the other just took.
async function takeAway (path: string, dead: ProcessIdentity): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return
    throw error
  }
  const moved = await readHolder(aside)
  if (moved?.pid !== dead.pid || moved.started !== dead.started) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
}
