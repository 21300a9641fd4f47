// Consumes topics as a member of a group, with the offsets in our own hands: membership, fetching and tracking are separate, so partitions can
// wait one by one, a rebalance that leaves a partition here does not fetch it again, and commits are made only of what is settled and owned.
// After each join the group's committed offsets are compared with our own: where someone else has moved them, we start again from there.
import { setTimeout as sleep } from 'node:timers/promises'
import { type AlertStreamError, messageOf } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { KafkaAdmin } from './admin.ts'
import { isRetryable } from '../pipeline/retry.ts'
import type { KafkaConnection } from './connection.ts'
import { hasProtocolError, kafkaErrors } from './errors.ts'
import type { Feed } from './partition-buffer.ts'
import { Fetcher } from './fetcher.ts'
import { GroupStatsCollector, type GroupPartition, type GroupStats } from './group-stats.ts'
import { GroupMember, type Membership } from './group-member.ts'
import { startsOf } from './start-offsets.ts'
import { GroupTopics } from './topic-monitor.ts'
import { Handover } from './rebalance-drain.ts'
import { type Delivery, laneKey, OffsetTracker, type OffsetToCommit } from './offset-tracker.ts'
import type { KafkaRecord } from './record.ts'

export interface GroupConsumerOptions {
  readonly connection: KafkaConnection
  readonly topics: readonly string[]
  readonly group: string
  readonly instanceId?: string | undefined
  readonly from: 'earliest' | 'latest'
  readonly waitForTopic: boolean
  readonly maxBytes: number
  readonly maxWaitMs: number
  readonly cap: number
  readonly sessionTimeout: number
  readonly rebalanceTimeout: number
  readonly heartbeatInterval: number
  readonly topicCheckInterval: number
  readonly log: Logger
  /** Something can be taken, or `error` is set. */
  onProgress (): void
}

const RETRY_MS = 500
const MOST_HANDOVER_MS = 10_000

export class GroupConsumer {
  readonly #options: GroupConsumerOptions
  readonly #admin: KafkaAdmin
  readonly #topics: GroupTopics
  readonly #member: GroupMember
  readonly #fetcher: Fetcher
  readonly #tracker: OffsetTracker
  readonly #feeds = new Map<string, Feed>()
  readonly #stats = new GroupStatsCollector()
  readonly #handover: Handover
  /** Sent in a commit whose answer may have been lost. */
  readonly #attempted = new Map<string, bigint>()
  readonly #closing = new AbortController()
  /** The generation whose partitions were compared with what the group has committed; none other may be committed. */
  #reconciled: Membership | undefined
  #committing: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined
  #error: AlertStreamError | undefined

