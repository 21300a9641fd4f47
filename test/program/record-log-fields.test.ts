import t from 'tap'
import { recordLogFields } from '../../src/program/record-log-fields.ts'

const kafka = { topic: 'alerts', partition: 3, offset: 1042n, timestamp: 0n, key: null, value: Buffer.alloc(0), headers: [] }
const position = { topic: 'alerts', partition: 3, offset: 1042 }
const recordOf = (value: unknown) => ({ value, bytes: 1, position: 'x' })

await t.test('the fields of a Kafka record are topic, partition and offset, and the alert id if the processed value has an id', async t => {
  t.strictSame(recordLogFields(recordOf(kafka), kafka), position)
  const alert = { id: '9223372036854775807', frame: Buffer.alloc(0) }
  t.strictSame(recordLogFields(recordOf(kafka), alert), { ...position, alertId: '9223372036854775807' })
})

await t.test('the fields of a replayed record are its position in the static topic', async t => {
  t.strictSame(recordLogFields(recordOf({ record: kafka, pass: 2, dueAt: 0 }), undefined), position)
})

await t.test('a value without a Kafka record and without an alert id has no log fields', async t => {
  for (const value of [null, undefined, 'text', 7, {}, { id: 'not an id' }, { id: 7 }, { record: { topic: 'x' } }]) {
    t.strictSame(recordLogFields(recordOf(value), value), {})
  }
})
