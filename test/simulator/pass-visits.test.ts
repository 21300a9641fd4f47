import t from 'tap'
import { encodeId } from '../../src/ids/packed-id.ts'
import { PassVisits } from '../../src/simulator/pass-visits.ts'
import { parseSchema } from '../../src/avro/index.ts'

const schema = parseSchema('{"type":"record","name":"alert","fields":[{"name":"diaSourceId","type":"long"}]}')
const frame = (diaSourceId: bigint): Buffer => schema.encodeFramed(1, { diaSourceId })
const alert = (sequence: number, detector = 5): Buffer => frame(encodeId({ tag: 2, night: '20261123', sequence, detector, counter: 1 }))

await t.test('gives the first and the last visit of each pass', async t => {
  const visits = new PassVisits()
  for (const value of [alert(124), alert(123, 6), alert(125, 7), alert(124, 8)]) visits.add(1, value)
  visits.add(2, alert(130))
  t.strictSame(visits.of(1), { first: 2026112300123, last: 2026112300125 })
  t.strictSame(visits.of(2), { first: 2026112300130, last: 2026112300130 })
})

await t.test('ignores ids that are not packed and records that are not alerts', async t => {
  const visits = new PassVisits()
  for (const value of [frame(42n), Buffer.from('not an alert'), null]) visits.add(1, value)
  t.equal(visits.of(1), undefined)
  visits.add(1, alert(7))
  t.strictSame(visits.of(1), { first: 2026112300007, last: 2026112300007 })
})

await t.test('remembers the last passes only', async t => {
  const visits = new PassVisits()
  for (let pass = 1; pass <= 6; pass++) visits.add(pass, alert(pass))
  t.equal(visits.of(1), undefined)
  t.strictSame(visits.of(5), { first: 2026112300005, last: 2026112300005 })
})
