// Where dead letters go, from the flags that several modes share.
import { defaultDeadLetterTopic, type DeadLetterConfig } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import type { Environment } from '../config/parse.ts'
import type { DeadLetterDestination } from '../dead-letters/dead-letter-destination.ts'
import { deadLetterStoreSink } from '../dead-letters/store-sink.ts'
import { deadLetterTopicSink } from '../dead-letters/topic-sink.ts'
import type { TopicSpec } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { metered, openStore, StoreStats } from '../stores/index.ts'
import { googleOptions, type GoogleConfig } from './stores-from-flags.ts'

/** How a missing dead-letter topic is created: kept for ever, large enough for any alert. */
const deadLetterTopic: TopicSpec = { partitions: 1, replicas: -1, configs: { 'retention.ms': '-1', 'max.message.bytes': String(20 * 1024 * 1024) } }

/** Where the flags say that dead letters go: one place, a store or a topic. A store's calls are counted in `figures`. Error: USAGE_BAD_VALUE where both are given. */
export function deadLettersOf (
  config: DeadLetterConfig & GoogleConfig, connection: KafkaConnection, environment: Environment, figures = new StoreStats()
): DeadLetterDestination {
  const { deadLetterStore: url, deadLetterTopic: topic = defaultDeadLetterTopic } = config
  if (url === undefined) return deadLetterTopicSink({ connection, topic, createTopic: deadLetterTopic })
  if (config.deadLetterTopic !== undefined) throw usageErrors.USAGE_BAD_VALUE(`dead letters go to one place, but both a topic (${topic}) and a store (${url}) are given`, { hint: 'Give either --dead-letter-topic or --dead-letter-store; one of them may come from the environment or the configuration file.' })
  return deadLetterStoreSink({
    url, open: async log => metered(await openStore(url, { ...googleOptions(config, environment), access: 'write', log }), 'dead-letters', figures)
  })
}

/** The same place in words: `topic alerts-dead-letters`, `store file:///letters`. */
export function deadLetterPlace ({ deadLetterStore, deadLetterTopic = defaultDeadLetterTopic }: DeadLetterConfig): string {
  return deadLetterStore === undefined ? `topic ${deadLetterTopic}` : `store ${deadLetterStore}`
}
