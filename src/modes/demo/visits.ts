// The live line of each visit: what was published, what was archived of it, lag, dead letters, rates, and every node's counts.
import { setTimeout as sleep } from 'node:timers/promises'
import type { MeterReading } from '../../pipeline/index.ts'
import type { PassReport } from '../../sources/replay.ts'
import type { ModeProcess } from './children.ts'

export interface PlayFacts { readonly passes: number, readonly lastPass?: PassReport }
export interface IngestFacts { readonly written: number, readonly identical: number, readonly lag: number }

/** One visit, when it is archived or when the next one has been published meanwhile. */
export interface VisitReport {
  readonly pass: PassReport
  /** Alerts that settled in the archive since the line before. */
  readonly archived: number
  readonly written: number
  /** Seconds from the first to the last look at which something was archived. */
  readonly seconds: number
  readonly lag: number
  /** Since the demo began. */
  readonly deadLetters: number
  readonly nodes: readonly (readonly MeterReading[])[]
}

const POLL_MS = 250

/** Yields a report per pass until `stop`. Rejects when a mode does not answer. */
export async function * visits (play: ModeProcess<PlayFacts>, ingest: ModeProcess<IngestFacts>, stop: AbortSignal): AsyncGenerator<VisitReport> {
  let seen = 0
  let before = { archived: 0, written: 0, at: performance.now() }
  while (!stop.aborted) {
    const published = await play.status()
    const { lastPass, passes } = published.facts
    if (lastPass === undefined || passes === seen) {
      await pause(stop)
      continue
    }
    seen = passes
    const began = performance.now() - lastPass.seconds * 1000
    let archive = await ingest.status()
    while (archive.facts.lag > 0 && !stop.aborted && (await play.status()).facts.passes === seen) {
      await pause(stop)
      archive = await ingest.status()
    }
    const { written, identical, lag } = archive.facts
    yield {
      pass: lastPass,
      archived: written + identical - before.archived,
      written: written - before.written,
      seconds: (performance.now() - Math.max(began, before.at)) / 1000,
      lag,
      deadLetters: archive.nodes.at(-1)?.out ?? 0,
      nodes: [published.nodes, archive.nodes]
    }
    before = { archived: written + identical, written, at: performance.now() }
  }
}

async function pause (stop: AbortSignal): Promise<void> {
  await sleep(POLL_MS, undefined, { signal: stop }).catch(() => {})
}

/** `visit 3: published 1000 in 2.5 s (400/s, 33.1 MB/s) · archived 1000 (0 written) in 2.9 s (345/s) · lag 0 · dead letters 0 · static-topic 3000 > ...` */
export function visitLine ({ pass, archived, written, seconds, lag, deadLetters, nodes }: VisitReport): string {
  const perSecond = (count: number, time: number): string => `${Math.round(count / Math.max(time, 0.001))}/s`
  return [
    `visit ${pass.pass}: published ${pass.alerts} in ${pass.seconds.toFixed(1)} s (${perSecond(pass.alerts, pass.seconds)}, ${(pass.bytes / 1e6 / pass.seconds).toFixed(1)} MB/s)`,
    `archived ${archived} (${written} written) in ${seconds.toFixed(1)} s (${perSecond(archived, seconds)})`,
    `lag ${lag}`,
    `dead letters ${deadLetters}`,
    ...nodes.map(flow)
  ].join(' · ') + '\n'
}

function flow (nodes: readonly MeterReading[]): string {
  return nodes.map(({ node, out }) => `${node} ${out}`).join(' > ')
}
