// What the program does to topics: look, create with all their settings, recreate, and ask for offsets and lag. Creating and recreating
// return only when the brokers agree: every partition has a leader and answers, under the new topic's id.
import { Admin, type CreateTopicsOptions } from '@platformatic/kafka'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConnection } from './connection.ts'
import { hasProtocolError, kafkaErrors, type KafkaDoing, mapKafkaError } from './errors.ts'
import { findTopic } from './topic-lookup.ts'

/** Settings of a topic by Kafka's names: `retention.ms`, `retention.bytes`, `max.message.bytes`, `cleanup.policy`, ... */
export type TopicConfigs = Readonly<Record<string, string>>

export interface TopicSpec {
  readonly partitions: number
  /** -1 takes the broker's default. */
  readonly replicas: number
  readonly configs?: TopicConfigs | undefined
}

export interface TopicDescription {
  /** UUID; another one after the topic was recreated. */
  readonly id: string
  readonly partitions: number
  readonly replicas: number
}

/** What a topic held at one moment. */
export interface TopicSnapshot {
  readonly topic: string
  readonly id: string
  readonly partitions: number
  /** First offset kept, by partition. */
  readonly start: readonly bigint[]
  /** Offset of the next record, by partition (what committed readers see). */
  readonly end: readonly bigint[]
}

const EARLIEST = -2n
const LATEST = -1n
const READ_COMMITTED = 1
const POLL_MS = 100
const RESOURCE_TOPIC = 2

/**
 * Errors: KAFKA_UNREACHABLE, those of being refused (docs/access.md), KAFKA_NOT_AUTHORISED, KAFKA_TOPIC_MISSING, KAFKA_TOPIC_EXISTS,
 * KAFKA_TOPIC_REFUSED (the brokers do not want these settings), KAFKA_TIMEOUT (they did not agree in time).
 */
export class KafkaAdmin {
  readonly #connection: KafkaConnection
  readonly #admin: Admin
  readonly #patience: number

  /** `patience`: ms to wait until the brokers agree after a change. `hurryMs`: try once, for so long (a probe). */
  constructor (connection: KafkaConnection, { patience = 30_000, hurryMs }: { readonly patience?: number, readonly hurryMs?: number } = {}) {
    this.#connection = connection
    this.#patience = patience
    const pace = hurryMs === undefined
      ? { retries: 3, retryDelay: 250, timeout: 20_000 }
      // Brokers are tried one after the other: the first being a host that is gone must leave time for the next.
      : { retries: 0, timeout: hurryMs, connectTimeout: Math.ceil(hurryMs / connection.options.bootstrapBrokers.length), requestTimeout: hurryMs }
    this.#admin = new Admin({ ...connection.options, ...pace })
    this.#admin.on('error', () => {})
  }

  async describeTopic (topic: string): Promise<TopicDescription | undefined> {
    const found = await this.#do({ action: 'look at the topic', topic }, () => findTopic(this.#admin, topic))
    return found && { id: found.id, partitions: found.partitions.length, replicas: found.partitions[0]?.replicas.length ?? 0 }
  }

  /** The settings that are in force, defaults included. */
  async topicConfigs (topic: string): Promise<TopicConfigs> {
    const [described] = await this.#do({ action: 'read the settings of the topic', topic }, () =>
      this.#admin.describeConfigs({ resources: [{ resourceType: RESOURCE_TOPIC, resourceName: topic, configurationKeys: null }] }))
    return Object.fromEntries((described?.configs ?? []).map(({ name, value }) => [name, value ?? '']))
  }

  /** Creates a topic that must not exist yet and waits until all its partitions answer. */
  async createTopic (topic: string, spec: TopicSpec): Promise<TopicDescription> {
    await this.#do({ action: 'create the topic', topic }, () => this.#create(topic, spec))
    return await this.#settled(topic, undefined)
  }

