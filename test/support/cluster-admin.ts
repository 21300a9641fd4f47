// Looks up and moves the leaders of partitions and the coordinators of groups. The client library's own look-up omits internal topics, and
// the library has no ElectLeaders request, so that request is encoded here.
import {
  Admin, alterPartitionReassignmentsV0, createAPI, FindCoordinatorKeyTypes, metadataV12, Writer,
  type API, type Connection, type Reader
} from '@platformatic/kafka'
import { persist } from '../../src/pipeline/retry.ts'

/** Internal topic with the committed offsets. The leader of a partition coordinates the groups whose ids hash to this partition. */
const OFFSETS_TOPIC = '__consumer_offsets'
const TIMEOUT_MS = 10_000
const PREFERRED = 0

/** While brokers are down, requests fail. They are repeated until they succeed. Only the timeout of the test limits the attempts. */
const untilAnswered = { attempts: Infinity, baseMs: 100, maxMs: 500, retryable: () => true }

interface PartitionState {
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  /** In-sync replicas. */
  readonly isr: readonly number[]
}

export class ClusterAdmin {
  readonly #admin: Admin

  constructor (brokers: readonly string[]) {
    this.#admin = new Admin({
      clientId: 'cluster-admin', bootstrapBrokers: [...brokers], retries: 0, connectTimeout: 2000, requestTimeout: 5000, timeout: 5000
    })
    this.#admin.on('error', () => {})
  }

  /** Waits until the partition has a leader. */
  async partition (topic: string, partition: number): Promise<PartitionState> {
    return (await this.#partitions(topic))[partition]!
  }

  /** Node id of the broker that coordinates the group. The first call creates the offsets topic. */
  async coordinator (group: string): Promise<number> {
    return await persist(async () => {
      const [found] = await this.#admin.findCoordinator({ keyType: FindCoordinatorKeyTypes.GROUP, keys: [group] })
      return found!.nodeId
    }, untilAnswered)
  }

  /** Makes another in-sync replica the leader of the partition, and waits until every broker knows it. */
  async moveLeader (topic: string, partition: number, to: number): Promise<void> {
    const { replicas } = await this.partition(topic, partition)
    const preferred = [to, ...replicas.filter(id => id !== to)]
    await this.#request(async connection => {
      const partitions = [{ partitionIndex: partition, replicas: preferred }]
      await alterPartitionReassignmentsV0.api.async(connection, TIMEOUT_MS, false, [{ name: topic, partitions }])
    })
    // The election fails until the new order of the replicas has been applied and the new leader is in sync.
    await until(async () => {
      await this.#request(async connection => await electLeaders.async(connection, PREFERRED, topic, [partition]))
      const views = await this.#requestAll(async connection => await partitionsOf(topic, connection))
      return views.every(partitions => partitions[partition]!.leader === to)
    })
  }

  /** Moves the coordinator of the group, and of the groups that share its partition of the offsets topic. */
  async moveCoordinator (group: string, to: number): Promise<void> {
    const { length } = await this.#partitions(OFFSETS_TOPIC)
    await this.moveLeader(OFFSETS_TOPIC, Math.abs(javaHash(group)) % length, to)
    await until(async () => await this.coordinator(group) === to)
  }

  /** Waits until every replica of the topics and of the offsets topic is in sync. */
  async inSync (...topics: readonly string[]): Promise<void> {
    await until(async () => {
      const all = await Promise.all([...topics, OFFSETS_TOPIC].map(async topic => await this.#partitions(topic)))
      return all.flat().every(({ replicas, isr }) => isr.length === replicas.length)
    })
  }

  async close (): Promise<void> {
    await this.#admin.close().catch(() => {})
  }

  async #partitions (topic: string): Promise<PartitionState[]> {
    return await this.#request(async connection => await partitionsOf(topic, connection))
  }

  /** Sends a request to any broker. Brokers forward the requests that are for the active controller. */
  async #request<T> (send: (connection: Connection) => Promise<T>): Promise<T> {
    return await persist(async () => {
      const { brokers } = await this.#admin.metadata({ topics: [], forceUpdate: true })
      const node = [...brokers.keys()][Math.floor(Math.random() * brokers.size)]!
      return await send((await this.#admin.connectToBrokers([node])).get(node)!)
    }, untilAnswered)
  }

  /** Sends a request to every broker. */
  async #requestAll<T> (send: (connection: Connection) => Promise<T>): Promise<T[]> {
    return await persist(async () => {
      const { brokers } = await this.#admin.metadata({ topics: [], forceUpdate: true })
      const connections = await this.#admin.connectToBrokers([...brokers.keys()])
      return await Promise.all([...connections.values()].map(send))
    }, untilAnswered)
  }
}

/** The partitions of the topic as one broker knows them. */
async function partitionsOf (topic: string, connection: Connection): Promise<PartitionState[]> {
  const response = await metadataV12.api.async(connection, [topic], false, false)
  return response.topics[0]!.partitions.sort((a, b) => a.partitionIndex - b.partitionIndex)
    .map(({ leaderId: leader, leaderEpoch, replicaNodes: replicas, isrNodes: isr }) => ({ leader, leaderEpoch, replicas, isr }))
}

/** Result codes by partition, of the first topic. */
const electLeaders: API<[type: number, topic: string, partitions: readonly number[]], number[]> = createAPI(43, 2,
  (type: number, topic: string, partitions: readonly number[]) => Writer.create()
    .appendInt8(type)
    .appendArray([{ topic, partitions }], (w, each) => {
      w.appendString(each.topic).appendArray([...each.partitions], (inner, id) => inner.appendInt32(id), true, false)
    })
    .appendInt32(TIMEOUT_MS)
    .appendTaggedFields(),
  (_correlationId, _key, _version, reader: Reader) => {
    reader.readInt32()
    const error = reader.readInt16()
    if (error !== 0) throw new Error(`the election was rejected with code ${error}`)
    return reader.readArray(topic => {
      topic.readString()
      return topic.readArray(partition => {
        partition.readInt32()
        const code = partition.readInt16()
        partition.readNullableString()
        return code
      })
    }).flat()
  }
)

async function until (condition: () => Promise<boolean>): Promise<void> {
  while (!await condition()) await new Promise(resolve => setTimeout(resolve, 100))
}

/** `String.hashCode` of Java, by which Kafka assigns a group to a partition of the offsets topic. */
function javaHash (text: string): number {
  let hash = 0
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash, 31) + text.charCodeAt(index) | 0
  return hash
}
