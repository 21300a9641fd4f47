// Produces batches to Kafka. A write resolves when all in-sync replicas have acknowledged every record. Batches are split by partition and
// size. Order within a partition is preserved, within a batch and across sequential writes. Sends are retried up to the delivery
// timeout. A retry may duplicate records unless the producer is idempotent.
import { Producer, type ProduceResult } from '@platformatic/kafka'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AlertStreamError, errorCode } from '../pipeline/errors.ts'
import type { BatchSink } from '../pipeline/node.ts'
import { isRetryable, persist } from '../pipeline/retry.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import { type AddressedRecord, batchBytes, Batches } from '../kafka/batches.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { kafkaErrors, mapKafkaError, nestedErrors } from '../kafka/errors.ts'
import { partitionFor } from '../kafka/murmur2.ts'
import { type OutgoingRecord, recordBytes } from '../kafka/record.ts'
import { findTopic } from '../kafka/topic-lookup.ts'

export interface KafkaSinkOptions {
  readonly connection: KafkaConnection
  /** Topic of records that name no topic. The topic must exist when the sink opens. */
  readonly topic?: string | undefined
  /** Whether to use an idempotent producer: no duplicates, but only one request is in flight at a time. Default false. */
  readonly idempotent?: boolean | undefined
  /** Maximum bytes of a batch for one partition. Default: max.message.bytes of the topic, or 1 MiB if it cannot be read. */
  readonly maxBatchBytes?: number | undefined
  /** Time limit for the acknowledgement of a batch, in ms. Default 120,000. */
  readonly deliveryTimeoutMs?: number | undefined
}

export interface KafkaSink extends BatchSink<OutgoingRecord> {
  /** Number of acknowledged records, their total size in bytes, and the number of acknowledged sends. */
  stats (): { readonly records: number, readonly bytes: number, readonly sends: number }
}

/** Maximum bytes of a batch. `known` means that the broker reported the limit. */
interface BatchLimit {
  readonly bytes: number
  readonly known: boolean
}

/** Kafka's default for max.message.bytes. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588
const RETRY_DELAY_MS = 500
/** Time limit for retries if a topic is missing, because brokers learn of a new topic at different times. */
const MISSING_TOPIC_MS = 5000
const ALL_IN_SYNC = -1

/**
 * Errors: KAFKA_MESSAGE_TOO_LARGE (names the record size and the limit), KAFKA_TOPIC_MISSING, KAFKA_PARTITION_MISSING, KAFKA_UNREACHABLE,
 * KAFKA_TIMEOUT (not acknowledged in time), KAFKA_NOT_ENOUGH_REPLICAS, KAFKA_NOT_AUTHORISED (fatal if the sink has a `topic`), and the
 * access errors of docs/access.md, which are fatal.
 */
export function kafkaSink (options: KafkaSinkOptions): KafkaSink {
  return new ProducerSink(options)
}

class ProducerSink implements KafkaSink {
  readonly kind = 'kafka'
  readonly detail: string | undefined
  readonly #options: KafkaSinkOptions
  readonly #timeout: number
  #producer: Producer | undefined
  readonly #limits = new Map<string, BatchLimit>()
  /** Number of batches so far. It determines the partition of records without a key. */
  #batches = 0
  #records = 0
  #bytes = 0
  #sends = 0

  constructor (options: KafkaSinkOptions) {
    this.#options = options
    this.#timeout = options.deliveryTimeoutMs ?? 120_000
    this.detail = options.topic
  }

