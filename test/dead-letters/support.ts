// What tests of letters share: letters of made-up records, where they are put, and a pull loop that deals with some of them.
import { position, textHeader, type KafkaRecord, type OutgoingRecord } from '../../src/kafka/record.ts'
import { letterOf, letterRecord } from '../../src/dead-letters/dead-letter.ts'
import { AlertStreamError, type DeadLetter } from '../../src/pipeline/index.ts'
import type { FoundLetter, LetterSource } from '../../src/dead-letters/dead-letter-source.ts'
import { contextOf, pull } from '../kafka/support.ts'

/** The letter of a record `index` that died of `reason`. */
export function deadOf (index: number, reason = 'TEST_REASON', more: Partial<KafkaRecord> = {}): DeadLetter {
  const value: KafkaRecord = {
    topic: 'alerts', partition: 0, offset: BigInt(index), timestamp: BigInt(Date.now()), key: Buffer.from(String(index)), value: Buffer.from(`value ${index}`),
    headers: [textHeader('h', String(index))], ...more
  }
  const at = position(value)
  return { record: { value, bytes: 1, position: at }, origin: { node: 'kafka', position: at }, node: 'unframe', error: new AlertStreamError(reason, 'wrong', { hint: 'Correct it.' }), attempts: 1 }
}

/** The same as a record of the topic of letters. */
export function letterRecordOf (index: number, reason?: string, more: Partial<KafkaRecord> = {}, partition = 0): OutgoingRecord {
  return { ...letterRecord(letterOf(deadOf(index, reason, more))), partition }
}

/** Reads a source to its end, leaving what `leave` says; gives what came, by the offset of the letter's record. */
export async function readLetters (source: LetterSource, leave: (found: FoundLetter) => boolean = () => false): Promise<number[]> {
  const context = contextOf()
  try {
    await source.open?.(context)
    const pulling = pull(source, context, record => {
      if (leave(record.value)) source.leave(record.value)
      source.settled?.(record)
    })
    await pulling.ended
    await source.flush?.()
    return pulling.records.map(({ value }) => Number(value.letter?.origin?.offset ?? -1))
  } finally {
    await source.close?.()
  }
}

export const reasonIs = (...reasons: readonly string[]) => ({ letter }: FoundLetter): boolean => reasons.includes(letter?.reason ?? '')
