// Counts the frames of each visit and detector of a night.
import type { VisitCount } from '../alert-index/revision.ts'

export class VisitCounter {
  readonly #visits = new Map<bigint | null, Map<number | null, number>>()

  add (visit: bigint | null, detector: number | null): void {
    let detectors = this.#visits.get(visit)
    if (detectors === undefined) this.#visits.set(visit, detectors = new Map())
    detectors.set(detector, (detectors.get(detector) ?? 0) + 1)
  }

  /** In ascending order, frames without a visit last. */
  counts (): VisitCount[] {
    return [...this.#visits].sort(([a], [b]) => compareNullable(a, b)).map(([visit, detectors]) => ({
      visit: visit === null ? null : String(visit),
      rows: detectors.values().reduce((sum, rows) => sum + rows, 0),
      detectors: Object.fromEntries([...detectors].sort(([a], [b]) => compareNullable(a, b))
        .map(([detector, rows]) => [String(detector ?? 'none'), rows]))
    }))
  }
}

/** Nulls come last. */
function compareNullable<T extends bigint | number> (a: T | null, b: T | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  return a < b ? -1 : a > b ? 1 : 0
}
