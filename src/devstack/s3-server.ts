// An S3 server (moto, a Python package) on a loopback port, for the demo and the tests. It keeps objects in memory, accepts any credentials
// and verifies neither signatures nor checksums. It honours If-None-Match.
import { join } from 'node:path'
import { silent, type Logger } from '../pipeline/log.ts'
import type { CacheOptions } from './download-cache.ts'
import { devstackErrors } from './errors.ts'
import { launchOn, type ServerOptions } from './launch.ts'
import { LOOPBACK } from './ports.ts'
import { pythonEnvironment } from './python-environment.ts'
import { startServer, type RunningServer } from './server-process.ts'

export interface S3Server extends RunningServer {
  /** Value for --s3-endpoint-url: `http://127.0.0.1:PORT` */
  readonly url: string
}

const NAME = 'the S3 server'

/** Credentials for the server, which accepts any. */
export const s3Credentials = { accessKeyId: 'local', secretAccessKey: 'local' } as const

/** Pinned versions of moto, its requirements for S3 and the web framework of its server. */
const REQUIREMENTS: readonly string[] = [
  'moto[s3]==5.2.5', 'boto3==1.44.8', 'botocore==1.44.8', 's3transfer==0.19.3', 'flask==3.1.3', 'flask-cors==6.0.5', 'werkzeug==3.1.9',
  'py-partiql-parser==0.6.3', 'PyYAML==6.0.4', 'cryptography==50.0.2', 'requests==2.34.2', 'responses==0.26.3', 'xmltodict==1.0.4'
]

// moto looks for an existing object and then stores the new one, so two conditional puts could both succeed (1 of 40 races). Between these
// steps it does no I/O, so a long switch interval keeps Python from running another thread.
const program = 'import sys; sys.setswitchinterval(60); from moto.server import main; main()'

/** Path of a Python with moto and boto3. Installs the packages if they are not in the cache. Errors: those of `pythonEnvironment`. */
export async function ensureS3 (options: CacheOptions): Promise<string> {
  return await pythonEnvironment({ ...options, requirements: REQUIREMENTS })
}

/** Starts the server and waits until it is ready. Errors: those of `ensureS3` and `startKafka`. */
export async function startS3 (options: ServerOptions): Promise<S3Server> {
  const { dataDir, log = silent } = options
  const python = await ensureS3(options)
  return await launchOn({ name: NAME, dataDir, port: options.port, log }, async port => await launch(options, port, python, log))
}

async function launch ({ dataDir, env }: ServerOptions, port: number, python: string, log: Logger): Promise<S3Server> {
  const url = `http://${LOOPBACK}:${port}`
  const server = await startServer({
    name: NAME,
    program: python,
    args: ['-c', program, '-H', LOOPBACK, '-p', String(port)],
    mark: 'moto.server',
    // The server uses botocore, which fails if AWS_PROFILE names a profile that is missing.
    env: { ...Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('AWS_'))), TMPDIR: dataDir },
    dataDir,
    logFile: join(dataDir, 's3.log'),
    ready: async signal => {
      const response = await fetch(`${url}/moto-api/data.json`, { signal })
      await response.body?.cancel()
      return response.ok
    },
    readyMs: 60_000,
    log
  })
  return { ...server, url }
}

/** Creates a bucket unless it exists. Error: DEVSTACK_SERVER_DIED if the server cannot be reached or rejects the request. */
export async function ensureS3Bucket (url: string, bucket: string): Promise<void> {
  try {
    // The server reads only the service and the region of the credential. It accepts the same request for an existing bucket.
    const authorization = 'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0'
    const response = await fetch(`${url}/${bucket}`, { method: 'PUT', headers: { authorization } })
    if (!response.ok) throw new Error(`HTTP status ${response.status}: ${await response.text()}`)
    await response.body?.cancel()
  } catch (cause) {
    throw devstackErrors.DEVSTACK_SERVER_DIED(`cannot create bucket ${bucket} in ${NAME}`, { where: url, cause })
  }
}
