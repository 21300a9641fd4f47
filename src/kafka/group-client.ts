// Uses the client library for the classic group protocol with static membership: JoinGroup, SyncGroup, heartbeats, LeaveGroup. The library
// rejoins by itself when a heartbeat reports a rebalance. The library's commits are not used, because after a rebalance the library would
// send old offsets again with the new generation, and the broker would accept the old offsets.
import {
  type ClusterMetadata, Consumer, consumerHeartbeatChannel, type ExtendedGroupProtocolSubscription, type GroupAssignment
} from './client-library.ts'
import { decodeOwned, stickyAssignment } from './assignment.ts'
import type { KafkaConnection } from './connection.ts'
import type { GroupSettings } from './group-settings.ts'
import { acceptLeaderless } from './leaderless.ts'
import type { TopicPartition } from './offset-tracker.ts'

export interface GroupClient {
  /** Member id that the coordinator has assigned. Null before the first join and after the coordinator has removed the member. */
  readonly memberId: string | null
  /** Sets the topics for the next join. */
  subscribe (topics: readonly string[]): void
  /** Joins the group, without retries. */
  join (): Promise<void>
  /** Leaves the group: stops heartbeats and never rejoins. */
  leave (): void
  /** Closes the connections. If `leave` is false, the member stays in the group until its session times out. */
  close (options: { readonly leave: boolean }): Promise<void>
}

export interface GroupEvents {
  /** Called before each JoinGroup request. Resolves with the member's metadata. */
  beforeJoin (): Promise<Buffer>
  onJoined (membership: Membership): void
  onRebalance (): void
  onHeartbeatError (error: unknown): void
  /** Called when the library has failed to rejoin and given up. The library then sends no heartbeats. */
  onRejoinFailed (error: unknown): void
}

/** The member's partitions in one generation. As soon as a later generation exists, the coordinator rejects commits of this generation. */
export interface Membership {
  readonly generation: number
  readonly memberId: string
  readonly partitions: readonly TopicPartition[]
}

export type ConnectGroup = (events: GroupEvents) => GroupClient

/** Member id that no coordinator assigns, for a LeaveGroup request that must have no effect. */
const UNUSED_MEMBER_ID = 'nobody'

export function groupClient (connection: KafkaConnection, settings: GroupSettings, events: GroupEvents): GroupClient {
  const { group, instanceId, sessionTimeout, rebalanceTimeout, heartbeatInterval } = settings
  const consumer = acceptLeaderless(new Consumer({
    ...connection.options,
    groupId: group,
    ...(instanceId === undefined ? {} : { groupInstanceId: instanceId }),
    sessionTimeout,
    rebalanceTimeout,
    heartbeatInterval,
    // Retries by the library would hide outages from the caller, which retries itself.
    retries: 0,
    // The library calls `protocolsMetadata` before every JoinGroup request, even when it rejoins by itself.
    protocolsMetadata: () => events.beforeJoin(),
    partitionAssigner: assign
  }))
  // The diagnostics channel reports a heartbeat error before the library reacts to the error.
  const onHeartbeatError = (message: unknown): void => {
    const { client, error } = message as { client: unknown, error: unknown }
    if (client === consumer) events.onHeartbeatError(error)
  }
  consumerHeartbeatChannel.error.subscribe(onHeartbeatError)
  consumer.on('error', (error: unknown) => { events.onRejoinFailed(error) })
  consumer.on('consumer:group:rebalance', () => { events.onRebalance() })
  consumer.on('consumer:group:join', () => {
    const { generationId: generation, memberId, assignments } = consumer
    if (memberId === null || assignments === null) return
    const partitions = assignments.flatMap(({ topic, partitions }: GroupAssignment) => partitions.map(partition => ({ topic, partition })))
    events.onJoined({ generation, memberId, partitions })
  })
  return {
    get memberId () { return consumer.memberId },
    subscribe: topics => {
      const { current } = consumer.topics
      // The library counts the references to a topic, so `untrack` is called until no reference is left.
      for (const topic of current) if (!topics.includes(topic)) while (consumer.topics.has(topic)) consumer.topics.untrack(topic)
      for (const topic of topics) if (!current.includes(topic)) consumer.topics.track(topic)
    },
    join: async () => {
      consumer.clearMetadata()
      await consumer.joinGroup({})
    },
    leave: () => { consumer.leaveGroup(true, () => {}) },
    close: async ({ leave }) => {
      consumerHeartbeatChannel.error.unsubscribe(onHeartbeatError)
      // The library always sends LeaveGroup. The coordinator ignores a request with an unknown member id, so the member stays.
      if (!leave && consumer.memberId !== null) consumer.memberId = UNUSED_MEMBER_ID
      await consumer.close(true).catch(() => {})
    }
  }
}

/** Computes the assignment. The library calls this function only if this member is the group leader. */
function assign (
  _leader: string, members: ReadonlyMap<string, ExtendedGroupProtocolSubscription>, _topics: unknown, metadata: ClusterMetadata
) {
  const subscribers = [...members.values()].map(member =>
    ({ id: member.memberId, topics: member.topics ?? [], previous: decodeOwned(member.metadata) }))
  const assignment = stickyAssignment(subscribers, topic => metadata.topics.get(topic)?.partitionsCount ?? 0)
  return [...assignment].map(([memberId, owned]) => ({
    memberId,
    assignments: new Map([...Map.groupBy(owned, ({ topic }) => topic)]
      .map(([topic, list]) => [topic, { topic, partitions: list.map(({ partition }) => partition) }]))
  }))
}
