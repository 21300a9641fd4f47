// Flags that several modes share. Flags of the original alert stream programs keep their names here, at least as aliases.
import { flags, type ConfigOf } from './flags.ts'
import { compressorNames } from '../compression/compressor.ts'
import { isNight } from '../ids/packed-id.ts'

export const commonFlags = flags({
  config: {
    type: 'text', placeholder: 'PATH',
    description: 'YAML configuration file: flags by name, and one section per mode. Flags and environment variables take precedence.'
  },
  'log-level': { type: 'choice', choices: ['debug', 'info', 'warn', 'error'], default: 'info', description: 'Minimum log level.' },
  debug: { type: 'switch', description: 'Debug log level, and stack traces of errors.' }
})

export const kafkaFlags = flags({
  broker: {
    type: 'list', default: ['localhost:9092'], aliases: ['kafka-host'], placeholder: 'HOST:PORT,...',
    description: 'Kafka bootstrap brokers. The client discovers the other brokers through them.'
  },
  'kafka-auth-mechanism': {
    type: 'choice', choices: ['none', 'mtls', 'scram'], default: 'none',
    description: 'Kafka authentication mechanism: none, mtls (client certificate) or scram (SCRAM-SHA-512 with user name and password).'
  },
  'kafka-tls': { type: 'switch', description: 'TLS for connections to Kafka. Always on with mtls.' },
  'kafka-username': { type: 'text', description: 'SCRAM user name.' },
  'kafka-password': { type: 'text', secret: true, environment: ['ALERTDB_KAFKA_PASSWORD'], description: 'SCRAM password.' },
  'kafka-password-file': { type: 'text', placeholder: 'PATH', description: 'File with the SCRAM password on its first line.' },
  'tls-client-key-location': { type: 'text', placeholder: 'PATH', description: 'PEM file of the client private key, for mtls.' },
  'tls-client-crt-location': { type: 'text', placeholder: 'PATH', description: 'PEM file of the client certificate, for mtls.' },
  'tls-server-ca-crt-location': {
    type: 'text', placeholder: 'PATH',
    description: 'PEM file of the certificate authority that signed the brokers\' certificates. ' +
      'Required with mtls. Default otherwise: the authorities bundled with Node.js.'
  }
})

/** A `check` for nights (day_obs). */
export function checkNight (text: string): string | undefined {
  return isNight(text) ? undefined : 'a date from 2010-01-01 as YYYYMMDD'
}

/** A `check` for HTTP URLs. It rejects credentials in a URL, because fetch() does not accept them and log lines would show them. */
function webUrl (text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return 'an http:// or https:// URL'
  return url.username === '' && url.password === '' ? undefined : 'a URL without user and password'
}

export const registryFlags = flags({
  'schema-registry-url': {
    type: 'text', default: 'http://localhost:8081', placeholder: 'URL', aliases: ['schema-registry-address'], check: webUrl,
    description: 'Base URL of the schema registry (Confluent API), to which the client appends /schemas/ids/N.'
  }
})

export const compressionFlags = flags({
  compressor: {
    type: 'choice', choices: ['auto', ...compressorNames], default: 'auto',
    description: 'Library that compresses alerts: libdeflate (small objects), isal (Intel ISA-L, least CPU time) or zlib (part of Node). ' +
      'auto: the first of these that can be loaded. A library that is named and cannot be loaded is an error.'
  },
  'gzip-level': {
    type: 'integer', min: 1, max: 12,
    description: 'Compression level, from 1 (fastest): up to 12 with libdeflate, 3 with isal, 9 with zlib. Default: 4 with libdeflate, ' +
      '2 with isal, 3 with zlib.'
  }
})

const packedIdFlags = flags({
  'packed-id-tags': {
    type: 'text', default: '2,4', placeholder: 'N,...',
    description: 'Tags of alert ids that pack night, visit and detector. Other ids have no visit and no v3 folder of their own.'
  },
  'packed-id-bits': {
    type: 'text', default: '7,14,15,8,19', placeholder: 'N,N,N,N,N',
    description: 'Widths in bits of the parts of a packed alert id: ' +
      'tag, days since 2010-01-01, sequence number of the visit, detector, counter.'
  }
})

