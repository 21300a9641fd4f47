import t from 'tap'
import { recordLogFields } from '../../src/program/record-log-fields.ts'

const kafka = { topic: 'alerts', partition: 3, offset: 1042n, timestamp: 0n, key: null, value: Buffer.alloc(0), headers: [] }
const position = { topic: 'alerts', partition: 3, offset: 1042 }
const recordOf = (value: unknown) => ({ value, bytes: 1, position: 'x' })

await t.test('a Kafka record has its topic, partition and offset, and the alert id if the value has one', async t => {
  t.strictSame(recordLogFields(recordOf(kafka), kafka), position)
  const alert = { id: '9223372036854775807', frame: Buffer.alloc(0) }
  t.strictSame(recordLogFields(recordOf(kafka), alert), { ...position, alertId: '9223372036854775807' })
})

await t.test('a replayed record has its position in the static topic', async t => {
  t.strictSame(recordLogFields(recordOf({ record: kafka, pass: 2, dueAt: 0 }), undefined), position)
})

await t.test('other values have no fields', async t => {
  for (const value of [null, undefined, 'text', 7, {}, { id: 'not an id' }, { id: 7 }, { record: { topic: 'x' } }]) {
    t.strictSame(recordLogFields(recordOf(value), value), {})
  }
})
