// The demo's archive: a folder, or two buckets in a Google Cloud Storage emulator. Both keep their data in the state folder.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureBucket, startGcs, type Environment, type GcsServer } from '../devstack/index.ts'
import type { Host } from '../program/mode.ts'
import type { PrintLine } from './run-mode.ts'
import type { Settings } from './settings.ts'

export interface DemoArchive {
  /** URL of the alert store. */
  readonly alerts: string
  /** URL of the schema store. */
  readonly schemas: string
  /** Present only with --store gs. */
  readonly emulator?: GcsServer
  /** Environment for modes that open the stores. */
  readonly environment: Environment
}

/** Schemas have their own bucket, so that a lifecycle rule that deletes old alerts does not delete schemas (DMTN-210, section 3.6.2). */
const BUCKETS = { alerts: 'demo-alerts', schemas: 'demo-schemas' } as const

/** Creates the archive folder, or starts the emulator and creates the buckets. Errors: DEVSTACK_*. */
export async function startArchive ({ config, stateDir }: Settings, host: Host, print: PrintLine): Promise<DemoArchive> {
  if (config.store === 'file') {
    const folder = join(stateDir, 'archive')
    await mkdir(folder, { recursive: true })
    const url = pathToFileURL(folder).href
    return { alerts: url, schemas: url, environment: host.environment }
  }
  print('starting the storage emulator')
  const emulator = await startGcs({ cacheDir: host.cacheDir, dataDir: join(stateDir, 'gcs'), env: host.environment, log: host.log })
  try {
    for (const bucket of Object.values(BUCKETS)) await ensureBucket(emulator.url, bucket)
  } catch (error) {
    await emulator.kill()
    throw error
  }
  return {
    alerts: `gs://${BUCKETS.alerts}`,
    schemas: `gs://${BUCKETS.schemas}`,
    emulator,
    environment: { ...host.environment, STORAGE_EMULATOR_HOST: emulator.url }
  }
}
