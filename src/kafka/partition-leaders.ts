// Finds the leaders of partitions by topic id, in fresh metadata. Reports a topic as gone if its id is missing from several consecutive
// lookups. One lookup is not enough, because a broker may not know a new topic yet.
import type { FetchClient } from './fetch-client.ts'
import { UNKNOWN_EPOCH } from './leader-epochs.ts'
import type { PartitionBuffer } from './partition-buffer.ts'

export interface Leader {
  /** Broker id of the leader. */
  readonly node: number
  /** The leader's epoch. A broker rejects a request with another epoch, so that no request reaches a former leader. */
  readonly epoch: number
}

export interface PartitionLeadersOptions {
  readonly client: Pick<FetchClient, 'findTopic'>
  /** Called when a topic was deleted or recreated. */
  onTopicGone (topic: string, topicId: string): void
}

type Partition = Pick<PartitionBuffer, 'topic' | 'topicId' | 'partition' | 'removed'>

interface UnknownLeader<P> {
  readonly partition: P
  readonly reason: string
}

const GONE_AFTER_LOOKUPS = 3

export class PartitionLeaders {
  readonly #options: PartitionLeadersOptions
  readonly #leaders = new Map<string, Leader>()
  /** Number of consecutive lookups that did not find a topic, by topic id. */
  readonly #missed = new Map<string, number>()
  readonly #gone = new Set<string>()

  constructor (options: PartitionLeadersOptions) {
    this.#options = options
  }

  /** Returns undefined if the leader is unknown. */
  leaderOf (partition: Partition): Leader | undefined {
    return this.#leaders.get(partitionIdKey(partition))
  }

  /** Whether the topic with this id was deleted or recreated. */
  isGone (topicId: string): boolean {
    return this.#gone.has(topicId)
  }

  /** Allows lookups again for a topic that was reported as gone. */
  restore (topicId: string): void {
    this.#gone.delete(topicId)
  }

  forget (partition: Partition): void {
    this.#leaders.delete(partitionIdKey(partition))
  }

  /** Forgets the leaders of all partitions that this broker leads. */
  forgetBroker (node: number): void {
    for (const [key, leader] of this.#leaders) if (leader.node === node) this.#leaders.delete(key)
  }

  /** Looks up the leaders of partitions of one topic. Returns the partitions whose leader remains unknown. */
  async lookUp<P extends Partition> (topic: string, partitions: readonly P[]): Promise<Array<UnknownLeader<P>>> {
    const found = await this.#options.client.findTopic(topic)
    const asked = partitions.filter(({ removed }) => !removed)
    const isFound = ({ topicId }: P): boolean => topicId === found?.id
    if (found !== undefined) this.#missed.delete(found.id)
    for (const topicId of new Set(asked.filter(each => !isFound(each)).map(each => each.topicId))) this.#miss(topic, topicId)
    return asked.flatMap(partition => {
      if (!isFound(partition)) return this.isGone(partition.topicId) ? [] : { partition, reason: 'no broker knows the topic id' }
      const { leader, leaderEpoch } = found!.partitions[partition.partition] ?? { leader: -1, leaderEpoch: UNKNOWN_EPOCH }
      if (leader < 0) return { partition, reason: 'the partition has no leader' }
      this.#leaders.set(partitionIdKey(partition), { node: leader, epoch: leaderEpoch })
      return []
    })
  }

  #miss (topic: string, topicId: string): void {
    const missed = (this.#missed.get(topicId) ?? 0) + 1
    this.#missed.set(topicId, missed)
    if (missed < GONE_AFTER_LOOKUPS) return
    this.#missed.delete(topicId)
    this.#gone.add(topicId)
    this.#options.onTopicGone(topic, topicId)
  }
}

export function partitionIdKey ({ topicId, partition }: Pick<PartitionBuffer, 'topicId' | 'partition'>): string {
  return `${topicId}/${partition}`
}
