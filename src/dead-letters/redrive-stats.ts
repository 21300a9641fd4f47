// Counts the outcomes of a redrive run, for its last line: `redrive: 12 sent, 3 left (2 omitted values, 1 from a file), 5 not selected`.
import { errorCode } from '../pipeline/index.ts'

/** Texts for the error codes of unsent dead letters. Any other code means that the brokers rejected the record; that code is printed. */
const reasonText: Readonly<Record<string, readonly [singular: string, plural: string]>> = {
  LETTER_VALUE_GONE: ['omitted value', 'omitted values'],
  LETTER_NOT_FROM_KAFKA: ['from a file', 'from a file'],
  LETTER_REDRIVEN_TOO_OFTEN: ['sent back too often', 'sent back too often'],
  LETTER_FROM_DEAD_LETTERS: ['from the dead-letter topic', 'from the dead-letter topic'],
  LETTER_UNREADABLE: ['unreadable', 'unreadable'],
  NOT_A_LETTER: ['no dead letter', 'no dead letters']
}

export class RedriveStats {
  readonly #left = new Map<string, number>()
  /** Number of dead letters that the filter flags exclude. */
  notSelected = 0

  addLeft (error: Error): void {
    const code = errorCode(error)
    this.#left.set(code, (this.#left.get(code) ?? 0) + 1)
  }

  /** Number of dead letters that the brokers rejected, by error code. */
  get rejected (): ReadonlyMap<string, number> {
    return new Map([...this.#left].filter(([code]) => !Object.hasOwn(reasonText, code)))
  }

  /** @param done number of processed dead letters and what was done with them, such as `12 sent` */
  line (done: string, { unread, repeats }: { readonly unread: number, readonly repeats: number }): string {
    const left = [...this.#left].sort(([, a], [, b]) => b - a)
    const total = left.reduce((sum, [, count]) => sum + count, 0)
    const reasons = left.map(([code, count]) => `${count} ${reasonText[code]?.[count === 1 ? 0 : 1] ?? code}`).join(', ')
    return `redrive: ${done}, ${total} left${reasons === '' ? '' : ` (${reasons})`}` +
      `${this.notSelected === 0 ? '' : `, ${this.notSelected} not selected`}${repeats === 0 ? '' : `, ${repeats} repeated`}` +
      `${unread === 0 ? '' : `, ${unread} not read`}\n`
  }
}
