import t from 'tap'
import { decodeLetter, encodeLetter, letterKey, letterPrefix, sameLetter } from '../../src/dead-letters/dead-letter-json.ts'
import { letterOf, letterRecord, readLetter, redrivenCount, redrivenRecord, type Letter } from '../../src/dead-letters/dead-letter.ts'
import { headerText, position, textHeader, type KafkaRecord } from '../../src/kafka/record.ts'
import { defineErrors } from '../../src/pipeline/errors.ts'

const errors = defineErrors({ TEST_LETTER: { hint: 'Correct it.' } })
const record: KafkaRecord = {
  topic: 'alerts', partition: 3, offset: 9_223_372_036_854_775_807n, timestamp: 1_700_000_000_000n, key: Buffer.from([0, 255]), value: Buffer.from([1, 2, 3]),
  headers: [textHeader('h', '1'), [Buffer.from('h'), null], [Buffer.from('e'), Buffer.alloc(0)], [Buffer.from([0xff, 0xfe]), Buffer.from([0x80])]]
}

function letter (value: unknown = record, error: Error = errors.TEST_LETTER('it is wrong', { where: 'schema 7' })): Letter {
  const at = typeof value === 'object' && value !== null && 'offset' in value ? position(value as KafkaRecord) : 'a.avro#7'
  return letterOf({ record: { value, bytes: 3, position: at }, origin: { node: 'source', position: at }, node: 'unframe', error, attempts: 4 })
}

await t.test('a letter read from its record is what was written: the record exactly as it was, and the report', async t => {
  const made = letter()
  t.match(made, { reason: 'TEST_LETTER', message: 'it is wrong (schema 7)', node: 'unframe', position: 'alerts[3]@9223372036854775807', attempts: 4 })
  t.strictSame(readLetter(letterRecord(made)), made)
  for (const { key, value } of [{ key: null, value: null }, { key: Buffer.alloc(0), value: Buffer.alloc(0) }]) {
    const odd = letter({ ...record, key, value, headers: [] })
    t.strictSame(readLetter(letterRecord(odd)), odd, 'null and empty are kept apart')
  }
  const file = letter(Buffer.from('raw'))
  t.strictSame(readLetter(letterRecord(file)), file)
  t.equal(file.origin, undefined)
})

await t.test('a record without a reason is no letter; of a letter about a letter the outer one is read, and the inner is whole in it', async t => {
  t.equal(readLetter(record), undefined)
  t.equal(readLetter({ ...record, headers: [textHeader('dead-letter-redriven', '1')] }), undefined, 'one that was sent back is an alert again')
  const inner = letter()
  const outer = letter({ ...record, ...letterRecord(inner), topic: 'letters', offset: 1n }, errors.TEST_LETTER('not a frame'))
  const read = readLetter(letterRecord(outer))
  t.match(read, { message: 'not a frame', origin: { topic: 'letters', offset: 1n } })
  t.strictSame(readLetter(read!), inner)
})

await t.test('a report that is incomplete or nonsense does not hide the letter', async t => {
  const read = readLetter({ ...record, headers: [textHeader('dead-letter-reason', 'ODD'), textHeader('dead-letter-topic', 'alerts'), textHeader('dead-letter-offset', '-x')] })
  t.match(read, { reason: 'ODD', message: '', attempts: 0, origin: undefined })
})

await t.test('sent back, the record is as it was with the count of how often', async t => {
  const once = redrivenRecord(letter(), 'alerts')
  t.strictSame({ key: once.key, value: once.value, topic: once.topic }, { key: record.key, value: record.value, topic: 'alerts' })
  t.strictSame(once.headers, [...record.headers, textHeader('dead-letter-redriven', '1')])
  // It dies again.
  const again = letter({ ...record, ...once, offset: 5n })
  t.equal(redrivenCount(again), 1)
  t.strictSame(redrivenRecord(readLetter(letterRecord(again))!, 'other').headers, [...record.headers, textHeader('dead-letter-redriven', '2')])
  t.equal(headerText(letterRecord(again), 'dead-letter-offset'), '5')
})

await t.test('as JSON it comes back exactly, whatever bytes it holds', async t => {
  for (const made of [letter(), letter({ ...record, key: null, value: null, headers: [] }), letter({ ...record, key: Buffer.alloc(0), value: Buffer.alloc(0) }), letter(Buffer.from('raw'))]) {
    t.strictSame(decodeLetter(encodeLetter(made)), made)
  }
  const json = JSON.parse(encodeLetter(letter()).toString())
  t.match(json, { reason: 'TEST_LETTER', topic: 'alerts', partition: 3, offset: '9223372036854775807', timestamp: '1700000000000', key: 'AP8=', value: 'AQID' })
  t.strictSame(json.headers, [{ name: 'h', value: 'MQ==' }, { name: 'h', value: null }, { name: 'e', value: '' }, { nameBase64: '//4=', value: 'gA==' }])
})

await t.test('what is no letter, or damaged, is refused and named', async t => {
  const good = JSON.parse(encodeLetter(letter()).toString()) as object
  const bad = ['', '{', 'null', '[]', '{}', JSON.stringify({ ...good, value: 'AQI*' }), JSON.stringify({ ...good, value: undefined }), JSON.stringify({ ...good, offset: 4 }), JSON.stringify({ ...good, headers: [{ value: '' }] })]
  for (const body of bad) t.throws(() => decodeLetter(Buffer.from(body), 'a store: a key'), { code: 'LETTER_UNREADABLE', where: 'a store: a key' }, body)
})

await t.test('the key is that of the record and its place, whatever is reported of it; another record at the same offset has another key', async t => {
  const key = letterKey(letter())
  t.match(key, /^dead-letters\/v1\/alerts\/3\/09223372036854775807-[0-9a-f]{16}\.json$/)
  const otherwise = letter(record, new Error('another time, another reason'))
  t.equal(letterKey(otherwise), key)
  t.ok(sameLetter(otherwise, letter()))
  for (const change of [{ value: Buffer.from([1, 2, 4]) }, { value: null }, { key: null }, { headers: [] }, { timestamp: 1n }, { offset: 1n }, { partition: 2 }, { topic: 'other' }]) {
    t.not(letterKey(letter({ ...record, ...change })), key)
    t.notOk(sameLetter(letter({ ...record, ...change }), letter()))
  }
  const file = letterKey(letter(Buffer.from('raw')))
  t.match(file, /^dead-letters\/v1\/~files\/[0-9a-f]{32}\.json$/)
  t.ok(file.startsWith(letterPrefix))
})
