// Reads one topic without a consumer group, from given offsets to given or current end offsets, or continuously. Emits: records of a
// partition in order; partitions alternate, or are merged by a number (such as a time) that increases within a partition. If the topic
// is deleted or recreated, the source fails and emits no record of the new topic. Memory: about twice `maxBytes` per broker.
import type { NodeContext, Source, SourceRecord } from '../pipeline/node.ts'
import type { Logger } from '../pipeline/log.ts'
import { KafkaAdmin, type TopicSnapshot } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { defaultBatchLimits } from '../kafka/batch-records.ts'
import type { BatchOptions } from '../kafka/damaged-batches.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import type { PartitionBuffer } from '../kafka/partition-buffer.ts'
import { fetchClient } from '../kafka/fetch-client.ts'
import { Fetcher } from '../kafka/fetcher.ts'
import { type KafkaRecord, position, retainedBytes } from '../kafka/record.ts'
import { assertComplete } from '../kafka/record-size.ts'
import { Notifier } from '../kafka/notifier.ts'
import type { StartRetry } from '../kafka/start-retry.ts'
import { type BatchPlace, toWholeBatch, WholeBatch } from '../kafka/whole-batch.ts'

export interface ReadTopicOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  /** Offset of the first record to read, by partition; or `earliest` (default) or `latest` for all partitions. */
  readonly from?: readonly bigint[] | 'earliest' | 'latest' | undefined
  /** Leader epoch of the last record before the offset in `from`, by partition; -1 if unknown. Default: unknown. */
  readonly leaderEpochs?: readonly number[] | undefined
  /** Exclusive end offset by partition; `end` (default) to stop at the end offsets found at open; or `follow` to read indefinitely. */
  readonly to?: readonly bigint[] | 'end' | 'follow' | undefined
  /** The topic to read, as found earlier. Default: the topic is looked up at open. */
  readonly snapshot?: TopicSnapshot | undefined
  /** Returns the number by which the partitions are merged, smallest first. Cannot be combined with `follow`. */
  readonly orderBy?: ((record: KafkaRecord) => number) | undefined
  /** Maximum bytes of a fetch response. Default 8 MiB. */
  readonly maxBytes?: number | undefined
  /** How long a broker may delay an empty fetch response, in ms. Default 500. */
  readonly maxWaitMs?: number | undefined
  /** Maximum outage of the brokers in ms; the source fails if an outage is longer. Default 120,000. */
  readonly giveUpAfterMs?: number | undefined
  /** Limits of record batches, and damaged batches to skip. */
  readonly batches?: BatchOptions | undefined
  /** Whether to emit records above the size limit, without their content. Default false: the source fails at such a record. */
  readonly omitsLarge?: boolean | undefined
}

export interface KafkaTopicSource extends Source<KafkaRecord> {
  /** Snapshot of the topic: the given snapshot, or the snapshot taken when the source opened. */
  snapshot (): TopicSnapshot
  /**
   * Emits batches that can be written to another topic as they are (see `toWholeBatch`), and the records of all other batches. Cannot be
   * combined with `orderBy`.
   * @param maxBatchBytes maximum size of a batch that is emitted whole
   */
  batchesAndRecords (context: NodeContext, maxBatchBytes: number): AsyncIterable<SourceRecord<WholeBatch | KafkaRecord>>
}

const DEFAULT_MAX_BYTES = 8 * 1024 * 1024

/**
 * Errors at open, only without `snapshot`: KAFKA_TOPIC_MISSING and those of KafkaAdmin. While reading: KAFKA_TOPIC_RECREATED,
 * KAFKA_OFFSET_LOST (retention or a truncation of the log removed records before they were read), KAFKA_UNREACHABLE and
 * KAFKA_PARTITION_UNAVAILABLE (outage of a partition longer than `giveUpAfterMs`), KAFKA_NOT_AUTHORISED, KAFKA_RECORD_TOO_LARGE (unless
 * `omitsLarge`), KAFKA_BATCH_DAMAGED or KAFKA_BATCH_TOO_LARGE (unless `follow`: then the partition stops).
 */
