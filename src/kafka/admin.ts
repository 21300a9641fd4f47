// Describes, creates, recreates and deletes topics, and reads topic offsets and the lag of consumer groups. `createTopic` resolves when
// every partition has a leader and responds, so that producers and consumers can use the topic immediately.
import { errorCode } from '../pipeline/errors.ts'
import { isRetryable, persist } from '../pipeline/retry.ts'
import { type AdminOptions, AdminRequests } from './admin-requests.ts'
import type { KafkaConnection } from './connection.ts'
import { hasProtocolError, kafkaErrors } from './errors.ts'
import type { FoundTopic } from './topic-lookup.ts'
import { EARLIEST, LATEST, type LogPosition } from './topic-positions.ts'

/** Topic configuration by Kafka's names: `retention.ms`, `retention.bytes`, `max.message.bytes`, `cleanup.policy`, ... */
export type TopicConfigs = Readonly<Record<string, string>>

export interface TopicSpec {
  readonly partitions: number
  /** Replication factor. With -1, the broker's default applies. */
  readonly replicas: number
  readonly configs?: TopicConfigs | undefined
}

export interface TopicDescription {
  /** UUID of the topic. A recreated topic has a new UUID. */
  readonly id: string
  readonly partitions: number
  readonly replicas: number
}

/** Id and offsets of a topic at one moment. */
export interface TopicSnapshot {
  readonly topic: string
  readonly id: string
  readonly partitions: number
  /** First available offset, by partition. */
  readonly start: readonly bigint[]
  /** Last stable offset, by partition. Consumers with isolation level read_committed read the records before this offset. */
  readonly end: readonly bigint[]
}

const RESOURCE_TOPIC = 2
const POLL_MS = 100
/** Time limit for the brokers to create or delete a topic. */
const SETTLE_MS = 30_000

/**
 * Errors: KAFKA_UNREACHABLE, the access errors of docs/access.md, KAFKA_NOT_AUTHORISED, KAFKA_TOPIC_MISSING, KAFKA_TOPIC_EXISTS,
 * KAFKA_TOPIC_REFUSED (invalid topic configuration), KAFKA_TIMEOUT (the brokers did not create or delete the topic in time).
 */
export class KafkaAdmin {
  readonly #requests: AdminRequests

  constructor (connection: KafkaConnection, options: AdminOptions = {}) {
    this.#requests = new AdminRequests(connection, options)
  }

  /** Returns undefined if the topic does not exist, that is, if three lookups within a second do not find it (of probes, one). */
  async describeTopic (topic: string): Promise<TopicDescription | undefined> {
    const found = await this.#requests.findTopic(topic)
    return found && described(found)
  }

