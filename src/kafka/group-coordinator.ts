// What is asked of a group's coordinator directly: committed offsets, with the metadata kept beside them. Each request is tried once, over a
// connection of its own (on a member's it would wait behind a pending JoinGroup); the coordinator is looked up again after a failure.
import { Admin, FindCoordinatorKeyTypes, offsetCommitV8, offsetFetchV8, type Connection } from '@platformatic/kafka'
import type { KafkaConnection } from './connection.ts'
import { mapKafkaError } from './errors.ts'
import { laneKey, type OffsetToCommit, type TopicPartition } from './offset-tracker.ts'

export interface CommittedMetadata {
  readonly offset: bigint
  /** Text of whoever committed it; at most 4096 bytes where the brokers keep to Kafka's default. */
  readonly metadata: string | null
}

/** In whose name offsets are committed. */
export interface Committer {
  readonly generation: number
  readonly memberId: string
  readonly instanceId?: string | undefined
}

/** Who only keeps offsets in a group and is no member. Refused (UNKNOWN_MEMBER_ID) while the group has members. */
export const noMember: Committer = { generation: -1, memberId: '' }

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

  /** Makes one request; `action` says what for. Rejects with a KAFKA_* error. */
  async ask<T> (action: string, request: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      if (this.#node === undefined) {
        const [found] = await this.#admin.findCoordinator({ keyType: FindCoordinatorKeyTypes.GROUP, keys: [this.#group] })
        this.#node = found!.nodeId
      }
      const connection = (await this.#admin.connectToBrokers([this.#node])).get(this.#node)
      if (connection === undefined) throw new Error('the coordinator of the group is not known')
      return await request(connection)
    } catch (error) {
      this.#node = undefined
      this.#admin.clearMetadata()
      throw mapKafkaError(error, { action: `${action} (group ${this.#group})`, brokers: this.#connection.brokers })
    }
  }

  /** Committed offsets of these partitions by `topic/partition`; those never committed are left out. */
  async committed (partitions: readonly TopicPartition[]): Promise<Map<string, CommittedMetadata>> {
    const answers = await this.ask('read its offsets', async connection => await offsetFetchV8.api.async(connection, [{
      groupId: this.#group, memberEpoch: -1, topics: byTopic(partitions).map(([name, list]) => ({ name, partitionIndexes: list.map(({ partition }) => partition) }))
    }], false))
    const found = new Map<string, CommittedMetadata>()
    for (const { name, partitions: list } of answers.groups[0]?.topics ?? []) {
      for (const { partitionIndex, committedOffset, metadata } of list) {
        if (committedOffset >= 0n) found.set(laneKey(name, partitionIndex), { offset: committedOffset, metadata: metadata ?? null })
      }
    }
    return found
  }

  /** Commits offsets, each with what `metadata` gives for it. */
  async commit<T extends OffsetToCommit> (who: Committer, offsets: readonly T[], metadata: (offset: T) => string | null): Promise<void> {
    if (offsets.length === 0) return
    await this.ask('commit its offsets', async connection => await offsetCommitV8.api.async(
      connection, this.#group, who.generation, who.memberId, who.instanceId ?? null,
      byTopic(offsets).map(([name, list]) => ({
        name,
        partitions: list.map(each => ({ partitionIndex: each.partition, committedOffset: each.offset, committedLeaderEpoch: -1, committedMetadata: metadata(each) }))
      }))))
  }

  async close (): Promise<void> {
    await this.#admin.close().catch(() => {})
  }
}

function byTopic<T extends TopicPartition> (list: readonly T[]): Array<[string, T[]]> {
  return [...Map.groupBy(list, ({ topic }) => topic)]
}
