// Membership of a consumer group (classic protocol, static where an instance id is given): joining, heartbeats, rejoining for ever after
// outages, keeping what it owns as far as that is fair, and commits that carry the generation in which the partitions were owned. The broker
// refuses such a commit from a member that has lost them, so a loser can never rewind the winner. (The library's own commit rejoins and sends
// the old offsets again under the new generation, which is accepted; so it is not used.) Fetching is not done here.
import {
  type ClusterMetadata, Consumer, consumerHeartbeatChannel, type ExtendedGroupProtocolSubscription, type GroupAssignment, leaveGroupV4
} from '@platformatic/kafka'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { decodeClaim, encodeClaim, stickyAssignment } from './assignment.ts'
import type { KafkaConnection } from './connection.ts'
import { hasProtocolError, mapKafkaError } from './errors.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import type { OffsetToCommit, TopicPartition } from './offset-tracker.ts'

export interface GroupMemberOptions {
  readonly connection: KafkaConnection
  readonly group: string
  /** Static membership: a restart within the session's time takes over its partitions at once. Unique per process. */
  readonly instanceId?: string | undefined
  /** ms without heartbeat until the broker gives the partitions away. */
  readonly sessionTimeout: number
  /** ms that members have to rejoin; at least the session's time. */
  readonly rebalanceTimeout: number
  readonly heartbeatInterval: number
  readonly log: Logger
  /** Called at every (re)join with what is owned from now on; what was owned and is not listed is lost. */
  onAssigned (membership: Membership): void
  /** Awaited before each request to join again: what is owned now may be lost by it. While it is pending no heartbeat is sent. */
  beforeJoin (): Promise<void>
  /** This member cannot be in the group any more. */
  onFatal (error: AlertStreamError): void
}

/** One generation's ownership: a commit with it is refused as soon as another generation has begun. */
export interface Membership {
  readonly generation: number
  readonly memberId: string
  readonly partitions: readonly TopicPartition[]
}

/** What the group has committed for a partition. */
export interface CommittedOffset {
  readonly offset: bigint
  /** UUID of the topic that the offset belongs to, where we committed it. */
  readonly topicId: string | undefined
}

const REJOIN_MS = [100, 500, 1000, 2000] as const
const TOPIC_ID_PREFIX = 'topic-id='
const NOBODY = 'nobody'

export class GroupMember {
  readonly #options: GroupMemberOptions
  readonly #consumer: Consumer
  readonly #coordinator: GroupCoordinator
  readonly #stop = new AbortController()
  #membership: Membership | undefined
  #joining: Promise<void> | undefined
  #rebalancing = false

  /** Another process joined with our instance id. The library would join again with it, and the two would throw each other out. */
  readonly #onHeartbeatError = (message: unknown): void => {
    const { client, error } = message as { client: unknown, error: unknown }
    if (client !== this.#consumer || this.#stopped || !hasProtocolError(error, 'FENCED_INSTANCE_ID')) return
    // Called before the library looks at the error: out of the group, it will not join again.
    this.#consumer.leaveGroup(true, () => {})
    this.#options.onFatal(this.#map(error, 'stay in it'))
  }

