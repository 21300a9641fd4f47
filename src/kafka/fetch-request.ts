// The partitions of a Fetch request, by topic id.
import type { fetchV17 } from '@platformatic/kafka'
import { UNKNOWN_EPOCH } from './leader-epochs.ts'
import type { PartitionBuffer } from './partition-buffer.ts'
import type { PartitionLeaders } from './partition-leaders.ts'

const MIN_PARTITION_BYTES = 1024 * 1024

/**
 * @param turn number by which the list of partitions is rotated. Each partition must come first in turn, because the first partition of a
 * request may fill the entire response.
 */
export function fetchTopics (
  buffers: readonly PartitionBuffer[], leaders: Pick<PartitionLeaders, 'leaderOf'>, maxBytes: number, turn: number
): fetchV17.FetchRequestTopic[] {
  const partitionMaxBytes = Math.max(MIN_PARTITION_BYTES, Math.ceil(maxBytes / buffers.length))
  const topics = new Map<string, fetchV17.FetchRequestTopic>()
  const start = turn % buffers.length
  for (const buffer of [...buffers.slice(start), ...buffers.slice(0, start)]) {
    const topic = topics.get(buffer.topicId) ?? { topicId: buffer.topicId, partitions: [] }
    topics.set(buffer.topicId, topic)
    topic.partitions.push({
      partition: buffer.partition,
      fetchOffset: buffer.fetchPosition,
      currentLeaderEpoch: leaders.leaderOf(buffer)?.epoch ?? UNKNOWN_EPOCH,
      lastFetchedEpoch: buffer.lastFetchedEpoch,
      partitionMaxBytes
    })
  }
  return [...topics.values()]
}
