// Tells visits apart in a stream of records, and says of each what became of it. A visit is a burst of records with no gap between their Kafka
// timestamps; it is told when all its records have settled and none has come for as long as the gap. Partitions may be read at different
// speeds, so several visits can be open at once. Memory is bounded: a few numbers for each open visit, nothing for each record.

/** What became of a record: `dead` went to the dead letters. */
export type VisitOutcome = 'written' | 'identical' | 'dead'

/** One visit. Times are milliseconds since 1970. */
export interface Visit {
  /** Earliest and latest timestamp of its records. */
  readonly first: number
  readonly last: number
  /** Records that settled, those included that are no alerts. */
  readonly alerts: number
  readonly written: number
  readonly identical: number
  readonly dead: number
  /** Of the records' values. */
  readonly bytes: number
  /** When the last of them was durable. */
  readonly durableAt: number
  /** Largest time from an alert's timestamp until it was durable in the store. */
  readonly maxAgeMs: number
  /** For how long it was still being worked on after `visitMs`, or after the next visit began; 0: it was in time. */
  readonly overrunMs: number
  /** Records that had not settled when it had to be told all the same; 0 unless the program ended or too many visits were open. */
  readonly unsettled: number
}

export interface VisitTrackerOptions {
  /** Milliseconds between two timestamps that part two visits. */
  readonly gapMs: number
  readonly onVisit: (visit: Visit) => void
  /** Milliseconds that a visit may take, default 37,000: then the telescope's next one comes. */
  readonly visitMs?: number | undefined
  /** A stream without gaps is cut into visits of so many milliseconds, default 300,000. */
  readonly longestMs?: number | undefined
  /** Visits open at once, default 64; beyond that the oldest is told as it is. */
  readonly maxOpen?: number | undefined
}

interface Open {
  first: number
  last: number
  pulled: number
  counts: Record<VisitOutcome, number>
  bytes: number
  durableAt: number
  maxAgeMs: number
  /** When something happened to it last, by the caller's clock. */
  activeAt: number
}

export class VisitTracker {
  readonly #gapMs: number
  readonly #visitMs: number
  readonly #longestMs: number
  readonly #maxOpen: number
  readonly #onVisit: (visit: Visit) => void
  /** In the order of their time. */
  #open: Open[] = []

  constructor ({ gapMs, onVisit, visitMs = 37_000, longestMs = 300_000, maxOpen = 64 }: VisitTrackerOptions) {
    this.#gapMs = gapMs
    this.#onVisit = onVisit
    this.#visitMs = visitMs
    this.#longestMs = longestMs
    this.#maxOpen = maxOpen
  }

  /** Visits that have not been told. */
  get open (): number { return this.#open.length }

  /** A record was read. */
  pulled (timestamp: number, now: number): void {
    const visit = this.#visitFor(timestamp)
    visit.pulled++
    visit.activeAt = now
    if (this.#open.length > this.#maxOpen) this.#tell(this.#open[0]!)
  }

  /** It is durable, in the store or in the dead letters. `bytes`: of its value. */
  settled (timestamp: number, outcome: VisitOutcome, bytes: number, now: number): void {
    // None: it was told already, as one too many. A later visit of the same time must not take its records for its own.
    const visit = this.#open.findLast(each => timestamp >= each.first && timestamp <= each.last && unsettled(each) > 0)
    if (visit === undefined) return
    visit.counts[outcome]++
    visit.bytes += bytes
    visit.durableAt = now
    visit.activeAt = now
    if (outcome !== 'dead') visit.maxAgeMs = Math.max(visit.maxAgeMs, now - timestamp)
  }

  /** Tells the visits that are over; to be called every second or so. */
  tick (now: number): void {
    for (const visit of [...this.#open]) if (unsettled(visit) === 0 && now - visit.activeAt >= this.#gapMs) this.#tell(visit)
  }

  /** The stream has ended: tells all. */
  finish (): void {
    for (const visit of [...this.#open]) this.#tell(visit)
  }

  #visitFor (timestamp: number): Open {
    const near = this.#open.filter(visit => this.#joins(visit, timestamp))
    let visit = near[0]
    if (visit === undefined) {
      visit = { first: timestamp, last: timestamp, pulled: 0, counts: { written: 0, identical: 0, dead: 0 }, bytes: 0, durableAt: 0, maxAgeMs: 0, activeAt: 0 }
      const after = this.#open.findIndex(({ first }) => first > timestamp)
      this.#open.splice(after < 0 ? this.#open.length : after, 0, visit)
    }
    visit.first = Math.min(visit.first, timestamp)
    visit.last = Math.max(visit.last, timestamp)
    // The record closes the gap between two: they were one.
    for (const other of near.slice(1)) if (Math.max(visit.last, other.last) - visit.first <= this.#longestMs) this.#merge(visit, other)
    return visit
  }

  #joins ({ first, last }: Open, timestamp: number): boolean {
    if (timestamp >= first && timestamp <= last) return true
    return timestamp >= first - this.#gapMs && timestamp <= last + this.#gapMs && Math.max(last, timestamp) - Math.min(first, timestamp) <= this.#longestMs
  }

  #merge (visit: Open, other: Open): void {
    this.#open = this.#open.filter(each => each !== other)
    visit.first = Math.min(visit.first, other.first)
    visit.last = Math.max(visit.last, other.last)
    visit.pulled += other.pulled
    for (const outcome of ['written', 'identical', 'dead'] as const) visit.counts[outcome] += other.counts[outcome]
    visit.bytes += other.bytes
    visit.durableAt = Math.max(visit.durableAt, other.durableAt)
    visit.maxAgeMs = Math.max(visit.maxAgeMs, other.maxAgeMs)
    visit.activeAt = Math.max(visit.activeAt, other.activeAt)
  }

  #tell (visit: Open): void {
    const next = this.#open[this.#open.indexOf(visit) + 1]
    this.#open = this.#open.filter(each => each !== visit)
    const { first, last, counts, bytes, durableAt, maxAgeMs } = visit
    const due = Math.min(first + this.#visitMs, next?.first ?? Infinity)
    this.#onVisit({
      first, last, alerts: settledOf(visit), ...counts, bytes, durableAt, maxAgeMs, overrunMs: Math.max(0, durableAt - due), unsettled: unsettled(visit)
    })
  }
}

function settledOf ({ counts }: Open): number {
  return counts.written + counts.identical + counts.dead
}

function unsettled (visit: Open): number {
  return visit.pulled - settledOf(visit)
}