/** Flags of all modes that open a store. */
export const s3Flags = flags({
  's3-endpoint-url': {
    type: 'text', placeholder: 'URL', aliases: ['endpoint-url'], check: webUrl,
    description: 'URL of an S3-compatible service, such as Ceph. Default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or AWS.'
  },
  's3-region': {
    type: 'text', description: 'Region of s3:// buckets. Default: AWS_REGION, the profile, or us-east-1 for another service.'
  },
  's3-path-style': {
    type: 'switch', description: 'Path-style requests, with the bucket in the path of the URL. Always on with --s3-endpoint-url.'
  }
})

/** Flags of all modes that write to a store, together with `s3Flags`. */
export const s3WriteFlags = flags({
  's3-allow-overwrite': {
    type: 'switch',
    description: 'Writes to a service that ignores If-None-Match. Each write looks for an existing object first, but concurrent writers ' +
      'can overwrite objects. Default: the mode does not start.'
  }
})

export const storeFlags = flags({
  'alert-store': {
    type: 'text', placeholder: 'URL',
    description: 'Store for alerts: file:///dir, s3://bucket[/prefix] with the AWS credential chain, or gs://bucket[/prefix] with ' +
      'Application Default Credentials or STORAGE_EMULATOR_HOST. ' +
      'Required, unless --bucket-alerts, --gcp-bucket-alerts or --local-file-root is set.'
  },
  'schema-store': { type: 'text', placeholder: 'URL', description: 'Store for schemas. Default: the alert store.' },
  layout: {
    type: 'choice', choices: ['v1', 'v2', 'v3'], default: 'v2',
    description: 'Layout of new objects: v2 (folders by the first 6 digits of the id), v3 (folders by night, visit and detector) or ' +
      'v1 (the layout of 2021, without folders). Objects of all layouts are read.'
  },
  ...packedIdFlags,
  ...s3Flags,
  'bucket-alerts': { type: 'text', placeholder: 'BUCKET', description: 'Bucket for alerts. Same as --alert-store s3://BUCKET.' },
  'bucket-schemas': { type: 'text', placeholder: 'BUCKET', description: 'Bucket for schemas. Same as --schema-store s3://BUCKET.' },
  'gcp-project': { type: 'text', description: 'Google Cloud project. Default: the project of the Application Default Credentials.' },
  'gcp-bucket-alerts': { type: 'text', placeholder: 'BUCKET', description: 'Bucket for alerts. Same as --alert-store gs://BUCKET.' },
  'gcp-bucket-schemas': { type: 'text', placeholder: 'BUCKET', description: 'Bucket for schemas. Same as --schema-store gs://BUCKET.' },
  backend: {
    type: 'choice', choices: ['local-files', 'google-cloud'],
    description: 'Store type, as in the programs that alert-stream replaces: local-files needs --local-file-root, google-cloud a bucket.'
  },
  'local-file-root': { type: 'text', placeholder: 'PATH', description: 'Folder of the stores. Same as --alert-store file://PATH.' },
  'store-timeout': {
    type: 'number', min: 0.1, default: 15, placeholder: 'SECONDS',
    description: 'Timeout of one request to a bucket, in seconds. A request that times out is retried.'
  }
})

/** Flags of the modes that write objects. */
export const uploadFlags = flags({
  upload: {
    type: 'choice', choices: ['lean', 'sdk'], default: 'lean',
    description: 'Client for writes to s3:// and gs:// buckets: lean (own requests, at a fraction of the CPU time) or sdk (the client ' +
      'library of the service). Both write the same objects and use the credentials of the library.'
  }
})

export const schemaPackageFlags = flags({
  'schema-package': {
    type: 'text', placeholder: 'PATH',
    description: 'Alert schemas: a folder MAJOR/MINOR/*.avsc, or one .avsc with its named types in sibling files. ' +
      'Default: the package lsst-alert-packet, which is downloaded with pip once and cached.'
  },
  'cache-dir': {
    type: 'text', placeholder: 'PATH',
    description: 'Folder for downloads. Default: $XDG_CACHE_HOME/alert-stream, or ~/.cache/alert-stream if XDG_CACHE_HOME is not set.'
  }
})

