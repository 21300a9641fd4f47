import t from 'tap'
import { parseDeadLetter, redrivenCount, redrivenFrom, redrivenRecord, toKafkaRecord } from '../../src/dead-letters/dead-letter.ts'
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

const originHeaders = (topic: string, partition: string, offset: string, timestamp: string) => [
  textHeader('dead-letter-origin-topic', topic), textHeader('dead-letter-origin-partition', partition),
  textHeader('dead-letter-origin-offset', offset), textHeader('dead-letter-origin-timestamp', timestamp)
]

await t.test('redrivenRecord adds the first origin and the redrive count; the first origin stays', async t => {
  const once = redrivenRecord(deadLetterRecord(), 'alerts')
  t.strictSame({ key: once.key, value: once.value, topic: once.topic }, { key: record.key, value: record.value, topic: 'alerts' })
  const added = originHeaders('alerts', '3', String(record.offset), String(record.timestamp))
  t.strictSame(once.headers, [...record.headers, ...added, textHeader('dead-letter-redriven', '1')])
  const { topic, partition, offset, timestamp } = record
  t.strictSame(redrivenFrom(once), { topic, partition, offset, timestamp })
  const again = deadLetterRecord({ ...record, ...once, topic: 'redriven', offset: 5n })
  t.equal(redrivenCount(again), 1)
  const twice = redrivenRecord(parseDeadLetter(toKafkaRecord(again))!, 'other')
  t.strictSame(twice.headers, [...record.headers, ...added, textHeader('dead-letter-redriven', '2')])
  t.equal(headerText(toKafkaRecord(again), 'dead-letter-offset'), '5')
})

await t.test('a record that was not redriven, or whose headers name no valid position, has no first origin', async t => {
  const count = textHeader('dead-letter-redriven', '1')
  t.strictSame(redrivenFrom({ headers: [...originHeaders('alerts', '3', '7', '9'), count] }), {
    topic: 'alerts', partition: 3, offset: 7n, timestamp: 9n
  })
  t.equal(redrivenFrom({ headers: originHeaders('alerts', '3', '7', '9') }), undefined, 'a producer may use these headers itself')
  t.equal(redrivenFrom({ headers: [count] }), undefined)
  const invalid = [
    ['', '3', '7'], ['a/b', '3', '7'], ['x'.repeat(250), '3', '7'], ['alerts', '-1', '7'], ['alerts', '2147483648', '7'],
    ['alerts', '3', '-7'], ['alerts', '3', '9999999999999999999'], ['alerts', 'three', '7'], ['alerts', '3', '']
  ] as const
  for (const [topic, partition, offset] of invalid) {
    const headers = [...originHeaders(topic, partition, offset, '9'), count]
    t.equal(redrivenFrom({ headers }), undefined, `${topic} ${partition} ${offset}`)
  }
  const replaced = redrivenRecord(deadLetterRecord({ ...record, headers: [...originHeaders('a/b', '3', '7', '9'), count] }), 'alerts')
  t.match(redrivenFrom(replaced), { topic: 'alerts', offset: record.offset }, 'redrive adds the origin that it knows')
})
