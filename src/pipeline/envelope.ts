// An envelope is the unit that flows through a graph: a value, its origin and its settlement. Every envelope settles exactly once, whether
// its record is written, dropped, dead-lettered or failed. Settling returns the source's credit and lets the source commit an offset.
import { defineErrors } from './errors.ts'
import type { Origin, SourceRecord } from './node.ts'

const envelopeErrors = defineErrors({
  PIPELINE_SETTLED_TWICE: { hint: 'A node settled a record that it had already passed on. This is a bug in alert-stream: report it.' }
})

/** Called exactly once per record: with the failure, or without an argument if the record succeeded. */
export type Settle = (failure?: Error) => void

/** Called when the bytes that an envelope holds have changed. */
type Resize = (now: number, before: number) => void

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
  /** Number of records that the value stands for: see `SourceRecord.records`. 1 for an array and for the children of a split. */
  readonly records: number
  readonly #settlement: Settlement
  readonly #roots: readonly Root[] | undefined

  constructor (value: T, root: Root, settlement: Settlement, records: number, roots?: readonly Root[]) {
    this.value = value
    this.root = root
    this.records = records
    this.#settlement = settlement
    this.#roots = roots
  }

  /**
   * Bytes that the envelope holds of the source's credit: those of the source record, unless `hold` has changed them. The children of a
   * split get equal shares; a batch has the sum of its envelopes' bytes.
   */
  get bytes (): number {
    return this.#settlement.bytes
  }

  /** The roots of all source records that settle with this envelope: one, or several if the envelope is a batch. */
  get roots (): readonly Root[] {
    return this.#roots ?? [this.root]
  }

  /** Creates the first envelope of a source record. `resize` is called with each change of the bytes that the record holds. */
  static of<T> (record: SourceRecord<T>, origin: Origin, settle: Settle, resize: Resize = () => {}): Envelope<T> {
    return new Envelope(record.value, { record, origin }, new Settlement(settle, record.bytes, resize), record.records ?? 1)
  }

  /** Combines envelopes into a batch. Settling the batch settles each envelope with the same outcome, then calls `settled`. */
  static batch<T> (envelopes: readonly Envelope<T>[], settled?: () => void): Envelope<readonly T[]> {
    const first = envelopes[0]
    if (first === undefined) throw new RangeError('a batch needs at least one envelope')
    const bytes = envelopes.reduce((sum, envelope) => sum + envelope.bytes, 0)
    const settlement = new Settlement(failure => {
      for (const envelope of envelopes) envelope.settle(failure)
      settled?.()
    }, bytes, (now, before) => {
      for (const envelope of envelopes) envelope.hold(before > 0 ? envelope.bytes * now / before : now / envelopes.length)
    })
    // A batch may contain several children of one record. The root that they share is listed once.
    const roots = new Set(envelopes.flatMap(envelope => envelope.roots))
    return new Envelope(envelopes.map(envelope => envelope.value), first.root, settlement, 1, [...roots])
  }

  /** Returns an envelope with another value and the same settlement. */
  map<U> (value: U): Envelope<U> {
    return new Envelope(value, this.root, this.#settlement, this.records, this.#roots)
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
    // Shares are fractions, so their sum may be below the whole by a rounding error.
    const resize: Resize = (now, before) => { this.hold(Math.max(0, this.bytes + now - before)) }
    return values.map(value => new Envelope(value, this.root, new Settlement(childSettled, bytes, resize), 1, this.#roots))
  }

  /**
   * Declares the bytes that the envelope holds from now on. The envelopes of a batch get shares in proportion to the bytes that they held.
   * @throws RangeError if `bytes` is negative or not finite, because such a size would disable the credit limit
   */
  hold (bytes: number): void {
    this.#settlement.hold(bytes)
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
  bytes: number
  #listener: Settle | undefined
  readonly #resize: Resize

  constructor (listener: Settle, bytes: number, resize: Resize) {
    this.#listener = listener
    this.bytes = bytes
    this.#resize = resize
  }

  hold (bytes: number): void {
    if (!(bytes >= 0 && bytes < Infinity)) throw new RangeError(`an envelope cannot hold ${bytes} bytes`)
    const before = this.bytes
    this.bytes = bytes
    this.#resize(bytes, before)
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
