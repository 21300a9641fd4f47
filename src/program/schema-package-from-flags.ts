// The alert schema package, from the flags that several modes share.
import { fetchSchemaPackage, loadSchemaPackage, schemaPackageCached, type SchemaPackage } from '../avro/index.ts'
import type { SchemaPackageConfig } from '../config/common.ts'
import { formatError } from '../pipeline/index.ts'
import type { Host } from './mode.ts'

/** The package at the path that --schema-package gives. Default: the survey's package, downloaded on first use. Errors: PACKAGE_*. */
export async function schemaPackageOf (config: SchemaPackageConfig, host: Host): Promise<SchemaPackage> {
  return loadSchemaPackage(config.schemaPackage ?? await fetchSchemaPackage({ cacheDir: host.cacheDir, log: host.log }))
}

/**
 * The package whose docs describe fields: at the path that --schema-package gives, otherwise the survey's package, if it was downloaded
 * before. Nothing is downloaded. Resolves to undefined without package. Errors, only for the path: PACKAGE_*.
 */
export async function publishedSchemasOf (
  config: Pick<SchemaPackageConfig, 'schemaPackage'>, { cacheDir, log }: Pick<Host, 'cacheDir' | 'log'>
): Promise<() => Promise<SchemaPackage | undefined>> {
  if (config.schemaPackage !== undefined) {
    const given = await loadSchemaPackage(config.schemaPackage)
    return async () => given
  }
  let cached: Promise<SchemaPackage | undefined> | undefined
  const load = async (): Promise<SchemaPackage | undefined> =>
    await schemaPackageCached(cacheDir) ? await loadSchemaPackage(await fetchSchemaPackage({ cacheDir, log })) : undefined
  // The package is read when the first form needs it.
  return async () => await (cached ??= load().catch((error: unknown) => {
    log.warn({ error: formatError(error) }, 'the schema package cannot be read, so that fields have no descriptions')
    return undefined
  }))
}
