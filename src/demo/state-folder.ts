// The demo's state folder, used by one demo at a time. While the demo runs, demo.json has the addresses and paths for other programs.
// loaded.json and visits.json let the next start reuse the static topic and continue the visit numbers.
import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomically } from '../devstack/atomic-file.ts'
import { reclaimFolder, withLock, writableFolder } from '../devstack/index.ts'
import type { Logger } from '../pipeline/index.ts'
import { demoErrors } from './errors.ts'

/** How to connect to a secured Kafka cluster. */
export interface DemoSecurity {
  /** SASL mechanism of the external listener. The listener requires TLS; its address is `kafka` in demo.json. */
  readonly mechanism: 'SCRAM-SHA-512'
  /** PEM file of the CA that signed the brokers' certificates. */
  readonly ca: string
  /** Folder with one password file per user. Each file has the name of its user. */
  readonly passwords: string
  /** host:port of the listener with SCRAM-SHA-512 without TLS. */
  readonly plaintext?: string | undefined
  /** host:port of the mTLS listener. */
  readonly internal: string
  /** Folder with NAME.crt and NAME.key of each mTLS user. */
  readonly certificates: string
}

/** How to connect to the S3 server. */
export interface DemoS3 {
  /** Value for --s3-endpoint-url and boto3's endpoint_url. */
  readonly endpointUrl: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Content of demo.json. Other programs read it: keep it compatible. */
export interface DemoFile {
  readonly kafka: string
  readonly registry: string
  /** URL of the API, without /v1. */
  readonly api: string
  readonly archive: { readonly alerts: string, readonly schemas: string }
  readonly topics: { readonly static: string, readonly simulated: string, readonly deadLetters: string }
  readonly group: string
  readonly pid: number
  /** URLs of the admin ports by mode, without a path. */
  readonly admin: Readonly<Record<string, string>>
  /** STORAGE_EMULATOR_HOST for gs:// URLs. Present only with --store gs. */
  readonly storageEmulator?: string
  /** Present only with --store s3. */
  readonly s3?: DemoS3
  /** URL of the index store. Absent if the demo has no index. */
  readonly index?: string
  /** Present only with --secure. */
  readonly security?: DemoSecurity
}

const LOCK = 'demo.lock'
const SMOKE_MARKER = 'smoke-test'
/** Folders with a pid file, in the order in which their processes are stopped. */
const SERVER_FOLDERS = ['modes/play-stream', 'modes/ingest', 'modes/index', 'modes/serve', 'gcs', 's3', 'kafka', 'registry']

/**
 * Creates the folder, stops processes that a killed demo left running, and runs `work` as the only user of the folder.
 * Errors: DEMO_RUNNING, DEVSTACK_FOLDER, DEVSTACK_DISK_FULL.
 */
export async function withStateFolder<T> (stateDir: string, log: Logger, work: () => Promise<T>): Promise<T> {
  await writableFolder(stateDir)
  let holder: number | undefined
  const locked = new Error('locked')
  try {
    return await withLock(join(stateDir, LOCK), async () => {
      await removeDemoFile(stateDir)
      for (const folder of SERVER_FOLDERS) await reclaimFolder(join(stateDir, folder), log)
      return await work()
    }, {
      // Fail instead of waiting for the other demo to end.
      onWait: pid => {
        holder = pid
        throw locked
      }
    })
  } catch (error) {
    if (error !== locked) throw error
    const api = (await readJson<DemoFile>(join(stateDir, 'demo.json')))?.api
    const what = `another demo (process ${holder}) uses this state folder${api === undefined ? '' : `; its API is at ${api}`}`
    throw demoErrors.DEMO_RUNNING(what, { where: stateDir })
  }
}

/** Empties the folder for a smoke test. Error: DEMO_FOLDER if the folder holds files that are not from a smoke test. */
export async function emptySmokeFolder (stateDir: string): Promise<void> {
  const names = (await readdir(stateDir)).filter(name => !name.startsWith(LOCK))
  if (names.length > 0 && !names.includes(SMOKE_MARKER)) {
    throw demoErrors.DEMO_FOLDER('the folder is not empty and was not created by a smoke test', { where: stateDir })
  }
  // The marker file is kept, so that an interrupted cleanup can be repeated.
  for (const name of names) if (name !== SMOKE_MARKER) await rm(join(stateDir, name), { recursive: true, force: true })
  await writeFile(join(stateDir, SMOKE_MARKER), '')
}

export async function writeDemoFile (stateDir: string, demo: DemoFile): Promise<void> {
  await writeJson(join(stateDir, 'demo.json'), demo)
}

export async function removeDemoFile (stateDir: string): Promise<void> {
  await rm(join(stateDir, 'demo.json'), { force: true })
}

/** Identifies the content of a file by path, size and modification time. Returns undefined if the file does not exist. */
export async function fingerprint (path: string): Promise<string | undefined> {
  try {
    const { size, mtimeMs } = await stat(path)
    return `${path} ${size} ${Math.round(mtimeMs)}`
  } catch {
    return undefined
  }
}

/** The static topic that the demo loaded. */
export interface Loaded {
  readonly topicId: string
  /** Fingerprint of the loaded file, and the load options. Undefined if the load did not complete. */
  readonly from?: string
}

export async function readLoaded (stateDir: string): Promise<Loaded | undefined> {
  return await readJson<Loaded>(join(stateDir, 'loaded.json'))
}

export async function writeLoaded (stateDir: string, loaded: Loaded): Promise<void> {
  await writeJson(join(stateDir, 'loaded.json'), loaded)
}

/** Number of the last visit that a demo with this state folder has reported, or 0. */
export async function readVisits (stateDir: string): Promise<number> {
  return (await readJson<{ readonly visits: number }>(join(stateDir, 'visits.json')))?.visits ?? 0
}

export async function writeVisits (stateDir: string, visits: number): Promise<void> {
  await writeJson(join(stateDir, 'visits.json'), { visits })
}

async function writeJson (path: string, value: unknown): Promise<void> {
  await writeAtomically(path, `${JSON.stringify(value, null, 2)}\n`)
}

async function readJson<T> (path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch {
    // The file is missing, or a crash has truncated it.
    return undefined
  }
}
