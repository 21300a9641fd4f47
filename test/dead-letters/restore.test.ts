import t from 'tap'
import { toDeadLetterRecord } from '../../src/dead-letters/dead-letter.ts'
import { recordRestorer } from '../../src/dead-letters/restore.ts'
import { connect } from '../kafka/support.ts'
import { deadLetterFor } from './support.ts'

await t.test('sends no record to the topic from which the dead letters are read', async t => {
  const connection = await connect('127.0.0.1:1')
  const restore = recordRestorer({ connection, maxRedrives: 3, deadLetterTopic: 'dead' })
  const deadLetter = toDeadLetterRecord(deadLetterFor(1, 'R', { topic: 'dead' }))
  const entry = { position: 'dead[0]@5', deadLetter }
  await t.rejects(restore(entry), { code: 'LETTER_FROM_DEAD_LETTERS', where: 'dead[0]@1', retryable: false })
})
