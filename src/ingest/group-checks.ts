// Readiness checks of a mode that reads topics as a member of a consumer group.
import { brokerCheck } from '../admin/readiness-checks.ts'
import type { Checks } from '../admin/readiness.ts'
import type { KafkaAdmin } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { unreadableError } from '../kafka/damaged-batches.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import type { KafkaGroupSource } from '../sources/kafka-group.ts'

interface GroupChecksOptions {
  readonly connection: KafkaConnection
  /** Has a short request timeout. */
  readonly admin: Pick<KafkaAdmin, 'describeTopic'>
  readonly topics: readonly string[]
  readonly source: Pick<KafkaGroupSource, 'stats'>
}

/** Passes if the brokers respond, all topics exist, and no partition is stopped at a damaged batch. */
export function groupChecks ({ connection, admin, topics, source }: GroupChecksOptions): Checks {
  return {
    broker: brokerCheck(admin, topics),
    topics: async () => {
      const { missing } = source.stats()
      if (missing.length > 0) throw kafkaErrors.KAFKA_TOPIC_MISSING(`waiting for ${missing.join(', ')}`, { where: connection.brokers })
    },
    partitions: async () => {
      const [stopped] = source.stats().stopped
      if (stopped !== undefined) throw unreadableError(stopped)
    }
  }
}
