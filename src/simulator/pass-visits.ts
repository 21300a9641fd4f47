// The visits whose alerts each pass publishes, read from the alert ids.
import { packedIdOfFrame } from '../avro/packed-frame-id.ts'

/** The first and the last visit of a pass, such as 2026112300123. They are equal if the pass has one visit. */
export interface PassVisitRange { readonly first: number, readonly last: number }

/** Number of passes that are remembered. At most two passes run at a time. */
const REMEMBERED_PASSES = 4

export class PassVisits {
  readonly #ranges = new Map<number, PassVisitRange>()

  /** Adds an alert, given by its frame. A value without a packed id is ignored. */
  add (pass: number, value: Buffer | null): void {
    const packed = packedIdOfFrame(value)
    if (packed === undefined) return
    const visit = Number(packed.visit)
    const range = this.#ranges.get(pass)
    if (range === undefined) {
      this.#ranges.delete(pass - REMEMBERED_PASSES)
      this.#ranges.set(pass, { first: visit, last: visit })
    } else if (visit < range.first || visit > range.last) {
      this.#ranges.set(pass, { first: Math.min(range.first, visit), last: Math.max(range.last, visit) })
    }
  }

  /** Returns undefined if no alert of the pass has a packed id. */
  of (pass: number): PassVisitRange | undefined {
    return this.#ranges.get(pass)
  }
}
