// A Google Cloud Storage emulator (fake-gcs-server) on a loopback port, for the demo and the tests.
// The emulator serves the JSON API without credentials. It keeps objects either in memory or in files. Only files survive restarts.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { silent, type Logger } from '../pipeline/log.ts'
import { devstackErrors } from './errors.ts'
import { ensureGcs } from './gcs-download.ts'
import { launchOn, type ServerOptions } from './launch.ts'
import { LOOPBACK } from './ports.ts'
import { startServer, type RunningServer } from './server-process.ts'

export interface GcsOptions extends ServerOptions {
  /**
   * `memory` loses all objects when the emulator stops. `files` (the default) keeps objects, needs a file system with extended attributes
   * (ext4, xfs, APFS) and drops the leading slash of an object name, so it does not work with layout v1.
   */
  readonly backend?: 'files' | 'memory'
}

export interface GcsServer extends RunningServer {
  /** Value for STORAGE_EMULATOR_HOST: `http://127.0.0.1:PORT` */
  readonly url: string
  readonly dataDir: string
}

const NAME = 'the storage emulator'

/** Starts the emulator and waits until it is ready. Errors: those of `ensureGcs` and `startKafka`. */
export async function startGcs (options: GcsOptions): Promise<GcsServer> {
  const { dataDir, log = silent } = options
  const program = await ensureGcs(options)
  return await launchOn({ name: NAME, dataDir, port: options.port, log }, async port => await launch(options, port, program, log))
}

async function launch (options: GcsOptions, port: number, program: string, log: Logger): Promise<GcsServer> {
  const { dataDir, backend = 'files', env } = options
  const url = `http://${LOOPBACK}:${port}`
  const objects = join(dataDir, 'objects')
  const temporary = join(dataDir, 'tmp')
  for (const folder of [objects, temporary]) await mkdir(folder, { recursive: true })
  const server = await startServer({
    name: NAME,
    program,
    args: [
      '-scheme', 'http', '-host', LOOPBACK, '-port', String(port), '-public-host', `${LOOPBACK}:${port}`, '-external-url', url,
      '-log-level', 'warn', '-backend', backend === 'files' ? 'filesystem' : 'memory', '-filesystem-root', objects
    ],
    // The emulator writes objects to TMPDIR and renames them, so TMPDIR must be on the file system of the objects.
    env: { ...env, TMPDIR: temporary },
    dataDir,
    logFile: join(dataDir, 'gcs.log'),
    ready: async signal => {
      const response = await fetch(`${url}/storage/v1/b?project=any`, { signal })
      return (await response.json() as { kind?: string }).kind === 'storage#buckets'
    },
    readyMs: 30_000,
    log
  })
  return { ...server, url, dataDir }
}

/** Creates a bucket unless it exists. Error: DEVSTACK_SERVER_DIED if the emulator cannot be reached or rejects the request. */
export async function ensureBucket (url: string, bucket: string): Promise<void> {
  try {
    const existing = await fetch(`${url}/storage/v1/b/${bucket}`)
    await existing.body?.cancel()
    if (existing.ok) return
    const response = await fetch(`${url}/storage/v1/b?project=any`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: bucket })
    })
    if (!response.ok) throw new Error(`HTTP status ${response.status}: ${await response.text()}`)
  } catch (cause) {
    throw devstackErrors.DEVSTACK_SERVER_DIED(`cannot create bucket ${bucket} in ${NAME}`, { where: url, cause })
  }
}
