import t from 'tap'
import { toDeadLetterRecord } from '../../src/dead-letters/dead-letter.ts'
import { DeadLetterRepeats } from '../../src/dead-letters/repeats.ts'
import type { KafkaRecord } from '../../src/kafka/record.ts'
import { deadLetterFor } from './support.ts'

const letter = (index: number, more: Partial<KafkaRecord> = {}, reason?: string) =>
  toDeadLetterRecord(deadLetterFor(index, reason, { timestamp: 7n, ...more }))

await t.test('a dead letter with the same origin and record is a repeat, whatever its reason', async t => {
  const repeats = new DeadLetterRepeats()
  t.notOk(repeats.isRepeat(letter(1)))
  t.notOk(repeats.isRepeat(letter(2)))
  t.ok(repeats.isRepeat(letter(1)))
  t.ok(repeats.isRepeat(letter(1, {}, 'OTHER_REASON')))
})

await t.test('a dead letter with another topic, partition, offset, timestamp or content is not a repeat', async t => {
  const repeats = new DeadLetterRepeats()
  const others: Array<Partial<KafkaRecord>> = [
    {}, { topic: 'other' }, { partition: 1 }, { offset: 3n }, { timestamp: 8n }, { value: Buffer.from('of a recreated topic') }
  ]
  for (const other of others) t.notOk(repeats.isRepeat(letter(1, other)))
})

await t.test('dead letters of files are never repeats', async t => {
  const repeats = new DeadLetterRepeats()
  const fromFile = { ...letter(1), origin: undefined, position: 'a.avro#1' }
  t.notOk(repeats.isRepeat(fromFile))
  t.notOk(repeats.isRepeat(fromFile))
})

await t.test('the number of remembered dead letters is bounded, and the oldest are forgotten first', async t => {
  const repeats = new DeadLetterRepeats(3)
  for (let index = 0; index < 5; index++) repeats.isRepeat(letter(index))
  t.strictSame([4, 3, 2].map(index => repeats.isRepeat(letter(index))), [true, true, true])
  t.notOk(repeats.isRepeat(letter(0)))
})
