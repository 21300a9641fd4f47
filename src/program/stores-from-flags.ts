// The archive's stores from the flags that several modes share.
import { pathToFileURL } from 'node:url'
import type { StoreFlagsConfig } from '../config/common.ts'
import type { Environment } from '../config/parse.ts'
import { createArchive, type Archive } from '../stores/archive.ts'
import { metered, type StoreStats } from '../stores/metered.ts'
import { openStore, type OpenStoreOptions } from '../stores/open-store.ts'
import { modeErrors } from './errors.ts'
import type { Host } from './mode.ts'

/** The two stores' URLs, from the flags or the original's aliases. Error: STORE_NOT_GIVEN. */
export function storeUrls (config: StoreFlagsConfig): { readonly alerts: string, readonly schemas: string } {
  const bucket = (name: string | undefined): string | undefined => name === undefined ? undefined : `gs://${name}`
  const local = config.backend === 'google-cloud' || config.localFileRoot === undefined ? undefined : pathToFileURL(config.localFileRoot).href
  const alerts = config.alertStore ?? local ?? bucket(config.gcpBucketAlerts)
  if (alerts === undefined) throw modeErrors.STORE_NOT_GIVEN('no alert store is given')
  return { alerts, schemas: config.schemaStore ?? local ?? bucket(config.gcpBucketSchemas) ?? alerts }
}

export type GoogleConfig = Partial<Pick<StoreFlagsConfig, 'gcpProject' | 'storeTimeout'>>

/** What gs:// stores need to know beside their URL. */
export function googleOptions ({ gcpProject, storeTimeout }: GoogleConfig, environment: Environment): OpenStoreOptions {
  return { project: gcpProject, emulatorHost: environment['STORAGE_EMULATOR_HOST'], ...storeTimeout === undefined ? {} : { requestMs: storeTimeout * 1000 } }
}

/** Opens both stores; for `read` nothing is created or cleaned. Their calls are counted in `figures`. Errors: STORE_*. */
export async function archiveOf (
  config: StoreFlagsConfig, access: 'read' | 'write', { log, environment }: Pick<Host, 'log' | 'environment'>, figures: StoreStats
): Promise<Archive> {
  const { alerts, schemas } = storeUrls(config)
  const options = { ...googleOptions(config, environment), access, log }
  const alertStore = await openStore(alerts, options)
  const schemaStore = schemas === alerts ? alertStore : await openStore(schemas, options)
  return createArchive({ alerts: metered(alertStore, 'alerts', figures), schemas: metered(schemaStore, 'schemas', figures), layout: config.layout })
}
