// How far an ingester is behind: the ends of its partitions, by the brokers' word, less what has settled. Whoever asks shares one question,
// and waits no longer than a scrape may.
import type { KafkaAdmin } from '../kafka/admin.ts'
import type { TopicPartition } from '../kafka/offset-tracker.ts'
import { AlertStreamError } from '../pipeline/index.ts'
import type { KafkaGroupSource } from '../sources/kafka-group.ts'
import { sharedRequest } from '../admin/shared-request.ts'

export interface PartitionLag extends TopicPartition {
  readonly records: number
}

const LIMIT_MS = 2000

/** Resolves with the lag of each partition that is owned; undefined where the brokers do not answer in time. Never rejects. */
export function lagOf (
  admin: Pick<KafkaAdmin, 'endOffsets'>, topics: readonly string[], source: Pick<KafkaGroupSource, 'stats'>, limitMs = LIMIT_MS
): () => Promise<readonly PartitionLag[] | undefined> {
  const ask = async (): Promise<readonly PartitionLag[]> => {
    const ends = new Map(await Promise.all(topics.map(async topic => [topic, await endsOf(admin, topic)] as const)))
    return source.stats().partitions.map(({ topic, partition, settled }) => {
      const behind = (ends.get(topic)?.[partition] ?? 0n) - settled
      return { topic, partition, records: behind > 0n ? Number(behind) : 0 }
    })
  }
  const shared = sharedRequest(ask, limitMs, () => new Error('the brokers did not answer in time'))
  return () => shared().catch(() => undefined)
}

async function endsOf (admin: Pick<KafkaAdmin, 'endOffsets'>, topic: string): Promise<bigint[]> {
  try {
    return await admin.endOffsets(topic)
  } catch (error) {
    // The brokers answered: there is nothing to be behind of.
    if (error instanceof AlertStreamError && error.code === 'KAFKA_TOPIC_MISSING') return []
    throw error
  }
}
