// What the brokers say about one topic right now: its UUID and its partitions' leaders, asked afresh each time and never from a cache,
// because a recreated topic has the same name and other data.
import type { Admin, Consumer, Producer } from '@platformatic/kafka'
import { nestedErrors } from './errors.ts'

export interface FoundTopic {
  /** UUID; another one after the topic was recreated. */
  readonly id: string
  readonly partitions: ReadonlyArray<{ readonly leader: number, readonly replicas: readonly number[] }>
}

/** Asks once; undefined where the topic does not exist. Rejects with the library's error (unreachable, not authorised, no leader yet). */
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
