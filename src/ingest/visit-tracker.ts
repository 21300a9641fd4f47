// Groups the records of one topic into visits and reports each visit once. In a visit, consecutive Kafka timestamps are at most the gap
// apart. A visit ends when all its records have settled and none has arrived for the length of the gap. Partitions may be read at
// different speeds, so several visits can be open at once. The tracker stores only a few numbers per open visit and nothing per record.

export type VisitOutcome = 'written' | 'identical' | 'deadLettered'

/** A visit that has ended. Times are milliseconds since 1970. */
export interface Visit {
  /** Earliest timestamp of the visit's records. `last` is the latest timestamp. */
  readonly first: number
  readonly last: number
  /** Number of settled records, dead letters included. */
  readonly alerts: number
  readonly written: number
  readonly identical: number
  readonly deadLettered: number
  /** Total size of the settled record values in bytes. */
  readonly bytes: number
  /** Time at which the last record of the visit became durable. */
  readonly durableAt: number
  /** Longest time from an alert's timestamp until it was durable in the store. */
  readonly maxAgeMs: number
  /** Time from the deadline to `durableAt`; 0 for a backlog. Deadline: `first` + VISIT_MS, or the start of the next visit if earlier. */
  readonly overrunMs: number
  /** Number of unsettled records: above 0 only if the program stopped or too many visits were open. */
  readonly unsettled: number
}

export interface VisitTrackerOptions {
  /** A new visit begins if two consecutive timestamps are more than this number of milliseconds apart. */
  readonly gapMs: number
  readonly onVisit: (visit: Visit) => void
  /** Maximum length of a visit in milliseconds. A stream without gaps is cut at this length. Default: 300,000. */
  readonly longestMs?: number
  /** Maximum number of open visits. If more are open, the oldest visit ends with its unsettled records. Default: 64. */
  readonly maxOpen?: number
}

interface OpenVisit {
  first: number
  last: number
  pulled: number
  counts: Record<VisitOutcome, number>
  bytes: number
  durableAt: number
  maxAgeMs: number
  /** Time, by the caller's clock, at which a record of the visit was last pulled or settled. */
  activeAt: number
}

/** Interval between two visits of the telescope. If archiving a visit takes longer, the visit has an overrun. */
const VISIT_MS = 37_000
/** A record is read live if it is pulled within this time of its timestamp. Older records belong to a backlog. */
const LIVE_MS = 10_000

export class VisitTracker {
  readonly #options: Required<VisitTrackerOptions>
  /** Open visits, sorted by time. */
  #open: OpenVisit[] = []
  /** Timestamp of the first record that was read live. Earlier visits belong to a backlog, so they have no overrun. */
  #liveFrom = Infinity

  constructor (options: VisitTrackerOptions) {
    this.#options = { longestMs: 300_000, maxOpen: 64, ...options }
  }

  /** Call this method when a record has been read. */
  pulled (timestamp: number, now: number): void {
    if (this.#liveFrom === Infinity && Math.abs(now - timestamp) <= LIVE_MS) this.#liveFrom = timestamp
    const visit = this.#visitFor(timestamp)
    visit.pulled++
    visit.activeAt = now
    if (this.#open.length > this.#options.maxOpen) this.#end(this.#open[0]!)
  }

  /** Call this method when a record is durable, in the store or as a dead letter. `bytes` is the size of the record value. */
  settled (timestamp: number, outcome: VisitOutcome, bytes: number, now: number): void {
    // If the visit ended early because too many visits were open, another visit with the same timestamps must not count the record.
    const visit = this.#open.findLast(each => timestamp >= each.first && timestamp <= each.last && unsettled(each) > 0)
    if (visit === undefined) return
    visit.counts[outcome]++
    visit.bytes += bytes
    visit.durableAt = now
    visit.activeAt = now
    if (outcome !== 'deadLettered') visit.maxAgeMs = Math.max(visit.maxAgeMs, now - timestamp)
  }

  /** Ends the complete visits. Call this method about once a second. */
  tick (now: number): void {
    for (const visit of [...this.#open]) if (unsettled(visit) === 0 && now - visit.activeAt >= this.#options.gapMs) this.#end(visit)
  }

  /** Ends all open visits. Call this method when the stream has ended. */
  finish (): void {
    for (const visit of [...this.#open]) this.#end(visit)
  }

  #visitFor (timestamp: number): OpenVisit {
    const near = this.#open.filter(visit => this.#joins(visit, timestamp))
    let visit = near[0]
    if (visit === undefined) {
      const counts = { written: 0, identical: 0, deadLettered: 0 }
      visit = { first: timestamp, last: timestamp, pulled: 0, counts, bytes: 0, durableAt: 0, maxAgeMs: 0, activeAt: 0 }
      const after = this.#open.findIndex(({ first }) => first > timestamp)
      this.#open.splice(after < 0 ? this.#open.length : after, 0, visit)
    }
    visit.first = Math.min(visit.first, timestamp)
    visit.last = Math.max(visit.last, timestamp)
    // A record that closes the gap between two visits merges the visits.
    for (const other of near.slice(1)) {
      if (Math.max(visit.last, other.last) - visit.first <= this.#options.longestMs) this.#merge(visit, other)
    }
    return visit
  }

  #joins ({ first, last }: OpenVisit, timestamp: number): boolean {
    if (timestamp >= first && timestamp <= last) return true
    const { gapMs, longestMs } = this.#options
    const length = Math.max(last, timestamp) - Math.min(first, timestamp)
    return timestamp >= first - gapMs && timestamp <= last + gapMs && length <= longestMs
  }

  #merge (visit: OpenVisit, other: OpenVisit): void {
    this.#open = this.#open.filter(each => each !== other)
    visit.first = Math.min(visit.first, other.first)
    visit.last = Math.max(visit.last, other.last)
    visit.pulled += other.pulled
    for (const outcome of ['written', 'identical', 'deadLettered'] as const) visit.counts[outcome] += other.counts[outcome]
    visit.bytes += other.bytes
    visit.durableAt = Math.max(visit.durableAt, other.durableAt)
    visit.maxAgeMs = Math.max(visit.maxAgeMs, other.maxAgeMs)
    visit.activeAt = Math.max(visit.activeAt, other.activeAt)
  }

  #end (visit: OpenVisit): void {
    const next = this.#open[this.#open.indexOf(visit) + 1]
    this.#open = this.#open.filter(each => each !== visit)
    const { first, last, pulled, counts, bytes, durableAt, maxAgeMs } = visit
    const alerts = settledOf(visit)
    const due = Math.min(first + VISIT_MS, next?.first ?? Infinity)
    const overrunMs = last < this.#liveFrom ? 0 : Math.max(0, durableAt - due)
    this.#options.onVisit({ first, last, alerts, ...counts, bytes, durableAt, maxAgeMs, overrunMs, unsettled: pulled - alerts })
  }
}

function settledOf ({ counts }: OpenVisit): number {
  return counts.written + counts.identical + counts.deadLettered
}

function unsettled (visit: OpenVisit): number {
  return visit.pulled - settledOf(visit)
}
