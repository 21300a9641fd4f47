// Creates folders and makes their entries durable: a new entry survives a power cut only after its folder has been fsynced.
// One fsync serves all callers waiting for the same folder. Each caller waits for an fsync that *began* after the caller created its entry.
import { close, fsync, open } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { LRUCache } from 'lru-cache'

const openFile = promisify(open)
const syncFile = promisify(fsync)
const closeFile = promisify(close)

interface Round {
  running: Promise<void>
  next: Promise<void> | undefined
}

export class DurableFolders {
  readonly #root: string
  readonly #fsync: (folder: string) => Promise<void>
  readonly #rounds = new Map<string, Round>()
  readonly #known = new LRUCache<string, true>({ max: 10_000 })
  readonly #creating = new Map<string, Promise<void>>()

  /** @param fsync flushes a folder to disk; tests replace it */
  constructor (root: string, fsync = fsyncFolder) {
    this.#root = root
    this.#fsync = fsync
  }

  /** Resolves when all entries that the folder has at the time of the call are durable. */
  sync (folder: string): Promise<void> {
    const round = this.#rounds.get(folder)
    if (round === undefined) return this.#begin(folder)
    // The running fsync may have begun before the caller created its entry, so wait for the next fsync.
    round.next ??= round.running.then(() => this.#begin(folder), () => this.#begin(folder))
    return round.next
  }

  #begin (folder: string): Promise<void> {
    const round: Round = { running: this.#fsync(folder), next: undefined }
    this.#rounds.set(folder, round)
    const end = () => {
      if (round.next === undefined) this.#rounds.delete(folder)
    }
    round.running.then(end, end)
    return round.running
  }

  /** Creates the folder (the root or a folder below the root) if it is missing. Resolves when the folder is durable. */
  async ensure (folder: string): Promise<void> {
    if (this.#known.get(folder) === true) return
    const other = this.#creating.get(folder)
    if (other !== undefined) return other
    const created = this.#create(folder)
    this.#creating.set(folder, created)
    try {
      await created
      this.#known.set(folder, true)
    } finally {
      this.#creating.delete(folder)
    }
  }

  /** Makes the next `ensure` create the folder again. Called if the folder was removed. */
  forget (folder: string): void {
    this.#known.delete(folder)
  }

  async #create (folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true })
    // Sync all parents up to the root (or the parent of a new root): another process may have created a folder and not synced its parent.
    const outermost = first !== undefined && first.length < this.#root.length ? dirname(first) : this.#root
    let at = folder
    while (at !== outermost && at !== dirname(at)) {
      at = dirname(at)
      await this.sync(at)
    }
  }
}

async function fsyncFolder (folder: string): Promise<void> {
  // Windows cannot open a folder for fsync. No fsync is needed there, because NTFS journals directory entries.
  if (process.platform === 'win32') return
  const handle = await openFile(folder, 'r')
  try {
    await syncFile(handle)
  } finally {
    await closeFile(handle)
  }
}
