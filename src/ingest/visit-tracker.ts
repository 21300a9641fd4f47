// Counts the records of one topic by visit and reports each visit once. Records belong to the visit in their alert id, so visits may
// overlap in time. Records whose id contains no visit are grouped by gaps in time. A visit ends when all its records have settled and none
// has arrived for the length of the gap. The tracker stores only a few numbers per visit and nothing per record.
import { extend, openVisit, settledOf, unsettledOf, type OpenVisit, type VisitOutcome } from './open-visit.ts'
import { VisitsByTime } from './visits-by-time.ts'

/** A visit that has ended. Times are milliseconds since 1970. */
export interface Visit {
  /** The visit's number, such as 2026112300123. Undefined if the visit was found by gaps in time. */
  readonly visit: number | undefined
  /** 1, or one more than in the previous report if records of the visit arrived after that report. */
  readonly part: number
  /** Earliest timestamp of the visit's records. `last` is the latest timestamp. */
  readonly first: number
  readonly last: number
  /** Number of settled records, dead letters included. */
  readonly alerts: number
  /** `alerts` of this and all earlier parts. */
  readonly totalAlerts: number
  readonly written: number
  readonly identical: number
  readonly deadLettered: number
  /** Total size of the settled record values in bytes. */
  readonly bytes: number
  /** Time at which the last record of the visit became durable. */
  readonly durableAt: number
  /** Longest time from an alert's timestamp until it was durable in the store. */
  readonly maxAgeMs: number
  /**
   * Time from the deadline to `durableAt`; 0 for a backlog. Deadline: `first` + VISIT_MS, or the start of the next visit if earlier and the
   * visit was found by gaps in time.
   */
  readonly overrunMs: number
  /** Number of unsettled records: above 0 only if the program stopped or too many visits were open. */
  readonly unsettled: number
}

export interface VisitTrackerOptions {
  /** Milliseconds without a record after which a visit ends. Between timestamps, the gap that separates visits found by time. */
  readonly gapMs: number
  readonly onVisit: (visit: Visit) => void
  /** Maximum length in milliseconds of a visit found by time. A stream without gaps is cut at this length. Default: 300,000. */
  readonly longestMs?: number
  /** Maximum number of open visits. If more are open, the oldest visit ends with its unsettled records. Default: 64. */
  readonly maxOpen?: number
}

/** What the tracker reads of a record: its Kafka timestamp, and the visit in its alert id if there is one. */
export interface TrackedRecord {
  readonly timestamp: number
  readonly visit?: number | undefined
}

/** Interval between two visits of the telescope. If archiving a visit takes longer, the visit has an overrun. */
const VISIT_MS = 37_000
/** A record is read live if it is pulled within this time of its timestamp. Older records belong to a backlog. */
const LIVE_MS = 10_000
/** Number of ended visits that are remembered, to number the parts of a visit. */
const REMEMBERED_VISITS = 256

export class VisitTracker {
  readonly #options: Required<VisitTrackerOptions>
  readonly #byId = new Map<number, OpenVisit>()
  readonly #byTime: VisitsByTime
  /** Parts and alerts of the visits that ended last, by visit. */
  readonly #ended = new Map<number, { readonly parts: number, readonly alerts: number }>()
  /** Timestamp of the first record that was read live. Earlier visits belong to a backlog, so they have no overrun. */
  #liveFrom = Infinity

  constructor (options: VisitTrackerOptions) {
    this.#options = { longestMs: 300_000, maxOpen: 64, ...options }
    this.#byTime = new VisitsByTime(this.#options)
  }

  /** Call this method when a record has been read. */
  pulled ({ timestamp, visit: id }: TrackedRecord, now: number): void {
    if (this.#liveFrom === Infinity && Math.abs(now - timestamp) <= LIVE_MS) this.#liveFrom = timestamp
    const visit = id === undefined ? this.#byTime.join(timestamp) : this.#visitOf(id, timestamp)
    visit.pulled++
    visit.activeAt = now
    if (this.#byId.size + this.#byTime.open.length > this.#options.maxOpen) this.#end(this.#open()[0]!)
  }

  /**
   * Call this method when a record is durable, in the store or as a dead letter, with the same record as `pulled`. `bytes` is the size of
   * the record value.
   */
  settled ({ timestamp, visit: id }: TrackedRecord, outcome: VisitOutcome, bytes: number, now: number): void {
    const visit = id === undefined ? this.#byTime.find(timestamp) : this.#byId.get(id)
    if (visit === undefined || unsettledOf(visit) === 0) return
    visit.counts[outcome]++
    visit.bytes += bytes
    visit.durableAt = now
    visit.activeAt = now
    if (outcome !== 'deadLettered') visit.maxAgeMs = Math.max(visit.maxAgeMs, now - timestamp)
  }

  /** Ends the complete visits. Call this method about once a second. */
  tick (now: number): void {
    for (const visit of this.#open()) if (unsettledOf(visit) === 0 && now - visit.activeAt >= this.#options.gapMs) this.#end(visit)
  }

  /** Ends all open visits. Call this method when the stream has ended. */
  finish (): void {
    for (const visit of this.#open()) this.#end(visit)
  }

  /** The open visits, sorted by time. */
  #open (): OpenVisit[] {
    return [...this.#byTime.open, ...this.#byId.values()].sort((a, b) => a.first - b.first)
  }

  #visitOf (id: number, timestamp: number): OpenVisit {
    let visit = this.#byId.get(id)
    if (visit === undefined) this.#byId.set(id, visit = openVisit(timestamp, id))
    extend(visit, timestamp)
    return visit
  }

  #end (open: OpenVisit): void {
    const { visit, first, last, pulled, counts, bytes, durableAt, maxAgeMs } = open
    const alerts = settledOf(open)
    // The alerts of the next visit may arrive before the last alerts of this one. Without ids, the visits cannot overlap.
    const due = Math.min(first + VISIT_MS, visit === undefined ? this.#byTime.nextStart(open) : Infinity)
    const overrunMs = last < this.#liveFrom ? 0 : Math.max(0, durableAt - due)
    const { parts = 0, alerts: before = 0 } = visit === undefined ? {} : this.#ended.get(visit) ?? {}
    if (visit === undefined) {
      this.#byTime.remove(open)
    } else {
      this.#byId.delete(visit)
      this.#remember(visit, { parts: parts + 1, alerts: before + alerts })
    }
    this.#options.onVisit({
      visit, part: parts + 1, first, last, alerts, totalAlerts: before + alerts, ...counts, bytes, durableAt, maxAgeMs, overrunMs,
      unsettled: pulled - alerts
    })
  }

  #remember (visit: number, ended: { readonly parts: number, readonly alerts: number }): void {
    this.#ended.delete(visit)
    this.#ended.set(visit, ended)
    if (this.#ended.size > REMEMBERED_VISITS) this.#ended.delete(this.#ended.keys().next().value!)
  }
}
