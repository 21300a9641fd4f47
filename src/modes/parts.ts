// From configuration to parts: what several modes build in the same way.
import { pathToFileURL } from 'node:url'
import { fetchSchemaPackage, loadSchemaPackage, type SchemaPackage } from '../avro/index.ts'
import { defaultDeadLetterTopic, type DeadLetterConfig, type KafkaFlagsConfig, type SchemaPackageConfig, type StoreFlagsConfig, type topicFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import type { ConfigOf } from '../config/flags.ts'
import type { Environment } from '../config/parse.ts'
import type { TopicSpec } from '../kafka/admin.ts'
import { describedConnection as described, kafkaConnection, type KafkaConfig, type KafkaConnection } from '../kafka/connection.ts'
import type { DeadLetterSink, Logger } from '../pipeline/index.ts'
import { kafkaDeadLetters } from '../sinks/kafka-dead-letters.ts'
import { storeDeadLetters } from '../sinks/store-dead-letters.ts'
import { createArchive, metered, openStore, StoreFigures, type Archive, type OpenStoreOptions } from '../stores/index.ts'
import { modeErrors } from './errors.ts'
import type { Host } from './mode.ts'

const MIB = 1024 * 1024

/** What the Kafka flags say, without reading any file: enough to describe a graph. */
export function kafkaConfig (config: KafkaFlagsConfig, clientId: string): KafkaConfig {
  return {
    brokers: config.broker,
    auth: config.kafkaAuthMechanism,
    tls: config.kafkaTls,
    username: config.kafkaUsername,
    password: config.kafkaPassword,
    passwordFile: config.kafkaPasswordFile,
    clientKey: config.tlsClientKeyLocation,
    clientCert: config.tlsClientCrtLocation,
    serverCa: config.tlsServerCaCrtLocation,
    clientId
  }
}

/** The Kafka connection that the flags describe. Errors: PASSWORD_FILE, KAFKA_CONFIG, KAFKA_FILE. */
export async function connectionOf (config: KafkaFlagsConfig, clientId: string, log: Logger): Promise<KafkaConnection> {
  return kafkaConnection(kafkaConfig(config, clientId), log)
}

/** A connection that only describes: nothing is read, nothing can connect. */
export function describedConnection (config: KafkaFlagsConfig): KafkaConnection {
  return described(kafkaConfig(config, 'alert-stream'))
}

/** How `--dst-topic` is created, by its flags. */
export function destinationSpec (config: ConfigOf<ReturnType<typeof topicFlags<'dst-topic'>>>): TopicSpec {
  return {
    partitions: config.dstTopicPartitions,
    replicas: config.dstTopicReplicas,
    configs: {
      'cleanup.policy': 'delete',
      'retention.ms': String(config.dstTopicRetentionMs),
      'retention.bytes': String(config.dstTopicRetentionBytes),
      'max.message.bytes': String(config.dstTopicMaxMessageBytes),
      ...segmentFor(config.dstTopicRetentionBytes)
    }
  }
}

// Brokers delete whole segments only, and never the one being written: with segments of 1 GiB a small retention would keep all of that.
function segmentFor (retentionBytes: number): { readonly 'segment.bytes'?: string } {
  if (retentionBytes < 0) return {}
  return { 'segment.bytes': String(Math.min(Math.max(Math.floor(retentionBytes / 4), 16 * MIB), 1024 * MIB)) }
}

/** How a missing dead-letter topic is created: kept for ever, large enough for any alert. */
const deadLetterTopic: TopicSpec = { partitions: 1, replicas: -1, configs: { 'retention.ms': '-1', 'max.message.bytes': String(20 * 1024 * 1024) } }

/** What takes the dead letters; only a store has a check of its own, as a topic is the brokers' affair. */
export interface DeadLetterPlace extends DeadLetterSink {
  check? (): Promise<void>
}

/** Where the flags say that dead letters go: one place, a store or a topic. A store's calls are counted in `figures`. Error: USAGE_BAD_VALUE where both are given. */
export function deadLettersOf (
  config: DeadLetterConfig & GoogleConfig, connection: KafkaConnection, environment: Environment, figures = new StoreFigures()
): DeadLetterPlace {
  const { deadLetterStore: url, deadLetterTopic: topic = defaultDeadLetterTopic } = config
  if (url === undefined) return kafkaDeadLetters({ connection, topic, createTopic: deadLetterTopic })
  if (config.deadLetterTopic !== undefined) throw usageErrors.USAGE_BAD_VALUE(`dead letters go to one place, but both a topic (${topic}) and a store (${url}) are given`, { hint: 'Give either --dead-letter-topic or --dead-letter-store; one of them may come from the environment or the configuration file.' })
  return storeDeadLetters({
    url, open: async log => metered(await openStore(url, { ...googleOptions(config, environment), access: 'write', log }), 'dead-letters', figures)
  })
}

/** The same place in words: `topic alerts-dead-letters`, `store file:///letters`. */
export function deadLetterPlace ({ deadLetterStore, deadLetterTopic = defaultDeadLetterTopic }: DeadLetterConfig): string {
  return deadLetterStore === undefined ? `topic ${deadLetterTopic}` : `store ${deadLetterStore}`
}

/** The two stores' URLs, from the flags or the original's aliases. Error: STORE_NOT_GIVEN. */
export function storeUrls (config: StoreFlagsConfig): { readonly alerts: string, readonly schemas: string } {
  const bucket = (name: string | undefined): string | undefined => name === undefined ? undefined : `gs://${name}`
  const local = config.backend === 'google-cloud' || config.localFileRoot === undefined ? undefined : pathToFileURL(config.localFileRoot).href
  const alerts = config.alertStore ?? local ?? bucket(config.gcpBucketAlerts)
  if (alerts === undefined) throw modeErrors.STORE_NOT_GIVEN('no alert store is given')
  return { alerts, schemas: config.schemaStore ?? local ?? bucket(config.gcpBucketSchemas) ?? alerts }
}

type GoogleConfig = Partial<Pick<StoreFlagsConfig, 'gcpProject' | 'storeTimeout'>>

/** What gs:// stores need to know beside their URL. */
export function googleOptions ({ gcpProject, storeTimeout }: GoogleConfig, environment: Environment): OpenStoreOptions {
  return { project: gcpProject, emulatorHost: environment['STORAGE_EMULATOR_HOST'], ...storeTimeout === undefined ? {} : { requestMs: storeTimeout * 1000 } }
}

/** Opens both stores; for `read` nothing is created or cleaned. Their calls are counted in `figures`. Errors: STORE_*. */
export async function archiveOf (
  config: StoreFlagsConfig, access: 'read' | 'write', { log, environment }: Pick<Host, 'log' | 'environment'>, figures: StoreFigures
): Promise<Archive> {
  const { alerts, schemas } = storeUrls(config)
  const options = { ...googleOptions(config, environment), access, log }
  const alertStore = await openStore(alerts, options)
  const schemaStore = schemas === alerts ? alertStore : await openStore(schemas, options)
  return createArchive({ alerts: metered(alertStore, 'alerts', figures), schemas: metered(schemaStore, 'schemas', figures), layout: config.layout })
}

/** The alert schemas: a given package, or the survey's, fetched once into the cache. */
export async function schemaPackageOf (config: SchemaPackageConfig, host: Host): Promise<SchemaPackage> {
  return loadSchemaPackage(config.schemaPackage ?? await fetchSchemaPackage({ cacheDir: host.cacheDir, log: host.log }))
}
