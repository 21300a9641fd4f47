import t from 'tap'
import { kafkaErrors } from '../../src/kafka/errors.ts'
import { redriveErrors } from '../../src/dead-letters/restore.ts'
import { Tally } from '../../src/dead-letters/redrive-stats.ts'

await t.test('the last line counts what was left by reason, the most frequent first, and only what there is', t => {
  const tally = new Tally()
  t.equal(tally.line('12 sent', 0), 'redrive: 12 sent, 0 left\n')
  tally.leave(redriveErrors.LETTER_NOT_FROM_KAFKA('no'))
  for (let count = 0; count < 2; count++) tally.leave(redriveErrors.LETTER_VALUE_GONE('no'))
  t.equal(tally.line('12 sent', 0), 'redrive: 12 sent, 3 left (2 omitted values, 1 from a file)\n')
  t.equal(tally.refused.size, 0)
  tally.leave(kafkaErrors.KAFKA_MESSAGE_TOO_LARGE('no'))
  tally.leave(new Error('odd'))
  tally.notChosen = 4
  t.equal(tally.line('0 sent', 7), 'redrive: 0 sent, 5 left (2 omitted values, 1 from a file, 1 KAFKA_MESSAGE_TOO_LARGE, 1 UNEXPECTED), 4 not chosen, 7 not looked at\n')
  t.strictSame([...tally.refused], [['KAFKA_MESSAGE_TOO_LARGE', 1], ['UNEXPECTED', 1]])
  t.end()
})
