// The simulator's metrics: number, duration and lateness of passes.
import { family, single, type Family } from '../metrics/index.ts'
import { Histogram } from '../pipeline/index.ts'
import type { PassVisitRange } from './pass-visits.ts'
import type { PassReport } from './replay-pass.ts'
import type { ReplaySource } from './replay-source.ts'

const outcomes = ['whole', 'interrupted'] as const
const DURATION_BUCKETS_SECONDS = [0.1, 0.5, 1, 2, 5, 10, 20, 30, 37, 45, 60, 120, 300, 600]

export class PassStats {
  whole = 0
  interrupted = 0
  unmodified = 0
  last: PassReport | undefined
  /** The visits in the ids of the last pass; undefined if its ids contain no visit. */
  lastVisits: PassVisitRange | undefined
  readonly seconds = new Histogram(DURATION_BUCKETS_SECONDS)

  /** @param unmodified number of alerts of the pass that were copied without new ids and times */
  add (report: PassReport, unmodified: number, visits: PassVisitRange | undefined): void {
    this.unmodified += unmodified
    if (report.interrupted === undefined) this.whole++
    else this.interrupted++
    this.seconds.observe(report.seconds)
    this.last = report
    this.lastVisits = visits
  }
}

export function passFamilies (passes: PassStats, { overruns }: Pick<ReplaySource, 'overruns'>): Family[] {
  return [
    family('alert_stream_passes_total', () => outcomes.map(outcome => ({ labels: { outcome }, value: passes[outcome] }))),
    single('alert_stream_pass_duration_seconds', () => passes.seconds.read()),
    single('alert_stream_pass_alerts', () => passes.last?.alerts ?? 0),
    single('alert_stream_pass_alerts_in_whole_batches', () => passes.last?.inWholeBatches ?? 0),
    single('alert_stream_pass_alert_late_seconds', () => passes.last?.lateSeconds ?? 0),
    single('alert_stream_pass_alerts_unmodified_total', () => passes.unmodified),
    single('alert_stream_pass_late_seconds_total', () => overruns.lateMs / 1000),
    single('alert_stream_pass_ticks_skipped_total', () => overruns.ticksSkipped)
  ]
}