export const defaultDeadLetterTopic = 'alerts-dead-letters'

export const deadLetterFlags = flags({
  // A `default` here would conflict with --dead-letter-store even if the user sets no topic.
  'dead-letter-topic': {
    type: 'text', placeholder: 'TOPIC',
    description: 'Dead-letter topic for records that cannot be processed, created if missing. ' +
      `Default: ${defaultDeadLetterTopic}, unless --dead-letter-store is set.`
  },
  'dead-letter-store': {
    type: 'text', placeholder: 'URL',
    description: 'Dead-letter store to use instead of a topic: file:///dir, s3://bucket[/prefix] or gs://bucket[/prefix]. ' +
      'Each record becomes one JSON object.'
  },
  ...s3Flags,
  ...s3WriteFlags
})

/** Flags of all modes that read records from Kafka. */
export const batchFlags = flags({
  'max-batch-mib': {
    type: 'integer', min: 1, max: 1024, default: 64,
    description: 'Memory for decompressed record batches, in MiB. Batches that do not fit are decompressed in parts.'
  },
  'max-record-mib': {
    type: 'integer', min: 1, max: 512, default: 32,
    description: 'Maximum size of a record, in MiB. Of a larger record, only the position, the size and the SHA-256 are kept.'
  },
  'skip-batch': {
    type: 'list', placeholder: 'TOPIC:PARTITION:OFFSET,...',
    description: 'Record batches to skip if they are damaged, or too large for --max-batch-mib. Each is named by an offset that it ' +
      'contains. Their records are lost. A readable batch is never skipped.'
  }
})

/** Flags of all long-running modes. */
export const adminFlags = flags({
  'admin-port': {
    type: 'integer', min: 0, max: 65535,
    description: 'Port of the admin server with /livez, /readyz, /metrics and /status. 0 picks a free port. Default: no admin server.'
  },
  'admin-host': { type: 'text', default: '127.0.0.1', description: 'Address that the admin server listens on.' },
  'drain-seconds': {
    type: 'number', default: 20, min: 0,
    description: 'Time limit for work in flight after a stop signal, in seconds. Set it below the pod\'s termination grace period.'
  }
})

export type BatchFlagsConfig = ConfigOf<typeof batchFlags>
export type KafkaFlagsConfig = ConfigOf<typeof kafkaFlags>
export type StoreFlagsConfig = ConfigOf<typeof storeFlags>
export type S3FlagsConfig = ConfigOf<typeof s3Flags> & Partial<ConfigOf<typeof s3WriteFlags>>
export type UploadFlagsConfig = ConfigOf<typeof uploadFlags>
export type DeadLetterConfig = ConfigOf<typeof deadLetterFlags>
export type SchemaPackageConfig = ConfigOf<typeof schemaPackageFlags>

type TopicSetting = 'partitions' | 'replicas' | 'retention-ms' | 'retention-bytes' | 'max-message-bytes'
interface IntegerFlag { type: 'integer', min: number, max?: number, default: number, description: string }

/** Flags for the settings of a topic that a mode may create. `topic` names the topic in the descriptions. */
export function topicFlags<const P extends string> (prefix: P, topic: string, partitions: number, retentionMs: number, bytes: number) {
  const setting = (min: number, value: number, description: string): IntegerFlag =>
    ({ type: 'integer', min, default: value, description: `${description} Used when ${topic} is created.` })
  return {
    [`${prefix}-partitions`]: { ...setting(1, partitions, 'Number of partitions.'), max: 10_000 },
    [`${prefix}-replicas`]: { ...setting(1, 1, 'Replication factor.'), max: 32 },
    [`${prefix}-retention-ms`]: setting(-1, retentionMs, 'Retention time in milliseconds, -1 for unlimited.'),
    [`${prefix}-retention-bytes`]: setting(-1, bytes, 'Retention size per partition in bytes, -1 for unlimited.'),
    [`${prefix}-max-message-bytes`]: setting(1024, 16 * 1024 * 1024, 'Maximum size of a record batch in bytes.')
  } as { readonly [K in `${P}-${TopicSetting}`]: IntegerFlag }
}
