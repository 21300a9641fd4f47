// Sends the Kafka requests of the idempotent producer with the client library, without retries.
import { kGetApi, NumericMap, Producer, type API, type Connection, type produceV11 } from './client-library.ts'
import { promisify } from 'node:util'
import type { AddressedRecord, PartitionBatch } from './batches.ts'
import { rotateBrokers } from './broker-rotation.ts'
import type { KafkaConnection } from './connection.ts'
import { kafkaErrors } from './errors.ts'
import { acceptLeaderless } from './leaderless.ts'
import { wholeBatchApi } from './produce-whole.ts'
import { sendAndFree } from './request-memory.ts'
import { findTopic, type FoundTopic } from './topic-lookup.ts'
import { WholeBatch } from './whole-batch.ts'

/** Producer id and epoch that a broker has assigned. */
export interface ProducerId {
  readonly id: bigint
  readonly epoch: number
}

interface ProduceRequest {
  /** Id of the broker that leads the partition. */
  readonly node: number
  readonly batch: PartitionBatch
  readonly producer: ProducerId
  /** Sequence number of the first record of the batch. */
  readonly sequence: number
}

export interface ProduceClient {
  /** Looks up a topic, see `findTopic` in topic-lookup.ts. */
  findTopic (topic: string): Promise<FoundTopic | undefined>
  newProducerId (): Promise<ProducerId>
  /** Resolves when all in-sync replicas have the batch. Rejects with an error of the client library. */
  produce (request: ProduceRequest): Promise<void>
  close (): Promise<void>
}

type ProduceApi = API<Parameters<typeof produceV11.createRequest>, produceV11.ProduceResponse>

const ALL_IN_SYNC = -1
/** How long the leader may wait for the other in-sync replicas, in ms. */
const REPLICATION_MS = 10_000
/** Time limit of a request, in ms. It must be longer than REPLICATION_MS. A frozen broker does not respond. */
const REQUEST_MS = 15_000
/** Each partition has at most one request in flight, so requests of different partitions need not wait for each other. */
const MAX_IN_FLIGHT = 1000

export function produceClient (connection: KafkaConnection): ProduceClient {
  const options = { ...connection.options, retries: 0, requestTimeout: REQUEST_MS, maxInflights: MAX_IN_FLIGHT }
  const producer = acceptLeaderless(new Producer(options))
  producer.on('error', () => {})
  const rotation = rotateBrokers(producer)
  // `Producer.send` is not used. Its retries send all partitions of a former leader to the new leader of only one of them, and after a
  // failed send, it starts a new sequence, so that the caller's retry writes the records again.
  const produceApi = promisify((done: (error: Error | null, api?: ProduceApi) => void) => { producer[kGetApi]('Produce', done as never) })

  async function connectionTo (node: number): Promise<Connection> {
    const found = (await producer.connectToBrokers([node])).get(node)
    if (found !== undefined) return found
    throw kafkaErrors.KAFKA_UNREACHABLE(`broker ${node}, the leader of the partition, is not in the cluster`, { where: connection.brokers })
  }

  async function fromAnyBroker<T> (request: () => Promise<T>): Promise<T> {
    try {
      return await request()
    } catch (error) {
      rotation.failed()
      throw error
    }
  }

  return {
    findTopic: async topic => await fromAnyBroker(async () => await findTopic(producer, topic)),
    newProducerId: async () => await fromAnyBroker(async () => {
      const { producerId, producerEpoch } = await producer.initIdempotentProducer({})
      return { id: producerId, epoch: producerEpoch }
    }),
    produce: async ({ node, batch, producer: { id, epoch }, sequence }) => {
      const { topic, partition, content } = batch
      const leader = await connectionTo(node)
      const api = await produceApi() as ProduceApi
      if (content instanceof WholeBatch) {
        const bytes = content.encode({ id, epoch }, sequence, Date.now())
        const request = { acks: ALL_IN_SYNC, timeoutMs: REPLICATION_MS, topic, partition, bytes }
        await sendAndFree(leader, async () => await wholeBatchApi(api.version).async(leader, request))
        return
      }
      const options = { producerId: id, producerEpoch: epoch, sequences: new NumericMap([[`${topic}:${partition}`, sequence]]) }
      await sendAndFree(leader, async () => await api.async(leader, ALL_IN_SYNC, REPLICATION_MS, content.map(toMessage), options))
    },
    close: async () => { await producer.close().catch(() => {}) }
  }
}

function toMessage ({ topic, partition, timestamp, record }: AddressedRecord) {
  return {
    topic,
    partition,
    timestamp,
    // Casts, because the types of the library forbid null values. A Map with Buffer keys keeps the order and duplicates of headers.
    ...(record.key === null ? {} : { key: record.key }),
    value: record.value as Buffer,
    headers: new Map(record.headers.map(([name, value]) => [name, value as Buffer]))
  }
}
