// Reads topics as a member of a consumer group: each record comes at least once, and an offset is committed only when that record and all
// before it have settled. Emits records, partitions taking turns. Stops pulling a partition whose unsettled records reach the cap. Outages,
// broker restarts, rebalances and recreated topics are lived through; a refusal (credentials, ACL, fenced instance id) ends the source.
import type { NodeContext, Source, SourceRecord } from '../pipeline/node.ts'
import { silent, type Logger } from '../pipeline/log.ts'
import { messageOf } from '../pipeline/errors.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { retainedBytes } from '../kafka/partition-buffer.ts'
import { generationOver, GroupConsumer } from '../kafka/group-consumer.ts'
import { nothingYet, type GroupStats } from '../kafka/group-stats.ts'
import type { Delivery } from '../kafka/offset-tracker.ts'
import { type KafkaRecord, position } from '../kafka/record.ts'
import { Wake } from '../kafka/notifier.ts'

export interface KafkaGroupOptions {
  readonly connection: KafkaConnection
  readonly topics: readonly string[]
  readonly group: string
  /** Static membership: unique per process and the same after its restart. */
  readonly instanceId?: string | undefined
  /** Where a partition begins of which the group has committed nothing. Default `earliest`. */
  readonly from?: 'earliest' | 'latest' | undefined
  /** Wait for topics that do not exist, instead of failing at open. Default false. */
  readonly waitForTopic?: boolean | undefined
  /** When settled offsets are committed: after so many ms (default 1000) or so many settled records, whichever comes first. */
  readonly commitInterval?: { readonly ms?: number | undefined, readonly records?: number | undefined } | undefined
  /** Bytes of one fetch, and about what waits in memory per broker. Default 8 MiB. */
  readonly maxBytes?: number | undefined
  /** How long a broker may hold a fetch that finds nothing, in ms. Default 500. */
  readonly maxWaitMs?: number | undefined
  /** Unsettled and settled records behind an unsettled one, per partition, at which the partition waits. Default 10,000. */
  readonly cap?: number | undefined
  /** ms without heartbeat until the partitions are given away. Default 30,000. */
  readonly sessionTimeout?: number | undefined
  /** ms that members have to rejoin. Default 60,000. */
  readonly rebalanceTimeout?: number | undefined
  /** Default 3000 ms, or a third of the session's time where that is shorter. */
  readonly heartbeatInterval?: number | undefined
  /** How often to look for topics that were recreated or grew, in ms. Default 10,000. */
  readonly topicCheckInterval?: number | undefined
  /** How long `flush` tries to commit, in ms. Default 10,000. */
  readonly flushTimeout?: number | undefined
}

export interface KafkaGroupSource extends Source<KafkaRecord> {
  /** All zero before the source is open. */
  stats (): GroupStats
}

/**
 * Errors at open: KAFKA_TOPIC_MISSING (unless `waitForTopic`), KAFKA_UNREACHABLE, those of being refused (docs/access.md), KAFKA_NOT_AUTHORISED.
 * Later: KAFKA_INSTANCE_FENCED, KAFKA_NOT_AUTHORISED, and those of being refused for longer than a change of secrets takes.
 */
export function kafkaGroupSource (options: KafkaGroupOptions): KafkaGroupSource {
  return new GroupSource(options)
}

interface GroupRecord extends SourceRecord<KafkaRecord> {
  readonly delivery: Delivery
}

class GroupSource implements KafkaGroupSource {
  readonly kind = 'kafka group'
  readonly detail: string
  readonly #options: KafkaGroupOptions
  readonly #wake = new Wake()
  readonly #commitRecords: number
  #consumer: GroupConsumer | undefined
  #timer: NodeJS.Timeout | undefined
  #settledSince = 0
  #committing = false
  /** Since the last that succeeded. */
  #failedCommits = 0
  #log: Logger = silent

  constructor (options: KafkaGroupOptions) {
    this.#options = options
    this.#commitRecords = options.commitInterval?.records ?? Infinity
    this.detail = `${options.topics.join(', ')} as ${options.group}`
  }

