// Recognises repeated dead letters. A process that is killed after it has written a dead letter reads the record again after its restart,
// and writes the dead letter again. Both have the same original record, at the same topic, partition, offset and timestamp.
import type { DeadLetterRecord } from './dead-letter.ts'
import { deadLetterKey } from './dead-letter-json.ts'

/** A repeat follows its original within the records that can be in flight at once, so this number of dead letters is more than enough. */
const MAX_REMEMBERED = 100_000

export class DeadLetterRepeats {
  readonly #seen = new Set<string>()
  readonly #max: number

  /** @param max number of dead letters that are remembered; the oldest are forgotten first */
  constructor (max = MAX_REMEMBERED) {
    this.#max = max
  }

  /** Whether an earlier call had a dead letter with the same origin and the same record. Dead letters of files have no origin. */
  isRepeat (deadLetter: DeadLetterRecord): boolean {
    if (deadLetter.origin === undefined) return false
    // The key covers the content of the record, so records of a recreated topic are not taken for repeats of the old topic's records.
    const key = deadLetterKey(deadLetter)
    if (this.#seen.has(key)) return true
    this.#seen.add(key)
    if (this.#seen.size > this.#max) this.#seen.delete(this.#seen.values().next().value as string)
    return false
  }
}
