// What log lines say of a record, in fields that can be searched for: where Kafka has it, and which alert it is where that is known.
import { isKafkaRecord, type KafkaRecord } from '../kafka/record.ts'
import type { SourceRecord } from '../pipeline/index.ts'

/** `{ topic, partition, offset, alertId }`, as far as they are known of a source's record and of the value that a node had in hand. */
export function recordLogFields ({ value: given }: SourceRecord<unknown>, value: unknown): object {
  const record = kafkaRecordOf(given)
  const alertId = alertIdOf(value)
  return {
    ...record === undefined ? {} : { topic: record.topic, partition: record.partition, offset: Number(record.offset) },
    ...alertId === undefined ? {} : { alertId }
  }
}

// The replay's records hold the one they repeat.
function kafkaRecordOf (given: unknown): KafkaRecord | undefined {
  if (isKafkaRecord(given)) return given
  const inner = (given as { readonly record?: unknown } | null)?.record
  return isKafkaRecord(inner) ? inner : undefined
}

function alertIdOf (value: unknown): string | undefined {
  const id = (value as { readonly id?: unknown } | null | undefined)?.id
  return typeof id === 'string' && /^\d{1,19}$/.test(id) ? id : undefined
}