  /** Deletes a topic, if it exists, and waits until it is gone. Returns whether it existed. */
  async deleteTopic (topic: string): Promise<boolean> {
    const before = await this.describeTopic(topic)
    if (before === undefined) return false
    await this.#do({ action: 'delete the topic', topic }, async () => {
      await this.#admin.deleteTopics({ topics: [topic] }).catch(error => {
        if (!hasProtocolError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error
      })
    })
    await this.#until(topic, 'be deleted', async () => (await this.describeTopic(topic))?.id !== before.id)
    return true
  }

  /** Deletes the topic if it exists, creates it with these settings and waits until the new one answers everywhere. */
  async recreateTopic (topic: string, spec: TopicSpec): Promise<TopicDescription> {
    const before = await this.describeTopic(topic)
    await this.deleteTopic(topic)
    await this.#until(topic, 'be created again', async () => {
      try {
        await this.#do({ action: 'create the topic', topic }, () => this.#create(topic, spec))
        return true
      } catch (error) {
        // A broker may still be deleting the old one.
        if (hasProtocolError(error, 'TOPIC_ALREADY_EXISTS')) return false
        throw error
      }
    })
    return await this.#settled(topic, before?.id)
  }

  /** Id, partitions and offsets; undefined where the topic does not exist. Offsets and id belong together. */
  async snapshot (topic: string): Promise<TopicSnapshot | undefined> {
    for (;;) {
      const before = await this.describeTopic(topic)
      if (before === undefined) return undefined
      try {
        const start = await this.#offsets(topic, before.partitions, EARLIEST)
        const end = await this.#offsets(topic, before.partitions, LATEST)
        if ((await this.describeTopic(topic))?.id === before.id) return { topic, id: before.id, partitions: before.partitions, start, end }
      } catch (error) {
        // Recreated in between: look again.
        if ((await this.describeTopic(topic))?.id === before.id) throw error
      }
    }
  }

  /** Offset of the next record, by partition. */
  async endOffsets (topic: string): Promise<bigint[]> {
    return await this.#offsets(topic, await this.#partitions(topic), LATEST)
  }

  /** First offset kept, by partition. */
  async startOffsets (topic: string): Promise<bigint[]> {
    return await this.#offsets(topic, await this.#partitions(topic), EARLIEST)
  }

  /** Whether no partition keeps a record. */
  async isEmpty (topic: string): Promise<boolean> {
    const found = await this.snapshot(topic)
    if (found === undefined) throw kafkaErrors.KAFKA_TOPIC_MISSING('cannot count records: the topic does not exist', { where: this.#where(topic) })
    return found.end.every((end, partition) => end <= found.start[partition]!)
  }

  /** Records that the group has not committed, by topic; where it committed nothing, all that are kept. Topics that do not exist count 0. */
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

  /** Committed offsets of a group, by partition. */
  async committed (group: string, topic: string, partitions?: number): Promise<Array<bigint | undefined>> {
    const count = partitions ?? await this.#partitions(topic)
    const [answer] = await this.#do({ action: `read the offsets of group ${group}`, topic, group }, () => this.#admin.listConsumerGroupOffsets({
      groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: Array.from({ length: count }, (_, index) => index) }] }]
    }))
    const offsets = new Array<bigint | undefined>(count).fill(undefined)
    for (const { partitionIndex, committedOffset } of answer?.topics.find(({ name }) => name === topic)?.partitions ?? []) {
      if (committedOffset >= 0n) offsets[partitionIndex] = committedOffset
    }
    return offsets
  }

  async close (): Promise<void> {
    await this.#admin.close().catch(() => {})
  }

  async #create (topic: string, { partitions, replicas, configs = {} }: TopicSpec): Promise<void> {
    const options: CreateTopicsOptions = { topics: [topic], partitions, replicas }
    options.configs = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await this.#admin.createTopics(options)
  }

  async #partitions (topic: string): Promise<number> {
    const found = await this.describeTopic(topic)
    if (found === undefined) throw kafkaErrors.KAFKA_TOPIC_MISSING('cannot read its offsets: the topic does not exist', { where: this.#where(topic) })
    return found.partitions
  }

  async #offsets (topic: string, partitions: number, timestamp: bigint): Promise<bigint[]> {
    const [answer] = await this.#do({ action: 'read the offsets of the topic', topic }, () => this.#admin.listOffsets({
      topics: [{ name: topic, partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp })) }],
      isolationLevel: READ_COMMITTED
    }))
    const offsets = new Array<bigint>(partitions).fill(0n)
    for (const { partitionIndex, offset } of answer?.partitions ?? []) offsets[partitionIndex] = offset
    return offsets
  }

  /** Waits until a topic other than `oldId` has a leader for each partition, and each answers. */
  async #settled (topic: string, oldId: string | undefined): Promise<TopicDescription> {
    let settled: TopicDescription | undefined
    await this.#until(topic, 'have a leader for every partition', async () => {
      const found = await findTopic(this.#admin, topic)
      if (found === undefined || found.id === oldId || found.partitions.some(({ leader }) => leader < 0)) return false
      await this.#offsets(topic, found.partitions.length, LATEST)
      settled = { id: found.id, partitions: found.partitions.length, replicas: found.partitions[0]?.replicas.length ?? 0 }
      return true
    }, true)
    return settled!
  }

  /** Polls until the brokers agree; errors count as "not yet" only where `forgiving` and the clock allows. */
  async #until (topic: string, what: string, done: () => Promise<boolean>, forgiving = false): Promise<void> {
    const deadline = Date.now() + this.#patience
    let last: unknown
    for (;;) {
      try {
        if (await done()) return
      } catch (error) {
        const mapped = mapKafkaError(error, { action: `wait for the topic to ${what}`, topic, brokers: this.#connection.brokers, way: this.#connection.way })
        if (!forgiving || !(mapped.retryable || mapped.code === 'KAFKA_TOPIC_MISSING')) throw mapped
        last = mapped
      }
      if (Date.now() >= deadline) {
        throw kafkaErrors.KAFKA_TIMEOUT(`the topic did not ${what} within ${this.#patience / 1000} s`, { where: this.#where(topic), cause: last })
      }
      await sleep(POLL_MS)
    }
  }

  async #do<T> (doing: Omit<KafkaDoing, 'brokers'>, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw mapKafkaError(error, { ...doing, brokers: this.#connection.brokers, way: this.#connection.way })
    }
  }

  #where (topic: string): string {
    return `${topic} at ${this.#connection.brokers}`
  }
}
