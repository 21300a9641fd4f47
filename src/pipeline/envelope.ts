// An envelope is the unit that flows through a graph: a value, its origin and its settlement. Every envelope settles exactly once, whether
// its record is written, dropped, dead-lettered or failed. Settling returns the source's credit and lets the source commit an offset.
import { defineErrors } from './errors.ts'
import type { Origin, SourceRecord } from './node.ts'

const envelopeErrors = defineErrors({
  PIPELINE_SETTLED_TWICE: { hint: 'A node settled a record that it had already passed on. This is a bug in alert-stream: report it.' }
})

/** Called exactly once per record: with the failure, or without an argument if the record succeeded. */
export type Settle = (failure?: Error) => void

/** The source record that an envelope descends from. */
export interface Root {
  readonly record: SourceRecord<unknown>
  readonly origin: Origin
}

/** A value in flight. `map` returns an envelope with the same settlement; `split` returns children, each with its own settlement. */
export class Envelope<T> {
  readonly value: T
  /** For a batch: the root of its first record. */
  readonly root: Root
  /** Bytes of the source record. The children of a split get equal shares; a batch has the sum of its envelopes' bytes. */
  readonly bytes: number
  /** Number of records that the value stands for: see `SourceRecord.records`. 1 for an array and for the children of a split. */
  readonly records: number
  readonly #settlement: Settlement
  readonly #roots: readonly Root[] | undefined

  constructor (value: T, root: Root, settlement: Settlement, bytes: number, records: number, roots?: readonly Root[]) {
    this.value = value
    this.root = root
    this.bytes = bytes
    this.records = records
    this.#settlement = settlement
    this.#roots = roots
  }

  /** The roots of all source records that settle with this envelope: one, or several if the envelope is a batch. */
  get roots (): readonly Root[] {
    return this.#roots ?? [this.root]
  }

  /** Creates the first envelope of a source record. */
  static of<T> (record: SourceRecord<T>, origin: Origin, settle: Settle): Envelope<T> {
    return new Envelope(record.value, { record, origin }, new Settlement(settle), record.bytes, record.records ?? 1)
  }

  /** Combines envelopes into a batch. Settling the batch settles each envelope with the same outcome, then calls `settled`. */
  static batch<T> (envelopes: readonly Envelope<T>[], settled?: () => void): Envelope<readonly T[]> {
    const first = envelopes[0]
    if (first === undefined) throw new RangeError('a batch needs at least one envelope')
    const settlement = new Settlement(failure => {
      for (const envelope of envelopes) envelope.settle(failure)
      settled?.()
    })
    // A batch may contain several children of one record. The root that they share is listed once.
    const roots = new Set(envelopes.flatMap(envelope => envelope.roots))
    const bytes = envelopes.reduce((sum, envelope) => sum + envelope.bytes, 0)
    return new Envelope(envelopes.map(envelope => envelope.value), first.root, settlement, bytes, 1, [...roots])
  }

  /** Returns an envelope with another value and the same settlement. */
  map<U> (value: U): Envelope<U> {
    return new Envelope(value, this.root, this.#settlement, this.bytes, this.records, this.#roots)
  }

  /** Returns one child per value. When all children have settled, this envelope settles with their first failure, if any. */
  split<U> (values: readonly U[]): Envelope<U>[] {
    if (values.length === 0) {
      this.settle()
      return []
    }
    let open = values.length
    let firstFailure: Error | undefined
    const childSettled: Settle = failure => {
      firstFailure ??= failure
      if (--open === 0) this.settle(firstFailure)
    }
    const bytes = this.bytes / values.length
    return values.map(value => new Envelope(value, this.root, new Settlement(childSettled), bytes, 1, this.#roots))
  }

  /** @throws PIPELINE_SETTLED_TWICE on the second call */
  settle (failure?: Error): void {
    if (!this.#settlement.settle(failure)) {
      throw envelopeErrors.PIPELINE_SETTLED_TWICE('a record was settled twice', { where: this.root.origin.position })
    }
  }
}

/** Number of records that the envelopes stand for. */
export function recordsIn (envelopes: readonly Envelope<unknown>[]): number {
  return envelopes.reduce((sum, { records }) => sum + records, 0)
}

class Settlement {
  #listener: Settle | undefined

  constructor (listener: Settle) {
    this.#listener = listener
  }

  /** Returns false on the second call. */
  settle (failure: Error | undefined): boolean {
    const listener = this.#listener
    if (listener === undefined) return false
    this.#listener = undefined
    listener(failure)
    return true
  }
}
