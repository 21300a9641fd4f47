// Produces batches to Kafka. A write resolves only when every record is acknowledged by all in-sync replicas (acks is given with each send,
// because the library ignores it elsewhere). Batches are split by partition and bytes, so that none exceeds what the topic takes. Order
// within a partition is that of the values, within a batch and across calls made one after the other. An outage is waited out for a bounded
// time; what was sent again after a lost answer may then be in the topic twice, unless the producer is idempotent.
import { Producer, type ProduceResult, type SendOptions } from '@platformatic/kafka'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { BatchSink, NodeContext } from '../pipeline/node.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import { type AddressedRecord, batchBytes, Batches } from '../kafka/batches.ts'
import { isRetryable } from '../pipeline/retry.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { kafkaErrors, mapKafkaError, nestedErrors } from '../kafka/errors.ts'
import { partitionFor } from '../kafka/murmur2.ts'
import { type OutgoingRecord, recordBytes } from '../kafka/record.ts'
import { findTopic } from '../kafka/topic-lookup.ts'

export interface KafkaSinkOptions {
  readonly connection: KafkaConnection
  /** For records that name none; it must exist when the sink opens. */
  readonly topic?: string | undefined
  /** No duplicates by retries, at the price of one request in flight. Default false. */
  readonly idempotent?: boolean | undefined
  /** Bytes of one batch for one partition. Default: what the topic allows (max.message.bytes), else 1 MB. */
  readonly maxBatchBytes?: number | undefined
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd' | undefined
  /** How long a batch may wait for the brokers, in ms. Default 120,000. */
  readonly deliveryTimeoutMs?: number | undefined
}

/** What the brokers acknowledged so far. */
interface KafkaSinkStats {
  readonly records: number
  readonly bytes: number
  readonly sends: number
}

export interface KafkaSink extends BatchSink<OutgoingRecord> {
  stats (): KafkaSinkStats
}

/** Kafka's own default of max.message.bytes. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588
const RETRY_DELAY_MS = 500
const MISSING_TOPIC_MS = 5000
const ALL_IN_SYNC = -1

/**
 * Errors: KAFKA_MESSAGE_TOO_LARGE (one record exceeds the topic's limit, both sizes named), KAFKA_TOPIC_MISSING, KAFKA_PARTITION_MISSING,
 * KAFKA_UNREACHABLE, KAFKA_TIMEOUT (not acknowledged in time), KAFKA_NOT_ENOUGH_REPLICAS, KAFKA_NOT_AUTHORISED
 * (fatal where the sink has one topic only), and those of being refused, which are fatal (docs/access.md).
 */
export function kafkaSink (options: KafkaSinkOptions): KafkaSink {
  return new ProducingSink(options)
}

class ProducingSink implements KafkaSink {
  readonly kind = 'kafka'
  readonly detail: string | undefined
  readonly #options: KafkaSinkOptions
  readonly #timeout: number
  #producer: Producer | undefined
  readonly #limits = new Map<string, { bytes: number, known: boolean }>()
  #turn = 0
  #records = 0
  #bytes = 0
  #sends = 0

  constructor (options: KafkaSinkOptions) {
    this.#options = options
    this.#timeout = options.deliveryTimeoutMs ?? 120_000
    this.detail = options.topic
  }

