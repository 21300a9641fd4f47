// Light curves as JSON and CSV, judged in Python.
import t from 'tap'
import { lightCurveCsv, lightCurveJson } from '../../src/formats/light-curve.ts'
import { allVersions } from '../generator/support.ts'
import { alertsOf, judge, type TestAlert } from './support.ts'

interface Verdict { readonly faults: readonly string[], readonly kinds: readonly string[] }

function caseOf ({ schema, value }: TestAlert) {
  const datum = schema.encode(value)
  const body = Buffer.from(lightCurveCsv({ schema, datum }))
  return { body, json: lightCurveJson({ schema, datum }), schema: schema.text, datum: datum.toString('base64') }
}

await t.test('the points of every schema version, with NaN, and without history', async t => {
  const cases = []
  for (const version of await allVersions()) {
    for (const alert of await alertsOf(version, 12)) cases.push(caseOf(alert))
  }
  const { faults, kinds } = await judge<Verdict>(t, 'light_curve_judge.py', cases)
  t.strictSame(faults, [])
  t.strictSame(kinds, ['detection', 'forced', 'limit'])
})

await t.test('the triggering source is shown once, also if the earlier sources repeat it', async t => {
  const alert = (await alertsOf('11.1', 12)).find(({ value }) => Array.isArray(value['prvDiaSources']))!
  const { value } = alert
  const repeated = { ...alert, value: { ...value, prvDiaSources: [value['diaSource'], ...value['prvDiaSources'] as unknown[]] } }
  const points = ({ json }: { readonly json: string }) => (JSON.parse(json) as { readonly points: readonly unknown[] }).points
  t.strictSame(points(caseOf(repeated)), points(caseOf(alert)))
})

await t.test('units are those of the columns; texts with quotes and commas are quoted in CSV', async t => {
  const [alert] = await alertsOf('11.1', 1) as [TestAlert]
  t.match(JSON.parse(caseOf(alert).json).units, { midpointMjdTai: 'd', psfFlux: 'nJy', psfFluxErr: 'nJy', ra: 'deg' })
  const source = alert.value['diaSource'] as object
  const { body } = caseOf({ ...alert, value: { ...alert.value, diaSource: { ...source, band: 'a,"b"' } } })
  t.match(body.toString(), /^kind,trigger,midpointMjdTai,band,.*\r\n(.*\r\n)*detection,true,[0-9.]+,"a,""b""",/)
})
