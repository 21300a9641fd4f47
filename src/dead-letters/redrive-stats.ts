// What became of the letters of a run, for its last line: `redrive: 12 sent, 3 left (2 omitted values, 1 from a file), 5 not chosen`.
import { errorCode } from '../pipeline/index.ts'

/** What is said of letters that were left, by the code of why; for other codes the code itself. */
const words: Readonly<Record<string, readonly [one: string, many: string]>> = {
  LETTER_VALUE_GONE: ['omitted value', 'omitted values'],
  LETTER_NOT_FROM_KAFKA: ['from a file', 'from a file'],
  LETTER_REDRIVEN_TOO_OFTEN: ['sent back too often', 'sent back too often'],
  LETTER_UNREADABLE: ['unreadable', 'unreadable'],
  NOT_A_LETTER: ['no dead letter', 'no dead letters']
}

export class Tally {
  readonly #left = new Map<string, number>()
  /** Letters that the flags do not ask for. */
  notChosen = 0

  leave (error: Error): void {
    const code = errorCode(error)
    this.#left.set(code, (this.#left.get(code) ?? 0) + 1)
  }

  /** Letters that were left because the brokers would not take them. */
  get refused (): ReadonlyMap<string, number> {
    return new Map([...this.#left].filter(([code]) => !Object.hasOwn(words, code)))
  }

  /** `done`: `12 sent`. */
  line (done: string, unread: number): string {
    const left = [...this.#left].sort(([, a], [, b]) => b - a)
    const total = left.reduce((sum, [, count]) => sum + count, 0)
    const why = left.map(([code, count]) => `${count} ${words[code]?.[count === 1 ? 0 : 1] ?? code}`).join(', ')
    return `redrive: ${done}, ${total} left${why === '' ? '' : ` (${why})`}` +
      `${this.notChosen === 0 ? '' : `, ${this.notChosen} not chosen`}${unread === 0 ? '' : `, ${unread} not looked at`}\n`
  }
}
