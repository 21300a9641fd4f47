// Counts of values by size, at a few nanoseconds each: what a metrics endpoint turns into a Prometheus histogram when it is asked, so that
// nothing of that is paid per record.

/** What was observed so far. */
export interface HistogramSnapshot {
  /** Upper bounds of the buckets, inclusive, ascending; one more bucket takes what is larger. */
  readonly bounds: readonly number[]
  /** Values in each bucket alone, `bounds.length + 1` of them. */
  readonly counts: readonly number[]
  readonly sum: number
  readonly count: number
}

export class Histogram {
  readonly bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0
  #count = 0

  /** @param bounds ascending. Error: RangeError */
  constructor (bounds: readonly number[]) {
    if (bounds.some((bound, index) => index > 0 && !(bound > bounds[index - 1]!))) throw new RangeError(`the bounds of a histogram must ascend: ${bounds.join(', ')}`)
    this.bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe (value: number): void {
    let bucket = 0
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket++
    this.#counts[bucket]!++
    this.#sum += value
    this.#count++
  }

  read (): HistogramSnapshot {
    return { bounds: this.bounds, counts: [...this.#counts], sum: this.#sum, count: this.#count }
  }
}