export function readTopic (options: ReadTopicOptions): KafkaTopicSource {
  return new TopicSource(options)
}

class TopicSource implements KafkaTopicSource {
  readonly kind = 'kafka topic'
  readonly detail: string
  readonly #options: ReadTopicOptions
  #snapshot: TopicSnapshot | undefined
  #reader: TopicReader | undefined

  constructor (options: ReadTopicOptions) {
    if (options.orderBy !== undefined && options.to === 'follow') throw new Error('orderBy cannot be combined with follow')
    this.#options = options
    this.detail = options.topic
  }

  async open (context: NodeContext): Promise<void> {
    const { connection, topic, snapshot } = this.#options
    const found = snapshot ?? await topicSnapshot(connection, topic, { log: context.log, signal: context.drain })
    if (found === undefined) {
      throw kafkaErrors.KAFKA_TOPIC_MISSING('cannot read the topic: it does not exist', { where: `${topic} at ${connection.brokers}` })
    }
    this.#snapshot = found
    this.#reader = new TopicReader(this.#options, found, context.log)
  }

  snapshot (): TopicSnapshot {
    if (this.#snapshot === undefined) throw new Error('the source is not open')
    return this.#snapshot
  }

  async * records (context: NodeContext): AsyncGenerator<SourceRecord<KafkaRecord>> {
    const reader = this.#opened
    for await (const record of reader.read(context.drain, () => reader.nextRecord())) yield this.#emitted(record)
  }

  async * batchesAndRecords (context: NodeContext, maxBatchBytes: number): AsyncGenerator<SourceRecord<WholeBatch | KafkaRecord>> {
    const reader = this.#opened
    const { partitions } = this.snapshot()
    const { maxRecordBytes } = this.#options.batches?.limits ?? defaultBatchLimits
    const limits = { partitions, maxBatchBytes, maxRecordBytes }
    for await (const next of reader.read(context.drain, () => reader.nextBatchOrRecord(limits))) {
      if (next instanceof WholeBatch) yield { value: next, bytes: next.retainedBytes, position: next.position, records: next.count }
      else yield this.#emitted(next)
    }
  }

  async close (): Promise<void> {
    await this.#reader?.close()
    this.#reader = undefined
  }

  get #opened (): TopicReader {
    if (this.#reader === undefined) throw new Error('the source is not open')
    return this.#reader
  }

  #emitted (record: KafkaRecord): SourceRecord<KafkaRecord> {
    if (this.#options.omitsLarge !== true) assertComplete(record)
    return { value: record, bytes: retainedBytes(record), position: position(record) }
  }
}

class TopicReader {
  readonly #options: ReadTopicOptions
  readonly #fetcher: Fetcher
  readonly #buffers: PartitionBuffer[]
  readonly #progress = new Notifier()
  #error: Error | undefined

