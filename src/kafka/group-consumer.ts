// Consumes topics as a member of a group. Partitions can be paused individually, a rebalance does not refetch the partitions that stay with
// this member, and only settled offsets of owned partitions are committed. After each join, the consumer compares the group's committed
// offsets with the offsets that it committed itself. If another member has committed a different offset, reading continues from there.
import { type AlertStreamError, messageOf } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { isRetryable } from '../pipeline/retry.ts'
import { type Clock, systemClock } from './clock.ts'
import type { KafkaConnection } from './connection.ts'
import { kafkaErrors } from './errors.ts'
import { Fetcher, type Truncation } from './fetcher.ts'
import type { Membership } from './group-client.ts'
import type { GroupClients } from './group-clients.ts'
import { GroupMember } from './group-member.ts'
import type { GroupSettings } from './group-settings.ts'
import { GroupStatsCollector, type GroupStats } from './group-stats.ts'
import { UNKNOWN_EPOCH } from './leader-epochs.ts'
import { isStaleGeneration, OffsetCommitter } from './offset-committer.ts'
import { type Delivery, OffsetTracker, partitionKey } from './offset-tracker.ts'
import type { PartitionBuffer } from './partition-buffer.ts'
import { RebalanceDrain } from './rebalance-drain.ts'
import type { KafkaRecord } from './record.ts'
import { type StartOffset, StartOffsets } from './start-offsets.ts'
import { retryAtStart } from './start-retry.ts'
import { TopicMonitor } from './topic-monitor.ts'

export interface GroupConsumerOptions {
  readonly settings: GroupSettings
  readonly clients: GroupClients
  /** Connection whose brokers and user are named in errors. */
  readonly connection: Pick<KafkaConnection, 'brokers' | 'authState'>
  readonly clock?: Clock | undefined
  readonly log: Logger
  /** Called when records can be taken, `draining` changes or `error` is set. */
  onProgress (): void
}

const RETRY_MS = 500
const WARN_AFTER_ATTEMPTS = 3
const MAX_DRAIN_MS = 10_000

export class GroupConsumer {
  readonly #options: GroupConsumerOptions
  readonly #clock: Clock
  readonly #topics: TopicMonitor
  readonly #member: GroupMember
  readonly #fetcher: Fetcher
  readonly #tracker: OffsetTracker
  readonly #committer: OffsetCommitter
  readonly #drain: RebalanceDrain
  readonly #startOffsets: StartOffsets
  readonly #stats: GroupStatsCollector
  /** Buffers of the assigned partitions that are being read, by partition key. */
  readonly #buffers = new Map<string, PartitionBuffer>()
  readonly #closing = new AbortController()
  #closed: Promise<void> | undefined
  #error: AlertStreamError | undefined

