// Decides where a member starts to read its partitions after a join: at the group's committed offset, or at the earliest or latest offset
// of the topic if the group has no committed offset.
import type { KafkaAdmin } from './admin.ts'
import type { CommittedOffset } from './group-member.ts'
import { UNKNOWN_EPOCH } from './leader-epochs.ts'
import { partitionKey, type TopicPartition } from './offset-tracker.ts'

export interface StartOffset extends TopicPartition {
  readonly topicId: string
  readonly start: bigint
  /** Leader epoch of the last record before `start`; -1 if unknown. */
  readonly leaderEpoch: number
  /** The group's committed offset in the topic with this id, if any. */
  readonly committed: bigint | undefined
}

/** What the member knows about its topics and partitions. */
export interface MemberState {
  /** Returns the current id of the topic, or undefined if the topic does not exist. */
  topicId (topic: string): string | undefined
  /** Returns the state of a partition, or undefined if the member is not reading the partition. */
  reading (topic: string, partition: number): { readonly committed: bigint | undefined } | undefined
  /** Returns the offset in the last commit request for a partition. The response to the request may have been lost. */
  attempted (key: string): bigint | undefined
  readonly from: 'earliest' | 'latest'
  readonly admin: Pick<KafkaAdmin, 'startOffsets' | 'endOffsets'>
}

/**
 * Returns the partitions to start reading and their offsets. Skips partitions of deleted topics. Also skips partitions that the
 * member is already reading, unless another member has committed an offset in the meantime.
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
    // An offset that was committed for an earlier topic of the same name is meaningless in the current topic.
    const stale = found?.topicId !== undefined && found.topicId !== topicId
    const reading = member.reading(topic, partition)
    if (reading !== undefined && !stale && (found?.offset === reading.committed || found?.offset === member.attempted(key))) continue
    if (found !== undefined && !stale) {
      starts.push({ topic, partition, topicId, start: found.offset, leaderEpoch: found.leaderEpoch, committed: found.offset })
      continue
    }
    const from = stale ? 'earliest' : member.from
    const limitKey = `${from} ${topic}`
    const offsets = limits.get(limitKey) ?? await (from === 'earliest' ? member.admin.startOffsets(topic) : member.admin.endOffsets(topic))
    limits.set(limitKey, offsets)
    starts.push({ topic, partition, topicId, start: offsets[partition] ?? 0n, leaderEpoch: UNKNOWN_EPOCH, committed: undefined })
  }
  return starts
}
