import t from 'tap'
import { NightReport, type NightProblem } from '../../src/verify/night-report.ts'

const subject = {
  night: '20260301', alertStore: 'file:///a', indexStore: 'file:///i', revision: null, segments: 2, rows: 7, frames: 6, verified: 5,
  rejected: [], gaps: [{ topic: 'alerts', topicId: null, partition: 0, from: '3', to: '5' }]
}

await t.test('prints problems when they are found, and counts each kind', async t => {
  const printed: string[] = []
  const report = new NightReport(async text => { printed.push(text) })
  t.equal(report.found(), 'no problems')
  await report.begin()
  const kinds = ['not-indexed', 'orphan', 'different', 'duplicate', 'conflict', 'damaged', 'missing', 'uncounted'] as const
  const problems = kinds.map((problem, index): NightProblem => ({ problem, object: 'row', alertId: String(index), reason: `"${index}"` }))
  for (const problem of [...problems, problems[1]!]) await report.add(problem)
  t.match(printed.join(''), /"alertId":"7"/)
  report.archived = 9
  await report.end(subject, true)
  t.strictSame(JSON.parse(printed.join('')), {
    problems: [...problems, problems[1]], complete: true, night: '20260301', alertStore: 'file:///a', indexStore: 'file:///i',
    revision: null, segments: 2, rows: 7, frames: 6, verified: 5, archived: 9, notIndexed: 1, orphans: 2, different: 1, duplicates: 1,
    conflicts: 1, damaged: 1, missing: 1, uncounted: 1, rejected: [], gaps: subject.gaps
  })
  t.equal(report.problems, 9)
  const found = '1 not indexed, 2 orphans, 1 different, 1 duplicate, 1 conflict, 1 damaged, 1 missing, 1 not counted by the manifest'
  t.equal(report.found(), found)
})
