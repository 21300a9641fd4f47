// Where a member begins to read the partitions that a join has given it: at the group's committed offset, unless it has the partition already and
// nobody else has worked on it since; where nothing is committed, at the edge of the topic that was asked for.
import type { KafkaAdmin } from './admin.ts'
import type { CommittedOffset } from './group-member.ts'
import { laneKey, type TopicPartition } from './offset-tracker.ts'

/** A partition to be read from `start` on; `at` is what the group has committed. */
export interface Start extends TopicPartition {
  readonly topicId: string
  readonly start: bigint
  readonly at: bigint | undefined
}

/** What the member knows. */
export interface Known {
  /** The topic's id as it is now; undefined where it is gone. */
  idOf (topic: string): string | undefined
  /** The state of a partition that it reads already. */
  known (topic: string, partition: number): { readonly committed: bigint | undefined } | undefined
  /** What it sent in a commit whose answer may have been lost. */
  attempted (key: string): bigint | undefined
  readonly from: 'earliest' | 'latest'
  readonly admin: Pick<KafkaAdmin, 'startOffsets' | 'endOffsets'>
}

/** Partitions that begin anew; those that go on as they are, or whose topic is gone, are left out. */
export async function startsOf (partitions: readonly TopicPartition[], committed: ReadonlyMap<string, CommittedOffset>, mine: Known): Promise<Start[]> {
  const starts: Start[] = []
  const edges = new Map<string, bigint[]>()
  for (const { topic, partition } of partitions) {
    const topicId = mine.idOf(topic)
    if (topicId === undefined) continue
    const key = laneKey(topic, partition)
    const found = committed.get(key)
    // An offset of a topic that was recreated since means nothing in the new one.
    const stale = found?.topicId !== undefined && found.topicId !== topicId
    const state = mine.known(topic, partition)
    if (state !== undefined && !stale && (found?.offset === state.committed || found?.offset === mine.attempted(key))) continue
    if (found !== undefined && !stale) {
      starts.push({ topic, partition, topicId, start: found.offset, at: found.offset })
      continue
    }
    const from = stale ? 'earliest' : mine.from
    let edge = edges.get(`${topic} ${from}`)
    if (edge === undefined) {
      edge = from === 'earliest' ? await mine.admin.startOffsets(topic) : await mine.admin.endOffsets(topic)
      edges.set(`${topic} ${from}`, edge)
    }
    starts.push({ topic, partition, topicId, start: edge[partition] ?? 0n, at: found?.offset })
  }
  return starts
}
