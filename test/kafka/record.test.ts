import t from 'tap'
import { headerText, isKafkaRecord, position, recordBytes, textHeader } from '../../src/kafka/record.ts'

const record = {
  topic: 'alerts', partition: 3, offset: 2n ** 60n, timestamp: 5n, key: null, value: Buffer.from('12345'),
  headers: [textHeader('a', 'first'), textHeader('a', 'last'), [Buffer.from('none'), null]] as const
}

await t.test('a position reads as topic[partition]@offset, also beyond 2^53', async t => {
  t.equal(position(record), 'alerts[3]@1152921504606846976')
})

await t.test('the last header of a name counts, and a null value is none', async t => {
  t.equal(headerText(record, 'a'), 'last')
  t.equal(headerText(record, 'none'), undefined)
  t.equal(headerText(record, 'b'), undefined)
})

await t.test('bytes are those of key, value and headers', async t => {
  t.equal(recordBytes(record), 5 + 6 + 5 + 4)
  t.ok(isKafkaRecord(record))
  t.notOk(isKafkaRecord({ topic: 'x' }))
  t.notOk(isKafkaRecord(null))
})
