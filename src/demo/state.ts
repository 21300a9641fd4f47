// The demo's state folder: demo.json, which tells other programs where everything is while it runs, and what was loaded last, so that a second
// start reuses it. One demo uses a folder at a time: a lock holds from before the first file is touched until all is stopped. Files are
// written beside and renamed, so that nobody reads half of one.
import { readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { reclaimFolder, withLock, writableFolder } from '../devstack/index.ts'
import type { Logger } from '../pipeline/index.ts'
import { modeErrors } from '../program/errors.ts'
import { demoErrors } from './errors.ts'

/** How to come in where doors are locked. */
export interface DemoSecurity {
  /** Of `kafka`, over TLS. */
  readonly mechanism: 'SCRAM-SHA-512'
  /** PEM file of the authority that signed the servers' certificates. */
  readonly ca: string
  /** Folder with a file for each user, named as the user. */
  readonly passwords: string
  /** host:port for mutual TLS. */
  readonly internal: string
  /** Folder with NAME.crt and NAME.key of each user of mutual TLS. */
  readonly certificates: string
}

/** What demo.json holds: decided, other programs read it. */
export interface DemoFile {
  readonly kafka: string
  readonly registry: string
  /** Without /v1. */
  readonly api: string
  readonly archive: { readonly alerts: string, readonly schemas: string }
  readonly topics: { readonly static: string, readonly simulated: string, readonly deadLetters: string }
  readonly group: string
  readonly pid: number
  /** Admin ports by mode, URLs without a path: /metrics, /readyz, /status. */
  readonly admin: Readonly<Record<string, string>>
  /** STORAGE_EMULATOR_HOST for the archive's gs:// URLs; only with --store gs. */
  readonly storageEmulator?: string
  /** Only with --secure. */
  readonly security?: DemoSecurity
}

const LOCK = 'demo.lock'
const SMOKE_MARK = 'smoke-test'
/** In the order in which they are stopped. */
const PARTS = ['modes/play-stream', 'modes/ingest', 'modes/serve', 'gcs', 'kafka', 'registry']

/**
 * Makes the folder and runs `work` as its only user. What a killed demo left running there is stopped first, and its demo.json removed.
 * Errors: DEMO_RUNNING, DEVSTACK_FOLDER.
 */
export async function withState<T> (stateDir: string, log: Logger, work: () => Promise<T>): Promise<T> {
  await writableFolder(stateDir)
  let holder: number | undefined
  const inUse = new Error('in use')
  try {
    return await withLock(join(stateDir, LOCK), async () => {
      await removeDemoFile(stateDir)
      for (const part of PARTS) await reclaimFolder(join(stateDir, part), log)
      return await work()
    }, {
      // Waiting for the other demo's end is not what the user means.
      onWait: pid => {
        holder = pid
        throw inUse
      }
    })
  } catch (error) {
    if (error !== inUse) throw error
    const api = (await readJson<DemoFile>(join(stateDir, 'demo.json')))?.api
    throw modeErrors.DEMO_RUNNING(`process ${holder} runs a demo there${api === undefined ? '' : `, its API is at ${api}`}`, { where: stateDir })
  }
}

/** Empties the folder for a smoke test; refuses one that holds anything else than an earlier smoke test. Error: DEMO_FOLDER. */
export async function emptySmokeFolder (stateDir: string): Promise<void> {
  const names = (await readdir(stateDir)).filter(name => !name.startsWith(LOCK))
  if (names.length > 0 && !names.includes(SMOKE_MARK)) {
    throw demoErrors.DEMO_FOLDER('the folder is not empty and not of a smoke test', { where: stateDir })
  }
  // The mark goes last: emptying that is interrupted can be done again.
  for (const name of names) if (name !== SMOKE_MARK) await rm(join(stateDir, name), { recursive: true, force: true })
  await writeFile(join(stateDir, SMOKE_MARK), '')
}

export async function writeDemoFile (stateDir: string, demo: DemoFile): Promise<void> {
  await writeJson(join(stateDir, 'demo.json'), demo)
}

export async function removeDemoFile (stateDir: string): Promise<void> {
  await rm(join(stateDir, 'demo.json'), { force: true })
}

/** What tells one file from another without reading it. */
export async function fingerprint (path: string): Promise<string> {
  try {
    const { size, mtimeMs } = await stat(path)
    return `${path} ${size} ${Math.round(mtimeMs)}`
  } catch {
    return `${path} missing`
  }
}

/** What the static topic was loaded from: the topic's id and the file's fingerprint; no fingerprint where the load did not end. */
export interface Loaded {
  readonly topicId: string
  readonly from?: string
}

export async function readLoaded (stateDir: string): Promise<Loaded | undefined> {
  return readJson<Loaded>(join(stateDir, 'loaded.json'))
}

export async function writeLoaded (stateDir: string, loaded: Loaded): Promise<void> {
  await writeJson(join(stateDir, 'loaded.json'), loaded)
}

/** Visits that demos on this folder have shown so far. */
export async function readVisits (stateDir: string): Promise<number> {
  return (await readJson<{ readonly visits: number }>(join(stateDir, 'visits.json')))?.visits ?? 0
}

export async function writeVisits (stateDir: string, visits: number): Promise<void> {
  await writeJson(join(stateDir, 'visits.json'), { visits })
}

async function writeJson (path: string, value: unknown): Promise<void> {
  await writeFile(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`)
  await rename(`${path}.new`, path)
}

async function readJson<T> (path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch {
    // Missing, or cut short by a crash: either way there is nothing to go by.
    return undefined
  }
}
