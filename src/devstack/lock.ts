// A lock between processes: a file that names its holder. The lock of a process that has ended is taken over.
// In a rare race two processes may hold the lock, so work under the lock must still finish with an atomic rename.
import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemErrorCode } from '../pipeline/errors.ts'
import { folderError } from './errors.ts'
import { isAlive, processFacts, type ProcessIdentity } from './process-identity.ts'

export interface LockOptions {
  /** Called once, with the holder's pid, if another process holds the lock. */
  readonly onWait?: (holder: number) => void
  /** Aborts the wait with an AbortError. */
  readonly signal?: AbortSignal
}

const POLL_MS = 50

/** Runs `work` while holding the lock file at `path`. Waits until the current holder releases the lock or its process ends. */
export async function withLock<T> (path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  await acquire(path, options)
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function acquire (path: string, { onWait, signal }: LockOptions): Promise<void> {
  const self = await processFacts(process.pid)
  const candidate = `${path}.${process.pid}.${randomUUID()}`
  try {
    await mkdir(dirname(path), { recursive: true })
    // The candidate file is complete before it is linked, so readers never see a partial record.
    await writeFile(candidate, JSON.stringify({ pid: process.pid, started: self?.started ?? '' }))
  } catch (error) {
    throw folderError(error, dirname(path))
  }
  try {
    for (let notified = false; ; await sleep(POLL_MS, undefined, signal === undefined ? {} : { signal })) {
      try {
        await link(candidate, path)
        return
      } catch (error) {
        if (systemErrorCode(error) !== 'EEXIST') throw folderError(error, dirname(path))
      }
      const holder = await readHolder(path)
      if (holder === undefined) continue
      if (!await isAlive(holder)) {
        await removeStale(path, holder)
      } else if (!notified) {
        notified = true
        onWait?.(holder.pid)
      }
    }
  } finally {
    await rm(candidate, { force: true })
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

// A stale lock is renamed before it is removed. Otherwise, if two processes found the stale lock, one could remove the other's new lock.
async function removeStale (path: string, holder: ProcessIdentity): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return
    throw error
  }
  const moved = await readHolder(aside)
  if (moved?.pid !== holder.pid || moved.started !== holder.started) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
}
