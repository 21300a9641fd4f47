// Whether a static topic can be played: it exists, holds records, and carries the mark of a finished load that adds up.
import type { KafkaAdmin, TopicSnapshot } from '../kafka/admin.ts'
import { incompleteness } from '../kafka/completion.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { AlertStreamError } from '../pipeline/index.ts'
import { lastRecord } from './kafka-topic.ts'

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
    const last = await Promise.all(snapshot.end.map((_, partition) => lastRecord(connection, topic, partition)))
    const reason = incompleteness(snapshot, last)
    // What was read belongs to this snapshot only if the topic is still the same.
    return reason ?? ((await admin.describeTopic(topic))?.id === snapshot.id ? snapshot : 'it is being recreated')
  } catch (error) {
    if (topicChanged(error)) return 'it is being recreated'
    throw error
  }
}