  async open (_context?: NodeContext): Promise<void> {
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
      const found = await this.#mapped(topic, async () => await findTopic(producer, topic))
      if (found === undefined) throw this.#missing(topic)
      await this.#limit(topic)
    } catch (error) {
      // A caller whose open failed need not close: the connection must not outlive it.
      await this.close()
      throw error
    }
  }

  async writeBatch (values: readonly OutgoingRecord[], context: { readonly signal: AbortSignal }): Promise<void> {
    if (values.length === 0) return
    const deadline = Date.now() + this.#timeout
    const sends = await this.#address(values, deadline, context.signal)
    for (const send of sends) await this.#deliver(send, deadline, context.signal)
  }

  stats (): KafkaSinkStats {
    return { records: this.#records, bytes: this.#bytes, sends: this.#sends }
  }

  async close (): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    await producer?.close().catch(() => {})
  }

  /** Decides the partition of each record and puts them into batches; rejects before anything is sent where one cannot go. */
  async #address (values: readonly OutgoingRecord[], deadline: number, signal: AbortSignal): Promise<AddressedRecord[][]> {
    const topics = new Map<string, { partitions: number, limit: { bytes: number, known: boolean }, fresh?: boolean }>()
    const batches = new Batches()
    const now = BigInt(Date.now())
    const turn = this.#turn++
    for (const record of values) {
      const topic = record.topic ?? this.#options.topic
      if (topic === undefined) throw kafkaErrors.KAFKA_CONFIG('a record names no topic, and the sink has none')
      let known = topics.get(topic)
      if (known === undefined) {
        known = { partitions: await this.#partitions(topic, deadline, signal), limit: await this.#limit(topic) }
        topics.set(topic, known)
      }
      const { partitions } = known
      const partition = record.partition ?? (record.key === null ? turn % partitions : partitionFor(record.key, partitions))
      if (partition >= partitions) {
        throw kafkaErrors.KAFKA_PARTITION_MISSING(`partition ${partition} does not exist: the topic has ${partitions}`, { where: topic })
      }
      const compresses = (this.#options.compression ?? 'none') !== 'none'
      const exceeds = ({ limit }: { readonly limit: { bytes: number, known: boolean } }): boolean => limit.known && !compresses && recordBytes(record) > limit.bytes
      if (exceeds(known) && known.fresh !== true) {
        // It may have been raised since it was asked for, as the error told somebody to.
        this.#limits.delete(topic)
        known.limit = await this.#limit(topic)
        known.fresh = true
      }
      if (exceeds(known)) throw this.#tooLarge(topic, record)
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
      if (missed !== undefined) throw kafkaErrors.KAFKA_TIMEOUT(`no acknowledgement for partition ${missed.partition}`, { where: missed.topic })
      this.#count(records)
    } catch (error) {
      const mapped = this.#map(error, topic)
      if (mapped.code !== 'KAFKA_MESSAGE_TOO_LARGE') throw mapped
      // The limit was not to be known, or was lowered meanwhile. What other partitions acknowledged is not sent again; halves keep the order.
      const done = acknowledgedIn(error)
      const [delivered = [], rest = []] = [true, false].map(wanted => records.filter(({ topic, partition }) => done.has(`${topic}/${partition}`) === wanted))
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
    const { compression } = this.#options
    const options: SendOptions<Buffer, Buffer, Buffer, Buffer> = {
      acks: ALL_IN_SYNC,
      messages: records.map(({ topic, partition, timestamp, record }) => ({
        topic,
        partition,
        // The library writes null as null; only its types do not say so. A Map keyed by Buffer objects keeps duplicates and order.
        ...(record.key === null ? {} : { key: record.key }),
        value: record.value as Buffer,
        headers: new Map(record.headers.map(([name, value]) => [name, value as Buffer])),
        timestamp
      }))
    }
    if (compression !== undefined) options.compression = compression
    return await this.#open.send(options)
  }

  /** Gives up at the deadline or when the graph does; the request itself may still come through. */
  async #bounded<T> (work: Promise<T>, topic: string, deadline: number, signal: AbortSignal): Promise<T> {
    const over = new AbortController()
    const waiting = AbortSignal.any([over.signal, signal])
    work.catch(() => {})
    try {
      return await Promise.race([work, sleep(Math.max(0, deadline - Date.now()), undefined, { signal: waiting, ref: true }).then(() => {
        throw kafkaErrors.KAFKA_TIMEOUT(`not acknowledged within ${this.#timeout / 1000} s`, { where: this.#where(topic) })
      }, () => {
        throw kafkaErrors.KAFKA_STOPPED('stopped before the brokers acknowledged it', { where: topic })
      })])
    } finally {
      over.abort()
    }
  }

  async #partitions (topic: string, deadline: number, signal: AbortSignal): Promise<number> {
    const patience = Math.min(deadline, Date.now() + MISSING_TOPIC_MS)
    for (;;) {
      try {
        const found = (await this.#open.metadata({ topics: [topic], retries: 0 })).topics.get(topic)
        if (found !== undefined) return found.partitionsCount
      } catch (error) {
        const mapped = this.#map(error, topic)
        if (mapped.code === 'KAFKA_TOPIC_MISSING' ? Date.now() > patience : !isRetryable(mapped) || Date.now() > deadline) throw mapped
      }
      if (signal.aborted) throw kafkaErrors.KAFKA_STOPPED('stopped before the brokers acknowledged it', { where: topic })
      await sleep(RETRY_DELAY_MS)
    }
  }

  /** What one batch of the topic may hold; asked once, and guessed where this user may not ask. */
  async #limit (topic: string): Promise<{ bytes: number, known: boolean }> {
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
      // The broker will say when something is too large.
      if (!isRetryable(error)) this.#limits.set(topic, guess)
      return guess
    } finally {
      await admin.close()
    }
  }

  get #open (): Producer {
    if (this.#producer === undefined) throw kafkaErrors.KAFKA_STOPPED('the sink is not open', { where: this.#options.topic })
    return this.#producer
  }

  #where (topic: string): string {
    return `${topic} at ${this.#options.connection.brokers}`
  }

  #missing (topic: string): AlertStreamError {
    return kafkaErrors.KAFKA_TOPIC_MISSING('cannot write: the topic does not exist', { where: this.#where(topic) })
  }

  #tooLarge (topic: string, record: OutgoingRecord): AlertStreamError {
    const limit = this.#limits.get(topic)
    const against = limit?.known === true ? `the topic takes ${limit.bytes} bytes (max.message.bytes)` : 'the topic takes less'
    return kafkaErrors.KAFKA_MESSAGE_TOO_LARGE(`a record of ${batchBytes(record)} bytes is too large: ${against}`, { where: this.#where(topic) })
  }

  async #mapped<T> (topic: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#map(error, topic)
    }
  }

  #map (error: unknown, topic: string): AlertStreamError {
    return mapKafkaError(error, { action: `write to ${topic}`, topic, brokers: this.#options.connection.brokers, way: this.#options.connection.way, only: this.#options.topic !== undefined })
  }
}

/** Partitions that were acknowledged in a response that refuses others. */
function acknowledgedIn (error: unknown): Set<string> {
  const done = new Set<string>()
  for (const inner of nestedErrors(error)) {
    const { response } = inner as { response?: { responses?: ReadonlyArray<{ name: string, partitionResponses: ReadonlyArray<{ index: number, errorCode: number }> }> } }
    for (const { name, partitionResponses } of response?.responses ?? []) {
      for (const { index, errorCode } of partitionResponses) if (errorCode === 0) done.add(`${name}/${index}`)
    }
  }
  return done
}