  /** Returns the effective configuration of the topic, including defaults. */
  async topicConfigs (topic: string): Promise<TopicConfigs> {
    const { client } = this.#requests
    const [found] = await this.#requests.run({ action: 'read the configuration of the topic', topic }, () =>
      client.describeConfigs({ resources: [{ resourceType: RESOURCE_TOPIC, resourceName: topic, configurationKeys: null }] }))
    return Object.fromEntries((found?.configs ?? []).map(({ name, value }) => [name, value ?? '']))
  }

  /** Creates a topic and waits until all its partitions respond. If the topic exists, rejects with KAFKA_TOPIC_EXISTS. */
  async createTopic (topic: string, spec: TopicSpec): Promise<TopicDescription> {
    await this.#requests.run({ action: 'create the topic', topic }, () => this.#create(topic, spec))
    return await this.#settled(topic, undefined)
  }

  /**
   * Creates the topic if it does not exist, and waits until all its partitions respond. Leaves an existing topic unchanged, even
   * if another process creates the topic at the same time. Needs permission to create topics only if the topic is missing.
   * @returns the topic, and whether this call created the topic
   */
  async ensureTopic (topic: string, spec: TopicSpec): Promise<TopicDescription & { readonly created: boolean }> {
    const existing = await this.#requests.lookUp(topic)
    if (existing !== undefined) return { ...described(existing), created: false }
    try {
      return { ...await this.createTopic(topic, spec), created: true }
    } catch (error) {
      if (!hasProtocolError(error, 'TOPIC_ALREADY_EXISTS')) throw error
      return { ...await this.#settled(topic, undefined), created: false }
    }
  }

  /** Deletes the topic if it exists, and waits until the brokers have deleted it. Returns whether the topic existed. */
  async deleteTopic (topic: string): Promise<boolean> {
    const before = await this.describeTopic(topic)
    if (before === undefined) return false
    await this.#requests.run({ action: 'delete the topic', topic }, async () => {
      await this.#requests.client.deleteTopics({ topics: [topic] }).catch(error => {
        if (!hasProtocolError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error
      })
    })
    await this.#until(topic, 'be deleted', async () => (await this.#requests.lookUp(topic))?.id !== before.id || undefined)
    return true
  }

  /** Deletes the topic if it exists, creates it with `spec`, and waits until all its partitions respond. */
  async recreateTopic (topic: string, spec: TopicSpec): Promise<TopicDescription> {
    const before = await this.describeTopic(topic)
    if (before !== undefined) await this.deleteTopic(topic)
    await this.#until(topic, 'be created again', async () => {
      try {
        await this.#requests.run({ action: 'create the topic', topic }, () => this.#create(topic, spec))
        return true
      } catch (error) {
        if (!hasProtocolError(error, 'TOPIC_ALREADY_EXISTS')) throw error
        // An earlier attempt has created the topic and its response was lost, or a broker is still deleting the old topic.
        const found = await this.#requests.lookUp(topic)
        return found !== undefined && found.id !== before?.id ? true : undefined
      }
    })
    return await this.#settled(topic, before?.id)
  }

  /** Returns the topic's id and the offsets of the topic with this id, or undefined if the topic does not exist. */
  async snapshot (topic: string): Promise<TopicSnapshot | undefined> {
    for (;;) {
      const before = await this.#requests.findTopic(topic)
      if (before === undefined) return undefined
      const { id, partitions: { length: partitions } } = before
      try {
        const start = await this.#requests.offsets(topic, EARLIEST, before)
        const end = await this.#requests.offsets(topic, LATEST, before)
        if ((await this.#requests.findTopic(topic))?.id === id) {
          return { topic, id, partitions, start: start.slice(0, partitions), end: end.slice(0, partitions) }
        }
      } catch (error) {
        // Ignore the error if the topic was recreated in the meantime: the next iteration reads the new topic.
        if ((await this.#requests.findTopic(topic))?.id === id) throw error
      }
    }
  }

  /** Returns the last stable offset of each partition. */
  async endOffsets (topic: string): Promise<bigint[]> {
    return await this.#requests.offsets(topic, LATEST)
  }

  /** Returns the first available offset of each partition. */
  async startOffsets (topic: string): Promise<bigint[]> {
    return await this.#requests.offsets(topic, EARLIEST)
  }

  /** Returns the first or last position of each partition, or undefined for a partition without a leader. */
  async positions (topic: string, at: 'earliest' | 'latest'): Promise<Array<LogPosition | undefined>> {
    return await this.#requests.positions(topic, at === 'earliest' ? EARLIEST : LATEST)
  }

  /** Returns the lag by topic. For a partition without a committed offset, all its records count. The lag of a missing topic is 0. */
  async groupLag (group: string, topics: readonly string[]): Promise<Map<string, bigint>> {
    const lag = new Map<string, bigint>()
    for (const topic of topics) {
      const found = await this.snapshot(topic)
      if (found === undefined) {
        lag.set(topic, 0n)
        continue
      }
      const committed = await this.committed(group, topic, found.partitions)
      lag.set(topic, found.end.reduce((sum, end, partition) => {
        const start = found.start[partition]!
        const from = committed[partition] ?? start
        return sum + (end > from ? end - (from > start ? from : start) : 0n)
      }, 0n))
    }
    return lag
  }

  /** Returns the group's committed offset of each partition, or undefined for a partition without a committed offset. */
  async committed (group: string, topic: string, partitions?: number): Promise<Array<bigint | undefined>> {
    const count = partitions ?? (await this.#requests.lookUp(topic))?.partitions.length
    if (count === undefined) throw this.#requests.missing(topic)
    const partitionIndexes = Array.from({ length: count }, (_, index) => index)
    const [response] = await this.#requests.run({ action: `read the offsets of group ${group}`, topic, group }, () =>
      this.#requests.client.listConsumerGroupOffsets({ groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes }] }] }))
    const offsets = new Array<bigint | undefined>(count).fill(undefined)
    for (const { partitionIndex, committedOffset } of response?.topics.find(({ name }) => name === topic)?.partitions ?? []) {
      if (committedOffset >= 0n) offsets[partitionIndex] = committedOffset
    }
    return offsets
  }

  async close (): Promise<void> {
    await this.#requests.close()
  }

  async #create (topic: string, { partitions, replicas, configs = {} }: TopicSpec): Promise<void> {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await this.#requests.client.createTopics({ topics: [topic], partitions, replicas, configs: entries })
  }

  /** Waits until the topic has an id other than `oldId`, and every partition has a leader and responds. */
  async #settled (topic: string, oldId: string | undefined): Promise<TopicDescription> {
    return await this.#until(topic, 'have a leader for every partition', async () => {
      const found = await this.#requests.lookUp(topic)
      if (found === undefined || found.id === oldId || found.partitions.some(({ leader }) => leader < 0)) return undefined
      await this.#requests.offsets(topic, LATEST, found)
      return described(found)
    })
  }

  /** Polls until `done` returns a value. A transient error does not end the wait. */
  async #until<T> (topic: string, what: string, done: () => Promise<T | undefined>): Promise<T> {
    const where = this.#requests.where(topic)
    const notYet = kafkaErrors.KAFKA_TIMEOUT(`waited ${SETTLE_MS / 1000} s for the topic to ${what}`, { where })
    return await persist(async () => {
      const result = await this.#requests.run({ action: `wait for the topic to ${what}`, topic }, done)
      if (result === undefined) throw notYet
      return result
    }, {
      attempts: Infinity, baseMs: POLL_MS, maxMs: POLL_MS, deadline: Date.now() + SETTLE_MS,
      retryable: error => error === notYet || isRetryable(error) || errorCode(error) === 'KAFKA_TOPIC_MISSING'
    })
  }
}

function described ({ id, partitions }: FoundTopic): TopicDescription {
  return { id, partitions: partitions.length, replicas: partitions[0]?.replicas.length ?? 0 }
}
