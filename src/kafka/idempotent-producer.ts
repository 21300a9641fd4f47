// Sends batches so that each record is in the topic exactly once, even if responses get lost, leaders change or brokers restart. A batch
// is sent again with the same producer id and sequence number, by which the leader recognises a batch that it already has. At most one
// batch per partition is in flight. If a send fails, its batch may be in the topic, and the caller must not send it again.
import { asError, type AlertStreamError } from '../pipeline/errors.ts'
import { isRetryable, persist } from '../pipeline/retry.ts'
import type { PartitionBatch } from './batches.ts'
import { hasProtocolError, kafkaErrors } from './errors.ts'
import type { ProduceClient, ProducerId } from './produce-client.ts'
import type { FoundTopic } from './topic-lookup.ts'

export interface IdempotentProducerOptions {
  readonly client: ProduceClient
  /** Maps an error of the client library. */
  mapError (error: unknown, topic: string): AlertStreamError
  /** Returns the error for a topic that does not exist. */
  missing (topic: string): AlertStreamError
  /** Called after each failed attempt that is followed by another attempt. */
  onRetry (error: Error): void
}

interface SendOptions {
  /** Time after which no further attempt is made, in ms since 1970. */
  readonly deadline: number
  readonly signal: AbortSignal
}

interface Sequence {
  readonly producer: ProducerId
  /** Sequence number of the next record. */
  next: number
}

interface KnownTopic {
  readonly found: Promise<FoundTopic | undefined>
  readonly lookedUp: number
}

const BACKOFF = { baseMs: 100, maxMs: 1000 }
/** Maximum age of a lookup, so that new partitions of a topic are used. */
const TOPIC_MAX_AGE_MS = 5000
/** Time limit for retries if a topic is missing, because brokers learn of a new topic at different times. */
const MISSING_TOPIC_MS = 5000
/** Sequence numbers are 32-bit integers that wrap to 0. */
const SEQUENCE_LIMIT = 2 ** 31
/** The leader does not know the earlier batches of this producer id, because it has lost records or has forgotten the producer. */
const STATE_LOST = ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING']

export class IdempotentProducer {
  readonly #options: IdempotentProducerOptions
  readonly #topics = new Map<string, KnownTopic>()
  /** By `topic/partition`. */
  readonly #sequences = new Map<string, Sequence>()
  /** The last send of each partition. */
  readonly #sends = new Map<string, Promise<void>>()

  constructor (options: IdempotentProducerOptions) {
    this.#options = options
  }

  /** Sends a batch after the earlier batches of its partition. Retries until the deadline. */
  async send (batch: PartitionBatch, options: SendOptions): Promise<void> {
    const { topic, partition } = batch
    const key = `${topic}/${partition}`
    const earlier = this.#sends.get(key)
    const sending = (async () => {
      await earlier?.catch(() => {})
      await this.#send(key, batch, options)
    })()
    this.#sends.set(key, sending)
    try {
      await sending
    } finally {
      if (this.#sends.get(key) === sending) this.#sends.delete(key)
    }
  }

  /** Number of partitions of the topic. */
  async partitions (topic: string, options: SendOptions): Promise<number> {
    return await this.#persist(topic, options, async () => (await this.#lookUp(topic)).partitions.length)
  }

  async #send (key: string, batch: PartitionBatch, options: SendOptions): Promise<void> {
    const { client } = this.#options
    const { topic, partition } = batch
    try {
      await this.#persist(topic, options, async () => {
        const { partitions } = await this.#lookUp(topic)
        const node = partitions[partition]?.leader
        if (node === undefined) throw partitionMissing(topic, partition, partitions.length)
        if (node < 0) throw kafkaErrors.KAFKA_PARTITION_UNAVAILABLE('the partition has no leader', { where: `${topic}[${partition}]` })
        const sequence = this.#sequences.get(key) ?? { producer: await client.newProducerId(), next: 0 }
        this.#sequences.set(key, sequence)
        try {
          await client.produce({ node, batch, producer: sequence.producer, sequence: sequence.next })
        } catch (error) {
          if (hasProtocolError(error, ...STATE_LOST)) this.#sequences.delete(key)
          // Otherwise, an earlier attempt wrote the batch and its response was lost.
          if (!hasProtocolError(error, 'DUPLICATE_SEQUENCE_NUMBER')) throw error
        }
        sequence.next = (sequence.next + batch.count) % SEQUENCE_LIMIT
      })
    } catch (error) {
      // If the batch is in the topic, another batch with its sequence number would be taken for a duplicate.
      this.#sequences.delete(key)
      throw error
    }
  }

  /** Calls `attempt` until it succeeds or fails for good. Rejects with KAFKA_* errors. */
  async #persist<T> (topic: string, { deadline, signal }: SendOptions, attempt: () => Promise<T>): Promise<T> {
    const missingUntil = Date.now() + MISSING_TOPIC_MS
    let again = false
    return await persist(async () => {
      try {
        return await attempt()
      } catch (error) {
        // The leader may have changed, so the next attempt looks it up again.
        this.#topics.delete(topic)
        const mapped = this.#options.mapError(error, topic)
        again = isRetryable(mapped) || hasProtocolError(error, ...STATE_LOST) ||
          (mapped.code === 'KAFKA_TOPIC_MISSING' && Date.now() < missingUntil)
        throw mapped
      }
    }, { attempts: Infinity, ...BACKOFF, deadline, retryable: () => again }, signal, error => { this.#options.onRetry(asError(error)) })
  }

  async #lookUp (topic: string): Promise<FoundTopic> {
    let known = this.#topics.get(topic)
    if (known === undefined || performance.now() - known.lookedUp > TOPIC_MAX_AGE_MS) {
      known = { found: this.#options.client.findTopic(topic), lookedUp: performance.now() }
      this.#topics.set(topic, known)
    }
    const found = await known.found
    if (found === undefined) throw this.#options.missing(topic)
    return found
  }
}

export function partitionMissing (topic: string, partition: number, partitions: number): AlertStreamError {
  return kafkaErrors.KAFKA_PARTITION_MISSING(`partition ${partition} does not exist: the topic has ${partitions}`, { where: topic })
}
