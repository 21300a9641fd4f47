// Reads the frame of a Kafka record: checks that the record is complete and that its value is a Confluent frame.
import { parseFrame, type Frame } from '../avro/wire-format.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { assertComplete } from '../kafka/record-size.ts'

export interface FramedRecord extends Frame {
  /** The value of the record, unchanged. */
  readonly frame: Buffer
  readonly record: KafkaRecord
}

/** Errors: KAFKA_RECORD_TOO_LARGE, FRAME_EMPTY, FRAME_TOO_SHORT, FRAME_BAD_MAGIC (bad records). */
export function unframe (record: KafkaRecord): FramedRecord {
  assertComplete(record)
  const frame = record.value ?? Buffer.alloc(0)
  return { frame, record, ...parseFrame(frame) }
}
