// Reads the id of a topic and the leaders of its partitions from the brokers. Never uses cached metadata, because a recreated topic has the
// same name but different data.
import type { Admin, Consumer, Producer } from '@platformatic/kafka'
import { nestedErrors } from './errors.ts'

export interface FoundTopic {
  /** UUID of the topic. A recreated topic has a new UUID. */
  readonly id: string
  readonly partitions: ReadonlyArray<FoundPartition>
}

interface FoundPartition {
  /** Broker id of the leader; -1 if the partition has no leader. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
}

/**
 * Sends one Metadata request. Returns undefined if the broker does not know the topic.
 * Rejects with the client library's error if no broker is reachable, access is denied, or, unless the client was passed to
 * `acceptLeaderless`, a partition has no leader.
 */
export async function findTopic (client: Pick<Admin | Consumer | Producer, 'metadata'>, topic: string): Promise<FoundTopic | undefined> {
  try {
    const metadata = await client.metadata({ topics: [topic], forceUpdate: true, retries: 0 })
    const found = metadata.topics.get(topic)
    return found === undefined ? undefined : { id: found.id, partitions: found.partitions }
  } catch (error) {
    if (nestedErrors(error).some(inner => inner.message === `Unknown topic ${topic}.`)) return undefined
    throw error
  }
}
