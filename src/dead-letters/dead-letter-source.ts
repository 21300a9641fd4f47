// Dead letters that wait to be dealt with, one by one, and are remembered when they were: what redrive reads. A letter that settles is done
// with and does not come again in a later run, unless it was left; one that is left keeps its place and holds no other back.
import { defineErrors, type Source, type SourceRecord } from '../pipeline/index.ts'
import type { Letter } from './dead-letter.ts'

/** A letter, or what stands where one was expected. */
export interface FoundLetter {
  /** In the topic or the store of letters. */
  readonly position: string
  readonly letter: Letter | undefined
  /** Why it is none. */
  readonly problem?: Error | undefined
}

/** Emits: the letters that are not done with, as of its opening. Completes: after the last. */
export interface LetterSource extends Source<FoundLetter> {
  /** Leaves a letter to a later run; to be said before it settles. */
  leave (found: FoundLetter): void
  /** Letters that it did not hand out because no more can be kept track of; 0 else. */
  readonly unread: number
}

export const letterSourceErrors = defineErrors({
  REDRIVE_NOTHING_COMMITTED: {
    hint: 'Look with --dry-run, then begin with --from-beginning. Committed offsets expire (offsets.retention.minutes, 7 days by default): if this group has sent letters before, they would be sent again.'
  },
  REDRIVE_CONCURRENT: { hint: 'Let the other run end, then start again; letters that both had in hand may have been sent twice.' },
  NOT_A_LETTER: { hint: 'Only records with the header dead-letter-reason can be sent back.' }
})

export type LetterRecord = SourceRecord<FoundLetter>
