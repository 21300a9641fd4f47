import t from 'tap'
import type { ModeStatus } from '../../src/demo/mode-processes.ts'
import { visitLine, visitReports, type IngestStats, type PlayStats, type VisitReport } from '../../src/demo/visit-reports.ts'
import type { NodeStats } from '../../src/pipeline/index.ts'

const pass = { pass: 1, alerts: 1000, inWholeBatches: 0, bytes: 82_000_000, seconds: 2.5, lateSeconds: 0, interrupted: undefined }
const report: VisitReport = { pass, archived: 1000, written: 0, seconds: 2.7, lag: 0, deadLetters: 0 }

await t.test('the visit line has the counts of the report', async t => {
  t.equal(visitLine(2, report), 'visit 2: published 1000 in 2.5 s, archived 1000 in 2.7 s, 0 new, lag 0, dead letters 0\n')
})

await t.test('the visit line names the visits in the alert ids', async t => {
  const counts = 'visit 2: published 1000 in 2.5 s, archived 1000 in 2.7 s, 0 new, lag 0, dead letters 0'
  const line = (first: number, last: number): string => visitLine(2, { ...report, visits: { first, last } })
  t.equal(line(2026112300123, 2026112300123), `${counts}, visit id 2026112300123\n`)
  t.equal(line(2026112300123, 2026112300125), `${counts}, visit ids 2026112300123 to 2026112300125\n`)
})

await t.test('the visit line fits into 100 columns even with large numbers', async t => {
  const large = { ...report, pass: { ...pass, alerts: 10_000, seconds: 24.96 }, seconds: 36.84, lag: 123_456 }
  const lines = [
    { ...large, archived: 10_000, written: 10_000, deadLetters: 0 },
    { ...large, archived: 5_000, written: 5_000, deadLetters: 5_000 },
    { ...large, archived: 0, written: 0, deadLetters: 10_000 }
  ].map(each => visitLine(9999, each))
  t.equal(lines[0], 'visit 9999: published 10000 in 25 s, archived 10000 in 37 s, 10000 new, lag 123456, dead letters 0\n')
  for (const line of lines) t.ok(line.trimEnd().length <= 100, line)
})

await t.test('reports each pass once, with counts since the previous report', async t => {
  const statusOf = <Stats>(stats: Stats, deadLetters = 0): ModeStatus<Stats> =>
    ({ nodes: [{ node: 'archive', out: 1 }, { node: 'dead-letters', out: deadLetters }, { node: 'other', out: 7 }] as NodeStats[], stats })
  const stop = new AbortController()
  let passes = 1
  // Results of `lag()` during the first pass: 5, then undefined (the brokers do not respond), then 0.
  const lags = [5, undefined, 0]
  const reports: VisitReport[] = []
  for await (const each of visitReports({
    play: {
      status: async () => statusOf<PlayStats>({
        passes, lastPass: { ...pass, pass: passes }, lastVisits: { first: 100 + passes, last: 100 + passes }
      })
    },
    ingest: { status: async () => statusOf<IngestStats>({ written: 990, identical: 990 * (passes - 1) }, 10 * passes) },
    lag: async () => lags.length > 0 ? lags.shift() : 0
  }, stop.signal)) {
    reports.push(each)
    passes++
    if (reports.length === 2) stop.abort()
  }
  t.match(reports, [
    { pass: { pass: 1 }, visits: { first: 101 }, archived: 990, written: 990, lag: 0, deadLetters: 10 },
    { pass: { pass: 2 }, visits: { first: 102 }, archived: 990, written: 0, lag: 0, deadLetters: 10 }
  ])
})
