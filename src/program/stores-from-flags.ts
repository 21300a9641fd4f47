// Opens the stores of the archive from the flags that several modes share.
import { pathToFileURL } from 'node:url'
import type { StoreFlagsConfig } from '../config/common.ts'
import type { Environment } from '../config/parse.ts'
import { packedIdFormat } from '../ids/packed-id.ts'
import { defineErrors } from '../pipeline/errors.ts'
import { createArchive, type Archive } from '../stores/archive.ts'
import { metered, type StoreStats } from '../stores/metered-store.ts'
import { openStore, type OpenStoreOptions } from '../stores/open-store.ts'
import type { Host } from './mode.ts'

const errors = defineErrors({
  STORE_NOT_GIVEN: { hint: 'Set --alert-store, for example to file:///var/alerts or gs://bucket.', usage: true }
})

interface StoreUrls { readonly alerts: string, readonly schemas: string }

/** The URLs of the alert store and the schema store. Also accepts the flags of the replaced programs. Error: STORE_NOT_GIVEN. */
export function storeUrls (config: StoreFlagsConfig): StoreUrls {
  const bucket = (name: string | undefined): string | undefined => name === undefined ? undefined : `gs://${name}`
  const { backend, localFileRoot } = config
  const local = backend === 'google-cloud' || localFileRoot === undefined ? undefined : pathToFileURL(localFileRoot).href
  const alerts = config.alertStore ?? local ?? bucket(config.gcpBucketAlerts)
  if (alerts === undefined) throw errors.STORE_NOT_GIVEN('no alert store is given')
  return { alerts, schemas: config.schemaStore ?? local ?? bucket(config.gcpBucketSchemas) ?? alerts }
}

/** The store URLs for the description of a graph. If no store is given, the names of the flags replace the URLs. */
export function describedStoreUrls (config: StoreFlagsConfig): StoreUrls {
  const given = config.alertStore ?? config.gcpBucketAlerts ?? config.localFileRoot
  return given === undefined ? { alerts: '--alert-store', schemas: '--schema-store' } : storeUrls(config)
}

export type GoogleConfig = Partial<Pick<StoreFlagsConfig, 'gcpProject' | 'storeTimeout'>>

export function googleOptions ({ gcpProject, storeTimeout }: GoogleConfig, environment: Environment): OpenStoreOptions {
  const timeout = storeTimeout === undefined ? {} : { requestMs: storeTimeout * 1000 }
  return { project: gcpProject, emulatorHost: environment['STORAGE_EMULATOR_HOST'], ...timeout }
}

/**
 * Opens both stores. With `read` access, opening a store creates and deletes nothing. `stats` counts store calls.
 * Errors: STORE_*, ID_FORMAT_INVALID.
 */
export async function archiveOf (
  config: StoreFlagsConfig & { readonly maxRecordMib?: number }, access: 'read' | 'write',
  { log, environment }: Pick<Host, 'log' | 'environment'>, stats: StoreStats
): Promise<Archive> {
  const packedIds = packedIdFormat(config.packedIdBits, config.packedIdTags)
  const { alerts, schemas } = storeUrls(config)
  const options = { ...googleOptions(config, environment), access, log }
  const alertStore = await openStore(alerts, options)
  const schemaStore = schemas === alerts ? alertStore : await openStore(schemas, options)
  const { layout, maxRecordMib } = config
  return createArchive({
    alerts: metered(alertStore, 'alerts', stats),
    schemas: metered(schemaStore, 'schemas', stats),
    layout,
    packedIds,
    ...maxRecordMib === undefined ? {} : { maxFrameBytes: maxRecordMib * 1024 * 1024 }
  })
}
