// An object store in a folder. An object is written to `.incoming`, fsynced and linked to its final name; then its folder is fsynced.
// Therefore an object is complete or invisible, even after a kill or a power cut. link(2) never overwrites an object.
// A key is a path below the root. The leading slash of layout v1 is part of the key and of listings, but not of the path.
import { closeSync, fdatasync, link, open, stat, unlink, write } from 'node:fs'
import { access, constants, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { systemErrorCode } from '../pipeline/errors.ts'
import { silent, type Logger } from '../pipeline/log.ts'
import { assertSameContent } from './conflict.ts'
import { DurableFolders } from './durable-folders.ts'
import { storeErrors } from './errors.ts'
import { folderEntries, listFiles } from './file-listing.ts'
import { storeError } from './fs-errors.ts'
import { IncomingFolder } from './incoming.ts'
import { assertPrefix, namesOf } from './keys.ts'
import type {
  Admit, KeyRange, ObjectMeta, ObjectStart, ObjectStore, PutOutcome, StoredObject
} from './object-store.ts'
import { PendingOperations } from './pending-operations.ts'
import { readFile, readFileStart } from './read-file.ts'

type WriteFile = (fd: number, data: Buffer, offset: number, length: number, position: number) => Promise<{ bytesWritten: number }>

// The callback functions of node:fs use up to a fifth less CPU time per object than the file handles of fs/promises.
const openFile = promisify(open)
const writeFile = promisify(write) as unknown as WriteFile
const syncFile = promisify(fdatasync)
const linkFile = promisify(link)
const unlinkFile = promisify(unlink)
const statFile = promisify(stat)

export interface FileStoreOptions {
  /** 'write' creates the root and removes leftovers of killed writers. 'read' changes nothing and rejects every put. Default 'write'. */
  readonly access?: 'read' | 'write'
  readonly log?: Logger
}

/**
 * Opens the store at an absolute path. With access 'write', rejects with a STORE_* error if the folder cannot be created or written.
 * With access 'read', does not check the folder, because it may be created or mounted later.
 */
export async function openFileStore (root: string, options: FileStoreOptions = {}): Promise<ObjectStore> {
  const { access: mode = 'write', log = silent } = options
  const store = new FileStore(root, mode === 'write')
  if (mode === 'write') await store.prepare(log)
  return store
}

class FileStore implements ObjectStore {
  readonly url: string
  readonly #root: string
  readonly #writable: boolean
  readonly #folders: DurableFolders
  readonly #incoming: IncomingFolder
  readonly #pending = new PendingOperations()
  #closed = false
  /** Whether the root is known to have had an entry. If it is empty now, the volume was unmounted. */
  #hadContent = false

  constructor (root: string, writable: boolean) {
    this.#root = join(root, '.')
    this.#writable = writable
    this.url = pathToFileURL(this.#root).href
    this.#folders = new DurableFolders(this.#root)
    this.#incoming = new IncomingFolder(this.#root)
  }

  async prepare (log: Logger): Promise<void> {
    try {
      await this.#folders.ensure(this.#root)
      await this.#incoming.create()
      const removed = await this.#incoming.clean()
      if (removed > 0) log.info({ store: this.url, removed }, 'removed unfinished files of killed writers')
    } catch (error) {
      throw storeError(error, 'open the store for writing', this.#root)
    }
  }

  put (key: string, body: Buffer, meta: ObjectMeta): Promise<PutOutcome> {
    return this.#pending.add(this.#put(key, body, meta))
  }

  async #put (key: string, body: Buffer, meta: ObjectMeta): Promise<PutOutcome> {
    this.#assertWritable(key)
    const path = this.#path(key)
    try {
      // A redelivered object already exists. Checking for it first saves a write.
      const outcome = await isFile(path) ? 'exists' : await this.#create(path, body)
      if (outcome === 'exists') await assertSameContent(path, await readFile(path) ?? Buffer.alloc(0), body, meta)
      await this.#syncFolderOf(path)
      return outcome === 'exists' ? 'identical' : 'written'
    } catch (error) {
      throw storeError(error, 'write the object', path)
    }
  }

  compare (key: string, body: Buffer, meta: ObjectMeta): Promise<'identical' | 'absent'> {
    return this.#pending.add(this.#compare(key, body, meta))
  }

  async #compare (key: string, body: Buffer, meta: ObjectMeta): Promise<'identical' | 'absent'> {
    this.#assertWritable(key)
    const path = this.#path(key)
    try {
      if (!await isFile(path)) return 'absent'
      await assertSameContent(path, await readFile(path) ?? Buffer.alloc(0), body, meta)
      await this.#syncFolderOf(path)
      return 'identical'
    } catch (error) {
      throw storeError(error, 'compare the object', path)
    }
  }

  #assertWritable (key: string): void {
    if (this.#closed) throw storeErrors.STORE_CLOSED('the store is closed', { where: key })
    if (!this.#writable) throw storeErrors.STORE_READ_ONLY('the store is open for reading only', { where: this.url })
  }

  /** Syncs the folder of an existing object too, because the process that linked the object may have died before its fsync. */
  async #syncFolderOf (path: string): Promise<void> {
    await this.#folders.ensure(dirname(path))
    await this.#folders.sync(dirname(path))
  }

  async #create (path: string, body: Buffer): Promise<'linked' | 'exists'> {
    const folder = dirname(path)
    const temporary = this.#incoming.nextPath()
    try {
      // Write before creating the folder. If the root is missing, the write fails, so the root is not created again.
      await this.#writeDurably(temporary, body)
      await this.#folders.ensure(folder)
      try {
        await linkFile(temporary, path)
      } catch (error) {
        if (systemErrorCode(error) === 'EEXIST') return 'exists'
        if (systemErrorCode(error) !== 'ENOENT') throw error
        // The folder was removed after this process created it.
        this.#folders.forget(folder)
        await this.#folders.ensure(folder)
        await linkFile(temporary, path)
      }
      return 'linked'
    } finally {
      // If the unlink fails, the temporary file stays invisible, and the next writer that opens the store removes it.
      await unlinkFile(temporary).catch(() => {})
    }
  }

  async #writeDurably (path: string, body: Buffer): Promise<void> {
    const fd = await openFile(path, 'wx').catch((error: unknown) => {
      // `.incoming` existed when the store was opened. If it is missing now, the volume was unmounted or the root was renamed.
      // The path no longer leads to the store, so nothing may be created there.
      if (systemErrorCode(error) === 'ENOENT') {
        throw storeErrors.STORE_MISSING('the folder of the store has disappeared since the store was opened', { where: this.#root })
      }
      throw error
    })
    try {
      for (let at = 0; at < body.length;) {
        const { bytesWritten } = await writeFile(fd, body, at, body.length - at, at)
        at += bytesWritten
      }
      await syncFile(fd)
    } finally {
      // closeSync does not block here, because the data is already flushed.
      closeSync(fd)
    }
  }

  async get (key: string, admit?: Admit): Promise<StoredObject | undefined> {
    const file = await this.#read(key, async path => await readFile(path, admit))
    return file && { body: file }
  }

  async getStart (key: string, bytes: number): Promise<ObjectStart | undefined> {
    return await this.#read(key, async path => await readFileStart(path, bytes))
  }

  async #read<T> (key: string, read: (path: string) => Promise<T | undefined>): Promise<T | undefined> {
    const path = this.#path(key)
    try {
      const content = await read(path)
      if (content !== undefined) this.#hadContent = true
      return content
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw storeError(error, 'read the object', path)
      await this.#assertRoot()
      // Every ingester creates `.incoming`, so an archive is never empty.
      if (await this.#isEmpty()) throw this.#unmounted()
      return undefined
    }
  }

  async * list (prefix: string, range?: KeyRange): AsyncIterable<string> {
    assertPrefix(prefix, this.url)
    await this.#assertRoot()
    await this.#assertMounted()
    yield * listFiles(this.#root, prefix, range)
  }

  async check (): Promise<void> {
    await this.#assertRoot()
    try {
      await access(this.#root, constants.R_OK | constants.X_OK | (this.#writable ? constants.W_OK : 0))
      await this.#assertMounted()
      if (!this.#writable) return
      const { bavail, type } = await statfs(this.#root)
      // Some network file systems report 0 in every field. If `type` is 0, the free space is unknown.
      if (bavail === 0 && type !== 0) throw storeErrors.STORE_FULL('no space is left on the file system', { where: this.#root })
      // Only a write detects an exceeded quota, a lack of inodes, or the empty folder that an unmounted volume leaves.
      const probe = this.#incoming.nextPath()
      await this.#writeDurably(probe, Buffer.from('check')).finally(() => unlinkFile(probe).catch(() => {}))
    } catch (error) {
      throw storeError(error, 'use the store', this.#root)
    }
  }

  /** Resolves when all puts in flight have settled. */
  async close (): Promise<void> {
    this.#closed = true
    await this.#pending.settled()
  }

  async #assertRoot (): Promise<void> {
    let isFolder: boolean
    try {
      isFolder = (await statFile(this.#root)).isDirectory()
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') {
        throw storeErrors.STORE_MISSING('the folder of the store does not exist', { where: this.#root })
      }
      throw storeError(error, 'open the store', this.#root)
    }
    if (!isFolder) throw storeErrors.STORE_PATH_BLOCKED('the path of the store is not a folder', { where: this.#root })
  }

  // An empty folder that never had content may be a new archive, because its ingester may start later than its readers.
  async #assertMounted (): Promise<void> {
    if (await this.#isEmpty() && this.#hadContent) throw this.#unmounted()
  }

  async #isEmpty (): Promise<boolean> {
    for await (const _entry of folderEntries(this.#root)) {
      this.#hadContent = true
      return false
    }
    return true
  }

  #unmounted (): Error {
    return storeErrors.STORE_MISSING('the folder of the store is empty, as if its volume were not mounted', { where: this.#root })
  }

  #path (key: string): string {
    return join(this.#root, ...namesOf(key, this.url))
  }
}

async function isFile (path: string): Promise<boolean> {
  try {
    return (await statFile(path)).isFile()
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false
    throw error
  }
}
