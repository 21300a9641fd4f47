// The consumer lag of an ingester: end offsets minus settled offsets. Concurrent callers share one request with a timeout.
import { sharedRequest } from '../admin/shared-request.ts'
import type { KafkaAdmin } from '../kafka/admin.ts'
import type { TopicPartition } from '../kafka/offset-tracker.ts'
import { AlertStreamError } from '../pipeline/errors.ts'
import type { KafkaGroupSource } from '../sources/kafka-group.ts'

export interface PartitionLag extends TopicPartition {
  readonly records: number
}

const LIMIT_MS = 2000

/** Resolves with the lag of each assigned partition, or with undefined if the brokers do not respond within `limitMs`. Never rejects. */
export function lagOf (
  admin: Pick<KafkaAdmin, 'endOffsets'>, topics: readonly string[], source: Pick<KafkaGroupSource, 'stats'>, limitMs = LIMIT_MS
): () => Promise<readonly PartitionLag[] | undefined> {
  const read = async (): Promise<readonly PartitionLag[]> => {
    const ends = new Map(await Promise.all(topics.map(async topic => [topic, await endOffsets(admin, topic)] as const)))
    return source.stats().partitions.map(({ topic, partition, settled }) => {
      const behind = (ends.get(topic)?.[partition] ?? 0n) - settled
      return { topic, partition, records: behind > 0n ? Number(behind) : 0 }
    })
  }
  const shared = sharedRequest(read, limitMs, () => new Error('the brokers did not respond in time'))
  return () => shared().catch(() => undefined)
}

async function endOffsets (admin: Pick<KafkaAdmin, 'endOffsets'>, topic: string): Promise<bigint[]> {
  try {
    return await admin.endOffsets(topic)
  } catch (error) {
    // The brokers responded, but the topic does not exist, so it has no partitions and no lag.
    if (error instanceof AlertStreamError && error.code === 'KAFKA_TOPIC_MISSING') return []
    throw error
  }
}
