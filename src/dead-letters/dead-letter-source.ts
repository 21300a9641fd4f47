// Sources of dead letters for redrive. A dead letter that settles counts as processed, and later runs do not emit it, unless `leave`
// was called for it. An unprocessed dead letter stays in its topic or store, and does not hold back other dead letters.
import { defineErrors, type Source } from '../pipeline/index.ts'
import type { DeadLetterRecord } from './dead-letter.ts'

/** A record of a dead-letter topic or an object of a dead-letter store. */
export interface DeadLetterEntry {
  /** Position in the topic, or key in the store. */
  readonly position: string
  /** Undefined if the entry is not a readable dead letter. */
  readonly deadLetter: DeadLetterRecord | undefined
  /** Why the entry is not a readable dead letter. */
  readonly problem?: Error | undefined
}

/** Emits: the unprocessed dead letters that exist when the source opens. Completes: after the last dead letter. */
export interface DeadLetterSource extends Source<DeadLetterEntry> {
  /** Leaves an entry for a later run. Must be called before the entry settles. */
  leave (entry: DeadLetterEntry): void
  /** Number of dead letters that were not emitted because the source cannot keep track of more processed dead letters. */
  readonly unread: number
  /** Number of repeated dead letters. They count as processed and are not emitted. */
  readonly repeats: number
}

export const deadLetterSourceErrors = defineErrors({
  REDRIVE_NOTHING_COMMITTED: {
    hint: 'Check with --dry-run, then run with --from-beginning. If the committed offsets have expired (offsets.retention.minutes, ' +
      'default 7 days), dead letters that this group has sent before are sent again.'
  },
  REDRIVE_CONCURRENT: { hint: 'Wait for the other run to end, then run again. Dead letters in flight may have been sent twice.' },
  NOT_A_LETTER: { hint: 'Only records with the header dead-letter-reason can be sent back.' }
})
