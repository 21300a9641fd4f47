import t from 'tap'
import { formatTimestamp, headerText, isKafkaRecord, position, recordBytes, textHeader } from '../../src/kafka/record.ts'

const record = {
  topic: 'alerts', partition: 3, offset: 2n ** 60n, timestamp: 5n, key: null, value: Buffer.from('12345'),
  headers: [textHeader('a', 'first'), textHeader('a', 'last'), [Buffer.from('none'), null]] as const
}

await t.test('position formats topic, partition and offset, also for offsets above 2^53', async t => {
  t.equal(position(record), 'alerts[3]@1152921504606846976')
})

await t.test('headerText returns the last value of a repeated header, and undefined for a null value', async t => {
  t.equal(headerText(record, 'a'), 'last')
  t.equal(headerText(record, 'none'), undefined)
  t.equal(headerText(record, 'b'), undefined)
})

await t.test('recordBytes counts key, value and headers', async t => {
  t.equal(recordBytes(record), 5 + 6 + 5 + 4)
})

await t.test('isKafkaRecord accepts only records', async t => {
  t.ok(isKafkaRecord(record))
  t.notOk(isKafkaRecord({ topic: 'x' }))
  t.notOk(isKafkaRecord(null))
})

await t.test('formatTimestamp formats ISO 8601, and milliseconds outside the range of Date', async t => {
  t.equal(formatTimestamp(1_764_000_000_000n), '2025-11-24T16:00:00.000Z')
  t.equal(formatTimestamp(0), '1970-01-01T00:00:00.000Z')
  t.equal(formatTimestamp(9_223_372_036_854_775_807n), '9223372036854775807 ms')
})
