// Kafka and the schema registry of the demo: started here, unless the user gave their own. What the machine must have is looked for before
// anything is downloaded.
import { join } from 'node:path'
import { fetchSchemaPackage, schemaPackageCached } from '../../avro/index.ts'
import {
  checkPrerequisites, downloadsMissing, startKafka, startRegistry, startStack, type KafkaServer, type RegistryServer, type RunningServer
} from '../../devstack/index.ts'
import type { Host } from '../mode.ts'
import type { Say } from './load.ts'
import type { Settings } from './settings.ts'

export interface Servers {
  readonly broker: string
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
    ...(await schemaPackageCached(host.cacheDir) ? {} : { python: 'pip' })
  }, host.environment)
  await fetchSchemaPackage({ cacheDir: host.cacheDir, log: host.log })
  const shared = { cacheDir: host.cacheDir, env: host.environment, log: host.log, progress: (line: string) => say(`  ${line}`) }
  let kafka: KafkaServer | undefined
  let registry: RegistryServer | undefined
  if (ownKafka && ownRegistry) {
    say('starting Kafka and the schema registry')
    ;({ kafka, registry } = await startStack({ ...shared, stateDir }))
  } else if (ownKafka) {
    say('starting Kafka')
    kafka = await startKafka({ ...shared, dataDir: join(stateDir, 'kafka') })
  } else if (ownRegistry) {
    say('starting the schema registry')
    registry = await startRegistry({ ...shared, dataDir: join(stateDir, 'registry') })
  }
  return {
    broker: kafka?.broker ?? (broker ?? []).join(','),
    registry: registry?.url ?? schemaRegistryUrl ?? '',
    running: [
      ...kafka === undefined ? [] : [{ name: 'Kafka', server: kafka }],
      ...registry === undefined ? [] : [{ name: 'the schema registry', server: registry }]
    ]
  }
}
