import t from 'tap'
import { DETECTORS, VISITS_PER_DAY, alertId, historyId, midpointAt, visitOf } from '../../src/generator/visits.ts'

await t.test('visits are 37 s apart, and visit ids consist of day and sequence number', async t => {
  const visits = Array.from({ length: 50 }, (_, i) => visitOf(1, i))
  t.equal(visits[0]!.id, 2026112300123n)
  t.equal(visits[1]!.id, 2026112300124n)
  for (let i = 1; i < visits.length; i++) t.ok(Math.abs((visits[i]!.midpoint - visits[i - 1]!.midpoint) * 86_400 - 37) < 1e-5)
  t.equal(visitOf(1, VISITS_PER_DAY - 123).id, 2026112400000n, 'the next day starts with sequence number 0')
  t.equal(visitOf(1, -124).id, 2026112202334n, 'ids of earlier visits have the same format')
})

await t.test('ids of alerts and of earlier detections are unique, have 18 digits and increase with time', async t => {
  const ids = new Set<bigint>()
  let count = 0
  for (const index of [-852_275, -1, 0, 1, 2, 2400, 999_999]) {
    const visit = visitOf(1, index)
    for (const detector of [0, 1, 100, DETECTORS - 1]) {
      for (const alert of [0, 1, 9999, 1_999_999]) {
        ids.add(alertId(visit, detector, alert))
        ids.add(historyId(visit, detector, alert % (1 << 20)))
        count += 2
      }
    }
  }
  t.equal(ids.size, count)
  t.ok([...ids].every(id => id < 1n << 63n && String(id).length === 18))
  t.ok(alertId(visitOf(1, 1), 0, 0) > alertId(visitOf(1, 0), DETECTORS - 1, 1_999_999))
})

await t.test('exposure midpoints increase from the first to the last detector by less than a second', async t => {
  const visit = visitOf(1, 0)
  const delays = Array.from({ length: DETECTORS }, (_, detector) => (midpointAt(visit, detector) - visit.midpoint) * 86_400)
  t.ok(delays.every((delay, i) => i === 0 ? delay === 0 : delay > delays[i - 1]!))
  t.ok(delays.at(-1)! > 0.5 && delays.at(-1)! < 1)
})
