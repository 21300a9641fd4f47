// The alert schema package, from the flags that several modes share.
import { fetchSchemaPackage, loadSchemaPackage, type SchemaPackage } from '../avro/index.ts'
import type { SchemaPackageConfig } from '../config/common.ts'
import type { Host } from './mode.ts'

/** The package at the path that --schema-package gives. Default: the survey's package, downloaded on first use. Errors: PACKAGE_*. */
export async function schemaPackageOf (config: SchemaPackageConfig, host: Host): Promise<SchemaPackage> {
  return loadSchemaPackage(config.schemaPackage ?? await fetchSchemaPackage({ cacheDir: host.cacheDir, log: host.log }))
}