  constructor (options: GroupConsumerOptions) {
    this.#options = options
    const { connection, group, instanceId, sessionTimeout, rebalanceTimeout, heartbeatInterval, maxBytes, maxWaitMs, topics, log } = options
    const onFatal = (error: AlertStreamError): void => { this.#fail(error) }
    this.#admin = new KafkaAdmin(connection)
    this.#tracker = new OffsetTracker({ cap: options.cap })
    this.#topics = new GroupTopics({ admin: this.#admin, topics, interval: options.topicCheckInterval, log, onChange: () => { this.#subscribe().catch(() => {}) } })
    this.#member = new GroupMember({
      connection, group, instanceId, sessionTimeout, rebalanceTimeout, heartbeatInterval, log, onFatal,
      onAssigned: membership => { this.#assigned(membership) },
      beforeJoin: () => this.#handover.prepare()
    })
    const handoverMs = Math.min(MOST_HANDOVER_MS, sessionTimeout / 3)
    this.#handover = new Handover({
      // Meanwhile no heartbeat is sent.
      limitMs: handoverMs, othersMs: handoverMs + heartbeatInterval, log,
      unsettled: () => this.#tracker.unsettled,
      commit: () => this.commit(),
      resume: () => { options.onProgress() }
    })
    this.#fetcher = new Fetcher({
      connection, maxBytes, maxWaitMs, log, onFatal,
      onProgress: () => { options.onProgress() },
      onTopicGone: (topic, topicId) => {
        this.#drop(feed => feed.topic === topic && feed.topicId === topicId)
        this.#topics.suspect(topic, topicId)
      },
      onOutOfRange: feed => { void this.#restart(feed) }
    })
  }

  /** Why nothing can be consumed any more. */
  get error (): AlertStreamError | undefined {
    return this.#error
  }

  /** Looks for the topics and joins the group. */
  async open (): Promise<void> {
    await this.#topics.look()
    const [missing] = this.#topics.missing
    if (missing !== undefined && !this.#options.waitForTopic) {
      throw kafkaErrors.KAFKA_TOPIC_MISSING('cannot consume: the topic does not exist', { where: `${missing} at ${this.#options.connection.brokers}` })
    }
    for (const topic of this.#topics.missing) this.#options.log.warn({ topic }, 'the topic does not exist yet: waiting for it')
    await this.#subscribe()
    this.#topics.watch()
  }

  /** The next record that may be handed out now. */
  take (): { record: KafkaRecord, delivery: Delivery } | undefined {
    while (!this.#handover.paused) {
      const next = this.#fetcher.take(feed => this.#tracker.admit(feed.topic, feed.partition))
      if (next === undefined) return undefined
      const { topic, partition, offset } = next.record
      const delivery = this.#tracker.deliver(topic, partition, offset)
      if (delivery === undefined) continue
      this.#stats.delivered()
      return { record: next.record, delivery }
    }
    return undefined
  }

  /** The record is done with. */
  settle (delivery: Delivery): void {
    if (!this.#tracker.settle(delivery)) return
    this.#handover.settled()
    const feed = this.#feeds.get(laneKey(delivery.topic, delivery.partition))
    if (feed?.paused === true && this.#tracker.admit(feed.topic, feed.partition)) {
      feed.paused = false
      this.#fetcher.kick()
      this.#options.onProgress()
    }
  }

  /** Commits what is settled and owned; rejects where the brokers refuse or are out of reach. One commit at a time. */
  async commit (): Promise<void> {
    const run = this.#committing.then(async () => { await this.#commitNow() })
    this.#committing = run.catch(() => {})
    await run
  }

  /** Commits, trying again for a while; what is lost to another member meanwhile is left to it. */
  async flush (patience: number): Promise<void> {
    const deadline = Date.now() + patience
    for (;;) {
      try {
        await this.commit()
        if (this.#uncommitted().length === 0) return
      } catch (error) {
        // A topic that was just deleted is dropped as soon as that is known for sure; the others' offsets are not to be given up for it.
        if (!isRetryable(error) && !generationOver(error) && !hasProtocolError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error
        if (Date.now() >= deadline) throw error
      }
      if (Date.now() >= deadline) {
        this.#options.log.warn({ partitions: this.#uncommitted().length }, 'the group is being rebalanced: what is not committed will be read again')
        return
      }
      await sleep(RETRY_MS)
    }
  }

  partitions (): GroupPartition[] {
    return [...this.#feeds.values()].flatMap(feed => {
      const state = this.#tracker.state(feed.topic, feed.partition)
      if (state === undefined) return []
      return [{ topic: feed.topic, partition: feed.partition, position: feed.position, committed: state.committed, settled: state.committable, pending: state.pending, end: feed.highWatermark }]
    })
  }

  /** What it has done since the beginning, and where it is. */
  stats (): GroupStats {
    const { commits, failedCommits, joins, lost } = this.#stats
    return {
      partitions: this.partitions(), generation: this.#member.membership?.generation ?? -1, joins, commits, failedCommits, lost,
      commitAgeMs: this.#stats.commitAge(this.#tracker.outstanding), missing: this.#topics.missing
    }
  }

  /** Commits what is settled, leaves the group and frees everything. */
  async close (): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  async #close (): Promise<void> {
    await this.commit().catch(() => {})
    this.#closing.abort()
    this.#handover.end()
    await Promise.all([this.#topics.close(), this.#member.close(), this.#fetcher.close(), this.#admin.close()])
  }

  async #subscribe (): Promise<void> {
    // Whatever came under an id that is no longer the topic's must not be committed for the new one.
    this.#drop(feed => feed.topicId !== this.#topics.idOf(feed.topic))
    const present = this.#topics.present
    if (present.length > 0) await this.#member.subscribe(present)
  }

  #assigned (membership: Membership): void {
    this.#handover.end()
    const owned = new Set(membership.partitions.map(({ topic, partition }) => laneKey(topic, partition)))
    const readAgain = this.#tracker.uncommitted(({ topic, partition }) => !owned.has(laneKey(topic, partition)))
    if (readAgain > 0n) this.#options.log.warn({ group: this.#options.group, readAgain: Number(readAgain) }, 'partitions went to other members before all that was read of them was committed: they read it again')
    this.#drop(feed => !owned.has(laneKey(feed.topic, feed.partition)))
    this.#stats.joins++
    this.#options.log.info({ group: this.#options.group, generation: membership.generation, partitions: owned.size }, 'joined the kafka group')
    void this.#reconcile(membership)
  }

  #drop (gone: (feed: Feed) => boolean): void {
    for (const [key, feed] of this.#feeds) {
      if (!gone(feed)) continue
      this.#feeds.delete(key)
      this.#attempted.delete(key)
      this.#tracker.revoke(feed.topic, feed.partition)
      this.#fetcher.remove(feed)
    }
    this.#handover.settled()
    // What went with a partition waits for no commit here.
    this.#stats.commitAge(this.#tracker.outstanding)
  }

  async #reconcile (membership: Membership): Promise<void> {
    const current = (): boolean => this.#member.membership === membership && !this.#closing.signal.aborted
    for (let attempt = 0; current(); attempt++) {
      try {
        const committed = await this.#member.committed(membership.partitions)
        const starts = await startsOf(membership.partitions, committed, {
          idOf: topic => this.#topics.idOf(topic),
          known: (topic, partition) => this.#tracker.state(topic, partition),
          attempted: key => this.#attempted.get(key),
          from: this.#options.from,
          admin: this.#admin
        })
        if (!current()) return
        for (const { topic, partition, topicId, start, at } of starts) {
          const key = laneKey(topic, partition)
          const feed = this.#feeds.get(key)
          if (feed !== undefined) this.#drop(other => other === feed)
          this.#tracker.assign(topic, partition, start, at)
          this.#feeds.set(key, this.#fetcher.add({ topic, topicId, partition, position: start }))
        }
        this.#reconciled = membership
        return
      } catch (error) {
        if (!current()) return
        if (!isRetryable(error) && (error as AlertStreamError).code !== 'KAFKA_TOPIC_MISSING') {
          this.#fail(error as AlertStreamError)
          return
        }
        // Where only the group's coordinator is away, records go on coming: nothing else would tell that none of them is committed.
        if (attempt === 2) this.#options.log.warn({ reason: messageOf(error) }, 'cannot read the offsets of the group: nothing is committed until that works')
        await sleep(RETRY_MS, undefined, { signal: this.#closing.signal }).catch(() => {})
      }
    }
  }

  /** The log no longer holds the position (retention, an unclean election): begin again with the first record that is kept. */
  async #restart (feed: Feed): Promise<void> {
    const wanted = feed.fetchPosition
    try {
      const start = (await this.#admin.startOffsets(feed.topic))[feed.partition] ?? 0n
      const state = this.#tracker.state(feed.topic, feed.partition)
      // A settlement may have set it going again meanwhile, so that it was refused twice: a second restart would rewind what was committed since.
      if (feed.removed || state === undefined || feed.fetchPosition !== wanted) return
      const lost = start > wanted ? Number(start - wanted) : 0
      this.#stats.lose(feed.topic, feed.partition, lost)
      this.#options.log.warn({ topic: feed.topic, partition: feed.partition, wanted: String(wanted), start: String(start), lost },
        'the broker does not keep the offset to be read: starting again with the first that it keeps')
      this.#tracker.assign(feed.topic, feed.partition, start, state.committed)
      feed.reset(start)
    } catch {
      // Out of reach, or the topic is gone: fetching will find out.
    }
    feed.paused = false
    this.#fetcher.kick()
  }

  #uncommitted (): OffsetToCommit[] {
    // Offsets that the log skips (transaction markers, compaction) are done with once nothing before them waits.
    for (const feed of this.#feeds.values()) if (feed.waiting === 0) this.#tracker.skipTo(feed.topic, feed.partition, feed.position)
    return this.#tracker.committable()
  }

  async #commitNow (): Promise<void> {
    const membership = this.#member.membership
    if (membership === undefined || membership !== this.#reconciled || this.#closing.signal.aborted) return
    const offsets = this.#uncommitted()
    if (offsets.length === 0) return
    for (const { topic, partition, offset } of offsets) this.#attempted.set(laneKey(topic, partition), offset)
    const ids = new Map([...this.#feeds.values()].map(feed => [feed.topic, feed.topicId]))
    try {
      await this.#member.commit(membership, offsets, topic => ids.get(topic))
    } catch (error) {
      this.#stats.failedCommits++
      if (hasProtocolError(error, 'FENCED_INSTANCE_ID', 'GROUP_AUTHORIZATION_FAILED')) this.#fail(error as AlertStreamError)
      if (hasProtocolError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) this.#topics.suspect()
      throw error
    }
    // A join meanwhile has compared with the brokers' own word.
    if (this.#member.membership === membership) this.#tracker.committed(offsets)
    this.#stats.committed(this.#tracker.outstanding)
  }

  #fail (error: AlertStreamError): void {
    this.#error ??= error
    this.#options.onProgress()
  }
}

/** Whether a commit was refused because the partitions may be someone else's by now. */
export function generationOver (error: unknown): boolean {
  return hasProtocolError(error, 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS')
}
