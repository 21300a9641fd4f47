// Sends the Kafka requests of the fetcher with the client library, without retries.
import { Consumer, type fetchV17 } from '@platformatic/kafka'
import type { KafkaConnection } from './connection.ts'
import { nestedErrors } from './errors.ts'
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
  fetch (request: FetchRequest): Promise<fetchV17.FetchResponse>
  /** Looks up a topic, see `findTopic` in topic-lookup.ts. */
  findTopic (topic: string): Promise<FoundTopic | undefined>
  close (): Promise<void>
}

export function fetchClient (connection: KafkaConnection): FetchClient {
  const consumer = acceptLeaderless(new Consumer({ ...connection.options, groupId: 'none', retries: 0 }))
  consumer.on('error', () => {})
  return {
    fetch: async request => {
      try {
        return await consumer.fetch(request)
      } catch (error) {
        // The library rejects if one partition has an error, although the response holds the records of the other partitions.
        const response = nestedErrors(error).map(inner => (inner as { response?: fetchV17.FetchResponse }).response)
          .find(found => found?.responses !== undefined)
        if (response === undefined) throw error
        return response
      }
    },
    findTopic: topic => findTopic(consumer, topic),
    close: async () => { await consumer.close(true).catch(() => {}) }
  }
}
