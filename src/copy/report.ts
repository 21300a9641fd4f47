// The report of a copy: its problems and totals.
import { errorCode, messageOf } from '../pipeline/errors.ts'
import { counted } from '../print/counted.ts'
import { ProblemReport } from '../print/problem-report.ts'
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
  readonly #document: ProblemReport
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
    this.#document = new ProblemReport(print)
  }

  get problems (): number {
    return this.different + this.damaged + this.missing
  }

  /** Objects that have been dealt with. */
  get done (): number {
    return this.copied.alert + this.copied.schema + this.present + this.problems
  }

  async begin (): Promise<void> {
    await this.#document.begin()
  }

  async problem ({ kind, key, id }: ArchivedKey, error: Error): Promise<void> {
    const code = errorCode(error)
    const problem = problemOf[code] ?? 'damaged'
    this[problem]++
    const ids = kind === 'alert' ? { alertId: id } : { schemaId: Number(id) }
    await this.#document.add({ problem, object: kind, key, ...ids, code, reason: messageOf(error) })
  }

  /** @param complete whether every selected object was dealt with */
  async end ({ from, to, layout, night }: Subject, complete: boolean): Promise<void> {
    const { copied, copiedBytes, present, different, damaged, missing, ignored } = this
    await this.#document.end({
      complete, from, to, layout, night: night ?? null, copied: copied.alert, copiedSchemas: copied.schema, copiedBytes, present, different,
      damaged, missing, ignored
    })
  }

  /** One line for people. */
  summary (): string {
    const { copied, present, different, damaged, missing } = this
    const objects = `${counted(copied.alert, 'alert')} and ${counted(copied.schema, 'schema')}`
    return `${objects} copied, ${counted(present, 'object')} already present, ${different} different, ` +
      `${damaged} damaged, ${missing} missing`
  }
}