  constructor (options: GroupMemberOptions) {
    this.#options = options
    const { connection, group, instanceId, sessionTimeout, rebalanceTimeout, heartbeatInterval } = options
    // Without retries of the library's own: it would hide outages for ever, and rejoins are made here.
    this.#consumer = new Consumer({
      ...connection.options,
      groupId: group,
      ...(instanceId === undefined ? {} : { groupInstanceId: instanceId }),
      sessionTimeout,
      rebalanceTimeout: Math.max(rebalanceTimeout, sessionTimeout),
      heartbeatInterval,
      retries: 0,
      // Asked for before every request to join, which is the one place to do what has to be done before partitions are lost.
      protocolsMetadata: () => this.#claim(),
      partitionAssigner: assign
    })
    this.#coordinator = new GroupCoordinator(connection, group)
    this.#consumer.on('error', (error: unknown) => {
      // The library tried to rejoin once and gave up: no heartbeats are sent any more.
      this.#options.log.debug({ reason: String(error) }, 'kafka group: a rejoin failed')
      this.rejoin().catch(() => {})
    })
    this.#consumer.on('consumer:group:join', () => { this.#joined() })
    this.#consumer.on('consumer:group:rebalance', () => {
      this.#rebalancing = true
    })
    consumerHeartbeatChannel.error.subscribe(this.#onHeartbeatError)
  }

  /** The generation and partitions owned now; undefined before the first join. */
  get membership (): Membership | undefined {
    return this.#membership
  }

  /** Joins with these topics, or joins again where they changed; all of them must exist. Rejects only where it cannot ever succeed. */
  async subscribe (topics: readonly string[]): Promise<void> {
    const tracked = this.#consumer.topics.current
    for (const topic of tracked) if (!topics.includes(topic)) while (this.#consumer.topics.has(topic)) this.#consumer.topics.untrack(topic)
    for (const topic of topics) if (!tracked.includes(topic)) this.#consumer.topics.track(topic)
    // A join under way was sent with the topics as they were: another has to follow it.
    await this.#joining?.catch(() => {})
    if (this.#rebalancing) await Promise.race([once(this.#consumer, 'consumer:group:join'), sleep(this.#options.rebalanceTimeout, undefined, { signal: this.#stop.signal })]).catch(() => {})
    await this.rejoin()
  }

  /** Joins again, trying until it works; several calls share one attempt. */
  async rejoin (): Promise<void> {
    if (this.#stopped) return
    this.#joining ??= this.#join().finally(() => { this.#joining = undefined })
    await this.#joining
  }

  /** Committed offsets of these partitions; those never committed are left out. Tries once. */
  async committed (partitions: readonly TopicPartition[]): Promise<Map<string, CommittedOffset>> {
    const found = new Map<string, CommittedOffset>()
    for (const [key, { offset, metadata }] of await this.#coordinator.committed(partitions)) {
      found.set(key, { offset, topicId: metadata?.startsWith(TOPIC_ID_PREFIX) ? metadata.slice(TOPIC_ID_PREFIX.length) : undefined })
    }
    return found
  }

  /**
   * Commits offsets as the owner in that generation; `topicId` is kept with each. Tries once. Rejects with KAFKA_REFUSED
   * (ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS) where the generation is over.
   */
  async commit (membership: Membership, offsets: readonly OffsetToCommit[], topicId: (topic: string) => string | undefined): Promise<void> {
    await this.#coordinator.commit({ ...membership, instanceId: this.#options.instanceId }, offsets, ({ topic }) => {
      const id = topicId(topic)
      return id === undefined ? null : TOPIC_ID_PREFIX + id
    })
  }

  /** Leaves the group, so that the partitions are given to others at once. A static member does not: they wait for its return. */
  async close (): Promise<void> {
    const { memberId } = this.#consumer
    const joining = this.#joining !== undefined || this.#rebalancing
    this.#stop.abort()
    consumerHeartbeatChannel.error.unsubscribe(this.#onHeartbeatError)
    const stays = this.#options.instanceId !== undefined && memberId !== null
    // The library always says good-bye. Under a name that nobody has it is heard by nobody.
    if (stays) this.#consumer.memberId = NOBODY
    const closed = this.#consumer.close(true).catch(() => {})
    // On its own connection the member's good-bye waits behind its JoinGroup, and that for as long as a dead member's session.
    if (joining && memberId !== null && !stays) await this.#leave(memberId).catch(() => {})
    await closed
    await this.#coordinator.close()
  }

  get #stopped (): boolean {
    return this.#stop.signal.aborted
  }

  async #claim (): Promise<Buffer> {
    const owned = this.#membership
    if (owned === undefined || this.#stopped) return encodeClaim({ generation: -1, owned: [] })
    // Where the group has put us out already, others own what we had: there is nothing to hand over.
    if (this.#consumer.memberId !== null) await this.#options.beforeJoin()
    return encodeClaim({ generation: owned.generation, owned: owned.partitions })
  }

  #joined (): void {
    this.#rebalancing = false
    const { generationId, memberId, assignments } = this.#consumer
    if (this.#stopped || memberId === null || assignments === null) return
    const partitions = assignments.flatMap(({ topic, partitions }: GroupAssignment) => partitions.map(partition => ({ topic, partition })))
    this.#membership = { generation: generationId, memberId, partitions }
    this.#options.onAssigned(this.#membership)
  }

  async #join (): Promise<void> {
    for (let attempt = 0; !this.#stopped; attempt++) {
      try {
        this.#consumer.clearMetadata()
        await this.#consumer.joinGroup({})
        return
      } catch (error) {
        if (this.#stopped) return
        const mapped = this.#map(error, 'join')
        const transient = mapped.retryable || mapped.code === 'KAFKA_TOPIC_MISSING' ||
          hasProtocolError(error, 'REBALANCE_IN_PROGRESS', 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'MEMBER_ID_REQUIRED', 'FENCED_INSTANCE_ID')
        if (!transient) {
          this.#options.onFatal(mapped)
          throw mapped
        }
        if (attempt === 2) this.#options.log.warn({ code: mapped.code, reason: mapped.message }, 'cannot join the kafka group yet: trying again until it works')
        await sleep(REJOIN_MS[Math.min(attempt, REJOIN_MS.length - 1)]!, undefined, { signal: this.#stop.signal }).catch(() => {})
      }
    }
  }

  async #leave (memberId: string): Promise<void> {
    await this.#coordinator.ask('leave it', async connection => await leaveGroupV4.api.async(connection, this.#options.group, [{ memberId }]))
  }

  #map (error: unknown, action: string): AlertStreamError {
    const { group, connection } = this.#options
    return mapKafkaError(error, { action: action === 'join' ? `join group ${group}` : `${action} (group ${group})`, group, brokers: connection.brokers, authState: connection.authState })
  }
}

/** The leader's part in a join. */
function assign (_leader: string, members: ReadonlyMap<string, ExtendedGroupProtocolSubscription>, _topics: unknown, { topics }: ClusterMetadata) {
  const subscribers = [...members.values()].map(({ memberId, topics, metadata }) => ({ id: memberId, topics: topics ?? [], claim: decodeClaim(metadata) }))
  return [...stickyAssignment(subscribers, topic => topics.get(topic)?.partitionsCount ?? 0)].map(([memberId, owned]) => ({
    memberId,
    assignments: new Map([...Map.groupBy(owned, ({ topic }) => topic)].map(([topic, list]) => [topic, { topic, partitions: list.map(({ partition }) => partition) }]))
  }))
}
