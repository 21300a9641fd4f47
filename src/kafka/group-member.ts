// Membership in a consumer group: joins, rejoins after outages without limit, and commits with the generation in which the member owned the
// partitions. If the member has lost the partitions, the coordinator rejects the commit, so the new owner's offsets are not rewound.
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { encodeOwned } from './assignment.ts'
import type { Clock } from './clock.ts'
import type { KafkaConnection } from './connection.ts'
import { hasProtocolError, mapKafkaError } from './errors.ts'
import type { ConnectGroup, GroupClient, Membership } from './group-client.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import type { GroupSettings } from './group-settings.ts'
import type { OffsetToCommit, TopicPartition } from './offset-tracker.ts'

export interface GroupMemberOptions extends Pick<GroupSettings, 'group' | 'instanceId' | 'leaveOnStop' | 'rebalanceTimeout'> {
  readonly connect: ConnectGroup
  readonly coordinator: Pick<GroupCoordinator, 'committed' | 'commit' | 'leave' | 'close'>
  /** Connection whose brokers and user are named in errors. */
  readonly connection: Pick<KafkaConnection, 'brokers' | 'authState'>
  readonly clock: Clock
  readonly log: Logger
  /** Called after every join with the assigned partitions. Partitions that are not in `membership` are revoked. */
  onAssigned (membership: Membership): void
  /** Awaited before each JoinGroup request, because the join may revoke partitions. No heartbeat is sent during the wait. */
  beforeJoin (): Promise<void>
  /** Called when the membership ends because of an error that retries cannot fix. */
  onFatal (error: AlertStreamError): void
}

/** The group's committed offset of a partition. */
export interface CommittedOffset {
  readonly offset: bigint
  /** Leader epoch of the last record before `offset`; -1 if unknown. */
  readonly leaderEpoch: number
  /** UUID of the topic for which the offset was committed; undefined if another client implementation committed the offset. */
  readonly topicId: string | undefined
}

const REJOIN_MS = [100, 500, 1000, 2000] as const
const WARN_AFTER_ATTEMPTS = 3
const TOPIC_ID_PREFIX = 'topic-id='

export class GroupMember {
  readonly #options: GroupMemberOptions
  readonly #client: GroupClient
  readonly #stop = new AbortController()
  #membership: Membership | undefined
  #joining: Promise<void> | undefined
  /** Set during a rebalance in which the client library rejoins by itself; resolved when the library has rejoined. */
  #rebalance: PromiseWithResolvers<void> | undefined

