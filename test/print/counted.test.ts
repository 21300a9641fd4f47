import t from 'tap'
import { counted } from '../../src/print/counted.ts'

await t.test('uses the singular for one only', async t => {
  t.same([0, 1, 2].map(count => counted(count, 'alert')), ['0 alerts', '1 alert', '2 alerts'])
})
