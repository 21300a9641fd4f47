import t from 'tap'
import { recordLogFields } from '../../src/program/record-log-fields.ts'

const kafka = { topic: 'alerts', partition: 3, offset: 1042n, timestamp: 0n, key: null, value: Buffer.alloc(0), headers: [] }
const of = (value: unknown) => ({ value, bytes: 1, position: 'x' })

await t.test('a record of Kafka is told by topic, partition and offset; the alert by its id where the value has one', async t => {
  t.strictSame(recordLogFields(of(kafka), kafka), { topic: 'alerts', partition: 3, offset: 1042 })
  t.strictSame(recordLogFields(of(kafka), { id: '9223372036854775807', frame: Buffer.alloc(0) }), { topic: 'alerts', partition: 3, offset: 1042, alertId: '9223372036854775807' })
})

await t.test('a record that is played again is told by where it is in the static topic', async t => {
  t.strictSame(recordLogFields(of({ record: kafka, pass: 2, dueAt: 0 }), undefined), { topic: 'alerts', partition: 3, offset: 1042 })
})

await t.test('anything else has no facts', async t => {
  for (const value of [null, undefined, 'text', 7, {}, { id: 'not an id' }, { id: 7 }, { record: { topic: 'x' } }]) t.strictSame(recordLogFields(of(value), value), {})
})