  constructor (options: GroupMemberOptions) {
    this.#options = options
    this.#client = options.connect({
      beforeJoin: () => this.#beforeJoin(),
      onJoined: membership => { this.#joined(membership) },
      onRebalance: () => { this.#rebalance ??= Promise.withResolvers() },
      onHeartbeatError: error => { this.#heartbeatFailed(error) },
      onRejoinFailed: error => {
        options.log.debug({ reason: String(error) }, 'cannot rejoin the consumer group: retrying')
        this.rejoin().catch(() => {})
      }
    })
  }

  /** The current generation and its partitions; undefined before the first join. */
  get membership (): Membership | undefined {
    return this.#membership
  }

  /** Sets the topics, then joins or rejoins. All topics must exist. Rejects if retries cannot help. */
  async subscribe (topics: readonly string[]): Promise<void> {
    this.#client.subscribe(topics)
    // A join in progress was sent with the previous topics, so another join must follow.
    await this.#joining?.catch(() => {})
    const { clock, rebalanceTimeout } = this.#options
    if (this.#rebalance !== undefined) await Promise.race([this.#rebalance.promise, clock.sleep(rebalanceTimeout, this.#stop.signal)])
    await this.rejoin()
  }

  /** Rejoins. Retries until the join succeeds or fails with an error that retries cannot fix. Concurrent calls share one join. */
  async rejoin (): Promise<void> {
    if (this.#stopped) return
    this.#joining ??= this.#join().finally(() => { this.#joining = undefined })
    await this.#joining
  }

  /** Returns the committed offsets by `topic/partition`. Partitions without a committed offset are absent. No retries. */
  async committed (partitions: readonly TopicPartition[]): Promise<Map<string, CommittedOffset>> {
    const found = new Map<string, CommittedOffset>()
    for (const [key, { offset, leaderEpoch, metadata }] of await this.#options.coordinator.committed(partitions)) {
      const topicId = metadata?.startsWith(TOPIC_ID_PREFIX) ? metadata.slice(TOPIC_ID_PREFIX.length) : undefined
      found.set(key, { offset, leaderEpoch, topicId })
    }
    return found
  }

  /** Whether the group has a committed offset of any partition. No retries. */
  async hasCommitted (): Promise<boolean> {
    return (await this.#options.coordinator.committed()).size > 0
  }

  /**
   * Commits offsets as the owner in the given generation. Each offset's metadata holds the topic id. No retries. Rejects with KAFKA_REFUSED
   * (ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS) if the generation has ended.
   */
  async commit (
    { generation, memberId }: Membership, offsets: readonly OffsetToCommit[], topicId: (topic: string) => string | undefined
  ): Promise<void> {
    const { coordinator, instanceId } = this.#options
    await coordinator.commit({ generation, memberId, instanceId }, offsets, ({ topic }) => {
      const id = topicId(topic)
      return id === undefined ? null : TOPIC_ID_PREFIX + id
    })
  }

  /**
   * Leaves the group, so that the member's partitions are reassigned immediately. A static member stays and keeps its partitions, unless
   * `leaveOnStop` is set.
   */
  async close (): Promise<void> {
    const { instanceId, leaveOnStop, coordinator } = this.#options
    // The coordinator assigns the id of a static member when its first join ends. Until then, it knows the member by the instance id.
    const memberId = this.#client.memberId ?? (instanceId === undefined ? undefined : '')
    const joining = this.#joining !== undefined || this.#rebalance !== undefined
    this.#stop.abort()
    const leave = instanceId === undefined || leaveOnStop
    const closed = this.#client.close({ leave })
    // On the member's connection, LeaveGroup waits behind a pending JoinGroup, which may wait for the session timeout of another member.
    if (leave && joining && memberId !== undefined) await coordinator.leave(memberId, instanceId).catch(() => {})
    await closed
    await coordinator.close()
  }

  get #stopped (): boolean {
    return this.#stop.signal.aborted
  }

  async #beforeJoin (): Promise<Buffer> {
    const owned = this.#membership
    if (owned === undefined || this.#stopped) return encodeOwned({ generation: -1, owned: [] })
    // A missing id means that the coordinator has removed this member. Other members own its partitions, so a drain would be useless.
    if (this.#client.memberId !== null) await this.#options.beforeJoin()
    return encodeOwned({ generation: owned.generation, owned: owned.partitions })
  }

  #joined (membership: Membership): void {
    this.#rebalance?.resolve()
    this.#rebalance = undefined
    if (this.#stopped) return
    this.#membership = membership
    this.#options.onAssigned(membership)
  }

  /** Ends the membership if another process has the same instance id. After a rejoin, both processes would fence each other forever. */
  #heartbeatFailed (error: unknown): void {
    if (this.#stopped || !hasProtocolError(error, 'FENCED_INSTANCE_ID')) return
    this.#client.leave()
    this.#options.onFatal(this.#map(error, `stay in group ${this.#options.group}`))
  }

  async #join (): Promise<void> {
    const { clock, log, group, onFatal } = this.#options
    for (let attempt = 1; !this.#stopped; attempt++) {
      try {
        await this.#client.join()
        return
      } catch (error) {
        if (this.#stopped) return
        const mapped = this.#map(error, `join group ${group}`)
        const transient = mapped.retryable || mapped.code === 'KAFKA_TOPIC_MISSING' || hasProtocolError(
          error, 'REBALANCE_IN_PROGRESS', 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'MEMBER_ID_REQUIRED', 'FENCED_INSTANCE_ID')
        if (!transient) {
          onFatal(mapped)
          throw mapped
        }
        const fields = { code: mapped.code, reason: mapped.message }
        if (attempt === WARN_AFTER_ATTEMPTS) log.warn(fields, 'cannot join the consumer group: retrying')
        await clock.sleep(REJOIN_MS[Math.min(attempt, REJOIN_MS.length) - 1]!, this.#stop.signal)
      }
    }
  }

  #map (error: unknown, action: string): AlertStreamError {
    const { group, connection: { brokers, authState } } = this.#options
    return mapKafkaError(error, { action, group, brokers, authState })
  }
}
