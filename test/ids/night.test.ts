// Nights. The expected ones are written by hand: Rubin's night of 1 March in Chile ends on 2 March at noon UTC.
import t from 'tap'
import { finishedNights, nightAt } from '../../src/ids/night.ts'

const at = (time: string): number => Date.parse(`${time}Z`)

await t.test('a night begins at noon UTC', async t => {
  t.equal(nightAt(at('2026-03-01T12:00:00')), '20260301')
  t.equal(nightAt(at('2026-03-02T11:59:59.999')), '20260301')
  t.equal(nightAt(at('2026-03-02T12:00:00')), '20260302')
  t.equal(nightAt(at('2028-03-01T00:00:00')), '20280229')
})

await t.test('finished nights end at or before the time, the last one at most 24 h before it', async t => {
  t.strictSame(finishedNights(1, at('2026-03-03T00:00:00')), ['20260301'])
  t.strictSame(finishedNights(1, at('2026-03-02T11:59:59')), ['20260228'])
  t.strictSame(finishedNights(1, at('2026-03-02T12:00:00')), ['20260301'])
  t.strictSame(finishedNights(3, at('2027-01-02T00:00:00')), ['20261229', '20261230', '20261231'])
  t.strictSame(finishedNights(0, at('2026-03-03T00:00:00')), [])
})
