// The visit of a Kafka record, read from its alert id.
import { packedIdOfFrame } from '../avro/packed-frame-id.ts'
import type { PackedIdFormat } from '../ids/packed-id.ts'
import type { KafkaRecord } from '../kafka/record.ts'

/** Returns a visit such as 2026112300123, or undefined if the record is not an alert or its id is not packed. */
export function visitOfRecord ({ value }: Pick<KafkaRecord, 'value'>, format: PackedIdFormat): number | undefined {
  const visit = packedIdOfFrame(value, format)?.visit
  return visit === undefined ? undefined : Number(visit)
}
