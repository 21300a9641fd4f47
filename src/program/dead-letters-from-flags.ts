// Creates the dead-letter destination from the flags that several modes share.
import { defaultDeadLetterTopic, type DeadLetterConfig } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import type { Environment } from '../config/parse.ts'
import type { DeadLetterDestination } from '../dead-letters/dead-letter-destination.ts'
import { deadLetterStoreSink } from '../dead-letters/store-sink.ts'
import { deadLetterTopicSink } from '../dead-letters/topic-sink.ts'
import type { ExpectedRecords } from '../dead-letters/topic-settings.ts'
import type { TopicSpec } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { metered, StoreStats } from '../stores/metered-store.ts'
import { openStore } from '../stores/open-store.ts'
import { bucketOptions, type BucketConfig } from './stores-from-flags.ts'

/** Settings for creating a missing dead-letter topic: unlimited retention, and record batches large enough for any alert. */
const deadLetterTopic: TopicSpec = {
  partitions: 1,
  replicas: -1,
  configs: { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1', 'max.message.bytes': String(20 * 1024 * 1024) }
}

interface DeadLetterOptions {
  readonly connection: KafkaConnection
  readonly environment: Environment
  /** The records that may become dead letters. */
  readonly expected: ExpectedRecords
  /** Counts store calls. */
  readonly stats?: StoreStats | undefined
}

/**
 * Error: USAGE_BAD_VALUE if dead letters go to a topic that the mode itself reads or writes.
 * @param flag the flag that names these topics
 */
export function checkDeadLetterTopic (
  { deadLetterStore, deadLetterTopic = defaultDeadLetterTopic }: DeadLetterConfig, mode: string, flag: string, topics: readonly string[]
): void {
  if (deadLetterStore !== undefined || !topics.includes(deadLetterTopic)) return
  throw usageErrors.USAGE_BAD_VALUE(`the dead-letter topic ${deadLetterTopic} is also named by ${flag}`, {
    where: mode, hint: `Set --dead-letter-topic or ${flag} to another topic. Otherwise dead letters would be processed as alerts.`
  })
}

/** The dead-letter store if its flag is set, otherwise the topic. Error: USAGE_BAD_VALUE if both are set. */
export function deadLettersOf (
  config: DeadLetterConfig & BucketConfig, { connection, environment, expected, stats = new StoreStats() }: DeadLetterOptions
): DeadLetterDestination {
  const { deadLetterStore: url, deadLetterTopic: topic = defaultDeadLetterTopic } = config
  if (url === undefined) return deadLetterTopicSink({ connection, topic, createTopic: deadLetterTopic, expected })
  if (config.deadLetterTopic !== undefined) {
    throw usageErrors.USAGE_BAD_VALUE(`both a topic (${topic}) and a store (${url}) are given for dead letters`, {
      hint: 'Set only one of --dead-letter-topic and --dead-letter-store. Check the environment and the configuration file too.'
    })
  }
  const options = { ...bucketOptions(config, environment), access: 'write' as const }
  return deadLetterStoreSink({ url, open: async log => metered(await openStore(url, { ...options, log }), 'dead-letters', stats) })
}

/** `topic alerts-dead-letters` or `store file:///var/dead-letters`, for messages. */
export function deadLetterPlace ({ deadLetterStore, deadLetterTopic = defaultDeadLetterTopic }: DeadLetterConfig): string {
  return deadLetterStore === undefined ? `topic ${deadLetterTopic}` : `store ${deadLetterStore}`
}
