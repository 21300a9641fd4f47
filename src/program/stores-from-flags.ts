// Opens the stores of the archive from the flags that several modes share.
import { pathToFileURL } from 'node:url'
import type { S3FlagsConfig, StoreFlagsConfig, UploadFlagsConfig } from '../config/common.ts'
import type { Environment } from '../config/parse.ts'
import { packedIdFormat } from '../ids/packed-id.ts'
import { defineErrors } from '../pipeline/errors.ts'
import { usedKeySchemes } from '../stores/alert-keys.ts'
import { createArchive, type Archive } from '../stores/archive.ts'
import { keySchemes } from '../stores/layouts.ts'
import { metered, type StoreStats } from '../stores/metered-store.ts'
import { openStore, type OpenStoreOptions } from '../stores/open-store.ts'
import type { Host } from './mode.ts'

const errors = defineErrors({
  STORE_NOT_GIVEN: { hint: 'Set --alert-store, for example to file:///var/alerts or s3://bucket.', usage: true }
})

type SchemaStoreFlags = 'schemaStore' | 'bucketSchemas' | 'gcpBucketSchemas'
/** The flags that name stores. A mode that needs no schemas has no flags for them. */
type StoreUrlFlags = Omit<StoreFlagsConfig, SchemaStoreFlags> & Partial<Pick<StoreFlagsConfig, SchemaStoreFlags>>

interface StoreUrls { readonly alerts: string, readonly schemas: string }

/** The URLs of the alert store and the schema store. Also accepts the flags of the replaced programs. Error: STORE_NOT_GIVEN. */
export function storeUrls (config: Omit<StoreUrlFlags, 'layout'>): StoreUrls {
  const bucket = (s3: string | undefined, gs: string | undefined): string | undefined =>
    s3 !== undefined ? `s3://${s3}` : gs === undefined ? undefined : `gs://${gs}`
  const { backend, localFileRoot } = config
  const local = backend === 'google-cloud' || localFileRoot === undefined ? undefined : pathToFileURL(localFileRoot).href
  const alerts = config.alertStore ?? local ?? bucket(config.bucketAlerts, config.gcpBucketAlerts)
  if (alerts === undefined) throw errors.STORE_NOT_GIVEN('no alert store is given')
  return { alerts, schemas: config.schemaStore ?? local ?? bucket(config.bucketSchemas, config.gcpBucketSchemas) ?? alerts }
}

/** The store URLs for the description of a graph. If no store is given, the names of the flags replace the URLs. */
export function describedStoreUrls (config: Omit<StoreUrlFlags, 'layout'>): StoreUrls {
  const given = config.alertStore ?? config.bucketAlerts ?? config.gcpBucketAlerts ?? config.localFileRoot
  return given === undefined ? { alerts: '--alert-store', schemas: '--schema-store' } : storeUrls(config)
}

export type BucketConfig =
  S3FlagsConfig & Partial<Pick<StoreFlagsConfig, 'gcpProject' | 'storeTimeout'> & UploadFlagsConfig>

/** Options of `openStore` for buckets of every service. */
export function bucketOptions (config: BucketConfig, environment: Environment): OpenStoreOptions {
  const { gcpProject, storeTimeout, upload } = config
  const { s3EndpointUrl: endpoint, s3PathStyle: pathStyle, s3AllowOverwrite: allowOverwrite } = config
  // With an endpoint, the region of the profile does not apply.
  const region = config.s3Region ?? (endpoint === undefined ? undefined : environment['AWS_REGION'])
  return {
    project: gcpProject,
    emulatorHost: environment['STORAGE_EMULATOR_HOST'],
    s3: { endpoint, region, pathStyle, allowOverwrite },
    ...upload === undefined ? {} : { upload },
    ...storeTimeout === undefined ? {} : { requestMs: storeTimeout * 1000 }
  }
}

/**
 * Opens both stores. With `read` access, opening a store creates and deletes nothing. `stats` counts store calls.
 * Errors: STORE_*, ID_FORMAT_INVALID.
 */
export async function archiveOf (
  config: StoreUrlFlags & S3FlagsConfig & Partial<UploadFlagsConfig> & { readonly maxRecordMib?: number }, access: 'read' | 'write',
  { log, environment }: Pick<Host, 'log' | 'environment'>, stats: StoreStats
): Promise<Archive> {
  const packedIds = packedIdFormat(config.packedIdBits, config.packedIdTags)
  const { alerts, schemas } = storeUrls(config)
  const options = { ...bucketOptions(config, environment), access, log }
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

/**
 * Opens an archive to read many of its alerts, which are looked up first in the newest layout that the archive has. Rejects with a STORE_*
 * error if the stores cannot be read: a mistyped URL must fail. Errors: also ID_FORMAT_INVALID.
 */
export async function archiveToRead (
  config: Omit<Parameters<typeof archiveOf>[0], 'layout'>, host: Pick<Host, 'log' | 'environment'>, stats: StoreStats
): Promise<Archive> {
  const archive = await archiveOf({ ...config, layout: 'v2' }, 'read', host, stats)
  try {
    await archive.check()
    const used = await usedKeySchemes(archive.alerts)
    const layout = (['v3', 'v2', 'v1'] as const).find(each => used.includes(keySchemes[each])) ?? 'v2'
    const packedIds = packedIdFormat(config.packedIdBits, config.packedIdTags)
    return createArchive({ alerts: archive.alerts, schemas: archive.schemas, layout, packedIds, maxFrameBytes: archive.maxFrameBytes })
  } catch (error) {
    await archive.close()
    throw error
  }
}
