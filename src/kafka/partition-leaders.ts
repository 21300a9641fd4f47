// Finds the leaders of partitions by topic id, in fresh metadata. Reports a topic as gone if its id is missing from several consecutive
// lookups. One lookup is not enough, because a broker may not know a new topic yet.
import type { FetchClient } from './fetch-client.ts'
import type { FoundTopic } from './topic-lookup.ts'
import type { PartitionBuffer } from './partition-buffer.ts'

export interface PartitionLeadersOptions {
  readonly client: Pick<FetchClient, 'findTopic'>
  /** Called when a topic was deleted or recreated. */
  onTopicGone (topic: string, topicId: string): void
}

type Partition = Pick<PartitionBuffer, 'topic' | 'topicId' | 'partition' | 'removed'>

const GONE_AFTER_LOOKUPS = 3

export class PartitionLeaders {
  readonly #options: PartitionLeadersOptions
  readonly #leaders = new Map<string, number>()
  /** Number of consecutive lookups that did not find a topic, by topic id. */
  readonly #missed = new Map<string, number>()
  readonly #gone = new Set<string>()

  constructor (options: PartitionLeadersOptions) {
    this.#options = options
  }

  /** Returns the broker id of the leader, or undefined if the leader is unknown. */
  leaderOf (partition: Partition): number | undefined {
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

  clear (): void {
    this.#leaders.clear()
  }

  /** Looks up the topics of partitions without a known leader. Returns whether another lookup is needed. */
  async lookUp (partitions: readonly Partition[]): Promise<boolean> {
    const leaderless = partitions.filter(partition => this.leaderOf(partition) === undefined && !this.isGone(partition.topicId))
    let incomplete = false
    for (const [topic, list] of Map.groupBy(leaderless, ({ topic }) => topic)) {
      const found = await this.#options.client.findTopic(topic)
      if (this.#update(topic, list.filter(({ removed }) => !removed), found)) incomplete = true
    }
    return incomplete
  }

  #update (topic: string, partitions: readonly Partition[], found: FoundTopic | undefined): boolean {
    let incomplete = false
    for (const partition of partitions) {
      if (partition.topicId !== found?.id) continue
      this.#missed.delete(partition.topicId)
      const leader = found.partitions[partition.partition]?.leader ?? -1
      if (leader >= 0) this.#leaders.set(partitionIdKey(partition), leader)
      else incomplete = true
    }
    for (const topicId of new Set(partitions.map(({ topicId }) => topicId))) {
      if (topicId === found?.id) continue
      const missed = (this.#missed.get(topicId) ?? 0) + 1
      this.#missed.set(topicId, missed)
      if (missed < GONE_AFTER_LOOKUPS) {
        incomplete = true
        continue
      }
      this.#missed.delete(topicId)
      this.#gone.add(topicId)
      this.#options.onTopicGone(topic, topicId)
    }
    return incomplete
  }
}

export function partitionIdKey ({ topicId, partition }: Pick<PartitionBuffer, 'topicId' | 'partition'>): string {
  return `${topicId}/${partition}`
}
