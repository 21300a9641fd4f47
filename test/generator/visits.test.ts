import t from 'tap'
import { decodeId } from '../../src/ids/packed-id.ts'
import { DETECTORS, HISTORY_IDS, VISITS_PER_DAY, alertId, historyId, midpointAt, visitOf } from '../../src/generator/visits.ts'

await t.test('visits are 37 s apart, and visit ids consist of day and sequence number', async t => {
  const visits = Array.from({ length: 50 }, (_, i) => visitOf(1, i))
  t.equal(visits[0]!.id, 2026112300123n)
  t.equal(visits[1]!.id, 2026112300124n)
  for (let i = 1; i < visits.length; i++) t.ok(Math.abs((visits[i]!.midpoint - visits[i - 1]!.midpoint) * 86_400 - 37) < 1e-5)
  t.equal(visitOf(1, VISITS_PER_DAY - 123).id, 2026112400000n, 'the next day starts with sequence number 0')
  t.equal(visitOf(1, -124).id, 2026112202334n, 'ids of earlier visits have the same format')
})

await t.test('ids of alerts and of earlier detections are unique, and decode to their night, visit and detector', async t => {
  const ids = new Set<bigint>()
  let count = 0
  for (const index of [-852_275, -1, 0, 1, 2, 2400, 999_999]) {
    const visit = visitOf(1, index)
    for (const detector of [0, 1, 100, DETECTORS - 1]) {
      for (const alert of [0, 1, 9999, 2 ** 18 - 2]) {
        for (const id of [alertId(visit, detector, alert), historyId(visit, detector, alert)]) {
          ids.add(id)
          count++
          t.match(decodeId(id), { tag: 2, visit: visit.id, detector, night: String(visit.id).slice(0, 8) })
        }
      }
      t.match(decodeId(historyId(visit, detector, HISTORY_IDS - 1)), { visit: visit.id, detector }, 'the largest id stays in the detector')
    }
  }
  t.equal(ids.size, count)
  t.ok(alertId(visitOf(1, 1), 0, 0) > historyId(visitOf(1, 0), DETECTORS - 1, HISTORY_IDS - 1))
})

await t.test('exposure midpoints increase from the first to the last detector by less than a second', async t => {
  const visit = visitOf(1, 0)
  const delays = Array.from({ length: DETECTORS }, (_, detector) => (midpointAt(visit, detector) - visit.midpoint) * 86_400)
  t.ok(delays.every((delay, i) => i === 0 ? delay === 0 : delay > delays[i - 1]!))
  t.ok(delays.at(-1)! > 0.5 && delays.at(-1)! < 1)
})
