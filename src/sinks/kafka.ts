// Produces batches to Kafka. A write resolves when all in-sync replicas have acknowledged every record. Batches are split by partition and
// size. Order within a partition is preserved, within a batch and across sequential writes. Sends are repeated up to the delivery timeout,
// and write each record once (see idempotent-producer.ts). After a timeout or an abort, the records may be in the topic, and writing them
// again may duplicate them. Therefore a graph uses the sink with `noRetry`.
// Whole batches of another topic are passed on as they are, or record by record if the topic has another number of partitions or a lower
// size limit.
import { errorCode, type AlertStreamError } from '../pipeline/errors.ts'
import { silent, type Logger } from '../pipeline/log.ts'
import type { BatchSink, NodeContext } from '../pipeline/node.ts'
import { isRetryable } from '../pipeline/retry.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import { startLimitMs } from '../kafka/start-retry.ts'
import { type AddressedRecord, batchBytes, Batches, type PartitionBatch, partitionBatch } from '../kafka/batches.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { isElection, kafkaErrors, mapKafkaError } from '../kafka/errors.ts'
import { IdempotentProducer, partitionMissing } from '../kafka/idempotent-producer.ts'
import { partitionFor } from '../kafka/murmur2.ts'
import { produceClient, type ProduceClient } from '../kafka/produce-client.ts'
import { type OutgoingRecord, recordBytes } from '../kafka/record.ts'
import { WholeBatch } from '../kafka/whole-batch.ts'

export interface KafkaSinkOptions {
  readonly connection: KafkaConnection
  /** Topic of records that name no topic. The topic must exist when the sink opens. */
  readonly topic?: string | undefined
  /** Maximum bytes of a batch for one partition. Default: max.message.bytes of the topic, or 1 MiB if it cannot be read. */
  readonly maxBatchBytes?: number | undefined
  /** Time limit for the acknowledgement of a batch, in ms. Default 120,000. */
  readonly deliveryTimeoutMs?: number | undefined
}

export interface KafkaSink extends BatchSink<OutgoingRecord | WholeBatch> {
  /** Number of acknowledged records, their total size in bytes, and the number of acknowledged sends. */
  stats (): { readonly records: number, readonly bytes: number, readonly sends: number }
}

/** Maximum bytes of a batch. `known` means that the broker reported the limit. */
interface BatchLimit {
  readonly bytes: number
  readonly known: boolean
}

/** What a write knows of a topic. */
interface KnownTopic {
  readonly partitions: number
  limit: BatchLimit
  /** Whether the limit was read again. */
  refreshed?: boolean
}

