// Stats of one node. The runner keeps the stats, so sources and sinks do not have to count anything.
// The bucket bounds of latencies are powers of two (in microseconds): memory is constant, and quantiles are within a factor of two.
import type { HistogramSnapshot } from './histogram.ts'

export interface NodeStats {
  readonly node: string
  /** Records that entered the node. For a source: pulled records. */
  readonly in: number
  /** Records that left the node. For a sink: durable records. */
  readonly out: number
  /** Records that a filter dropped. */
  readonly dropped: number
  /** Failed attempts, including those that were retried. */
  readonly failed: number
  readonly retried: number
  readonly deadLettered: number
  /** Dead-lettered records by error code. */
  readonly reasons: Readonly<Record<string, number>>
  /** Records that entered the node and have not left it yet. For a source: unsettled records. */
  readonly inFlight: number
  /** Bytes of pulled records; only for sources. */
  readonly bytes: number
  /** Milliseconds that a source waited for credit. */
  readonly starvedMs: number
  /** Milliseconds from entering to leaving the node. Quantiles are upper bounds of their bucket. */
  readonly latency: { readonly mean: number, readonly p50: number, readonly p99: number, readonly max: number }
}

/** Number of buckets. Bucket n counts latencies up to 2^n microseconds. */
const BUCKETS = 40
/** Buckets whose bounds `latencies` reports: 64 microseconds to 67 seconds, each bound four times the previous bound. */
const REPORTED_BUCKETS = [6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26]

export class Meter {
  readonly node: string
  in = 0
  out = 0
  dropped = 0
  failed = 0
  retried = 0
  deadLettered = 0
  inFlight = 0
  bytes = 0
  #sum = 0
  #max = 0
  #count = 0
  readonly #buckets = new Float64Array(BUCKETS)
  readonly #reasons = new Map<string, number>()

  constructor (node: string) {
    this.node = node
  }

  enter (records = 1): void {
    this.in += records
    this.inFlight += records
  }

  /** @param ms time since `enter` in milliseconds */
  leave (ms: number, records = 1): void {
    this.inFlight -= records
    this.#sum += ms * records
    this.#count += records
    if (ms > this.#max) this.#max = ms
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.ceil(Math.log2(ms * 1000 + 1))))
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + records
  }

  countDeadLetter (code: string): void {
    this.deadLettered++
    this.#reasons.set(code, (this.#reasons.get(code) ?? 0) + 1)
  }

  read (starvedMs = 0): NodeStats {
    const { node, out, dropped, failed, retried, deadLettered, inFlight, bytes } = this
    const reasons = Object.fromEntries(this.#reasons)
    const mean = this.#count === 0 ? 0 : this.#sum / this.#count
    const latency = { mean, p50: this.#quantile(0.5), p99: this.#quantile(0.99), max: this.#max }
    return { node, in: this.in, out, dropped, failed, retried, deadLettered, reasons, inFlight, bytes, starvedMs, latency }
  }

  /** Histogram of the time from entering to leaving the node, in seconds. */
  latencies (): HistogramSnapshot {
    const counts = new Array<number>(REPORTED_BUCKETS.length + 1).fill(0)
    for (let bucket = 0, reported = 0; bucket < BUCKETS; bucket++) {
      while (reported < REPORTED_BUCKETS.length && bucket > REPORTED_BUCKETS[reported]!) reported++
      counts[reported]! += this.#buckets[bucket] ?? 0
    }
    return { bounds: REPORTED_BUCKETS.map(bucket => 2 ** bucket / 1e6), counts, sum: this.#sum / 1000, count: this.#count }
  }

  #quantile (q: number): number {
    let rest = this.#count * q
    if (rest === 0) return 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      rest -= this.#buckets[bucket] ?? 0
      if (rest <= 0) return Math.min(this.#max, 2 ** bucket / 1000)
    }
    return this.#max
  }
}
