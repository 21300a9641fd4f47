// Describes, creates, recreates and deletes topics, and reads topic offsets and the lag of consumer groups. `createTopic` resolves when
// every partition has a leader and responds, so that producers and consumers can use the topic immediately.
import { Admin } from '@platformatic/kafka'
import { errorCode } from '../pipeline/index.ts'
import { isRetryable, persist } from '../pipeline/retry.ts'
import { rotateBrokers, type BrokerRotation } from './broker-rotation.ts'
import type { KafkaConnection } from './connection.ts'
import { hasProtocolError, kafkaErrors, type KafkaOperation, mapKafkaError } from './errors.ts'
import { acceptLeaderless } from './leaderless.ts'
import { startPatiently, type StartPatience } from './start-patience.ts'
import { findTopic, type FoundTopic } from './topic-lookup.ts'

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

/** A position in the log of a partition. */
export interface LogPosition {
  readonly offset: bigint
  /** Leader epoch of the last record before `offset`; -1 if unknown. */
  readonly leaderEpoch: number
}

const EARLIEST = -2n
const LATEST = -1n
const READ_COMMITTED = 1
const RESOURCE_TOPIC = 2
const POLL_MS = 100
const LEADER_MS = 250
/** Time limit for the brokers to create or delete a topic. */
const SETTLE_MS = 30_000

/**
 * Errors: KAFKA_UNREACHABLE, the access errors of docs/access.md, KAFKA_NOT_AUTHORISED, KAFKA_TOPIC_MISSING, KAFKA_TOPIC_EXISTS,
 * KAFKA_TOPIC_REFUSED (invalid topic configuration), KAFKA_TIMEOUT (the brokers did not create or delete the topic in time).
 */
export class KafkaAdmin {
  readonly #connection: KafkaConnection
  readonly #patience: StartPatience | undefined
  readonly #admin: Admin
  readonly #retries: number
  readonly #rotation: BrokerRotation

  /**
   * @param options.probeMs time limit of each request in ms, no retries (for health checks). Default: 4 attempts with longer limits
   * @param options.patience for the start of a mode: calls are repeated while brokers restart (see start-patience.ts)
   */
  constructor (connection: KafkaConnection, { probeMs, patience }: { readonly probeMs?: number, readonly patience?: StartPatience } = {}) {
    this.#connection = connection
    this.#patience = patience
    const { options } = connection
    const limits = probeMs === undefined
      ? { retries: 3, retryDelay: 250, timeout: 20_000 }
      // Bootstrap brokers are contacted in turn, so each broker gets an equal share of the time to accept the connection.
      : { retries: 0, timeout: probeMs, requestTimeout: probeMs, connectTimeout: Math.ceil(probeMs / options.bootstrapBrokers.length) }
    this.#admin = acceptLeaderless(new Admin({ ...options, ...limits }))
    this.#retries = limits.retries
    this.#admin.on('error', () => {})
    this.#rotation = rotateBrokers(this.#admin)
  }

  /** Returns undefined if the topic does not exist. */
  async describeTopic (topic: string): Promise<TopicDescription | undefined> {
    const found = await this.#do({ action: 'describe the topic', topic }, () => findTopic(this.#admin, topic))
    return found && { id: found.id, partitions: found.partitions.length, replicas: found.partitions[0]?.replicas.length ?? 0 }
  }

  /** Returns the effective configuration of the topic, including defaults. */
  async topicConfigs (topic: string): Promise<TopicConfigs> {
    const [described] = await this.#do({ action: 'read the configuration of the topic', topic }, () =>
      this.#admin.describeConfigs({ resources: [{ resourceType: RESOURCE_TOPIC, resourceName: topic, configurationKeys: null }] }))
    return Object.fromEntries((described?.configs ?? []).map(({ name, value }) => [name, value ?? '']))
  }

  /** Creates a topic and waits until all its partitions respond. If the topic exists, rejects with KAFKA_TOPIC_EXISTS. */
  async createTopic (topic: string, spec: TopicSpec): Promise<TopicDescription> {
    await this.#do({ action: 'create the topic', topic }, () => this.#create(topic, spec))
    return await this.#settled(topic, undefined)
  }

