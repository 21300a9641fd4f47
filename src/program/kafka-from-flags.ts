// Kafka connections and topic settings, from the flags that several modes share.
import type { BatchFlagsConfig, KafkaFlagsConfig, topicFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import type { ConfigOf } from '../config/flags.ts'
import type { TopicSpec } from '../kafka/admin.ts'
import { describedConnection as described, kafkaConnection, type KafkaConfig, type KafkaConnection } from '../kafka/connection.ts'
import type { BatchOptions, BatchPosition } from '../kafka/damaged-batches.ts'
import type { Logger } from '../pipeline/index.ts'

const MIB = 1024 * 1024

function kafkaConfig (config: KafkaFlagsConfig, clientId: string): KafkaConfig {
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

/** A connection with the credentials that the flags specify. Errors: KAFKA_CONFIG, KAFKA_FILE, PASSWORD_FILE. */
export async function connectionOf (config: KafkaFlagsConfig, clientId: string, log: Logger): Promise<KafkaConnection> {
  return kafkaConnection(kafkaConfig(config, clientId), log)
}

/** A placeholder connection, for graph descriptions. It reads no certificate or password file and cannot connect. */
export function describedConnection (config: KafkaFlagsConfig): KafkaConnection {
  return described(kafkaConfig(config, 'alert-stream'))
}

/** Error: USAGE_BAD_VALUE. */
export function batchOptions ({ maxBatchMib, maxRecordMib, skipBatch = [] }: BatchFlagsConfig): BatchOptions {
  return { limits: { maxBatchBytes: maxBatchMib * MIB, maxRecordBytes: maxRecordMib * MIB }, skipBatches: skipBatch.map(batchPosition) }
}

function batchPosition (text: string): BatchPosition {
  const [, topic, partition, offset] = /^([\w.-]+):(\d{1,9}):(\d{1,19})$/.exec(text) ?? []
  if (topic === undefined || partition === undefined || offset === undefined) {
    throw usageErrors.USAGE_BAD_VALUE(`--skip-batch ${JSON.stringify(text)} is not TOPIC:PARTITION:OFFSET`, {
      where: '--skip-batch', hint: 'Copy the value from the error message of the damaged batch, such as alerts-simulated:3:1042.'
    })
  }
  return { topic, partition: Number(partition), offset: BigInt(offset) }
}

/** The settings with which the destination topic is created. */
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

// A broker deletes only whole segments, and never the active segment. With the default segment size of 1 GiB, a retention size below 1 GiB
// would have no effect.
function segmentFor (retentionBytes: number): { readonly 'segment.bytes'?: string } {
  if (retentionBytes < 0) return {}
  return { 'segment.bytes': String(Math.min(Math.max(Math.floor(retentionBytes / 4), 16 * MIB), 1024 * MIB)) }
}