  constructor (options: GroupConsumerOptions) {
    this.#options = options
    const { settings, clients, connection, clock = systemClock, log } = options
    const onFatal = (error: AlertStreamError): void => { this.#fail(error) }
    this.#clock = clock
    this.#stats = new GroupStatsCollector(() => clock.now())
    this.#tracker = new OffsetTracker(settings.cap)
    this.#topics = new TopicMonitor({
      admin: clients.admin, topics: settings.topics, interval: settings.topicCheckInterval, clock, log,
      onChange: () => { this.#subscribe().catch(() => {}) }
    })
    this.#member = new GroupMember({
      ...settings, connect: clients.connectGroup, coordinator: clients.coordinator, connection, clock, log, onFatal,
      onAssigned: membership => { this.#assigned(membership) },
      beforeJoin: async () => {
        const drained = this.#drain.drain()
        options.onProgress()
        await drained
      }
    })
    this.#committer = new OffsetCommitter({
      tracker: this.#tracker, member: this.#member, buffers: this.#buffers, stats: this.#stats, clock, log, onFatal,
      onTopicMissing: () => { this.#topics.invalidate() }
    })
    this.#startOffsets = new StartOffsets({
      topics: this.#topics, member: this.#member, admin: clients.admin, from: settings.from,
      reading: (topic, partition) => this.#tracker.state(topic, partition),
      attempted: key => this.#committer.attempted(key)
    })
    // No heartbeat is sent during the drain, so the drain must be shorter than the session timeout.
    const settleTimeoutMs = Math.min(MAX_DRAIN_MS, settings.sessionTimeout / 3)
    this.#drain = new RebalanceDrain({
      settleTimeoutMs, joinTimeoutMs: settleTimeoutMs + settings.heartbeatInterval, clock, log,
      unsettled: () => this.#tracker.unsettled,
      commit: () => this.commit(),
      onResume: () => { options.onProgress() }
    })
    this.#fetcher = new Fetcher({
      client: clients.fetch, connection, maxBytes: settings.maxBytes, maxWaitMs: settings.maxWaitMs, clock, log, onFatal,
      ...settings.batches,
      onProgress: () => { options.onProgress() },
      onTopicGone: (topic, topicId) => {
        this.#drop(buffer => buffer.topic === topic && buffer.topicId === topicId)
        this.#topics.invalidate(topic, topicId)
      },
      onTruncated: (buffer, truncation) => { this.#rewind(buffer, truncation) },
      onOutOfRange: buffer => { void this.#resetToEarliest(buffer) }
    })
  }

  /** The error that ended consumption, if any. */
  get error (): AlertStreamError | undefined {
    return this.#error
  }

  /** Whether the member waits until the records in flight have settled, before it joins a new generation of the group. */
  get draining (): boolean {
    return this.#drain.paused
  }

  /** Looks up the topics and joins the group. Rejects with KAFKA_TOPIC_MISSING if a topic is missing, unless `waitForTopic` is set. */
  async open (): Promise<void> {
    const { settings, connection, log } = this.#options
    const startRetry = { log, signal: this.#closing.signal }
    await retryAtStart(connection, startRetry, async () => { await this.#topics.check() })
    const [missing] = this.#topics.missing
    if (missing !== undefined && !settings.waitForTopic) {
      throw kafkaErrors.KAFKA_TOPIC_MISSING('cannot consume: the topic does not exist', { where: `${missing} at ${connection.brokers}` })
    }
    for (const topic of this.#topics.missing) log.warn({ topic }, 'topic does not exist yet: waiting for it')
    await this.#subscribe()
    this.#topics.start()
  }

  /** Takes the next record. Returns undefined if no record is available, or while the member drains before a rebalance. */
  take (): { record: KafkaRecord, delivery: Delivery } | undefined {
    while (!this.#drain.paused) {
      const next = this.#fetcher.take(({ topic, partition }) => this.#tracker.admit(topic, partition))
      if (next === undefined) return undefined
      const delivery = this.#tracker.deliver(next.record)
      if (delivery === undefined) continue
      this.#stats.delivered()
      return { record: next.record, delivery }
    }
    return undefined
  }

  settle (delivery: Delivery): void {
    if (!this.#tracker.settle(delivery)) return
    this.#drain.settled()
    const { topic, partition } = delivery
    const buffer = this.#buffers.get(partitionKey(topic, partition))
    if (buffer?.paused === true && this.#tracker.admit(topic, partition)) {
      buffer.paused = false
      this.#fetcher.fetchMore()
      this.#options.onProgress()
    }
  }

  /** Commits settled offsets (see `OffsetCommitter.commit`). Does nothing once the consumer is closing. */
  async commit (): Promise<void> {
    await this.#committer.commit()
  }

  /** Commits settled offsets, with retries (see `OffsetCommitter.flush`). */
  async flush (timeoutMs: number): Promise<void> {
    await this.#committer.flush(timeoutMs)
  }

  stats (): GroupStats {
    const { commits, failedCommits, joins, lost, truncated } = this.#stats
    const partitions = [...this.#buffers.values()].flatMap(({ topic, partition }) => {
      const state = this.#tracker.state(topic, partition)
      return state === undefined ? [] : [{ topic, partition, committed: state.committed, settled: state.committable }]
    })
    return {
      partitions, generation: this.#member.membership?.generation ?? -1, joins, commits, failedCommits, lost, truncated,
      commitAgeMs: this.#stats.commitAge(this.#tracker.outstanding), missing: this.#topics.missing,
      stopped: this.#fetcher.damaged.stopped, skipped: this.#fetcher.damaged.skipped
    }
  }

  /** Commits settled offsets, leaves the group and closes all clients. */
  async close (): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  async #close (): Promise<void> {
    await this.commit().catch(() => {})
    this.#closing.abort()
    this.#committer.allow(undefined)
    this.#drain.end()
    await Promise.all([this.#topics.close(), this.#member.close(), this.#fetcher.close(), this.#options.clients.admin.close()])
  }

  async #subscribe (): Promise<void> {
    // Offsets of a topic that was deleted must not be committed for a new topic of the same name.
    this.#drop(({ topic, topicId }) => topicId !== this.#topics.topicId(topic))
    const { existing } = this.#topics
    if (existing.length > 0) await this.#member.subscribe(existing)
  }

  #assigned (membership: Membership): void {
    const { log, settings: { group } } = this.#options
    this.#drain.end()
    const owned = new Set(membership.partitions.map(({ topic, partition }) => partitionKey(topic, partition)))
    const uncommitted = this.#tracker.uncommitted(({ topic, partition }) => !owned.has(partitionKey(topic, partition)))
    if (uncommitted > 0n) {
      const fields = { group, readAgain: Number(uncommitted) }
      log.warn(fields, 'partitions were revoked with uncommitted records: their new owners will read them again')
    }
    this.#drop(({ topic, partition }) => !owned.has(partitionKey(topic, partition)))
    this.#stats.joins++
    log.info({ group, generation: membership.generation, partitions: owned.size }, 'joined the consumer group')
    void this.#reconcile(membership)
  }

  #drop (selected: (buffer: PartitionBuffer) => boolean): void {
    for (const [key, buffer] of this.#buffers) {
      if (!selected(buffer)) continue
      this.#buffers.delete(key)
      this.#committer.forget(key)
      this.#tracker.revoke(buffer.topic, buffer.partition)
      this.#fetcher.remove(buffer)
    }
    this.#drain.settled()
    // Resets the commit age if only the dropped partitions had uncommitted records.
    this.#stats.commitAge(this.#tracker.outstanding)
  }

  /** Starts to read the partitions of a new generation at their start offsets, and allows commits in this generation. */
  async #reconcile (membership: Membership): Promise<void> {
    const current = (): boolean => this.#member.membership === membership && !this.#closing.signal.aborted
    const { log } = this.#options
    for (let attempt = 1; current(); attempt++) {
      let reason: string | undefined
      try {
        const { starts, pending, reason: why } = await this.#startOffsets.resolve(membership)
        if (!current()) return
        for (const start of starts) this.#start(start)
        this.#committer.allow(membership)
        if (pending.length === 0) return
        reason = `${pending.map(({ topic, partition }) => `${topic}[${partition}]`).join(' ')}: ${why}`
      } catch (error) {
        if (!current()) return
        if (!isRetryable(error) && !isStaleGeneration(error) && (error as AlertStreamError).code !== 'KAFKA_TOPIC_MISSING') {
          this.#fail(error as AlertStreamError)
          return
        }
        reason = messageOf(error)
      }
      // If only the coordinator is unavailable, records keep arriving. Only this warning shows that no offset is committed.
      if (attempt === WARN_AFTER_ATTEMPTS) log.warn({ reason }, 'cannot find the start offsets of partitions: retrying')
      await this.#clock.sleep(RETRY_MS, this.#closing.signal)
    }
  }

  #start ({ topic, partition, topicId, start, leaderEpoch, committed }: StartOffset): void {
    const key = partitionKey(topic, partition)
    const previous = this.#buffers.get(key)
    if (previous !== undefined) this.#drop(buffer => buffer === previous)
    this.#tracker.assign(topic, partition, start, leaderEpoch, committed)
    this.#buffers.set(key, this.#fetcher.add({ topic, topicId, partition, position: start, leaderEpoch }))
  }

  /** Reads and commits again from the divergence, after the log was truncated. Until they settle, earlier records are not committed. */
  #rewind (buffer: PartitionBuffer, { offset, position, leaderEpoch }: Truncation): void {
    const { topic, partition } = buffer
    const gone = position > offset ? Number(position - offset) : 0
    this.#stats.truncate(topic, partition, gone)
    const fields = { topic, partition, position: String(position), divergence: String(offset), leaderEpoch, gone }
    this.#options.log.warn(fields, 'the log of the partition was truncated: reading again from the divergence')
    this.#tracker.rewind({ topic, partition, offset, leaderEpoch })
    this.#drain.settled()
    if (this.#tracker.admit(topic, partition)) buffer.paused = false
  }

  /** Continues at the log start offset, after retention or an unclean leader election put the fetch position out of range. */
  async #resetToEarliest (buffer: PartitionBuffer): Promise<void> {
    const { topic, partition, fetchPosition: wanted } = buffer
    const { log, clients: { admin } } = this.#options
    try {
      const start = (await admin.positions(topic, 'earliest'))[partition]?.offset
      if (start === undefined) throw new Error('the partition has no leader')
      const state = this.#tracker.state(topic, partition)
      // A settled record may have resumed the partition, so another reset may have run meanwhile. A second one would rewind newer commits.
      if (buffer.removed || state === undefined || buffer.fetchPosition !== wanted) return
      const lost = start > wanted ? Number(start - wanted) : 0
      this.#stats.lose(topic, partition, lost)
      log.warn({ topic, partition, wanted: String(wanted), start: String(start), lost }, 'offset out of range: resetting to earliest')
      this.#tracker.assign(topic, partition, start, UNKNOWN_EPOCH, state.committed)
      buffer.reset(start)
    } catch {
      // Ignore the error: the broker is unreachable or the topic was deleted, and the next fetch reports the cause.
      await this.#clock.sleep(RETRY_MS, this.#closing.signal)
    }
    buffer.paused = false
    this.#fetcher.fetchMore()
  }

  #fail (error: AlertStreamError): void {
    this.#error ??= error
    this.#options.onProgress()
  }
}
