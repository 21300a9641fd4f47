// Orders records by due time. Records with equal due times keep their order.
import type { SourceRecord } from '../pipeline/index.ts'
import type { ReplayRecord } from './replay-pass.ts'

export class DueOrder {
  readonly #records: Array<SourceRecord<ReplayRecord>> = []

  add (record: SourceRecord<ReplayRecord>): void {
    const after = this.#records.findLastIndex(({ value }) => value.dueAt <= record.value.dueAt)
    this.#records.splice(after + 1, 0, record)
  }

  /** Removes and yields the records that are due before `time`. */
  * dueBefore (time: number): Generator<SourceRecord<ReplayRecord>> {
    while (this.#records.length > 0 && this.#records[0]!.value.dueAt < time) yield this.#records.shift()!
  }
}
