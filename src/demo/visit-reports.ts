// One report per pass, which is one visit by default: alerts published and archived, durations, and lag.
// Totals and counts per node are in the /status response of each process.
import { setTimeout as sleep } from 'node:timers/promises'
import type { PassVisitRange } from '../simulator/pass-visits.ts'
import type { PassReport } from '../simulator/replay-pass.ts'
import type { ModeStatus } from './mode-processes.ts'

export interface PlayStats {
  readonly passes: number
  readonly lastPass?: PassReport
  /** The visits in the alert ids of the last pass. */
  readonly lastVisits?: PassVisitRange
}
export interface IngestStats { readonly written: number, readonly identical: number }

/** Sources of the counts in the reports. */
export interface VisitSources {
  readonly play: { status (): Promise<ModeStatus<PlayStats> | undefined> }
  readonly ingest: { status (): Promise<ModeStatus<IngestStats> | undefined> }
  /** Number of records of the simulated topic past the committed offsets of the consumer group; undefined if the brokers do not respond. */
  lag (): Promise<number | undefined>
}

/** Report of a pass, made when its alerts are archived or the next pass is published. Counts cover the time since the previous report. */
export interface VisitReport {
  readonly pass: PassReport
  /** The visits in the alert ids; undefined if the ids contain no visit. */
  readonly visits?: PassVisitRange | undefined
  /** Alerts that the ingester wrote, or found to be identical to an existing object. */
  readonly archived: number
  readonly written: number
  /** Seconds between this report and the start of the pass or the previous report, whichever was later. */
  readonly seconds: number
  /** Records of the simulated topic that are not archived yet. */
  readonly lag: number
  readonly deadLetters: number
}

const POLL_MS = 250

/** Yields a report per pass until `stop` is aborted. A process that does not respond is polled again. The supervisor handles failures. */
export async function * visitReports ({ play, ingest, lag }: VisitSources, stop: AbortSignal): AsyncGenerator<VisitReport> {
  let passes = 0
  let previous = { archived: 0, written: 0, deadLetters: 0, at: -Infinity }
  const counts = async (): Promise<Pick<VisitReport, 'archived' | 'written' | 'deadLetters'> | undefined> => {
    const status = await ingest.status()
    if (status === undefined) return undefined
    const { written, identical } = status.stats
    return { archived: written + identical, written, deadLetters: status.nodes.find(({ node }) => node === 'dead-letters')?.out ?? 0 }
  }
  while (!stop.aborted) {
    const stats = (await play.status())?.stats
    const pass = stats?.lastPass
    if (stats === undefined || pass === undefined || stats.passes === passes) {
      await pause(stop)
      continue
    }
    passes = stats.passes
    const started = performance.now() - pass.seconds * 1000
    // The lag comes from the brokers' offsets, because an ingester that has not joined its group yet would report a lag of 0.
    let remaining = await lag()
    let archive = await counts()
    const nextPublished = async (): Promise<boolean> => ((await play.status())?.stats.passes ?? passes) !== passes
    while (remaining === undefined || archive === undefined || remaining !== 0 && !stop.aborted && !await nextPublished()) {
      if (stop.aborted) return
      await pause(stop)
      remaining = await lag()
      // The counts are read after the lag, so that they include every committed record.
      archive = await counts()
    }
    const now = performance.now()
    yield {
      pass,
      visits: stats.lastVisits,
      archived: archive.archived - previous.archived,
      written: archive.written - previous.written,
      seconds: (now - Math.max(started, previous.at)) / 1000,
      lag: remaining,
      deadLetters: archive.deadLetters - previous.deadLetters
    }
    previous = { ...archive, at: now }
  }
}

async function pause (stop: AbortSignal): Promise<void> {
  await sleep(POLL_MS, undefined, { signal: stop }).catch(() => {})
}

/** `visit 2: published 1000 in 2.5 s, archived 1000 in 2.7 s, 0 new, lag 0, dead letters 0, visit id 2026112300123` */
export function visitLine (visit: number, { pass, visits, archived, written, seconds, lag, deadLetters }: VisitReport): string {
  return [
    `visit ${visit}: published ${pass.alerts} in ${formatSeconds(pass.seconds)}`,
    `archived ${archived} in ${formatSeconds(seconds)}`,
    `${written} new`,
    `lag ${lag}`,
    `dead letters ${deadLetters}`,
    ...visits === undefined ? [] : [formatVisits(visits)]
  ].join(', ') + '\n'
}

function formatVisits ({ first, last }: PassVisitRange): string {
  return first === last ? `visit id ${first}` : `visit ids ${first} to ${last}`
}

function formatSeconds (seconds: number): string {
  return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`
}
