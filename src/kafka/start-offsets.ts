// Decides where a member starts to read its partitions after a join. A partition starts at the group's committed offset. Without one, it
// starts at its earliest offset, unless the group starts for the first time with `latest`. A group starts for the first time as long as it
// has no committed offset at all. One member then commits the start offset of every partition of every topic in one request, before any
// member reads. A partition that has no committed offset after that is new, and none of its records may be skipped.
import type { KafkaAdmin } from './admin.ts'
import type { Membership } from './group-client.ts'
import type { CommittedOffset, GroupMember } from './group-member.ts'
import { kafkaErrors } from './errors.ts'
import { UNKNOWN_EPOCH } from './leader-epochs.ts'
import { type OffsetToCommit, partitionKey, type TopicPartition } from './offset-tracker.ts'
import type { TopicMonitor } from './topic-monitor.ts'

export interface StartOffset extends TopicPartition {
  readonly topicId: string
  readonly start: bigint
  /** Leader epoch of the last record before `start`; -1 if unknown. */
  readonly leaderEpoch: number
  /** The group's committed offset in the topic with this id, if any. */
  readonly committed: bigint | undefined
}

export interface ResolvedStarts {
  /** The partitions to start reading. */
  readonly starts: readonly StartOffset[]
  /** Partitions whose start is still unknown, and why. Resolve again later. */
  readonly pending: readonly TopicPartition[]
  readonly reason?: string
}

interface Uncommitted extends TopicPartition {
  readonly topicId: string
}

export interface StartOffsetsOptions {
  readonly topics: Pick<TopicMonitor, 'existing' | 'topicId' | 'existedAtStart'>
  readonly member: Pick<GroupMember, 'committed' | 'hasCommitted' | 'commit'>
  readonly admin: Pick<KafkaAdmin, 'positions'>
  readonly from: 'earliest' | 'latest'
  /** Returns the state of a partition, or undefined if the member is not reading the partition. */
  reading (topic: string, partition: number): { readonly committed: bigint | undefined } | undefined
  /** Returns the offset in the last commit request for a partition. The response to the request may have been lost. */
  attempted (key: string): bigint | undefined
}

export class StartOffsets {
  readonly #options: StartOffsetsOptions
  /** Whether the group is known to have a committed offset. */
  #started = false

  constructor (options: StartOffsetsOptions) {
    this.#options = options
  }

  /**
   * Returns the partitions to start reading and their offsets. Skips partitions of deleted topics. Also skips partitions that the member is
   * already reading, unless another member has committed an offset in the meantime. Rejects with KAFKA_* errors.
   */
  async resolve (membership: Membership): Promise<ResolvedStarts> {
    const { topics, member, from } = this.#options
    const committed = await member.committed(membership.partitions)
    const starts: StartOffset[] = []
    const uncommitted: Uncommitted[] = []
    for (const { topic, partition } of membership.partitions) {
      const topicId = topics.topicId(topic)
      if (topicId === undefined) continue
      const found = this.#valid(committed.get(partitionKey(topic, partition)), topicId)
      if (this.#isReading(topic, partition, found)) continue
      if (found === undefined) uncommitted.push({ topic, partition, topicId })
      else starts.push({ topic, partition, topicId, start: found.offset, leaderEpoch: found.leaderEpoch, committed: found.offset })
    }
    if (from === 'latest' && uncommitted.length > 0 && !await this.#hasStarted()) {
      if (!this.#ownsFirstPartition(membership)) {
        return { starts, pending: uncommitted, reason: 'another member has not committed the first offsets of the group yet' }
      }
      await member.commit(membership, await this.#firstOffsets(), topic => topics.topicId(topic))
      return await this.resolve(membership)
    }
    return await this.#atEarliest(starts, uncommitted)
  }

  /** An offset that was committed for an earlier topic of the same name is meaningless in the current topic. */
  #valid (found: CommittedOffset | undefined, topicId: string): CommittedOffset | undefined {
    return found?.topicId === undefined || found.topicId === topicId ? found : undefined
  }

  #isReading (topic: string, partition: number, found: CommittedOffset | undefined): boolean {
    const reading = this.#options.reading(topic, partition)
    if (reading === undefined) return false
    return found === undefined || found.offset === reading.committed ||
      found.offset === this.#options.attempted(partitionKey(topic, partition))
  }

  async #atEarliest (starts: StartOffset[], uncommitted: readonly Uncommitted[]): Promise<ResolvedStarts> {
    const pending: TopicPartition[] = []
    for (const [topic, list] of Map.groupBy(uncommitted, each => each.topic)) {
      const earliest = await this.#options.admin.positions(topic, 'earliest')
      for (const { partition, topicId } of list) {
        const position = earliest[partition]
        if (position === undefined) pending.push({ topic, partition })
        else starts.push({ topic, partition, topicId, start: position.offset, leaderEpoch: UNKNOWN_EPOCH, committed: undefined })
      }
    }
    return { starts, pending, ...pending.length > 0 ? { reason: 'the partition has no leader' } : {} }
  }

  async #hasStarted (): Promise<boolean> {
    this.#started ||= await this.#options.member.hasCommitted()
    return this.#started
  }

  /** Only one member of a generation owns the first partition. */
  #ownsFirstPartition ({ partitions }: Membership): boolean {
    const [first] = this.#options.topics.existing.toSorted()
    return partitions.some(({ topic, partition }) => topic === first && partition === 0)
  }

  /** The end of every partition that existed when this process started, and the start of every partition of topics that were missing. */
  async #firstOffsets (): Promise<OffsetToCommit[]> {
    const { topics, admin } = this.#options
    const offsets: OffsetToCommit[] = []
    for (const topic of topics.existing) {
      const positions = await admin.positions(topic, topics.existedAtStart(topic) ? 'latest' : 'earliest')
      for (const [partition, position] of positions.entries()) {
        if (position !== undefined) offsets.push({ topic, partition, ...position })
        else throw kafkaErrors.KAFKA_PARTITION_UNAVAILABLE('cannot start the group at the end of its topics: a partition has no leader', {
          where: `${topic}[${partition}]`
        })
      }
    }
    return offsets
  }
}
