// Requests to the coordinator of a group: read and commit offsets with their metadata, remove a member. Each request is sent once, on a
// separate connection, because on the member's connection a request waits behind a pending JoinGroup. The coordinator is looked up again
// after a failure.
import { Admin, FindCoordinatorKeyTypes, leaveGroupV4, offsetCommitV8, offsetFetchV8, type Connection } from './client-library.ts'
import type { KafkaConnection } from './connection.ts'
import { kafkaErrors, mapKafkaError } from './errors.ts'
import { type OffsetToCommit, partitionKey, type TopicPartition } from './offset-tracker.ts'

export interface CommittedMetadata {
  readonly offset: bigint
  /** Leader epoch of the last record before `offset`; -1 if unknown. */
  readonly leaderEpoch: number
  /** Text stored with the offset. Kafka's default limit is 4096 bytes. */
  readonly metadata: string | null
}

export interface Committer {
  readonly generation: number
  readonly memberId: string
  readonly instanceId?: string | undefined
}

/** A committer that is not a member. While the group has members, the broker rejects its commits (UNKNOWN_MEMBER_ID). */
export const noMember: Committer = { generation: -1, memberId: '' }

/** All methods reject with KAFKA_* errors. */
export class GroupCoordinator {
  readonly #connection: KafkaConnection
  readonly #group: string
  readonly #admin: Admin
  #node: number | undefined

  constructor (connection: KafkaConnection, group: string) {
    this.#connection = connection
    this.#group = group
    this.#admin = new Admin({ ...connection.options, retries: 0 })
    this.#admin.on('error', () => {})
  }

  /** Returns the committed offsets of the given partitions, by default of all. Partitions without a committed offset are absent. */
  async committed (partitions?: readonly TopicPartition[]): Promise<Map<string, CommittedMetadata>> {
    // Without a list of topics, the coordinator returns all committed offsets of the group.
    const topics = partitions && byTopic(partitions).map(([name, list]) =>
      ({ name, partitionIndexes: list.map(({ partition }) => partition) }))
    const response = await this.#request('read the committed offsets', async connection =>
      await offsetFetchV8.api.async(connection, [{ groupId: this.#group, memberEpoch: -1, topics: topics! }], false))
    const found = new Map<string, CommittedMetadata>()
    for (const { name, partitions: list } of response.groups[0]?.topics ?? []) {
      for (const { partitionIndex, committedOffset: offset, committedLeaderEpoch: leaderEpoch, metadata } of list) {
        if (offset >= 0n) found.set(partitionKey(name, partitionIndex), { offset, leaderEpoch, metadata: metadata ?? null })
      }
    }
    return found
  }

  async commit<T extends OffsetToCommit> (
    { generation, memberId, instanceId }: Committer, offsets: readonly T[], metadata: (offset: T) => string | null
  ): Promise<void> {
    if (offsets.length === 0) return
    const topics = byTopic(offsets).map(([name, list]) => ({
      name,
      partitions: list.map(each => ({
        partitionIndex: each.partition,
        committedOffset: each.offset,
        committedLeaderEpoch: each.leaderEpoch,
        committedMetadata: metadata(each)
      }))
    }))
    await this.#request('commit offsets', async connection =>
      await offsetCommitV8.api.async(connection, this.#group, generation, memberId, instanceId ?? null, topics))
  }

  /** Removes a member. A static member is found by its instance id if `memberId` is empty. */
  async leave (memberId: string, instanceId?: string): Promise<void> {
    const member = { memberId, groupInstanceId: instanceId ?? null }
    await this.#request('remove the member', async connection => await leaveGroupV4.api.async(connection, this.#group, [member]))
  }

  async close (): Promise<void> {
    await this.#admin.close().catch(() => {})
  }

  async #request<T> (action: string, send: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      if (this.#node === undefined) {
        const [found] = await this.#admin.findCoordinator({ keyType: FindCoordinatorKeyTypes.GROUP, keys: [this.#group] })
        this.#node = found!.nodeId
      }
      const connection = (await this.#admin.connectToBrokers([this.#node])).get(this.#node)
      if (connection === undefined) {
        // The coordinator is restarting, or its groups are moving to another broker.
        const where = this.#connection.brokers
        throw kafkaErrors.KAFKA_UNREACHABLE(`cannot ${action} (group ${this.#group}): its coordinator is not in the cluster`, { where })
      }
      return await send(connection)
    } catch (error) {
      this.#node = undefined
      this.#admin.clearMetadata()
      throw mapKafkaError(error, { action: `${action} (group ${this.#group})`, brokers: this.#connection.brokers })
    }
  }
}

function byTopic<T extends TopicPartition> (list: readonly T[]): Array<[string, T[]]> {
  return [...Map.groupBy(list, ({ topic }) => topic)]
}
