// Whether a static topic can be played: it exists, holds records, and carries the mark of a finished load that adds up.
import type { KafkaAdmin, TopicSnapshot } from '../kafka/admin.ts'
import { incompleteness } from './completion-mark.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { AlertStreamError, silent } from '../pipeline/index.ts'
import { readTopic } from '../sources/kafka-topic.ts'

const changes = new Set(['KAFKA_TOPIC_RECREATED', 'KAFKA_TOPIC_MISSING', 'KAFKA_OFFSET_LOST', 'KAFKA_PARTITION_MISSING'])

/** Whether an error means that the topic was deleted or recreated meanwhile. */
export function topicChanged (error: unknown): error is AlertStreamError {
  return error instanceof AlertStreamError && changes.has(error.code)
}

/**
 * The topic's id and offsets if it is whole, else why not, in words for a user.
 * `acceptUnmarked`: a topic without mark is whole if it holds anything (another program loaded it).
 */
export async function wholeTopic (admin: KafkaAdmin, connection: KafkaConnection, topic: string, acceptUnmarked = false): Promise<TopicSnapshot | string> {
  try {
    const snapshot = await admin.snapshot(topic)
    if (snapshot === undefined) return 'it does not exist'
    const empty = snapshot.end.every((end, partition) => end <= (snapshot.start[partition] ?? 0n))
    if (empty) return 'it is empty'
    if (acceptUnmarked) return snapshot
    return incompleteness(snapshot, await lastRecords(connection, snapshot)) ?? snapshot
  } catch (error) {
    if (topicChanged(error)) return 'it is being recreated'
    throw error
  }
}

/** Records of all partitions, by their offsets. */
export function countOf ({ start, end }: TopicSnapshot): number {
  return end.reduce((sum, each, partition) => sum + Number(each - (start[partition] ?? 0n)), 0)
}

/** What stands at the last offset of each partition, read by the snapshot's topic id; undefined where there is no record (a transaction's mark). */
async function lastRecords (connection: KafkaConnection, { topic, id, start, end }: TopicSnapshot): Promise<(KafkaRecord | undefined)[]> {
  const from = end.map((each, partition) => each > (start[partition] ?? 0n) ? each - 1n : each)
  const reader = readTopic({ connection, topic, topicId: id, from, to: end })
  const never = new AbortController().signal
  const context = { node: 'static-topic', log: silent, drain: never, abort: never }
  const last = new Array<KafkaRecord | undefined>(end.length).fill(undefined)
  try {
    await reader.open?.(context)
    for await (const { value } of reader.records(context)) last[value.partition] = value
    return last
  } finally {
    await reader.close?.()
  }
}
