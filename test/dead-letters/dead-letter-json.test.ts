import t from 'tap'
import {
  deadLetterFromJson, deadLetterKey, deadLetterPrefix, deadLetterToJson, isSameDeadLetter
} from '../../src/dead-letters/dead-letter-json.ts'
import { deadLetterRecord, record } from './records.ts'

await t.test('restores any dead letter exactly from JSON', async t => {
  const nulls = deadLetterRecord({ ...record, key: null, value: null, headers: [] })
  const empty = deadLetterRecord({ ...record, key: Buffer.alloc(0), value: Buffer.alloc(0) })
  const omitted = deadLetterRecord({ ...record, key: null, value: null, headers: [], omitted: { bytes: 7, sha256: 'ab' } })
  for (const deadLetter of [deadLetterRecord(), nulls, empty, omitted, deadLetterRecord(Buffer.from('raw'))]) {
    t.strictSame(deadLetterFromJson(deadLetterToJson(deadLetter)), deadLetter)
  }
  const json = JSON.parse(deadLetterToJson(deadLetterRecord()).toString())
  t.match(json, {
    reason: 'TEST_LETTER', topic: 'alerts', partition: 3, offset: '9223372036854775807', timestamp: '1700000000000',
    key: 'AP8=', value: 'AQID'
  })
  t.strictSame(json.headers, [
    { name: 'h', value: 'MQ==' }, { name: 'h', value: null }, { name: 'e', value: '' }, { nameBase64: '//4=', value: 'gA==' }
  ])
})

await t.test('rejects an object that is damaged or not a dead letter, and names the object in the error', async t => {
  const good = JSON.parse(deadLetterToJson(deadLetterRecord()).toString()) as object
  const changes = [{ value: 'AQI*' }, { value: undefined }, { offset: 4 }, { headers: [{ value: '' }] }]
  const bad = ['', '{', 'null', '[]', '{}', ...changes.map(change => JSON.stringify({ ...good, ...change }))]
  for (const body of bad) {
    t.throws(() => deadLetterFromJson(Buffer.from(body), 'a store: a key'), { code: 'LETTER_UNREADABLE', where: 'a store: a key' }, body)
  }
})

await t.test('the object key depends on the record and its origin, not on the report', async t => {
  const key = deadLetterKey(deadLetterRecord())
  t.match(key, /^dead-letters\/v1\/alerts\/3\/09223372036854775807-[0-9a-f]{16}\.json$/)
  const otherReport = deadLetterRecord(record, new Error('another time, another reason'))
  t.equal(deadLetterKey(otherReport), key)
  t.ok(isSameDeadLetter(otherReport, deadLetterRecord()))
  const changes = [
    { value: Buffer.from([1, 2, 4]) }, { value: null }, { key: null }, { headers: [] }, { timestamp: 1n }, { offset: 1n }, { partition: 2 },
    { topic: 'other' }
  ]
  for (const change of changes) {
    const changed = deadLetterRecord({ ...record, ...change })
    t.not(deadLetterKey(changed), key)
    t.notOk(isSameDeadLetter(changed, deadLetterRecord()))
  }
  const fileKey = deadLetterKey(deadLetterRecord(Buffer.from('raw')))
  t.match(fileKey, /^dead-letters\/v1\/~files\/[0-9a-f]{32}\.json$/)
  t.ok(fileKey.startsWith(deadLetterPrefix))
})
