// The report of a copy: one JSON document, printed while the copy runs, so that a report of any length needs no memory. First come the
// problems, one per line, and last the totals. A report without its end belongs to a copy that was killed.
import { errorCode, messageOf } from '../pipeline/errors.ts'
import type { ArchivedKey } from './archived-keys.ts'

/** What was copied. */
interface Subject {
  readonly from: { readonly alerts: string, readonly schemas: string }
  readonly to: { readonly alerts: string, readonly schemas: string }
  readonly layout: string
  readonly night: string | undefined
}

const problemOf: Readonly<Record<string, 'different' | 'missing'>> = { ARCHIVE_CONFLICT: 'different', COPY_SOURCE_GONE: 'missing' }

export class CopyReport {
  readonly #print: (text: string) => Promise<void>
  #lines = 0
  /** Objects written, by kind. */
  readonly copied = { alert: 0, schema: 0 }
  copiedBytes = 0
  /** Objects that the destination already had. */
  present = 0
  /** Objects whose key at the destination has other content. */
  different = 0
  /** Objects of the source that are damaged, too large, or not what their key says. */
  damaged = 0
  /** Objects of the source that were deleted during the copy. */
  missing = 0
  /** Keys of the source that belong to no alert and no schema. */
  ignored = 0

  constructor (print: (text: string) => Promise<void>) {
    this.#print = print
  }

  get problems (): number {
    return this.different + this.damaged + this.missing
  }

  /** Objects that have been dealt with. */
  get done (): number {
    return this.copied.alert + this.copied.schema + this.present + this.problems
  }

  async begin (): Promise<void> {
    await this.#print('{\n"problems": [')
  }

  async problem ({ kind, key, id }: ArchivedKey, error: Error): Promise<void> {
    const code = errorCode(error)
    const problem = problemOf[code] ?? 'damaged'
    this[problem]++
    const ids = kind === 'alert' ? { alertId: id } : { schemaId: Number(id) }
    const line = JSON.stringify({ problem, object: kind, key, ...ids, code, reason: messageOf(error) })
    await this.#print(`${this.#lines++ === 0 ? '' : ','}\n${line}`)
  }

  /** @param complete whether every selected object was dealt with */
  async end ({ from, to, layout, night }: Subject, complete: boolean): Promise<void> {
    const { copied, copiedBytes, present, different, damaged, missing, ignored } = this
    const totals = {
      complete, from, to, layout, night: night ?? null, copied: copied.alert, copiedSchemas: copied.schema, copiedBytes, present, different,
      damaged, missing, ignored
    }
    const fields = Object.entries(totals).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`)
    await this.#print(`\n],\n${fields.join(',\n')}\n}\n`)
  }

  /** One line for people. */
  summary (): string {
    const { copied, present, different, damaged, missing } = this
    return `${copied.alert} alerts and ${copied.schema} schemas copied, ${present} objects already present, ${different} different, ` +
      `${damaged} damaged, ${missing} missing`
  }
}
