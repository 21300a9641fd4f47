// Reads the visit of a Kafka record from its alert id. The id is the first field of every alert schema, so the schema is not needed.
import { readLong } from '../avro/varint.ts'
import { frameHeaderLength } from '../avro/wire-format.ts'
import { decodeId, type PackedIdFormat } from '../ids/packed-id.ts'
import type { KafkaRecord } from '../kafka/record.ts'

/** Returns a visit such as 2026112300123, or undefined if the record is not an alert or its id is not packed. */
export function visitOfRecord ({ value }: Pick<KafkaRecord, 'value'>, format?: PackedIdFormat): number | undefined {
  if (value === null || value.length <= frameHeaderLength || value[0] !== 0) return undefined
  const cursor = { buf: value, pos: frameHeaderLength }
  try {
    const id = readLong(cursor)
    const visit = cursor.pos > value.length ? undefined : decodeId(id, format)?.visit
    return visit === undefined ? undefined : Number(visit)
  } catch {
    // The record has no long at its start, so it is not an alert.
    return undefined
  }
}