/** Kafka's default for max.message.bytes. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588

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
  #client: ProduceClient | undefined
  #producer: IdempotentProducer | undefined
  readonly #limits = new Map<string, BatchLimit>()
  /** Number of batches so far. It determines the partition of records without a key. */
  #batches = 0
  #records = 0
  #bytes = 0
  #sends = 0
  /** Records and whole batches that were acknowledged in a write that failed. They are not sent again with the rest of the write. */
  readonly #acknowledged = new WeakSet<OutgoingRecord | WholeBatch>()
  /** The current outage with its last failed attempt. */
  #outage: { readonly since: number, logged: boolean, error: Error } | undefined
  #log: Logger = silent

  constructor (options: KafkaSinkOptions) {
    this.#options = options
    this.#timeout = options.deliveryTimeoutMs ?? 120_000
    this.detail = options.topic
  }

  async open ({ log, drain }: NodeContext): Promise<void> {
    const { connection, topic } = this.#options
    const client = this.#client = produceClient(connection)
    this.#log = log
    this.#producer = new IdempotentProducer({
      client,
      mapError: (error, topic) => this.#map(error, topic),
      missing: topic => this.#missing(topic),
      onRetry: error => { this.#retrying(error) }
    })
    if (topic === undefined) return
    try {
      await this.#producer.partitions(topic, { deadline: Date.now() + Math.min(startLimitMs(connection), this.#timeout), signal: drain })
      await this.#limit(topic)
    } catch (error) {
      // Close the client here, because a caller outside a graph might not close the sink after `open` has failed.
      await this.close()
      throw error
    }
  }

  async writeBatch (values: readonly (OutgoingRecord | WholeBatch)[], context: { readonly signal: AbortSignal }): Promise<void> {
    const deadline = Date.now() + this.#timeout
    const unsent = values.filter(value => !this.#acknowledged.has(value))
    if (unsent.length === 0) return
    const acknowledged: Array<OutgoingRecord | WholeBatch> = []
    for (const send of await this.#address(unsent, deadline, context.signal)) {
      const outcomes = await Promise.allSettled(send.map(async batch => {
        await this.#deliver(batch, acknowledged, deadline, context.signal)
      }))
      const failures = outcomes.filter(outcome => outcome.status === 'rejected').map(({ reason }) => reason as AlertStreamError)
      if (failures.length === 0) continue
      for (const value of acknowledged) this.#acknowledged.add(value)
      // An error that blames one record is reported only if it is the only kind of error, because the other records would be sent again.
      throw failures.find(error => error.fatal || error.retryable) ?? failures[0]!
    }
    if (this.#outage?.logged === true) this.#log.info({ brokers: this.#options.connection.brokers }, 'kafka accepts records again')
    this.#outage = undefined
  }

  stats () {
    return { records: this.#records, bytes: this.#bytes, sends: this.#sends }
  }

  async close (): Promise<void> {
    const client = this.#client
    this.#client = undefined
    this.#producer = undefined
    await client?.close()
  }

  /** Assigns partitions and groups the records into sends. Rejects before anything is sent if a record cannot be delivered. */
  async #address (
    values: readonly (OutgoingRecord | WholeBatch)[], deadline: number, signal: AbortSignal
  ): Promise<PartitionBatch[][]> {
    const topics = new Map<string, KnownTopic>()
    const batches = new Batches()
    const now = BigInt(Date.now())
    const batch = this.#batches++
    const known = async (topic: string): Promise<KnownTopic> => {
      const partitions = await this.#bounded(this.#opened.partitions(topic, { deadline, signal }), topic, deadline, signal)
      const found = { partitions, limit: await this.#limit(topic) }
      topics.set(topic, found)
      return found
    }
    const add = async (record: OutgoingRecord, topic: string, found: KnownTopic): Promise<void> => {
      const { partitions } = found
      const partition = record.partition ?? (record.key === null ? batch % partitions : partitionFor(record.key, partitions))
      if (partition >= partitions) throw partitionMissing(topic, partition, partitions)
      if (exceeds(record, found.limit) && found.refreshed !== true) {
        // Read the limit again: operators may have raised it since it was cached, as the hint of KAFKA_MESSAGE_TOO_LARGE tells them to.
        this.#limits.delete(topic)
        found.limit = await this.#limit(topic)
        found.refreshed = true
      }
      if (exceeds(record, found.limit)) throw this.#tooLarge(topic, record)
      batches.add({ topic, partition, timestamp: record.timestamp ?? now, record }, this.#batchBytes(found.limit))
    }
    for (const value of values) {
      const isWhole = value instanceof WholeBatch
      const topic = (isWhole ? undefined : value.topic) ?? this.#options.topic
      if (topic === undefined) throw new Error('the record has no topic, and the sink has no default topic')
      const found = topics.get(topic) ?? await known(topic)
      if (!isWhole) await add(value, topic, found)
      else if (value.partitions === found.partitions && value.bytes <= this.#batchBytes(found.limit)) batches.addWhole(topic, value)
      else for (const record of this.#unsent(value)) await add(record, topic, found)
    }
    return batches.sends()
  }

  /** Delivers a batch, and adds it or its records to `acknowledged`. */
  async #deliver (
    batch: PartitionBatch, acknowledged: Array<OutgoingRecord | WholeBatch>, deadline: number, signal: AbortSignal
  ): Promise<void> {
    const { topic, partition, content } = batch
    try {
      await this.#bounded(this.#opened.send(batch, { deadline, signal }), topic, deadline, signal)
    } catch (error) {
      if (errorCode(error) !== 'KAFKA_MESSAGE_TOO_LARGE') throw error
      const records = content instanceof WholeBatch ? this.#addressAlike(content, batch) : content
      if (records.length === 1) throw this.#tooLarge(topic, records[0]!.record)
      // The limit is unknown or was lowered. The broker has written nothing, so send the records again in two halves.
      const middle = records.length >> 1
      await this.#deliver(partitionBatch({ topic, partition, content: records.slice(0, middle) }), acknowledged, deadline, signal)
      await this.#deliver(partitionBatch({ topic, partition, content: records.slice(middle) }), acknowledged, deadline, signal)
      return
    }
    this.#sends++
    this.#records += batch.count
    if (content instanceof WholeBatch) {
      this.#bytes += content.contentBytes
      acknowledged.push(content)
      // The client library has sent a copy of the records.
      content.free()
      return
    }
    for (const { record } of content) {
      this.#bytes += recordBytes(record)
      acknowledged.push(record)
    }
  }

  /** The records of a whole batch that were not acknowledged in an earlier write. */
  #unsent (batch: WholeBatch): OutgoingRecord[] {
    return batch.records().filter(record => !this.#acknowledged.has(record))
  }

  #addressAlike (batch: WholeBatch, { topic, partition }: PartitionBatch): AddressedRecord[] {
    const timestamp = BigInt(Date.now())
    return this.#unsent(batch).map(record => ({ topic, partition, timestamp, record }))
  }

  /** Maximum bytes of a batch of a topic with this limit. */
  #batchBytes (limit: BatchLimit): number {
    return this.#options.maxBatchBytes ?? limit.bytes
  }

  /** Waits for `work`. Rejects at the deadline or on abort, but does not cancel the request, which may still succeed. */
  async #bounded<T> (work: Promise<T>, topic: string, deadline: number, signal: AbortSignal): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      const stop = (): void => { reject(this.#stopped(topic)) }
      if (signal.aborted) stop()
      const timer = setTimeout(() => {
        const what = `records not acknowledged within ${this.#timeout / 1000} s`
        reject(kafkaErrors.KAFKA_TIMEOUT(what, { where: this.#where(topic), cause: this.#outage?.error }))
      }, Math.max(0, deadline - Date.now()))
      signal.addEventListener('abort', stop)
      work.then(resolve, reject).finally(() => {
        clearTimeout(timer)
        signal.removeEventListener('abort', stop)
      })
    })
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

  get #opened (): IdempotentProducer {
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

  /** Logs the first failed attempt of an outage, unless it is normal. */
  #retrying (error: Error): void {
    this.#outage ??= { since: Date.now(), logged: false, error }
    this.#outage.error = error
    if (this.#outage.logged || isElection(error, Date.now() - this.#outage.since)) return
    this.#log.warn({ code: errorCode(error), reason: error.message }, 'kafka does not accept records: retrying')
    this.#outage.logged = true
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
