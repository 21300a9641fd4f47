// Restores the original record from a dead letter and selects its destination topic. A value that was omitted because it was too large for
// the dead-letter topic is read again from the original topic.
import { hash } from 'node:crypto'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { BatchOptions } from '../kafka/damaged-batches.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import { redrivenCount, redrivenRecord, type DeadLetterRecord } from './dead-letter.ts'
import { position, type KafkaRecord, type OutgoingRecord } from '../kafka/record.ts'
import { AlertStreamError, defineErrors } from '../pipeline/index.ts'
import { recordAt } from './original-record.ts'
import { deadLetterSourceErrors, type DeadLetterEntry } from './dead-letter-source.ts'

export const redriveErrors = defineErrors({
  LETTER_NOT_FROM_KAFKA: { hint: 'The value is an unframed datum of a file. Correct the file and load it again with create-stream.' },
  LETTER_VALUE_GONE: { hint: 'The value was too large for the dead-letter topic, and the original is gone. Produce the alert again.' },
  LETTER_FROM_DEAD_LETTERS: { hint: 'Name another topic with --dst-topic, or run with --discard.' },
  LETTER_REDRIVEN_TOO_OFTEN: { hint: 'Find out why the record fails each time. Then raise --max-redrives, or run with --discard.' },
  REDRIVE_REFUSED: { hint: 'Depending on the code, create the topic, raise max.message.bytes or request an ACL; then run again.' },
  REDRIVE_MARKS_FULL: { hint: 'Send back the oldest dead letters, or discard them with --discard. Then run redrive again.' }
})

export interface RestoredRecord {
  readonly entry: DeadLetterEntry
  readonly deadLetter: DeadLetterRecord
  readonly record: OutgoingRecord & { readonly topic: string }
}

interface RestoreOptions {
  readonly connection: KafkaConnection
  /** Topic for all records. Default: the original topic of each record. */
  readonly destination?: string | undefined
  readonly maxRedrives: number
  /** Limits of record batches of the original topic. */
  readonly batches?: BatchOptions | undefined
  /** The topic from which the dead letters are read. No record is sent to this topic. */
  readonly deadLetterTopic?: string | undefined
}

/**
 * Errors: NOT_A_LETTER, LETTER_UNREADABLE, LETTER_NOT_FROM_KAFKA, LETTER_FROM_DEAD_LETTERS, LETTER_VALUE_GONE, LETTER_REDRIVEN_TOO_OFTEN,
 * KAFKA_TOPIC_MISSING (no destination topic), KAFKA_NOT_AUTHORISED; retryable: KAFKA_UNREACHABLE and others.
 */
export function recordRestorer (
  { connection, destination, maxRedrives, batches, deadLetterTopic }: RestoreOptions
): (entry: DeadLetterEntry) => Promise<RestoredRecord> {
  const checkedTopics = new Map<string, Promise<void>>()

  // Each topic is checked once, because the producer would wait several seconds per record for a missing topic.
  async function assertTopicExists (topic: string): Promise<void> {
    const check = checkedTopics.get(topic) ?? assertExists(connection, topic)
    checkedTopics.set(topic, check)
    check.catch((error: unknown) => { if (!(error instanceof AlertStreamError) || error.retryable) checkedTopics.delete(topic) })
    await check
  }

  return async entry => {
    const found = entry.deadLetter
    if (found === undefined) throw entry.problem ?? deadLetterSourceErrors.NOT_A_LETTER('not a dead letter', { where: entry.position })
    const { origin } = found
    if (origin === undefined) throw redriveErrors.LETTER_NOT_FROM_KAFKA('the dead letter comes from a file', { where: found.position })
    const topic = destination ?? origin.topic
    if (topic === deadLetterTopic) {
      throw redriveErrors.LETTER_FROM_DEAD_LETTERS('the record was read from the dead-letter topic itself', { where: found.position })
    }
    const deadLetter = found.omittedBytes === undefined ? found : await withOriginalValue(connection, found, batches)
    const times = redrivenCount(deadLetter)
    if (times >= maxRedrives) {
      throw redriveErrors.LETTER_REDRIVEN_TOO_OFTEN(`the record has already been sent back ${times} times`, { where: deadLetter.position })
    }
    await assertTopicExists(topic)
    return { entry, deadLetter, record: { ...redrivenRecord(deadLetter, topic), topic } }
  }
}

async function assertExists (connection: KafkaConnection, topic: string): Promise<void> {
  const admin = new KafkaAdmin(connection)
  try {
    if (await admin.describeTopic(topic) !== undefined) return
    throw kafkaErrors.KAFKA_TOPIC_MISSING('cannot redrive: the topic does not exist', { where: `${topic} at ${connection.brokers}` })
  } finally {
    await admin.close()
  }
}

/** Adds the omitted value. Timestamp and size must match, because in a recreated topic the offset belongs to another record. */
async function withOriginalValue (
  connection: KafkaConnection, deadLetter: DeadLetterRecord, batches: BatchOptions | undefined
): Promise<DeadLetterRecord> {
  const origin = deadLetter.origin!
  const valueGone = (why: string, cause?: unknown, hint?: string): AlertStreamError =>
    redriveErrors.LETTER_VALUE_GONE(`the value was omitted, and ${why}`, { where: deadLetter.position, cause, hint })
  let record: KafkaRecord | undefined
  try {
    record = await recordAt(connection, origin, batches)
  } catch (error) {
    if (!(error instanceof AlertStreamError)) throw error
    if (error.code === 'KAFKA_NOT_AUTHORISED') throw valueGone(`this user is not allowed to read ${origin.topic}`, error)
    if (error.code === 'KAFKA_BATCH_DAMAGED') throw valueGone(error.message, error)
    if (error.code === 'KAFKA_BATCH_TOO_LARGE') throw valueGone(error.message, error, 'Run redrive with a larger --max-batch-mib.')
    if (error.code === 'KAFKA_RECORD_TOO_LARGE') {
      throw valueGone('the original record exceeds --max-record-mib', error, 'Run redrive with a larger --max-record-mib.')
    }
    throw error
  }
  if (record === undefined) throw valueGone(`${position(origin)} no longer exists`)
  const { omittedBytes, omittedSha256 } = deadLetter
  const value = record.value ?? Buffer.alloc(0)
  const differs = omittedSha256 !== undefined && hash('sha256', value) !== omittedSha256
  if (record.timestamp !== origin.timestamp || value.length !== omittedBytes || differs) {
    throw valueGone(`${position(origin)} is now a different record`)
  }
  return { ...deadLetter, key: record.key, value: record.value, headers: record.headers, omittedBytes: undefined, omittedSha256: undefined }
}
