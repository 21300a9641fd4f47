// The demo's state folder: demo.json, which tells other programs where everything is while it runs, and what was loaded last, so that a second
// start reuses it. Files are written beside and renamed, so that nobody reads half of one.
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { processFacts } from '../../devstack/index.ts'
import { modeErrors } from '../errors.ts'

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
}

/** Makes the folder; refuses one that a running demo uses. Error: DEMO_RUNNING. */
export async function openState (stateDir: string): Promise<void> {
  await mkdir(stateDir, { recursive: true })
  const running = await readJson<DemoFile>(join(stateDir, 'demo.json'))
  if (running === undefined) return
  const facts = await processFacts(running.pid)
  if (facts?.command.includes('demo') === true && running.pid !== process.pid) {
    throw modeErrors.DEMO_RUNNING(`process ${running.pid} runs a demo there, its API is at ${running.api}`, { where: stateDir })
  }
  await rm(join(stateDir, 'demo.json'), { force: true })
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

/** What the static topic was loaded from: the topic's id and the file's fingerprint. */
export interface Loaded {
  readonly topicId: string
  readonly from: string
}

export async function readLoaded (stateDir: string): Promise<Loaded | undefined> {
  return readJson<Loaded>(join(stateDir, 'loaded.json'))
}

export async function writeLoaded (stateDir: string, loaded: Loaded): Promise<void> {
  await writeJson(join(stateDir, 'loaded.json'), loaded)
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
