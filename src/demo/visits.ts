// The live line of each visit: what was published, what was archived of it, lag, dead letters, rates, and every node's counts.
import { setTimeout as sleep } from 'node:timers/promises'
import type { NodeStats } from '../pipeline/index.ts'
import type { PassReport } from '../simulator/replay-source.ts'
import type { ModeStatus } from './child-processes.ts'

export interface PlayStats { readonly passes: number, readonly lastPass?: PassReport }
export interface IngestStats { readonly written: number, readonly identical: number }

/** Whom the watcher asks. */
export interface Watched {
  readonly play: { status (): Promise<ModeStatus<PlayStats> | undefined> }
  readonly ingest: { status (): Promise<ModeStatus<IngestStats> | undefined> }
  /** Records of the simulated topic that the group has not committed, by the brokers' word; undefined while they do not answer. */
  lag (): Promise<number | undefined>
}

/** One visit, when it is archived or when the next one has been published meanwhile. */
export interface VisitReport {
  readonly pass: PassReport
  /** Alerts that settled in the archive since the line before. */
  readonly archived: number
  readonly written: number
  /** Seconds from the pass's beginning, or from the line before, to now. */
  readonly seconds: number
  readonly lag: number
  /** Since the demo began. */
  readonly deadLetters: number
  readonly nodes: readonly (readonly NodeStats[])[]
}

const POLL_MS = 250

/** Yields a report per pass until `stop`. A part that does not answer is asked again: whether it lives is watched elsewhere. */
export async function * visits ({ play, ingest, lag }: Watched, stop: AbortSignal): AsyncGenerator<VisitReport> {
  let seen = 0
  let before = { archived: 0, written: 0, at: -Infinity }
  while (!stop.aborted) {
    const published = await play.status()
    const pass = published?.stats.lastPass
    if (published === undefined || pass === undefined || published.stats.passes === seen) {
      await pause(stop)
      continue
    }
    seen = published.stats.passes
    const began = performance.now() - pass.seconds * 1000
    // The lag is the brokers' word for all partitions: an ingester that has not joined its group yet would say 0.
    let behind = await lag()
    let archive = await ingest.status()
    while (behind !== 0 && !stop.aborted && ((await play.status())?.stats.passes ?? seen) === seen || behind === undefined || archive === undefined) {
      if (stop.aborted) return
      await pause(stop)
      behind = await lag()
      // After the lag: what is committed is counted.
      archive = await ingest.status()
    }
    const { written, identical } = archive.stats
    const now = performance.now()
    yield {
      pass,
      archived: written + identical - before.archived,
      written: written - before.written,
      seconds: (now - Math.max(began, before.at)) / 1000,
      lag: behind,
      deadLetters: archive.nodes.at(-1)?.out ?? 0,
      nodes: [published.nodes, archive.nodes]
    }
    before = { archived: written + identical, written, at: now }
  }
}

async function pause (stop: AbortSignal): Promise<void> {
  await sleep(POLL_MS, undefined, { signal: stop }).catch(() => {})
}

/** `visit 3: published 1000 in 2.5 s (400/s, 33.1 MB/s) · archived 1000 (0 written) in 2.9 s (345/s) · lag 0 · dead letters 0 · static-topic 3000 > ...` */
export function visitLine (visit: number, { pass, archived, written, seconds, lag, deadLetters, nodes }: VisitReport): string {
  const perSecond = (count: number, time: number): string => `${Math.round(count / Math.max(time, 0.001))}/s`
  const megabytes = pass.bytes / 1e6 / Math.max(pass.seconds, 0.001)
  return [
    `visit ${visit}: published ${pass.alerts} in ${pass.seconds.toFixed(1)} s (${perSecond(pass.alerts, pass.seconds)}, ${megabytes.toFixed(1)} MB/s)`,
    `archived ${archived} (${written} written) in ${seconds.toFixed(1)} s (${perSecond(archived, seconds)})`,
    `lag ${lag}`,
    `dead letters ${deadLetters}`,
    ...nodes.map(flow)
  ].join(' · ') + '\n'
}

function flow (nodes: readonly NodeStats[]): string {
  return nodes.map(({ node, out }) => `${node} ${out}`).join(' > ')
}
