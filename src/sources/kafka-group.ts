// Source that reads topics as a member of a consumer group. Delivers each record at least once, and commits an offset only when all records
// before it have settled. Partitions alternate. A partition with too many unsettled records is paused. The source survives outages,
// broker restarts, rebalances and recreated topics. It fails if access is denied or its instance id is fenced.
import type { NodeContext, Source, SourceRecord } from '../pipeline/node.ts'
import { silent, type Logger } from '../pipeline/log.ts'
import { messageOf } from '../pipeline/errors.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { groupClients } from '../kafka/group-clients.ts'
import { GroupConsumer } from '../kafka/group-consumer.ts'
import { type GroupOptions, groupSettings } from '../kafka/group-settings.ts'
import { emptyGroupStats, type GroupStats } from '../kafka/group-stats.ts'
import { Notifier } from '../kafka/notifier.ts'
import { isStaleGeneration } from '../kafka/offset-committer.ts'
import type { Delivery } from '../kafka/offset-tracker.ts'
import { type KafkaRecord, position, retainedBytes } from '../kafka/record.ts'

export type KafkaGroupOptions = GroupOptions & {
  readonly connection: KafkaConnection
  /** Settled offsets are committed after `ms` milliseconds (default 1000) or `records` settled records, whichever comes first. */
  readonly commitInterval?: { readonly ms?: number | undefined, readonly records?: number | undefined } | undefined
}

export interface KafkaGroupSource extends Source<KafkaRecord> {
  /** Returns the stats of the consumer; empty stats until the source is open. */
  stats (): GroupStats
}

const FLUSH_TIMEOUT_MS = 10_000

/**
 * Errors at open: KAFKA_TOPIC_MISSING (unless `waitForTopic`), KAFKA_UNREACHABLE, KAFKA_NOT_AUTHORISED, and the authentication errors of
 * docs/access.md. Errors later: KAFKA_INSTANCE_FENCED, KAFKA_NOT_AUTHORISED, and authentication errors that last longer than a rotation of
 * credentials may take.
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
  readonly #progress = new Notifier()
  readonly #commitRecords: number
  #consumer: GroupConsumer | undefined
  #timer: NodeJS.Timeout | undefined
  /** Number of records settled since the last commit. */
  #settled = 0
  #committing = false
  /** Number of failed commits since the last successful commit. */
  #failedCommits = 0
  #log: Logger = silent

  constructor (options: KafkaGroupOptions) {
    this.#options = options
    this.#commitRecords = options.commitInterval?.records ?? Infinity
    this.detail = `${options.topics.join(', ')} as ${options.group}`
  }

  async open ({ log, drain }: NodeContext): Promise<void> {
    const { connection, commitInterval } = this.#options
    const settings = groupSettings(this.#options)
    this.#log = log
    this.#consumer = new GroupConsumer({
      settings, clients: groupClients(connection, settings), connection, log, onProgress: () => { this.#progress.notify() }
    })
    // A join may wait for a rebalance or for unavailable brokers. A drain must not wait for the join, so it closes the consumer.
    const stop = (): void => { void this.#consumer?.close() }
    drain.addEventListener('abort', stop, { once: true })
    try {
      await this.#consumer.open()
    } catch (error) {
      await this.close()
      if (drain.aborted) return
      throw error
    } finally {
      drain.removeEventListener('abort', stop)
    }
    if (drain.aborted) return
    this.#timer = setInterval(() => { this.#commit() }, commitInterval?.ms ?? 1000)
  }

  async * records ({ drain, awaitSettlement }: NodeContext): AsyncGenerator<SourceRecord<KafkaRecord>> {
    const consumer = this.#opened
    const stop = (): void => { this.#progress.notify() }
    drain.addEventListener('abort', stop)
    try {
      while (!drain.aborted) {
        if (consumer.error !== undefined) throw consumer.error
        const next = consumer.take()
        awaitSettlement?.(consumer.draining)
        if (next === undefined) {
          await this.#progress.wait()
          continue
        }
        const { record: value, delivery } = next
        const record: GroupRecord = { value, bytes: retainedBytes(value), position: position(value), delivery }
        yield record
      }
    } finally {
      drain.removeEventListener('abort', stop)
    }
  }

  /** The position of the record stays, for log lines. */
  release (record: SourceRecord<KafkaRecord>): void {
    const { value } = record
    ;(record as { value: KafkaRecord }).value = { ...value, key: null, value: null, headers: [] }
  }

  settled (record: SourceRecord<KafkaRecord>, failure?: Error): void {
    // A record that failed permanently stays unsettled, so its offset and later offsets are not committed and the records are read again.
    if (failure !== undefined) return
    this.#consumer?.settle((record as GroupRecord).delivery)
    if (++this.#settled >= this.#commitRecords) this.#commit()
  }

  async flush (): Promise<void> {
    await this.#opened.flush(FLUSH_TIMEOUT_MS)
  }

  async close (): Promise<void> {
    clearInterval(this.#timer)
    await this.#consumer?.close()
  }

  stats (): GroupStats {
    return this.#consumer?.stats() ?? emptyGroupStats
  }

  get #opened (): GroupConsumer {
    if (this.#consumer === undefined) throw new Error('the source is not open')
    return this.#consumer
  }

  #commit (): void {
    this.#settled = 0
    const consumer = this.#consumer
    if (this.#committing || consumer === undefined) return
    this.#committing = true
    const { commits } = consumer.stats()
    consumer.commit().then(() => {
      if (this.#failedCommits === 0 || consumer.stats().commits === commits) return
      this.#log.info({ group: this.#options.group, failed: this.#failedCommits }, 'offset commits succeed again')
      this.#failedCommits = 0
    }, (error: unknown) => { this.#commitFailed(error) }).finally(() => { this.#committing = false })
  }

  /** Logs a warning once per outage, but no warning if the commit was rejected because of a rebalance. */
  #commitFailed (error: unknown): void {
    const rebalancing = isStaleGeneration(error)
    const level = rebalancing || this.#failedCommits > 0 ? 'debug' : 'warn'
    if (!rebalancing) this.#failedCommits++
    this.#log[level]({ group: this.#options.group, reason: messageOf(error) }, 'cannot commit offsets: retrying at every commit interval')
  }
}