  async open (): Promise<void> {
    const { connection, idempotent, topic } = this.#options
    const producer = new Producer({
      ...connection.options,
      ...(idempotent === true ? { idempotent: true } : {}),
      retries: Math.max(1, Math.ceil(this.#timeout / RETRY_DELAY_MS)),
      retryDelay: RETRY_DELAY_MS
    })
    producer.on('error', () => {})
    this.#producer = producer
    if (topic === undefined) return
    try {
      if (await findTopic(producer, topic) === undefined) throw this.#missing(topic)
      await this.#limit(topic)
    } catch (error) {
      // Close the producer here, because a caller outside a graph might not close the sink after `open` has failed.
      await this.close()
      throw this.#map(error, topic)
    }
  }

  async writeBatch (values: readonly OutgoingRecord[], context: { readonly signal: AbortSignal }): Promise<void> {
    if (values.length === 0) return
    const deadline = Date.now() + this.#timeout
    const sends = await this.#address(values, deadline, context.signal)
    for (const send of sends) await this.#deliver(send, deadline, context.signal)
  }

  stats () {
    return { records: this.#records, bytes: this.#bytes, sends: this.#sends }
  }

  async close (): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    await producer?.close().catch(() => {})
  }

  /** Assigns partitions and groups the records into sends. Rejects before anything is sent if a record cannot be delivered. */
  async #address (values: readonly OutgoingRecord[], deadline: number, signal: AbortSignal): Promise<AddressedRecord[][]> {
    const topics = new Map<string, { partitions: number, limit: BatchLimit, refreshed?: boolean }>()
    const batches = new Batches()
    const now = BigInt(Date.now())
    const batch = this.#batches++
    for (const record of values) {
      const topic = record.topic ?? this.#options.topic
      if (topic === undefined) throw new Error('the record has no topic, and the sink has no default topic')
      let known = topics.get(topic)
      if (known === undefined) {
        known = { partitions: await this.#partitions(topic, deadline, signal), limit: await this.#limit(topic) }
        topics.set(topic, known)
      }
      const { partitions } = known
      const partition = record.partition ?? (record.key === null ? batch % partitions : partitionFor(record.key, partitions))
      if (partition >= partitions) {
        throw kafkaErrors.KAFKA_PARTITION_MISSING(`partition ${partition} does not exist: the topic has ${partitions}`, { where: topic })
      }
      if (exceeds(record, known.limit) && known.refreshed !== true) {
        // Read the limit again: operators may have raised it since it was cached, as the hint of KAFKA_MESSAGE_TOO_LARGE tells them to.
        this.#limits.delete(topic)
        known.limit = await this.#limit(topic)
        known.refreshed = true
      }
      if (exceeds(record, known.limit)) throw this.#tooLarge(topic, record)
      batches.add({ topic, partition, timestamp: record.timestamp ?? now, record }, this.#options.maxBatchBytes ?? known.limit.bytes)
    }
    return batches.sends()
  }

  async #deliver (records: readonly AddressedRecord[], deadline: number, signal: AbortSignal): Promise<void> {
    const { topic } = records[0]!
    try {
      const result = await this.#bounded(this.#send(records), topic, deadline, signal)
      const acknowledged = new Set((result.offsets ?? []).map(({ topic, partition }) => `${topic}/${partition}`))
      const missed = records.find(({ topic, partition }) => !acknowledged.has(`${topic}/${partition}`))
      if (missed !== undefined) throw kafkaErrors.KAFKA_TIMEOUT(`partition ${missed.partition} not acknowledged`, { where: missed.topic })
      this.#count(records)
    } catch (error) {
      const mapped = this.#map(error, topic)
      if (mapped.code !== 'KAFKA_MESSAGE_TOO_LARGE') throw mapped
      // The limit is unknown or was lowered. Send the unacknowledged records again, split into two halves, which keeps their order.
      const done = acknowledgedPartitions(error)
      const [delivered = [], rest = []] = [true, false].map(wanted =>
        records.filter(({ topic, partition }) => done.has(`${topic}/${partition}`) === wanted))
      this.#count(delivered)
      const [only] = rest
      if (only === undefined) return
      if (rest.length === 1) throw this.#tooLarge(only.topic, only.record)
      const middle = rest.length >> 1
      await this.#deliver(rest.slice(0, middle), deadline, signal)
      await this.#deliver(rest.slice(middle), deadline, signal)
    }
  }

  #count (records: readonly AddressedRecord[]): void {
    if (records.length === 0) return
    this.#sends++
    this.#records += records.length
    this.#bytes += records.reduce((sum, { record }) => sum + recordBytes(record), 0)
  }

  async #send (records: readonly AddressedRecord[]): Promise<ProduceResult> {
    return await this.#opened.send({
      // Set on each send, because the library ignores `acks` in the producer's options.
      acks: ALL_IN_SYNC,
      messages: records.map(({ topic, partition, timestamp, record }) => ({
        topic,
        partition,
        // Casts, because the types of the library forbid null values. A Map with Buffer keys keeps the order and duplicates of headers.
        ...(record.key === null ? {} : { key: record.key }),
        value: record.value as Buffer,
        headers: new Map(record.headers.map(([name, value]) => [name, value as Buffer])),
        timestamp
      }))
    })
  }

  /** Waits for `work`. Rejects at the deadline or on abort, but does not cancel the request, which may still succeed. */
  async #bounded<T> (work: Promise<T>, topic: string, deadline: number, signal: AbortSignal): Promise<T> {
    const over = new AbortController()
    const waiting = AbortSignal.any([over.signal, signal])
    work.catch(() => {})
    try {
      return await Promise.race([work, sleep(Math.max(0, deadline - Date.now()), undefined, { signal: waiting, ref: true }).then(() => {
        throw kafkaErrors.KAFKA_TIMEOUT(`records not acknowledged within ${this.#timeout / 1000} s`, { where: this.#where(topic) })
      }, () => {
        throw this.#stopped(topic)
      })])
    } finally {
      over.abort()
    }
  }

  /** Number of partitions. Retries until the deadline if brokers are unreachable, and for MISSING_TOPIC_MS if the topic does not exist. */
  async #partitions (topic: string, deadline: number, signal: AbortSignal): Promise<number> {
    const missingDeadline = Date.now() + MISSING_TOPIC_MS
    try {
      return await persist(async () => {
        const { topics } = await this.#opened.metadata({ topics: [topic], retries: 0 }).catch(error => { throw this.#map(error, topic) })
        const found = topics.get(topic)
        if (found === undefined) throw this.#missing(topic)
        return found.partitionsCount
      }, {
        attempts: Infinity, baseMs: RETRY_DELAY_MS, maxMs: RETRY_DELAY_MS, deadline,
        retryable: error => isRetryable(error) || (errorCode(error) === 'KAFKA_TOPIC_MISSING' && Date.now() < missingDeadline)
      }, signal)
    } catch (error) {
      throw signal.aborted ? this.#stopped(topic) : error
    }
  }

  /** Maximum batch size of the topic, cached. If it cannot be read, returns Kafka's default. */
  async #limit (topic: string): Promise<BatchLimit> {
    const cached = this.#limits.get(topic)
    if (cached !== undefined) return cached
    const guess = { bytes: DEFAULT_MAX_MESSAGE_BYTES, known: false }
    const admin = new KafkaAdmin(this.#options.connection)
    try {
      const bytes = Number((await admin.topicConfigs(topic))['max.message.bytes'])
      const limit = bytes > 0 ? { bytes, known: true } : guess
      this.#limits.set(topic, limit)
      return limit
    } catch (error) {
      // Cache the guess, unless a later read may succeed. A wrong guess is harmless, because the broker rejects batches that are too large.
      if (!isRetryable(error)) this.#limits.set(topic, guess)
      return guess
    } finally {
      await admin.close()
    }
  }

  get #opened (): Producer {
    if (this.#producer === undefined) throw kafkaErrors.KAFKA_STOPPED('the sink is not open', { where: this.#options.topic })
    return this.#producer
  }

  #where (topic: string): string {
    return `${topic} at ${this.#options.connection.brokers}`
  }

  #missing (topic: string): AlertStreamError {
    return kafkaErrors.KAFKA_TOPIC_MISSING(`cannot write to ${topic}: the topic does not exist`, { where: this.#where(topic) })
  }

  #stopped (topic: string): AlertStreamError {
    return kafkaErrors.KAFKA_STOPPED('stopped before the brokers acknowledged the records', { where: topic })
  }

  #tooLarge (topic: string, record: OutgoingRecord): AlertStreamError {
    const limit = this.#limits.get(topic)
    const allowed = limit?.known === true ? `the topic allows ${limit.bytes} bytes (max.message.bytes)` : 'the topic allows less'
    const what = `a record of ${batchBytes(record)} bytes is too large: ${allowed}`
    return kafkaErrors.KAFKA_MESSAGE_TOO_LARGE(what, { where: this.#where(topic) })
  }

  #map (error: unknown, topic: string): AlertStreamError {
    const { connection: { brokers, authState }, topic: onlyTopic } = this.#options
    return mapKafkaError(error, { action: `write to ${topic}`, topic, brokers, authState, onlyTopic: onlyTopic !== undefined })
  }
}

/** Whether the broker would certainly reject the record. */
function exceeds (record: OutgoingRecord, { known, bytes }: BatchLimit): boolean {
  return known && recordBytes(record) > bytes
}

/** Returns the partitions that acknowledged their records, although the response reports errors for other partitions. */
function acknowledgedPartitions (error: unknown): Set<string> {
  interface Topic { name: string, partitionResponses: ReadonlyArray<{ index: number, errorCode: number }> }
  const done = new Set<string>()
  for (const inner of nestedErrors(error)) {
    const { response } = inner as { response?: { responses?: readonly Topic[] } }
    for (const { name, partitionResponses } of response?.responses ?? []) {
      for (const { index, errorCode } of partitionResponses) if (errorCode === 0) done.add(`${name}/${index}`)
    }
  }
  return done
}
