// Google Cloud Storage on a loopback port, for the demo and the tests: fake-gcs-server, which answers the JSON API that the client library speaks.
// It keeps objects in memory, or in files: those, with their metadata, survive restarts. It asks for no credentials.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { silent, type Logger } from '../pipeline/log.ts'
import { devstackErrors } from './errors.ts'
import { ensureGcs } from './gcs-download.ts'
import { launchOn } from './launch.ts'
import { LOOPBACK } from './ports.ts'
import { startServer, type RunningServer } from './process.ts'
import type { Environment, Progress } from './tools.ts'

export interface GcsOptions {
  readonly cacheDir: string
  /** Holds its log and pid file, and the objects of the backend `files`. */
  readonly dataDir: string
  /**
   * `memory` loses everything at a stop. `files` keeps it, but drops the leading slash of an object's name: not for layout v1. It needs a
   * file system with extended attributes (ext4, xfs, APFS ...). Default `files`.
   */
  readonly backend?: 'files' | 'memory'
  /** Default: `gcs.log` in `dataDir`. */
  readonly logFile?: string
  /** A fixed port; a free one where left out. */
  readonly port?: number
  readonly env: Environment
  readonly log?: Logger
  readonly progress?: Progress
}

export interface GcsServer extends RunningServer {
  /** What STORAGE_EMULATOR_HOST is to be: `http://127.0.0.1:PORT` */
  readonly url: string
  readonly dataDir: string
}

const NAME = 'the storage emulator'

/** Starts the emulator and waits until it answers. Errors: those of `ensureGcs`, and as `startKafka`. */
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
      '-scheme', 'http', '-host', LOOPBACK, '-port', String(port), '-public-host', `${LOOPBACK}:${port}`, '-external-url', url, '-log-level', 'warn',
      '-backend', backend === 'files' ? 'filesystem' : 'memory', '-filesystem-root', objects
    ],
    // Objects are written there and renamed: on another file system they could not be.
    env: { ...env, TMPDIR: temporary },
    dataDir,
    logFile: options.logFile ?? join(dataDir, 'gcs.log'),
    ready: async signal => (await (await fetch(`${url}/storage/v1/b?project=any`, { signal })).json() as { kind?: string }).kind === 'storage#buckets',
    readyMs: 30_000,
    log
  })
  return { ...server, url, dataDir }
}

/** Makes a bucket, unless it is there. Error: DEVSTACK_SERVER_DIED where the emulator does not answer as it should. */
export async function ensureBucket (url: string, bucket: string): Promise<void> {
  try {
    const there = await fetch(`${url}/storage/v1/b/${bucket}`)
    await there.body?.cancel()
    if (there.ok) return
    const answer = await fetch(`${url}/storage/v1/b?project=any`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: bucket }) })
    if (!answer.ok) throw new Error(`it answers ${answer.status}: ${await answer.text()}`)
  } catch (cause) {
    throw devstackErrors.DEVSTACK_SERVER_DIED(`${NAME} made no bucket ${bucket}`, { where: url, cause })
  }
}