  constructor (options: ReadTopicOptions, found: TopicSnapshot, log: Logger) {
    this.#options = options
    const { topic, connection } = options
    const fail = (error: Error): void => {
      this.#error ??= error
      this.#progress.notify()
    }
    this.#fetcher = new Fetcher({
      client: fetchClient(connection),
      connection,
      maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
      maxWaitMs: options.maxWaitMs ?? 500,
      giveUpAfterMs: options.giveUpAfterMs ?? 120_000,
      everyPartition: options.orderBy !== undefined,
      ...options.batches,
      damageIsFatal: options.to !== 'follow',
      log,
      onProgress: () => { this.#progress.notify() },
      onFatal: fail,
      onTopicGone: () => { fail(recreated(topic, connection.brokers)) },
      onTruncated: (buffer, { offset, position, leaderEpoch }) => {
        if (options.to === 'follow') {
          const fields = { topic, partition: buffer.partition, position: String(position), divergence: String(offset), leaderEpoch }
          log.warn(fields, 'the log of the partition was truncated: reading again from the divergence')
          return
        }
        // Records that were read, or that the end offset counts, are gone.
        if (offset >= position && offset >= buffer.end!) return
        const where = `${topic}[${buffer.partition}]@${offset}`
        fail(kafkaErrors.KAFKA_OFFSET_LOST('the log of the partition was truncated', { where }))
      },
      onOutOfRange: buffer => {
        const kept = buffer.logStart
        if (options.to === 'follow' && kept !== undefined && kept >= 0n) {
          const lost = String(kept - buffer.fetchPosition)
          log.warn({ topic, partition: buffer.partition, lost }, 'retention deleted records before they were read')
          buffer.reset(kept)
          buffer.paused = false
        } else {
          const where = `${topic}[${buffer.partition}]@${buffer.fetchPosition}`
          fail(kafkaErrors.KAFKA_OFFSET_LOST('offset out of range: retention deleted records before they were read', { where }))
        }
      }
    })
    const from = options.from ?? 'earliest'
    const to = options.to ?? 'end'
    this.#buffers = Array.from({ length: found.partitions }, (_, partition) => this.#fetcher.add({
      topic,
      topicId: found.id,
      partition,
      leaderEpoch: options.leaderEpochs?.[partition],
      position: (from === 'earliest' ? found.start : from === 'latest' ? found.end : from)[partition] ?? found.start[partition]!,
      end: to === 'follow' ? undefined : (to === 'end' ? found.end : to)[partition] ?? found.end[partition]!
    }))
  }

  /** Yields what `next` returns, and waits while it returns undefined. Ends at the end of the topic, or on drain. */
  async * read<T> (drain: AbortSignal, next: () => T | undefined): AsyncGenerator<T> {
    const stop = (): void => { this.#progress.notify() }
    drain.addEventListener('abort', stop)
    try {
      while (!drain.aborted) {
        if (this.#error !== undefined) throw this.#error
        const taken = next()
        if (taken !== undefined) yield taken
        else if (this.#buffers.every(({ complete, waiting }) => complete && waiting === 0)) return
        else await this.#progress.wait()
      }
    } finally {
      drain.removeEventListener('abort', stop)
    }
  }

  async close (): Promise<void> {
    await this.#fetcher.close()
  }

  nextBatchOrRecord (limits: Omit<BatchPlace, 'topic' | 'partition'>): WholeBatch | KafkaRecord | undefined {
    return this.#fetcher.takeBatchOrRecord((batch, { topic, partition }) => toWholeBatch(batch, { topic, partition, ...limits }))
  }

  nextRecord (): KafkaRecord | undefined {
    const { orderBy } = this.#options
    if (orderBy === undefined) return this.#fetcher.take()?.record
    let first: PartitionBuffer | undefined
    let least = Infinity
    for (const buffer of this.#buffers) {
      const head = buffer.peek()
      if (head === undefined) {
        if (!buffer.complete || buffer.waiting > 0) return undefined
        continue
      }
      const order = orderBy(head)
      if (first === undefined || order < least) {
        first = buffer
        least = order
      }
    }
    return first === undefined ? undefined : this.#fetcher.takeFrom(first)
  }
}

/** Returns the id and current offsets of a topic; undefined if it does not exist. With `startRetry`, waits for restarting brokers. */
export async function topicSnapshot (
  connection: KafkaConnection, topic: string, startRetry?: StartRetry
): Promise<TopicSnapshot | undefined> {
  const admin = new KafkaAdmin(connection, startRetry === undefined ? {} : { startRetry })
  try {
    return await admin.snapshot(topic)
  } finally {
    await admin.close()
  }
}

function recreated (topic: string, brokers: string): Error {
  return kafkaErrors.KAFKA_TOPIC_RECREATED('the topic was deleted or recreated while it was read', { where: `${topic} at ${brokers}` })
}
