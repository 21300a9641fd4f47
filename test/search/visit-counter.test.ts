import t from 'tap'
import { VisitCounter } from '../../src/search/visit-counter.ts'

await t.test('counts by visit and detector in ascending order, and frames without them last', async t => {
  const counter = new VisitCounter()
  t.strictSame(counter.counts(), [])
  const frames = [
    [null, 3], [2026022401010n, 10], [2026022400999n, 2], [2026022401010n, null], [2026022401010n, 9], [null, null], [2026022401010n, 10]
  ] as const
  for (const [visit, detector] of frames) counter.add(visit, detector)
  t.strictSame(counter.counts(), [
    { visit: '2026022400999', rows: 1, detectors: { 2: 1 } },
    { visit: '2026022401010', rows: 4, detectors: { 9: 1, 10: 2, none: 1 } },
    { visit: null, rows: 2, detectors: { 3: 1, none: 1 } }
  ])
})
