// What flows through a graph: a value, where it came from, and its settlement. Every envelope settles exactly once, whatever becomes of
// it: written, filtered, dead-lettered or failed. Settling is what returns the source's credit and what lets an offset be committed.
import { defineErrors } from './errors.ts'
import type { Origin, SourceRecord } from './node.ts'

export const envelopeErrors = defineErrors({
  PIPELINE_SETTLED_TWICE: { hint: 'A node settled a record that it had already passed on: this is a fault of the program, report it.' }
})

/** The outcome of one record, told exactly once: nothing, or the failure. */
export type Settle = (failure?: Error) => void

/** The source's record that an envelope descends from. */
export interface Root {
  readonly record: SourceRecord<unknown>
  readonly origin: Origin
}

/** A value on its way. Envelopes that descend by `map` share one settlement; `split` and `fork` make children. */
export class Envelope<T> {
  readonly value: T
  /** Of a batch: its first record. */
  readonly root: Root
  /** Its share of the source's bytes: a child of a split has its part, a batch the sum. */
  readonly bytes: number
  readonly #settlement: Settlement
  readonly #roots: readonly Root[] | undefined

  constructor (value: T, root: Root, settlement: Settlement, bytes: number, roots?: readonly Root[]) {
    this.value = value
    this.root = root
    this.bytes = bytes
    this.#settlement = settlement
    this.#roots = roots
  }

  /** Every source record that settles with this envelope: one, or those of a batch. */
  get roots (): readonly Root[] {
    return this.#roots ?? [this.root]
  }

  /** The envelope that a source's record starts with. */
  static of<T> (record: SourceRecord<T>, origin: Origin, settle: Settle): Envelope<T> {
    return new Envelope(record.value, { record, origin }, new Settlement(settle), record.bytes)
  }

  /** One envelope for many: settles each of them with its own outcome. */
  static batch<T> (envelopes: readonly Envelope<T>[], settled?: () => void): Envelope<readonly T[]> {
    const first = envelopes[0]
    if (first === undefined) throw new RangeError('a batch holds at least one envelope')
    const settlement = new Settlement(failure => {
      for (const envelope of envelopes) envelope.settle(failure)
      settled?.()
    })
    // Children of one record name it once.
    const roots = new Set(envelopes.flatMap(envelope => envelope.roots))
    const bytes = envelopes.reduce((sum, envelope) => sum + envelope.bytes, 0)
    return new Envelope(envelopes.map(envelope => envelope.value), first.root, settlement, bytes, [...roots])
  }

  /** Another value with the same settlement. */
  map<U> (value: U): Envelope<U> {
    return new Envelope(value, this.root, this.#settlement, this.bytes, this.#roots)
  }

  /** One child per value; this envelope settles when all children have, with the first failure if there was one. No values: at once. */
  split<U> (values: readonly U[]): Envelope<U>[] {
    return this.#children(values, this.bytes / values.length)
  }

  /** `count` children with the same value, one for each branch of a fan-out. */
  fork (count: number): Envelope<T>[] {
    return this.#children(new Array<T>(count).fill(this.value), this.bytes)
  }

  /** Tells the outcome. A second call throws PIPELINE_SETTLED_TWICE. */
  settle (failure?: Error): void {
    if (!this.#settlement.settle(failure)) {
      throw envelopeErrors.PIPELINE_SETTLED_TWICE('a record was settled twice', { where: this.root.origin.position })
    }
  }

  #children<U> (values: readonly U[], bytes: number): Envelope<U>[] {
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
    return values.map(value => new Envelope(value, this.root, new Settlement(childSettled), bytes, this.#roots))
  }
}

class Settlement {
  #listener: Settle | undefined

  constructor (listener: Settle) {
    this.#listener = listener
  }

  settle (failure: Error | undefined): boolean {
    const listener = this.#listener
    if (listener === undefined) return false
    this.#listener = undefined
    listener(failure)
    return true
  }
}
