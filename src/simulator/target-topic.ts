// Prepares the topic that create-stream loads: creates it, recreates it, or uses the existing topic unchanged.
import type { KafkaAdmin, TopicSpec } from '../kafka/admin.ts'
import { AlertStreamError, type Logger } from '../pipeline/index.ts'

/** Creates or recreates the topic, and resolves with its number of partitions. Without `recreate`, an existing topic is not changed. */
export async function prepareTargetTopic (
  admin: KafkaAdmin, { topic, spec, recreate, log }: { topic: string, spec: TopicSpec, recreate: boolean, log: Logger }
): Promise<number> {
  if (recreate) {
    log.info({ topic, ...spec }, 'recreating the topic')
    return (await admin.recreateTopic(topic, spec)).partitions
  }
  const { created, partitions } = await admin.ensureTopic(topic, spec)
  if (created) log.info({ topic, ...spec }, 'created the topic')
  return partitions
}

/** max.message.bytes of the topic, or Infinity if this user is not allowed to read topic settings. The brokers still enforce the limit. */
export async function maxMessageBytesOf (admin: KafkaAdmin, topic: string): Promise<number> {
  try {
    return Number((await admin.topicConfigs(topic))['max.message.bytes'] ?? Infinity)
  } catch (error) {
    if (error instanceof AlertStreamError && error.code === 'KAFKA_NOT_AUTHORISED') return Infinity
    throw error
  }
}
