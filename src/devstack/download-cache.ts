// The download cache: a folder per download, filled by Maven or pip and verified before use.
// A folder is renamed into the cache only when it is complete, so an interrupted download is never mistaken for a complete one.
// A lock file serializes downloads between processes.
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemErrorCode } from '../pipeline/errors.ts'
import { devstackErrors, folderError } from './errors.ts'
import { withLock } from './lock.ts'
import { isDiskFull, runTool, tailOf, type Environment, type Progress } from './tools.ts'

export interface CacheOptions {
  /** Folder that is kept between runs and shared by all runs, such as `~/.cache/alert-stream`. */
  readonly cacheDir: string
  readonly env: Environment
  readonly progress?: Progress
  /** Aborts the download, or the wait for another process's download. Partial files are removed. */
  readonly signal?: AbortSignal
}

export interface Download {
  /** Name in progress lines and errors: `Kafka 4.4.0`. */
  readonly title: string
  /** Name of the folder in the cache. */
  readonly folder: string
  /** Unit of the file count in progress lines: `jars`. */
  readonly items: string
  /** Name of the program that downloads, and a function that finds the path of the program. */
  readonly fetcher: { readonly name: string, readonly find: (env: Environment) => Promise<string> }
  /** Fills an empty folder and verifies its content. `run` runs the fetcher and throws if the fetcher fails. */
  readonly fetch: (into: string, run: Fetcher) => Promise<void>
}

/** Runs a download program: Maven, or Python for pip. */
export type Fetcher = (args: readonly string[], cwd: string) => Promise<void>

interface FolderContents {
  readonly count: number
  readonly bytes: number
}

const MANIFEST = 'manifest.json'
const PROGRESS_MS = 10_000

/** Whether the download is absent from the cache or incomplete. */
export async function isMissing ({ folder }: Download, cacheDir: string): Promise<boolean> {
  return await readCached(join(cacheDir, folder)) === undefined
}

/** Returns the folder of a download, fetched if necessary. Errors: DEVSTACK_PREREQUISITE, DEVSTACK_DOWNLOAD, DEVSTACK_CHECKSUM. */
export async function ensure (download: Download, options: CacheOptions): Promise<string> {
  const { cacheDir, env, signal, progress = () => {} } = options
  const { title, items, fetcher } = download
  const folder = join(cacheDir, download.folder)
  const summary = ({ count, bytes }: FolderContents): string => `${title}: ${count} ${items}, ${Math.round(bytes / 1e6)} MB`
  const isCached = async (): Promise<boolean> => {
    const contents = await readCached(folder)
    if (contents !== undefined) progress(`${summary(contents)}, cached`)
    return contents !== undefined
  }
  if (await isCached()) return folder
  const program = await fetcher.find(env)
  const run: Fetcher = async (args, cwd) => {
    const { code, stdout, stderr } = await runTool(program, args, { env, cwd, ...signal === undefined ? {} : { signal } })
    if (code !== 0) throw downloadError(`cannot download ${title}: ${fetcher.name} failed`, stdout + stderr, cwd)
  }
  // One lock covers all downloads, because Maven's local repository is not safe for concurrent writers.
  return await withLock(join(cacheDir, 'downloads.lock'), async () => {
    // Another process may have completed the download in the meantime.
    if (await isCached()) return folder
    const started = Date.now()
    const seconds = (): number => Math.round((Date.now() - started) / 1000)
    progress(`${title}: downloading with ${fetcher.name}`)
    const timer = setInterval(() => { progress(`${title}: downloading, ${seconds()} s`) }, PROGRESS_MS)
    try {
      await fillFolder(cacheDir, folder, async temporary => {
        await download.fetch(temporary, run)
        await writeFile(join(temporary, MANIFEST), JSON.stringify(await sizes(temporary)))
      })
    } finally {
      clearInterval(timer)
    }
    progress(`${summary(await readCached(folder) ?? { count: 0, bytes: 0 })}, downloaded and verified in ${seconds()} s`)
    return folder
  }, {
    onWait: holder => { progress(`${title}: waiting for process ${holder}, which is downloading`) },
    ...signal === undefined ? {} : { signal }
  })
}

/** Fills a temporary folder and renames it to `folder`. The caller holds a lock, so old temporary folders can be removed. */
export async function fillFolder (cacheDir: string, folder: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const prefix = `${folder}.partial-`
  const temporary = `${prefix}${randomUUID()}`
  try {
    for (const entry of await readdir(cacheDir)) {
      if (join(cacheDir, entry).startsWith(prefix)) await rm(join(cacheDir, entry), { recursive: true, force: true })
    }
    await mkdir(temporary, { recursive: true })
    await fill(temporary)
    await rm(folder, { recursive: true, force: true })
    await rename(temporary, folder)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw folderError(error, cacheDir)
  }
}

/** Returns DEVSTACK_DISK_FULL if `output` reports a full disk, otherwise DEVSTACK_DOWNLOAD with the first error line of `output`. */
export function downloadError (what: string, output: string, where: string): Error {
  if (isDiskFull(output)) return devstackErrors.DEVSTACK_DISK_FULL('no space left on the disk', { where })
  const firstError = output.split('\n').find(line => /ERROR|error/.test(line))
  const reason = tailOf(firstError ?? output, 1).replace(/^(\[ERROR\]|ERROR:) /, '')
  return devstackErrors.DEVSTACK_DOWNLOAD(`${what}${reason === '' ? '' : `: ${reason}`}`, { where })
}

// Digests were verified before the folder entered the cache. Comparing file sizes with the manifest finds later truncation or loss.
async function readCached (folder: string): Promise<FolderContents | undefined> {
  try {
    const manifest = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8')) as Record<string, number>
    const files = Object.entries(manifest)
    const intact = await Promise.all(files.map(async ([name, bytes]) => (await stat(join(folder, name))).size === bytes))
    return intact.includes(false) ? undefined : { count: files.length, bytes: files.reduce((sum, [, bytes]) => sum + bytes, 0) }
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR' || error instanceof SyntaxError) return undefined
    throw folderError(error, folder)
  }
}

async function sizes (folder: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    found[path.slice(folder.length + 1)] = (await stat(path)).size
  }
  return found
}
