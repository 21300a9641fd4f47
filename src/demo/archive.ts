// The demo's archive: a folder, two buckets in a Google Cloud Storage emulator, or two buckets in an S3 server. Folder and emulator keep
// their data in the state folder. The S3 server keeps its objects in memory, so they are lost when the demo ends.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureBucket, ensureS3Bucket, s3Credentials, startGcs, startS3, type Environment, type RunningServer } from '../devstack/index.ts'
import type { Host } from '../program/mode.ts'
import type { PrintLine } from './run-mode.ts'
import type { Settings } from './settings.ts'
import type { DemoS3 } from './state-folder.ts'

type DemoServer = RunningServer & { readonly url: string }

export interface DemoArchive {
  /** URL of the alert store. */
  readonly alerts: string
  /** URL of the schema store. */
  readonly schemas: string
  /** URL of the index store: the bucket of the alerts, or a folder beside the archive. */
  readonly index: string
  /** The server of the buckets. Absent for a folder. */
  readonly server?: DemoServer
  /** Present only with --store gs. */
  readonly storageEmulator?: string
  /** Present only with --store s3. */
  readonly s3?: DemoS3
  /** Environment for modes that open the stores. */
  readonly environment: Environment
}

/** Schemas have their own bucket, so that a lifecycle rule that deletes old alerts does not delete schemas (DMTN-210, section 3.6.2). */
const BUCKETS = { alerts: 'demo-alerts', schemas: 'demo-schemas' } as const

/** Creates the archive folder, or starts the server and creates the buckets. Errors: DEVSTACK_*. */
export async function startArchive ({ config, stateDir }: Settings, host: Host, print: PrintLine): Promise<DemoArchive> {
  if (config.store === 'file') {
    const [folder, index] = [join(stateDir, 'archive'), join(stateDir, 'index')]
    for (const each of [folder, index]) await mkdir(each, { recursive: true })
    const url = pathToFileURL(folder).href
    return { alerts: url, schemas: url, index: pathToFileURL(index).href, environment: host.environment }
  }
  const options = { cacheDir: host.cacheDir, env: host.environment, log: host.log }
  if (config.store === 'gs') {
    print('starting the storage emulator')
    const server = await startGcs({ ...options, dataDir: join(stateDir, 'gcs') })
    await createBuckets(server, ensureBucket)
    return {
      ...urls('gs'), server, storageEmulator: server.url, environment: { ...host.environment, STORAGE_EMULATOR_HOST: server.url }
    }
  }
  print('starting the S3 server')
  const server = await startS3({ ...options, dataDir: join(stateDir, 's3') })
  await createBuckets(server, ensureS3Bucket)
  const s3 = { endpointUrl: server.url, ...s3Credentials }
  const environment = {
    ...host.environment,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    // With a profile, the SDK would ignore these credentials.
    AWS_PROFILE: undefined,
    AWS_SESSION_TOKEN: undefined
  }
  return { ...urls('s3'), server, s3, environment }
}

function urls (scheme: 'gs' | 's3'): Pick<DemoArchive, 'alerts' | 'schemas' | 'index'> {
  const alerts = `${scheme}://${BUCKETS.alerts}`
  return { alerts, schemas: `${scheme}://${BUCKETS.schemas}`, index: alerts }
}

async function createBuckets (server: DemoServer, create: (url: string, bucket: string) => Promise<void>): Promise<void> {
  try {
    for (const bucket of Object.values(BUCKETS)) await create(server.url, bucket)
  } catch (error) {
    await server.kill()
    throw error
  }
}
