// Where the demo keeps its archive: a folder, or two buckets of a storage emulator that keeps them in files. Each kind has a place of its own in the
// state folder, so that a start with the other kind finds what that kind had before.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureBucket, startGcs, type Environment, type GcsServer } from '../devstack/index.ts'
import type { Host } from '../program/mode.ts'
import type { Say } from './load.ts'
import type { Settings } from './settings.ts'

export interface DemoArchive {
  /** URLs of the stores. */
  readonly alerts: string
  readonly schemas: string
  /** Only with --store gs. */
  readonly emulator?: GcsServer
  /** What the parts that use the stores need beside their flags. */
  readonly environment: Environment
}

/** As in production (DMTN-210, 3.6.2): schemas are not to expire with the alerts, so they have a bucket of their own. */
const BUCKETS = { alerts: 'demo-alerts', schemas: 'demo-schemas' } as const

/** Errors: DEVSTACK_*. */
export async function startArchive ({ config, stateDir, archiveDir }: Settings, host: Host, say: Say): Promise<DemoArchive> {
  if (config.store === 'file') {
    await mkdir(archiveDir, { recursive: true })
    const url = pathToFileURL(archiveDir).href
    return { alerts: url, schemas: url, environment: host.environment }
  }
  say('starting the storage emulator')
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
