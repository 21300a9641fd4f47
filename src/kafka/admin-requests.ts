// The requests of KafkaAdmin: sends them to another broker after a failure, repeats them at the start of a mode, maps their errors, and
// finds topics and the offsets of their partitions.
import { setTimeout as sleep } from 'node:timers/promises'
import { Admin } from './client-library.ts'
import type { AlertStreamError } from '../pipeline/errors.ts'
import { persist } from '../pipeline/retry.ts'
import { type BrokerRotation, rotateBrokers } from './broker-rotation.ts'
import type { KafkaConnection } from './connection.ts'
import { kafkaErrors, type KafkaOperation, mapKafkaError } from './errors.ts'
import { acceptLeaderless } from './leaderless.ts'
import { retryAtStart, type StartRetry } from './start-retry.ts'
import { findTopic, type FoundTopic } from './topic-lookup.ts'
import { listPositions, type LogPosition } from './topic-positions.ts'

export interface AdminOptions {
  /** Time limit of each request in ms, without retries, for health checks. Default: 4 attempts with longer limits. */
  readonly probeMs?: number
  /** For the start of a mode: calls are repeated while brokers restart (see start-retry.ts). */
  readonly startRetry?: StartRetry
}

const LEADER_MS = 250
/** Number of lookups after which a topic counts as missing, because a broker that has just started does not know all topics yet. */
const MISSING_LOOKUPS = 3
const MISSING_MS = 500

/** All methods reject with KAFKA_* errors. */
export class AdminRequests {
  readonly client: Admin
  readonly #connection: KafkaConnection
  readonly #startRetry: StartRetry | undefined
  readonly #retries: number
  readonly #missingLookups: number
  readonly #rotation: BrokerRotation

  constructor (connection: KafkaConnection, { probeMs, startRetry }: AdminOptions) {
    this.#connection = connection
    this.#startRetry = startRetry
    const { options } = connection
    const limits = probeMs === undefined
      ? { retries: 3, retryDelay: 250, timeout: 20_000 }
      // Bootstrap brokers are contacted in turn, so each broker gets an equal share of the time to accept the connection.
      : { retries: 0, timeout: probeMs, requestTimeout: probeMs, connectTimeout: Math.ceil(probeMs / options.bootstrapBrokers.length) }
    this.client = acceptLeaderless(new Admin({ ...options, ...limits }))
    this.#retries = limits.retries
    this.#missingLookups = probeMs === undefined ? MISSING_LOOKUPS : 1
    this.client.on('error', () => {})
    this.#rotation = rotateBrokers(this.client)
  }

  /** Looks up the topic once. Returns undefined if the broker does not know the topic. */
  async lookUp (topic: string): Promise<FoundTopic | undefined> {
    return await this.run({ action: 'describe the topic', topic }, () => findTopic(this.client, topic))
  }

  /** Returns undefined if the topic does not exist: three lookups within a second, but only one of a probe, do not find it. */
  async findTopic (topic: string): Promise<FoundTopic | undefined> {
    for (let lookup = 1; ; lookup++) {
      const found = await this.lookUp(topic)
      if (found !== undefined || lookup >= this.#missingLookups || this.#startRetry?.signal.aborted === true) return found
      // The next lookup asks another broker.
      this.#rotation.failed()
      await sleep(MISSING_MS)
    }
  }

  /**
   * Offsets of all partitions. Waits for a partition without a leader, at least a moment, because its leader may be changing.
   * @param known the topic, if it was looked up just now
   */
  async offsets (topic: string, timestamp: bigint, known?: FoundTopic): Promise<bigint[]> {
    let found = known
    const attempt = async (): Promise<bigint[]> => {
      const positions = this.positions(topic, timestamp, found)
      found = undefined
      return (await positions).map((position, partition) => {
        if (position !== undefined) return position.offset
        const where = `${topic}[${partition}] at ${this.#connection.brokers}`
        throw kafkaErrors.KAFKA_PARTITION_UNAVAILABLE('cannot read the offset of the partition: it has no leader', { where })
      })
    }
    if (this.#startRetry !== undefined) return await this.#retrying(attempt)
    return await persist(attempt, { attempts: this.#retries + 1, baseMs: LEADER_MS, maxMs: LEADER_MS })
  }

  /** Positions of all partitions. Undefined for a partition without a leader. */
  async positions (topic: string, timestamp: bigint, known?: FoundTopic): Promise<Array<LogPosition | undefined>> {
    let found = known
    return await this.run({ action: 'read the offsets of the topic', topic }, async () => {
      const current = found ?? await findTopic(this.client, topic)
      // Another attempt looks up the leaders again.
      found = undefined
      if (current === undefined) throw this.missing(topic)
      return await listPositions(this.client, topic, current, timestamp, this.where(topic))
    })
  }

  /** Runs `work`, which uses the client, and maps its errors. */
  async run<T> (operation: Omit<KafkaOperation, 'brokers'>, work: () => Promise<T>): Promise<T> {
    return await this.#retrying(async () => {
      try {
        return await work()
      } catch (error) {
        // The library would use its metadata again, although the controller or a leader may have moved to another broker.
        this.client.clearMetadata()
        this.#rotation.failed()
        throw mapKafkaError(error, { ...operation, brokers: this.#connection.brokers, authState: this.#connection.authState })
      }
    })
  }

  missing (topic: string): AlertStreamError {
    return kafkaErrors.KAFKA_TOPIC_MISSING('cannot read the offsets of the topic: it does not exist', { where: this.where(topic) })
  }

  where (topic: string): string {
    return `${topic} at ${this.#connection.brokers}`
  }

  async close (): Promise<void> {
    await this.client.close().catch(() => {})
  }

  async #retrying<T> (call: () => Promise<T>): Promise<T> {
    return this.#startRetry === undefined ? await call() : await retryAtStart(this.#connection, this.#startRetry, call)
  }
}
