// Sends the Kafka requests of the fetcher with the client library, without retries.
import type { fetchV17 } from '@platformatic/kafka'
import type { KafkaConnection } from './connection.ts'
import { FetchConsumer } from './fetch-consumer.ts'
import type { FetchResponse } from './fetch-response.ts'
import { acceptLeaderless } from './leaderless.ts'
import { findTopic, type FoundTopic } from './topic-lookup.ts'

interface FetchRequest {
  /** Id of the broker that receives the request. */
  readonly node: number
  readonly topics: fetchV17.FetchRequestTopic[]
  readonly maxBytes: number
  /** How long the broker may hold the request while no records are available, in ms. */
  readonly maxWaitTime: number
}

export interface FetchClient {
  /** Sends a Fetch request. Errors of partitions and of the fetch session are codes in the response. Rejects if no response arrives. */
  fetch (request: FetchRequest): Promise<FetchResponse>
  /** Looks up a topic, see `findTopic` in topic-lookup.ts. */
  findTopic (topic: string): Promise<FoundTopic | undefined>
  close (): Promise<void>
}

export function fetchClient (connection: KafkaConnection): FetchClient {
  const consumer = acceptLeaderless(new FetchConsumer({ ...connection.options, groupId: 'none', retries: 0 }))
  consumer.on('error', () => {})
  return {
    fetch: async request => await consumer.fetch(request) as unknown as FetchResponse,
    findTopic: topic => findTopic(consumer, topic),
    close: async () => { await consumer.close(true).catch(() => {}) }
  }
}
