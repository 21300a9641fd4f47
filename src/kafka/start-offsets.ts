// Decides where a member starts to read its partitions after a join: at the group's committed offset, or at the earliest or latest offset
// of the topic if the group has committed none.
import type { KafkaAdmin } from './admin.ts'
import type { CommittedOffset } from './group-member.ts'
import { partitionKey, type TopicPartition } from './offset-tracker.ts'

export interface StartOffset extends TopicPartition {
  readonly topicId: string
  readonly start: bigint
  /** The group's committed offset in this topic; undefined if there is none. */
  readonly committed: bigint | undefined
}

/** The member's own view of its partitions and topics. */
export interface MemberState {
  /** Current id of the topic; undefined if it does not exist. */
  topicId (topic: string): string | undefined
  /** State of a partition that the member is already reading. */
  reading (topic: string, partition: number): { readonly committed: bigint | undefined } | undefined
  /** The offset that the member last tried to commit. The response may have been lost. */
  attempted (key: string): bigint | undefined
  readonly from: 'earliest' | 'latest'
  readonly admin: Pick<KafkaAdmin, 'startOffsets' | 'endOffsets'>
}

/**
 * Returns the partitions to start reading and their offsets. Skips partitions of deleted topics, and those that the member is already
 * reading and no other member has committed in the meantime.
 */
export async function resolveStartOffsets (
  partitions: readonly TopicPartition[], committed: ReadonlyMap<string, CommittedOffset>, member: MemberState
): Promise<StartOffset[]> {
  const starts: StartOffset[] = []
  const limits = new Map<string, bigint[]>()
  for (const { topic, partition } of partitions) {
    const topicId = member.topicId(topic)
    if (topicId === undefined) continue
    const key = partitionKey(topic, partition)
    const found = committed.get(key)
    // Committed for an earlier topic of the same name: meaningless in the current one.
    const stale = found?.topicId !== undefined && found.topicId !== topicId
    const reading = member.reading(topic, partition)
    if (reading !== undefined && !stale && (found?.offset === reading.committed || found?.offset === member.attempted(key))) continue
    if (found !== undefined && !stale) {
      starts.push({ topic, partition, topicId, start: found.offset, committed: found.offset })
      continue
    }
    const from = stale ? 'earliest' : member.from
    const limitKey = `${from} ${topic}`
    const offsets = limits.get(limitKey) ?? await (from === 'earliest' ? member.admin.startOffsets(topic) : member.admin.endOffsets(topic))
    limits.set(limitKey, offsets)
    starts.push({ topic, partition, topicId, start: offsets[partition] ?? 0n, committed: undefined })
  }
  return starts
}
