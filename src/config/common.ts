// Flags that several modes share, each group beside what it becomes. Names are those of the original where it had one.
import { flags, type ConfigOf } from './flags.ts'

export const logFlags = flags({
  'log-level': { type: 'choice', choices: ['debug', 'info', 'warn', 'error'], default: 'info', description: 'Least severe log message that is written to stderr.' },
  debug: { type: 'switch', description: 'Log everything and show stack traces of errors.' }
})

/** Every mode. */
export const commonFlags = flags({
  config: { type: 'text', placeholder: 'PATH', description: 'YAML file of flags, by name, with sections for modes; flags and environment go before it.' },
  ...logFlags
})

export const kafkaFlags = flags({
  broker: { type: 'list', default: ['localhost:9092'], aliases: ['kafka-host'], placeholder: 'HOST:PORT,...', description: 'Kafka brokers to begin with; the others are found through them.' },
  'kafka-auth-mechanism': {
    type: 'choice', choices: ['none', 'mtls', 'scram'], default: 'none',
    description: 'How to prove who we are: none, mtls (client certificate), scram (SCRAM-SHA-512, user name and password).'
  },
  'kafka-tls': { type: 'switch', description: 'Encrypt connections to Kafka; always so with mtls.' },
  'kafka-username': { type: 'text', description: 'User name for scram.' },
  'kafka-password': { type: 'text', secret: true, environment: ['ALERTDB_KAFKA_PASSWORD'], description: 'Password for scram.' },
  'kafka-password-file': { type: 'text', placeholder: 'PATH', description: 'File whose first line is the password for scram.' },
  'tls-client-key-location': { type: 'text', placeholder: 'PATH', description: 'PEM file of the client key (mtls).' },
  'tls-client-crt-location': { type: 'text', placeholder: 'PATH', description: 'PEM file of the client certificate (mtls).' },
  'tls-server-ca-crt-location': { type: 'text', placeholder: 'PATH', description: 'PEM file of the certificate authority that signed the brokers\' certificates.' }
})

/** The client refuses URLs with credentials at each request, and every log line and probe would show them. */
function webUrl (text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return 'an http:// or https:// URL'
  return url.username === '' && url.password === '' ? undefined : 'a URL without user and password'
}

export const registryFlags = flags({
  'schema-registry-url': {
    type: 'text', default: 'http://localhost:8081', placeholder: 'URL', aliases: ['schema-registry-address'], check: webUrl,
    description: 'Schema registry (Confluent API); /schemas/ids/N is appended.'
  }
})

export const storeFlags = flags({
  'alert-store': { type: 'text', placeholder: 'URL', description: 'Where alerts are kept: file:///dir, or gs://bucket[/prefix] with Application Default Credentials (or STORAGE_EMULATOR_HOST).' },
  'schema-store': { type: 'text', placeholder: 'URL', description: 'Where schemas are kept; default: the alert store.' },
  layout: { type: 'choice', choices: ['v1', 'v2'], default: 'v2', description: 'Layout of object names: v2 (folders by the first 6 digits of the id) or v1 (2022).' },
  'gcp-project': { type: 'text', description: 'Google Cloud project, for gs:// stores; default: that of the Application Default Credentials.' },
  'gcp-bucket-alerts': { type: 'text', placeholder: 'BUCKET', description: 'The same as --alert-store gs://BUCKET.' },
  'gcp-bucket-schemas': { type: 'text', placeholder: 'BUCKET', description: 'The same as --schema-store gs://BUCKET.' },
  backend: { type: 'choice', choices: ['local-files', 'google-cloud'], description: 'The original\'s choice of store; local-files needs --local-file-root, google-cloud --gcp-bucket-alerts.' },
  'local-file-root': { type: 'text', placeholder: 'PATH', description: 'The same as --alert-store file://PATH with --backend local-files.' },
  'store-timeout': { type: 'number', min: 0.1, default: 15, placeholder: 'SECONDS', description: 'A request to a gs:// store that is not answered in so many seconds is cut, and tried again.' }
})

export const schemaPackageFlags = flags({
  'schema-package': {
    type: 'text', placeholder: 'PATH',
    description: 'Alert schemas: a folder MAJOR/MINOR/*.avsc, or one .avsc with its named types in sibling files; default: the survey\'s package, fetched with pip and kept in the cache.'
  },
  'cache-dir': { type: 'text', placeholder: 'PATH', description: 'Where downloads are kept; default ~/.cache/alert-stream (XDG_CACHE_HOME is honoured).' }
})

export const defaultDeadLetterTopic = 'alerts-dead-letters'

export const deadLetterFlags = flags({
  // No default in the table: together with a store, only a topic that was really asked for is a contradiction.
  'dead-letter-topic': { type: 'text', placeholder: 'TOPIC', description: `Topic for records that cannot be processed; it is created if it is missing. Default ${defaultDeadLetterTopic}, unless --dead-letter-store is given.` },
  'dead-letter-store': { type: 'text', placeholder: 'URL', description: 'Keep records that cannot be processed in a store instead, one JSON object each: file:///dir or gs://bucket[/prefix].' }
})

/** Every long-running mode. */
export const adminFlags = flags({
  'admin-port': { type: 'integer', min: 0, max: 65535, description: 'Serve /livez, /readyz, /metrics and /status on this port (0: a free one); off unless given.' },
  'admin-host': { type: 'text', default: '127.0.0.1', description: 'Address of the admin port.' },
  'drain-seconds': { type: 'number', default: 20, min: 0, description: 'At a stop, how long records in flight may take to settle; keep it below the pod\'s grace period.' }
})

export type KafkaFlagsConfig = ConfigOf<typeof kafkaFlags>
export type StoreFlagsConfig = ConfigOf<typeof storeFlags>
export type DeadLetterConfig = ConfigOf<typeof deadLetterFlags>
export type SchemaPackageConfig = ConfigOf<typeof schemaPackageFlags>

/** Partition counts and retention of topics that a mode creates. */
export function topicFlags<const P extends string> (prefix: P, what: string, partitions: number, retentionMs: number, retentionBytes: number) {
  return {
    [`${prefix}-partitions`]: { type: 'integer', min: 1, max: 10_000, default: partitions, description: `Partitions of ${what}, where it is created.` },
    [`${prefix}-replicas`]: { type: 'integer', min: 1, max: 32, default: 1, description: `Replicas of ${what}, where it is created.` },
    [`${prefix}-retention-ms`]: { type: 'integer', min: -1, default: retentionMs, description: `How long ${what} keeps records, milliseconds, where it is created (-1: for ever).` },
    [`${prefix}-retention-bytes`]: { type: 'integer', min: -1, default: retentionBytes, description: `Bytes per partition and replica that ${what} keeps, where it is created (-1: no limit).` },
    [`${prefix}-max-message-bytes`]: { type: 'integer', min: 1024, default: 16 * 1024 * 1024, description: `Largest batch of records that ${what} takes, bytes, where it is created.` }
  } as { readonly [K in `${P}-${'partitions' | 'replicas' | 'retention-ms' | 'retention-bytes' | 'max-message-bytes'}`]: { type: 'integer', min: number, default: number, description: string } }
}
