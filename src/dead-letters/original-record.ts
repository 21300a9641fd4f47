// One record of a topic, by its offset.
import { topicSnapshot, readTopic } from '../sources/kafka-topic.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { LetterOrigin } from './dead-letter.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { AlertStreamError, silent } from '../pipeline/index.ts'

/**
 * The record at an offset; undefined where the topic is gone, or no longer (or not yet) holds it. Errors: those of reaching Kafka,
 * KAFKA_NOT_AUTHORISED.
 */
export async function recordAt (connection: KafkaConnection, { topic, partition, offset }: Omit<LetterOrigin, 'timestamp'>): Promise<KafkaRecord | undefined> {
  const found = await topicSnapshot(connection, topic)
  const [start, end] = [found?.start[partition], found?.end[partition]]
  if (found === undefined || start === undefined || end === undefined || offset < start || offset >= end) return undefined
  const only = (at: bigint): bigint[] => found.end.map((other, index) => index === partition ? at : other)
  const reader = readTopic({ connection, topic, topicId: found.id, from: only(offset), to: only(offset + 1n) })
  const never = new AbortController().signal
  const context = { node: 'record', log: silent, drain: never, abort: never }
  try {
    await reader.open?.(context)
    for await (const { value } of reader.records(context)) if (value.offset === offset) return value
    return undefined
  } catch (error) {
    // Retention or a recreation was quicker.
    if (error instanceof AlertStreamError && ['KAFKA_OFFSET_LOST', 'KAFKA_TOPIC_RECREATED', 'KAFKA_TOPIC_MISSING'].includes(error.code)) return undefined
    throw error
  } finally {
    await reader.close?.()
  }
}
