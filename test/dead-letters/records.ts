// A Kafka record with unusual bytes, and dead letters made from such records.
import { toDeadLetterRecord, type DeadLetterRecord } from '../../src/dead-letters/dead-letter.ts'
import { position, textHeader, type KafkaRecord } from '../../src/kafka/record.ts'
import { defineErrors } from '../../src/pipeline/errors.ts'

export const errors = defineErrors({ TEST_LETTER: { hint: 'Correct it.' } })

export const record: KafkaRecord = {
  topic: 'alerts', partition: 3, offset: 9_223_372_036_854_775_807n, leaderEpoch: 4, timestamp: 1_700_000_000_000n,
  key: Buffer.from([0, 255]),
  value: Buffer.from([1, 2, 3]),
  headers: [
    textHeader('h', '1'), [Buffer.from('h'), null], [Buffer.from('e'), Buffer.alloc(0)], [Buffer.from([0xff, 0xfe]), Buffer.from([0x80])]
  ]
}

export function deadLetterRecord (
  value: unknown = record, error: Error = errors.TEST_LETTER('it is wrong', { where: 'schema 7' })
): DeadLetterRecord {
  const at = typeof value === 'object' && value !== null && 'offset' in value ? position(value as KafkaRecord) : 'a.avro#7'
  return toDeadLetterRecord({
    record: { value, bytes: 3, position: at }, origin: { node: 'source', position: at }, node: 'unframe', error, attempts: 4
  })
}
