// Lists the files of a folder tree in ascending order of the UTF-8 bytes of their keys. Only folders that can hold wanted keys are read.
// A folder may hold millions of files, so its names are selected in batches: each pass over the folder keeps the next names only.
import type { Dirent } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemErrorCode } from '../pipeline/errors.ts'
import { storeError } from './fs-errors.ts'
import { incomingName } from './incoming.ts'
import { compareKeys, sortKeys } from './keys.ts'
import type { KeyRange } from './object-store.ts'

/** Names that a pass over a folder selects. A pass holds twice this number, and sorting them takes about 0.1 s. */
const namesPerPass = 100_000
/** Fewest names per pass if a listing has a limit, because folders without wanted files count as names too. */
const fewestNames = 1000

interface Selection extends KeyRange {
  readonly root: string
  /** Leading slash of the keys: "/" or empty. It is not part of the path. */
  readonly slash: string
  readonly prefix: string
  readonly batch: number
}

/** The keys of a `list` call of a file store. Rejects with a STORE_* error. @param batch names per pass over a folder; tests reduce it */
export async function * listFiles (root: string, prefix: string, range: KeyRange = {}, batch = namesPerPass): AsyncIterable<string> {
  const { limit = Infinity } = range
  const slash = prefix.startsWith('/') ? '/' : ''
  const folder = prefix.slice(slash.length, prefix.lastIndexOf('/') + 1)
  let left = limit
  if (left <= 0) return
  for await (const key of walk({ ...range, root, slash, prefix, batch: Math.min(batch, Math.max(limit, fewestNames)) }, folder)) {
    yield key
    if (--left <= 0) return
  }
}

/** The entries of a folder, none if the folder is missing. Rejects with a STORE_* error. */
export async function * folderEntries (path: string): AsyncIterable<Dirent> {
  try {
    yield * await opendir(path, { bufferSize: 256 })
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw storeError(error, 'list the folder', path)
  }
}

// `folder` is empty or ends with a slash.
async function * walk (selection: Selection, folder: string): AsyncIterable<string> {
  let names: readonly string[] = []
  do {
    names = await nextNames(selection, folder, names.at(-1))
    for (const name of names) {
      if (name.endsWith('/')) yield * walk(selection, folder + name)
      else yield selection.slash + folder + name
    }
  } while (names.length === selection.batch)
}

/** The first names after `after` that lead to wanted keys. The name of a folder ends with a slash, as in the keys of its files. */
async function nextNames (selection: Selection, folder: string, after?: string): Promise<readonly string[]> {
  const { root, slash, batch } = selection
  let names: string[] = []
  let last: string | undefined
  for await (const entry of folderEntries(join(root, folder))) {
    if (folder === '' && entry.name === incomingName) continue
    const name = entry.isDirectory() ? `${entry.name}/` : entry.name
    if (!entry.isDirectory() && !entry.isFile()) continue
    if (!isWanted(slash + folder + name, selection)) continue
    if (after !== undefined && compareKeys(name, after) <= 0) continue
    if (last !== undefined && compareKeys(name, last) > 0) continue
    names.push(name)
    if (names.length < 2 * batch) continue
    names = sortKeys(names).slice(0, batch)
    last = names.at(-1)
  }
  return sortKeys(names).slice(0, batch)
}

/** Whether a key, or a key in the folder if `key` ends with a slash, can be in the range. */
function isWanted (key: string, { prefix, from, before }: Selection): boolean {
  if (!key.startsWith(prefix)) return false
  if (before !== undefined && compareKeys(key, before) >= 0) return false
  return from === undefined || compareKeys(key, from) >= 0 || (key.endsWith('/') && from.startsWith(key))
}
