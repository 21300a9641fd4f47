// Folders of a file store that survive a power cut: a folder's entries are durable only once the folder itself has been fsynced.
// One fsync serves all writers that wait for the same folder; each waits for an fsync that *began* after its own entry was made.
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

/** Makes folders, and makes their entries durable. */
export class Folders {
  readonly #root: string
  readonly #fsync: (folder: string) => Promise<void>
  readonly #rounds = new Map<string, Round>()
  readonly #known = new LRUCache<string, true>({ max: 10_000 })
  readonly #making = new Map<string, Promise<void>>()

  /** `fsyncFolder` is replaced in tests. */
  constructor (root: string, fsync = fsyncFolder) {
    this.#root = root
    this.#fsync = fsync
  }

  /** Resolves when every entry that the folder has at this moment is durable. */
  sync (folder: string): Promise<void> {
    const round = this.#rounds.get(folder)
    if (round === undefined) return this.#begin(folder)
    // The running one may have begun before the caller's entry was made: the one after it counts.
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

  /** Resolves when the folder (the root or one below it) exists durably. Costs nothing for a folder that is known. */
  async ensure (folder: string): Promise<void> {
    if (this.#known.get(folder) === true) return
    const other = this.#making.get(folder)
    if (other !== undefined) return other
    const made = this.#make(folder)
    this.#making.set(folder, made)
    try {
      await made
      this.#known.set(folder, true)
    } finally {
      this.#making.delete(folder)
    }
  }

  /** To be called when a folder turns out to be gone. */
  forget (folder: string): void {
    this.#known.delete(folder)
  }

  async #make (folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true })
    // Folders below the root are synced even if another process made them: it may not have come to that yet.
    const outermost = first !== undefined && first.length < this.#root.length ? dirname(first) : this.#root
    let at = folder
    while (at !== outermost && at !== dirname(at)) {
      at = dirname(at)
      await this.sync(at)
    }
  }
}

async function fsyncFolder (folder: string): Promise<void> {
  // Windows cannot open a folder for fsync; its file systems journal names by themselves.
  if (process.platform === 'win32') return
  const handle = await openFile(folder, 'r')
  try {
    await syncFile(handle)
  } finally {
    await closeFile(handle)
  }
}
