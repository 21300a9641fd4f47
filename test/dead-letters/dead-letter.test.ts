import t from 'tap'
import { parseDeadLetter, redrivenCount, redrivenRecord, toKafkaRecord } from '../../src/dead-letters/dead-letter.ts'
import { headerText, textHeader } from '../../src/kafka/record.ts'
import { deadLetterRecord, errors, record } from './records.ts'

await t.test('parsing the Kafka record of a dead letter returns the same dead letter', async t => {
  const written = deadLetterRecord()
  t.match(written, {
    reason: 'TEST_LETTER', message: 'it is wrong (schema 7)', node: 'unframe', position: 'alerts[3]@9223372036854775807', attempts: 4
  })
  t.strictSame(parseDeadLetter(toKafkaRecord(written)), written)
  for (const { key, value } of [{ key: null, value: null }, { key: Buffer.alloc(0), value: Buffer.alloc(0) }]) {
    const empty = deadLetterRecord({ ...record, key, value, headers: [] })
    t.strictSame(parseDeadLetter(toKafkaRecord(empty)), empty, 'null and empty values stay distinct')
  }
  const fromFile = deadLetterRecord(Buffer.from('raw'))
  t.strictSame(parseDeadLetter(toKafkaRecord(fromFile)), fromFile)
  t.equal(fromFile.origin, undefined)
})

await t.test('a record above the size limit becomes a dead letter with size and SHA-256, but without its bytes', async t => {
  const omitted = { bytes: 50_000_000, sha256: 'ab'.repeat(32) }
  const written = deadLetterRecord({ ...record, key: null, value: null, headers: [], omitted })
  t.match(written, { omittedBytes: omitted.bytes, omittedSha256: omitted.sha256, origin: { topic: 'alerts', partition: 3 } })
  t.equal(written.value?.length, 0, 'the value is empty, not a tombstone')
  t.strictSame(parseDeadLetter(toKafkaRecord(written)), written)
})

await t.test('a record without a reason header is not a dead letter', async t => {
  t.equal(parseDeadLetter(record), undefined)
  const sentBack = { ...record, headers: [textHeader('dead-letter-redriven', '1')] }
  t.equal(parseDeadLetter(sentBack), undefined, 'a record that was sent back is an alert again')
})

await t.test('a dead letter of a dead letter has the outer report, and contains the inner dead letter', async t => {
  const inner = deadLetterRecord()
  const outer = deadLetterRecord({ ...record, ...toKafkaRecord(inner), topic: 'dead', offset: 1n }, errors.TEST_LETTER('not a frame'))
  const read = parseDeadLetter(toKafkaRecord(outer))
  t.match(read, { message: 'not a frame', origin: { topic: 'dead', offset: 1n } })
  t.strictSame(parseDeadLetter(read!), inner)
})

await t.test('reads a dead letter with an incomplete or invalid report', async t => {
  const report = { 'dead-letter-reason': 'ODD', 'dead-letter-topic': 'alerts', 'dead-letter-offset': '-x' }
  const headers = Object.entries(report).map(([name, value]) => textHeader(name, value))
  t.match(parseDeadLetter({ ...record, headers }), { reason: 'ODD', message: '', attempts: 0, origin: undefined })
})

await t.test('redrivenRecord changes nothing but the redrive count', async t => {
  const once = redrivenRecord(deadLetterRecord(), 'alerts')
  t.strictSame({ key: once.key, value: once.value, topic: once.topic }, { key: record.key, value: record.value, topic: 'alerts' })
  t.strictSame(once.headers, [...record.headers, textHeader('dead-letter-redriven', '1')])
  const again = deadLetterRecord({ ...record, ...once, offset: 5n })
  t.equal(redrivenCount(again), 1)
  const twice = redrivenRecord(parseDeadLetter(toKafkaRecord(again))!, 'other')
  t.strictSame(twice.headers, [...record.headers, textHeader('dead-letter-redriven', '2')])
  t.equal(headerText(toKafkaRecord(again), 'dead-letter-offset'), '5')
})