  /**
   * Creates the topic if it does not exist, and waits until all its partitions respond. Leaves an existing topic unchanged, even
   * if another process creates the topic at the same time. Needs permission to create topics only if the topic is missing.
   * @returns the topic, and whether this call created the topic
   */
  async ensureTopic (topic: string, spec: TopicSpec): Promise<TopicDescription & { readonly created: boolean }> {
    const existing = await this.describeTopic(topic)
    if (existing !== undefined) return { ...existing, created: false }
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
    await this.#do({ action: 'delete the topic', topic }, async () => {
      await this.#admin.deleteTopics({ topics: [topic] }).catch(error => {
        if (!hasProtocolError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error
      })
    })
    await this.#until(topic, 'be deleted', async () => (await this.describeTopic(topic))?.id !== before.id || undefined)
    return true
  }

  /** Deletes the topic if it exists, creates it with `spec`, and waits until all its partitions respond. */
  async recreateTopic (topic: string, spec: TopicSpec): Promise<TopicDescription> {
    const before = await this.describeTopic(topic)
    await this.deleteTopic(topic)
    await this.#until(topic, 'be created again', async () => {
      try {
        await this.#do({ action: 'create the topic', topic }, () => this.#create(topic, spec))
        return true
      } catch (error) {
        if (!hasProtocolError(error, 'TOPIC_ALREADY_EXISTS')) throw error
        // An earlier attempt has created the topic and its response was lost, or a broker is still deleting the old topic.
        const found = await this.describeTopic(topic)
        return found !== undefined && found.id !== before?.id ? true : undefined
      }
    })
    return await this.#settled(topic, before?.id)
  }

  /** Returns the topic's id and the offsets of the topic with this id, or undefined if the topic does not exist. */
  async snapshot (topic: string): Promise<TopicSnapshot | undefined> {
    for (;;) {
      const before = await this.describeTopic(topic)
      if (before === undefined) return undefined
      try {
        const start = await this.#offsets(topic, EARLIEST)
        const end = await this.#offsets(topic, LATEST)
        if ((await this.describeTopic(topic))?.id === before.id) {
          const [id, partitions] = [before.id, before.partitions]
          return { topic, id, partitions, start: start.slice(0, partitions), end: end.slice(0, partitions) }
        }
      } catch (error) {
        // Ignore the error if the topic was recreated in the meantime: the next iteration reads the new topic.
        if ((await this.describeTopic(topic))?.id === before.id) throw error
      }
    }
  }

  /** Returns the last stable offset of each partition. */
  async endOffsets (topic: string): Promise<bigint[]> {
    return await this.#offsets(topic, LATEST)
  }

  /** Returns the first available offset of each partition. */
  async startOffsets (topic: string): Promise<bigint[]> {
    return await this.#offsets(topic, EARLIEST)
  }

  /** Returns the first or last position of each partition, or undefined for a partition without a leader. */
  async positions (topic: string, at: 'earliest' | 'latest'): Promise<Array<LogPosition | undefined>> {
    return await this.#positions(topic, at === 'earliest' ? EARLIEST : LATEST)
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
    const count = partitions ?? (await this.#found(topic)).partitions.length
    const partitionIndexes = Array.from({ length: count }, (_, index) => index)
    const [response] = await this.#do({ action: `read the offsets of group ${group}`, topic, group }, () =>
      this.#admin.listConsumerGroupOffsets({ groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes }] }] }))
    const offsets = new Array<bigint | undefined>(count).fill(undefined)
    for (const { partitionIndex, committedOffset } of response?.topics.find(({ name }) => name === topic)?.partitions ?? []) {
      if (committedOffset >= 0n) offsets[partitionIndex] = committedOffset
    }
    return offsets
  }

  async close (): Promise<void> {
    await this.#admin.close().catch(() => {})
  }

  async #create (topic: string, { partitions, replicas, configs = {} }: TopicSpec): Promise<void> {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await this.#admin.createTopics({ topics: [topic], partitions, replicas, configs: entries })
  }

  async #found (topic: string): Promise<FoundTopic> {
    const found = await this.#do({ action: 'describe the topic', topic }, () => findTopic(this.#admin, topic))
    if (found !== undefined) return found
    throw kafkaErrors.KAFKA_TOPIC_MISSING('cannot read the offsets of the topic: it does not exist', { where: this.#where(topic) })
  }

  /** Offsets of all partitions. Waits for a partition without a leader, at least a moment, because its leader may be changing. */
  async #offsets (topic: string, timestamp: bigint): Promise<bigint[]> {
    const attempt = async (): Promise<bigint[]> => (await this.#positions(topic, timestamp)).map((position, partition) => {
      if (position !== undefined) return position.offset
      const where = `${topic}[${partition}] at ${this.#connection.brokers}`
      throw kafkaErrors.KAFKA_PARTITION_UNAVAILABLE('cannot read the offset of the partition: it has no leader', { where })
    })
    return await this.#patiently(() => persist(attempt, {
      attempts: this.#retries + 1,
      baseMs: LEADER_MS,
      maxMs: LEADER_MS,
      retryable: error => errorCode(error) === 'KAFKA_PARTITION_UNAVAILABLE'
    }))
  }

  async #positions (topic: string, timestamp: bigint): Promise<Array<LogPosition | undefined>> {
    const found = await this.#found(topic)
    const positions = new Array<LogPosition | undefined>(found.partitions.length).fill(undefined)
    const partitions = found.partitions.flatMap(({ leader }, partitionIndex) => leader < 0 ? [] : { partitionIndex, timestamp })
    if (partitions.length === 0) return positions
    const [response] = await this.#do({ action: 'read the offsets of the topic', topic }, () => this.#admin.listOffsets({
      topics: [{ name: topic, partitions }], isolationLevel: READ_COMMITTED
    }))
    for (const { partitionIndex, offset, leaderEpoch } of response?.partitions ?? []) positions[partitionIndex] = { offset, leaderEpoch }
    return positions
  }

  /** Waits until the topic has an id other than `oldId`, and every partition has a leader and responds. */
  async #settled (topic: string, oldId: string | undefined): Promise<TopicDescription> {
    return await this.#until(topic, 'have a leader for every partition', async () => {
      const found = await findTopic(this.#admin, topic)
      if (found === undefined || found.id === oldId || found.partitions.some(({ leader }) => leader < 0)) return undefined
      await this.#offsets(topic, LATEST)
      return { id: found.id, partitions: found.partitions.length, replicas: found.partitions[0]?.replicas.length ?? 0 }
    })
  }

  /** Polls until `done` returns a value. A transient error does not end the wait. */
  async #until<T> (topic: string, what: string, done: () => Promise<T | undefined>): Promise<T> {
    const notYet = kafkaErrors.KAFKA_TIMEOUT(`waited ${SETTLE_MS / 1000} s for the topic to ${what}`, { where: this.#where(topic) })
    return await persist(async () => {
      const result = await this.#do({ action: `wait for the topic to ${what}`, topic }, done)
      if (result === undefined) throw notYet
      return result
    }, {
      attempts: Infinity, baseMs: POLL_MS, maxMs: POLL_MS, deadline: Date.now() + SETTLE_MS,
      retryable: error => error === notYet || isRetryable(error) || errorCode(error) === 'KAFKA_TOPIC_MISSING'
    })
  }

  async #do<T> (operation: Omit<KafkaOperation, 'brokers'>, work: () => Promise<T>): Promise<T> {
    const attempt = async (): Promise<T> => {
      try {
        return await work()
      } catch (error) {
        // The library would use its metadata again, although the controller or a leader may have moved to another broker.
        this.#admin.clearMetadata()
        this.#rotation.failed()
        throw mapKafkaError(error, { ...operation, brokers: this.#connection.brokers, authState: this.#connection.authState })
      }
    }
    return await this.#patiently(attempt)
  }

  async #patiently<T> (call: () => Promise<T>): Promise<T> {
    return this.#patience === undefined ? await call() : await startPatiently(this.#connection, this.#patience, call)
  }

  #where (topic: string): string {
    return `${topic} at ${this.#connection.brokers}`
  }
}
