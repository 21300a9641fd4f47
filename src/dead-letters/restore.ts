// From a dead letter back to the record that it was: what is sent, and where to; or why that cannot be. A value that was too large for the
// topic of letters is fetched again from where the record came from.
import type { KafkaConnection } from '../kafka/connection.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import { redrivenCount, redrivenRecord, type Letter } from './dead-letter.ts'
import { position, type KafkaRecord, type OutgoingRecord } from '../kafka/record.ts'
import { AlertStreamError, defineErrors } from '../pipeline/index.ts'
import { recordAt } from './original-record.ts'
import { letterSourceErrors, type FoundLetter } from './dead-letter-source.ts'

export const redriveErrors = defineErrors({
  LETTER_NOT_FROM_KAFKA: { hint: 'Its value is a bare datum of a file: correct the file and load it again with create-stream.' },
  LETTER_VALUE_GONE: { hint: 'The value was too large for the topic of dead letters, and the record it came from cannot be read any more: produce the alert again.' },
  LETTER_REDRIVEN_TOO_OFTEN: { hint: 'Find out why it dies again and again; then raise --max-redrives, or give it up with --discard.' },
  REDRIVE_REFUSED: { hint: 'See the codes: create the topic, raise its max.message.bytes, or ask for an ACL; the letters are left for the next run.' },
  REDRIVE_MARKS_FULL: { hint: 'Send back the oldest letters, or give them up with --discard; then run it again.' }
})

/** A record on its way back. */
export interface Restored {
  readonly found: FoundLetter
  readonly letter: Letter
  readonly record: OutgoingRecord & { readonly topic: string }
}

export interface RestoreOptions {
  readonly connection: KafkaConnection
  /** Default: the topic that each record came from. */
  readonly destination?: string | undefined
  readonly maxRedrives: number
}

/**
 * Errors: NOT_A_LETTER, LETTER_UNREADABLE, LETTER_NOT_FROM_KAFKA, LETTER_VALUE_GONE, LETTER_REDRIVEN_TOO_OFTEN, KAFKA_TOPIC_MISSING (the topic
 * to send to), KAFKA_NOT_AUTHORISED; retryable: those of reaching Kafka.
 */
export function restorer ({ connection, destination, maxRedrives }: RestoreOptions): (found: FoundLetter) => Promise<Restored> {
  const topics = new Map<string, Promise<void>>()

  // Asked once per topic: the producer waits some seconds for a topic that is missing, for each record.
  async function assertTopic (topic: string): Promise<void> {
    const known = topics.get(topic) ?? describe(connection, topic)
    topics.set(topic, known)
    known.catch((error: unknown) => { if (!(error instanceof AlertStreamError) || error.retryable) topics.delete(topic) })
    await known
  }

  return async found => {
    if (found.letter === undefined) throw found.problem ?? letterSourceErrors.NOT_A_LETTER('there is no letter', { where: found.position })
    const { origin } = found.letter
    if (origin === undefined) throw redriveErrors.LETTER_NOT_FROM_KAFKA('the letter is of a record that was never in Kafka', { where: found.letter.position })
    const letter = found.letter.omittedBytes === undefined ? found.letter : await whole(connection, found.letter)
    const times = redrivenCount(letter)
    if (times >= maxRedrives) throw redriveErrors.LETTER_REDRIVEN_TOO_OFTEN(`the record was sent back ${times} times already`, { where: letter.position })
    const topic = destination ?? origin.topic
    await assertTopic(topic)
    return { found, letter, record: { ...redrivenRecord(letter, topic), topic } }
  }
}

async function describe (connection: KafkaConnection, topic: string): Promise<void> {
  const admin = new KafkaAdmin(connection)
  try {
    if (await admin.describeTopic(topic) === undefined) throw kafkaErrors.KAFKA_TOPIC_MISSING('cannot send back: the topic does not exist', { where: `${topic} at ${connection.brokers}` })
  } finally {
    await admin.close()
  }
}

/** The letter with the value that was left out. The record at its offset must be the same one: the topic may have been recreated. */
async function whole (connection: KafkaConnection, letter: Letter): Promise<Letter> {
  const origin = letter.origin!
  const gone = (why: string, cause?: unknown): AlertStreamError => redriveErrors.LETTER_VALUE_GONE(why, { where: letter.position, cause })
  let record: KafkaRecord | undefined
  try {
    record = await recordAt(connection, origin)
  } catch (error) {
    if (error instanceof AlertStreamError && error.code === 'KAFKA_NOT_AUTHORISED') throw gone(`the value was left out, and this user may not read ${origin.topic}`, error)
    throw error
  }
  if (record === undefined) throw gone(`the value was left out, and ${position(origin)} is no longer kept`)
  if (record.timestamp !== origin.timestamp || (record.value?.length ?? 0) !== letter.omittedBytes) throw gone(`the value was left out, and ${position(origin)} is another record now`)
  const { key, value, headers } = record
  return { ...letter, key, value, headers, omittedBytes: undefined }
}
