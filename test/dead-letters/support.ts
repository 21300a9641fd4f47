// Helpers for tests of dead letters: example dead letters, and a pull loop over a dead-letter source.
import { position, textHeader, type KafkaRecord, type OutgoingRecord } from '../../src/kafka/record.ts'
import { toDeadLetterRecord, toKafkaRecord } from '../../src/dead-letters/dead-letter.ts'
import { AlertStreamError, type DeadLetter } from '../../src/pipeline/index.ts'
import type { DeadLetterEntry, DeadLetterSource } from '../../src/dead-letters/dead-letter-source.ts'
import { contextOf, pull } from '../kafka/support.ts'

/** A dead letter for a record at offset `index`. */
export function deadLetterFor (index: number, reason = 'TEST_REASON', more: Partial<KafkaRecord> = {}): DeadLetter {
  const value: KafkaRecord = {
    topic: 'alerts', partition: 0, offset: BigInt(index), leaderEpoch: 0, timestamp: BigInt(Date.now()), key: Buffer.from(String(index)),
    value: Buffer.from(`value ${index}`), headers: [textHeader('h', String(index))], ...more
  }
  const error = new AlertStreamError(reason, 'wrong', { hint: 'Correct it.' })
  const at = position(value)
  return { record: { value, bytes: 1, position: at }, origin: { node: 'kafka', position: at }, node: 'unframe', error, attempts: 1 }
}

/** The dead letter of `deadLetterFor`, as a record of a dead-letter topic. */
export function deadLetterTopicRecord (index: number, reason?: string, more: Partial<KafkaRecord> = {}, partition = 0): OutgoingRecord {
  return { ...toKafkaRecord(toDeadLetterRecord(deadLetterFor(index, reason, more))), partition }
}

/** Reads a source to its end. Calls `source.leave` for the entries that `leave` selects. Returns the original offsets of the entries. */
export async function readDeadLetters (
  source: DeadLetterSource, leave: (entry: DeadLetterEntry) => boolean = () => false
): Promise<number[]> {
  const context = contextOf()
  try {
    await source.open?.(context)
    const pulling = pull(source, context, record => {
      if (leave(record.value)) source.leave(record.value)
      source.settled?.(record)
    })
    await pulling.ended
    await source.flush?.()
    return pulling.records.map(({ value }) => Number(value.deadLetter?.origin?.offset ?? -1))
  } finally {
    await source.close?.()
  }
}

export const reasonIs = (...reasons: readonly string[]) => ({ deadLetter }: DeadLetterEntry): boolean =>
  reasons.includes(deadLetter?.reason ?? '')
