// The limit of points. test/api/routes/objects.test.ts judges the content.
import t from 'tap'
import { ObjectLightCurve } from '../../src/formats/object-light-curve.ts'
import { alertsOf } from './support.ts'

await t.test('a curve takes at most the points that it may have, and repetitions do not count', async t => {
  const [first, second] = (await alertsOf('11.1', 2)).map(({ id, schema, value }) => ({
    id, schema, datum: schema.encode({ ...value, prvDiaSources: null, prvDiaForcedSources: null })
  }))
  const curve = new ObjectLightCurve(1)
  curve.add(first!.id, first!)
  curve.add(first!.id, first!)
  t.throws(() => { curve.add(second!.id, second!) }, { code: 'LIGHT_CURVE_TOO_LARGE', message: /more than 1 points/ })
})
