// Groups records whose ids do not contain a visit: in a visit, consecutive Kafka timestamps are at most the gap apart. Partitions may be
// read at different speeds, so several visits can be open at once.
import { extend, merge, openVisit, unsettledOf, type OpenVisit } from './open-visit.ts'

interface VisitsByTimeOptions {
  /** A new visit begins if two consecutive timestamps are more than this number of milliseconds apart. */
  readonly gapMs: number
  /** Maximum length of a visit in milliseconds. */
  readonly longestMs: number
}

export class VisitsByTime {
  readonly #options: VisitsByTimeOptions
  /** Sorted by time. */
  #open: OpenVisit[] = []

  constructor (options: VisitsByTimeOptions) {
    this.#options = options
  }

  get open (): readonly OpenVisit[] { return this.#open }

  /** Returns the visit to which a record that has been read belongs. Opens, extends and merges visits. */
  join (timestamp: number): OpenVisit {
    const near = this.#open.filter(visit => this.#joins(visit, timestamp))
    let visit = near[0]
    if (visit === undefined) {
      visit = openVisit(timestamp)
      const after = this.#open.findIndex(({ first }) => first > timestamp)
      this.#open.splice(after < 0 ? this.#open.length : after, 0, visit)
    }
    extend(visit, timestamp)
    // A record that closes the gap between two visits merges the visits.
    for (const other of near.slice(1)) {
      if (Math.max(visit.last, other.last) - visit.first > this.#options.longestMs) continue
      this.remove(other)
      merge(visit, other)
    }
    return visit
  }

  /** Returns the open visit of a record that has settled. */
  find (timestamp: number): OpenVisit | undefined {
    // If the visit ended early because too many visits were open, another visit with the same timestamps must not count the record.
    return this.#open.findLast(each => timestamp >= each.first && timestamp <= each.last && unsettledOf(each) > 0)
  }

  /** Time at which the next visit begins. */
  nextStart (visit: OpenVisit): number {
    return this.#open[this.#open.indexOf(visit) + 1]?.first ?? Infinity
  }

  remove (visit: OpenVisit): void {
    this.#open = this.#open.filter(each => each !== visit)
  }

  #joins ({ first, last }: OpenVisit, timestamp: number): boolean {
    if (timestamp >= first && timestamp <= last) return true
    const { gapMs, longestMs } = this.#options
    const length = Math.max(last, timestamp) - Math.min(first, timestamp)
    return timestamp >= first - gapMs && timestamp <= last + gapMs && length <= longestMs
  }
}
