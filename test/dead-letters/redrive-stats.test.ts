import t from 'tap'
import { kafkaErrors } from '../../src/kafka/errors.ts'
import { redriveErrors } from '../../src/dead-letters/restore.ts'
import { RedriveStats } from '../../src/dead-letters/redrive-stats.ts'

await t.test('the last line counts the dead letters that were not sent, most frequent reason first, and omits zero counts', t => {
  const stats = new RedriveStats()
  const all = { unread: 0, repeats: 0 }
  t.equal(stats.line('12 sent', all), 'redrive: 12 sent, 0 left\n')
  stats.addLeft(redriveErrors.LETTER_NOT_FROM_KAFKA('no'))
  for (let count = 0; count < 2; count++) stats.addLeft(redriveErrors.LETTER_VALUE_GONE('no'))
  t.equal(stats.line('12 sent', all), 'redrive: 12 sent, 3 left (2 omitted values, 1 from a file)\n')
  t.equal(stats.rejected.size, 0)
  stats.addLeft(kafkaErrors.KAFKA_MESSAGE_TOO_LARGE('no'))
  stats.addLeft(new Error('odd'))
  stats.notSelected = 4
  const left = '5 left (2 omitted values, 1 from a file, 1 KAFKA_MESSAGE_TOO_LARGE, 1 UNEXPECTED)'
  t.equal(stats.line('0 sent', { unread: 7, repeats: 2 }), `redrive: 0 sent, ${left}, 4 not selected, 2 repeated, 7 not read\n`)
  t.strictSame([...stats.rejected], [['KAFKA_MESSAGE_TOO_LARGE', 1], ['UNEXPECTED', 1]])
  t.end()
})
