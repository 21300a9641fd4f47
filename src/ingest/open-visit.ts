// The counts of a visit while its records are read and archived: a few numbers per visit and nothing per record.

export type VisitOutcome = 'written' | 'identical' | 'deadLettered'

export interface OpenVisit {
  /** The visit's number, such as 2026112300123. Undefined if the ids of its records do not contain a visit. */
  readonly visit: number | undefined
  /** Earliest and latest timestamp of the records, in milliseconds since 1970. */
  first: number
  last: number
  pulled: number
  readonly counts: Record<VisitOutcome, number>
  bytes: number
  durableAt: number
  maxAgeMs: number
  /** Time, by the caller's clock, at which a record of the visit was last pulled or settled. */
  activeAt: number
}

export function openVisit (timestamp: number, visit?: number): OpenVisit {
  const counts = { written: 0, identical: 0, deadLettered: 0 }
  return { visit, first: timestamp, last: timestamp, pulled: 0, counts, bytes: 0, durableAt: 0, maxAgeMs: 0, activeAt: 0 }
}

export function extend (visit: OpenVisit, timestamp: number): void {
  visit.first = Math.min(visit.first, timestamp)
  visit.last = Math.max(visit.last, timestamp)
}

/** Adds the records of `other` to `visit`. */
export function merge (visit: OpenVisit, other: OpenVisit): void {
  visit.first = Math.min(visit.first, other.first)
  visit.last = Math.max(visit.last, other.last)
  visit.pulled += other.pulled
  for (const outcome of ['written', 'identical', 'deadLettered'] as const) visit.counts[outcome] += other.counts[outcome]
  visit.bytes += other.bytes
  visit.durableAt = Math.max(visit.durableAt, other.durableAt)
  visit.maxAgeMs = Math.max(visit.maxAgeMs, other.maxAgeMs)
  visit.activeAt = Math.max(visit.activeAt, other.activeAt)
}

export function settledOf ({ counts }: OpenVisit): number {
  return counts.written + counts.identical + counts.deadLettered
}

export function unsettledOf (visit: OpenVisit): number {
  return visit.pulled - settledOf(visit)
}
