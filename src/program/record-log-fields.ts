// The log fields that identify a record: its Kafka position and its alert id.
import { isKafkaRecord, type KafkaRecord } from '../kafka/record.ts'
import type { SourceRecord } from '../pipeline/index.ts'

/**
 * Returns `{ topic, partition, offset, alertId }` without the fields that are unknown.
 * @param value the value that a node was processing, which may contain the alert id
 */
export function recordLogFields ({ value: sourceValue }: SourceRecord<unknown>, value: unknown): object {
  const record = kafkaRecordOf(sourceValue)
  const alertId = alertIdOf(value)
  return {
    ...record === undefined ? {} : { topic: record.topic, partition: record.partition, offset: Number(record.offset) },
    ...alertId === undefined ? {} : { alertId }
  }
}

// A record of the replay source wraps a Kafka record of the static topic.
function kafkaRecordOf (value: unknown): KafkaRecord | undefined {
  if (isKafkaRecord(value)) return value
  const inner = (value as { readonly record?: unknown } | null)?.record
  return isKafkaRecord(inner) ? inner : undefined
}

function alertIdOf (value: unknown): string | undefined {
  const id = (value as { readonly id?: unknown } | null | undefined)?.id
  return typeof id === 'string' && /^\d{1,19}$/.test(id) ? id : undefined
}
