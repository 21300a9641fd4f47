// Reads one record of a topic by its offset.
import { topicSnapshot, readTopic } from '../sources/kafka-topic.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { BatchOptions } from '../kafka/damaged-batches.ts'
import type { KafkaOrigin } from './dead-letter.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { AlertStreamError, silent } from '../pipeline/index.ts'

/** The record at an offset, or undefined if the topic is missing or does not contain the offset. Errors: KAFKA_*. */
export async function recordAt (
  connection: KafkaConnection, { topic, partition, offset }: Omit<KafkaOrigin, 'timestamp'>, batches?: BatchOptions
): Promise<KafkaRecord | undefined> {
  const snapshot = await topicSnapshot(connection, topic)
  const [start, end] = [snapshot?.start[partition], snapshot?.end[partition]]
  if (snapshot === undefined || start === undefined || end === undefined || offset < start || offset >= end) return undefined
  const onlyThisPartition = (at: bigint): bigint[] => snapshot.end.map((other, index) => index === partition ? at : other)
  const reader = readTopic({
    connection, topic, snapshot, from: onlyThisPartition(offset), to: onlyThisPartition(offset + 1n), batches
  })
  const never = new AbortController().signal
  const context = { node: 'record', log: silent, drain: never, abort: never }
  try {
    await reader.open?.(context)
    for await (const { value } of reader.records(context)) if (value.offset === offset) return value
    return undefined
  } catch (error) {
    // The record was deleted by retention, or the topic was deleted or recreated, after the snapshot.
    const deleted = ['KAFKA_OFFSET_LOST', 'KAFKA_TOPIC_RECREATED', 'KAFKA_TOPIC_MISSING']
    if (error instanceof AlertStreamError && deleted.includes(error.code)) return undefined
    throw error
  } finally {
    await reader.close?.()
  }
}
