// Records above the size limit of their source (--max-record-mib). Only their position, size and hash are known.
import { kafkaErrors } from './errors.ts'
import { type KafkaRecord, position } from './record.ts'

/** Throws KAFKA_RECORD_TOO_LARGE if the source has omitted the content of the record. */
export function assertComplete (record: KafkaRecord): void {
  if (record.omitted === undefined) return
  const { bytes, sha256 } = record.omitted
  const what = `the record exceeds the size limit: its value has ${bytes} bytes and SHA-256 ${sha256}`
  throw kafkaErrors.KAFKA_RECORD_TOO_LARGE(what, { where: position(record) })
}