  async open (context: NodeContext): Promise<void> {
    const options = this.#options
    const sessionTimeout = options.sessionTimeout ?? 30_000
    this.#log = context.log
    this.#consumer = new GroupConsumer({
      connection: options.connection,
      topics: options.topics,
      group: options.group,
      instanceId: options.instanceId,
      from: options.from ?? 'earliest',
      waitForTopic: options.waitForTopic ?? false,
      maxBytes: options.maxBytes ?? 8 * 1024 * 1024,
      maxWaitMs: options.maxWaitMs ?? 500,
      cap: options.cap ?? 10_000,
      sessionTimeout,
      rebalanceTimeout: options.rebalanceTimeout ?? 60_000,
      heartbeatInterval: options.heartbeatInterval ?? Math.min(3000, sessionTimeout / 3),
      topicCheckInterval: options.topicCheckInterval ?? 10_000,
      log: context.log,
      onProgress: () => { this.#wake.wake() }
    })
    // Joining takes as long as the group's rebalance does, for ever where the brokers are away: a stop must not wait for it.
    const stop = (): void => { void this.#consumer?.close() }
    context.drain.addEventListener('abort', stop, { once: true })
    try {
      await this.#consumer.open()
    } catch (error) {
      await this.close()
      if (context.drain.aborted) return
      throw error
    } finally {
      context.drain.removeEventListener('abort', stop)
    }
    if (context.drain.aborted) return
    this.#timer = setInterval(() => { this.#commit() }, options.commitInterval?.ms ?? 1000)
  }

  async * records (context: NodeContext): AsyncGenerator<SourceRecord<KafkaRecord>> {
    const consumer = this.#open
    const stop = (): void => { this.#wake.wake() }
    context.drain.addEventListener('abort', stop)
    try {
      while (!context.drain.aborted) {
        if (consumer.error !== undefined) throw consumer.error
        const next = consumer.take()
        if (next === undefined) {
          await this.#wake.wait()
          continue
        }
        const record: GroupRecord = { value: next.record, bytes: retainedBytes(next.record), position: position(next.record), delivery: next.delivery }
        yield record
      }
    } finally {
      context.drain.removeEventListener('abort', stop)
    }
  }

  settled (record: SourceRecord<KafkaRecord>, failure?: Error): void {
    // A record that failed for good stays unsettled: its offset, and so those after it, are not committed and come again.
    if (failure !== undefined) return
    this.#consumer?.settle((record as GroupRecord).delivery)
    if (++this.#settledSince >= this.#commitRecords) this.#commit()
  }

  async flush (): Promise<void> {
    await this.#open.flush(this.#options.flushTimeout ?? 10_000)
  }

  async close (): Promise<void> {
    clearInterval(this.#timer)
    await this.#consumer?.close()
  }

  stats (): GroupStats {
    return this.#consumer?.stats() ?? nothingYet
  }

  get #open (): GroupConsumer {
    if (this.#consumer === undefined) throw new Error('the source is not open')
    return this.#consumer
  }

  #commit (): void {
    this.#settledSince = 0
    const consumer = this.#consumer
    if (this.#committing || consumer === undefined) return
    this.#committing = true
    const { commits } = consumer.stats()
    consumer.commit().then(() => {
      if (this.#failedCommits === 0 || consumer.stats().commits === commits) return
      this.#log.info({ group: this.#options.group, failed: this.#failedCommits }, 'offsets can be committed again')
      this.#failedCommits = 0
    }, (error: unknown) => { this.#notCommitted(error) }).finally(() => { this.#committing = false })
  }

  // Told once for an outage: the next interval is a second away.
  #notCommitted (error: unknown): void {
    const routine = generationOver(error)
    const level = routine || this.#failedCommits > 0 ? 'debug' : 'warn'
    if (!routine) this.#failedCommits++
    this.#log[level]({ group: this.#options.group, reason: messageOf(error) }, 'could not commit offsets: trying again at every interval')
  }
}
