// Alerts as FITS files, judged by astropy: HDU names, every column and value of the record, units, descriptions and cutouts.
import t from 'tap'
import { alertFits } from '../../src/formats/fits.ts'
import { otherSpelling } from '../avro/support.ts'
import { parseSchema } from '../../src/avro/schema.ts'
import { allVersions } from '../generator/support.ts'
import { alertsOf, judge, type TestAlert } from './support.ts'

interface Verdict {
  readonly faults: readonly string[]
  /** Units by record and column. */
  readonly units: Readonly<Record<string, readonly string[]>>
  readonly seen: readonly string[]
}

/** A case of the judge. Without docs, `schema` is a canonical form, as in Rubin's registry. */
function caseOf ({ schema, schemaId, value }: TestAlert, docs: 'archived' | 'published' | 'none' = 'archived') {
  const datum = schema.encode(value)
  const archived = docs === 'archived' ? schema : parseSchema(otherSpelling(schema.text))
  const body = alertFits({ schema: archived, schemaId, datum, published: docs === 'none' ? undefined : schema })
  return { body, schema: schema.text, docs: docs === 'none' ? archived.text : schema.text, datum: datum.toString('base64') }
}

const isMoving = ({ value }: TestAlert) => value['ssSource'] !== null && value['ssSource'] !== undefined

await t.test('astropy finds all fields, values, units and cutouts of alerts of 9.0, 10.0 and 11.1', async t => {
  const cases = []
  for (const version of ['9.0', '10.0', '11.1']) {
    const alerts = await alertsOf(version, 40)
    const moving = alerts.find(isMoving)!
    const others = alerts.filter(alert => !isMoving(alert)).slice(0, 3)
    const { value } = others[0]!
    const withoutCutouts = { ...others[0]!, value: { ...value, cutoutDifference: null, cutoutScience: null, cutoutTemplate: null } }
    cases.push(...[moving, withoutCutouts, ...others].map(alert => caseOf(alert)))
  }
  const { faults, seen, units } = await judge<Verdict>(t, 'fits_judge.py', cases)
  t.strictSame(faults, [])
  t.strictSame(seen, [
    'MPCORB', 'diaObject', 'mpc_orbits', 'no cutoutDifference', 'no cutoutScience', 'no cutoutTemplate', 'prvDiaForcedSources', 'ssSource'
  ])
  const expected = {
    'diaSource.psfFlux': ['nJy'], 'diaSource.psfFluxErr': ['nJy'], 'diaSource.ra': ['deg'], 'diaSource.ra_dec_Cov': ['deg**2'],
    'diaSource.midpointMjdTai': ['d'], 'diaSource.x': ['pixel'], 'diaSource.ixx': ['arcsec**2'], 'diaSource.exposureTime': ['s'],
    'prvDiaForcedSources.scienceFlux': ['nJy'], 'diaObject.g_psfFluxMean': ['nJy'], 'diaObject.g_psfFluxMaxSlope': ['nJy/d'],
    'ssSource.heliocentricVX': ['AU/d'], 'ssSource.helio_vx': ['km/s'], 'ssSource.galLat': ['deg'], 'ssSource.galacticB': ['deg'],
    'mpc_orbits.yarkovsky': ['10**-10 AU d-2'], 'mpc_orbits.srp': ['m2 Mg-1'], 'mpc_orbits.a_unc': ['AU'], 'MPCORB.a': ['AU']
  }
  t.match(units, expected)
  for (const name of ['diaSource.snr', 'diaSource.band', 'diaSource.diaSourceId', 'diaSource.psfNdata', 'mpc_orbits.e']) {
    t.equal(units[name], undefined, name)
  }
})

await t.test('astropy finds all fields of alerts of every other version, and the further HDUs of cutouts', async t => {
  const versions = await allVersions()
  const alerts = (await Promise.all(versions.map(async version => await alertsOf(version, 2, 'design')))).flat()
  const cases = alerts.map(alert => caseOf(alert))
  const { faults, seen } = await judge<Verdict>(t, 'fits_judge.py', cases)
  t.strictSame(faults, [])
  t.ok(['further', 'prvDiaNondetectionLimits'].every(name => seen.includes(name)), seen.join())
})

await t.test('without docs in the archived schema, descriptions come from the published one, and units always exist', async t => {
  const [alert] = await alertsOf('11.1', 1)
  const verdicts = []
  for (const docs of ['archived', 'published', 'none'] as const) {
    const { faults, units } = await judge<Verdict>(t, 'fits_judge.py', [caseOf(alert!, docs)])
    t.strictSame(faults, [], docs)
    verdicts.push(Object.keys(units).sort())
  }
  const [archived, published, none] = verdicts
  t.ok(archived!.length > 100)
  t.strictSame(published, archived)
  // Only docs state the units of these fields.
  t.strictSame(archived!.filter(name => !none!.includes(name)), [])
})

await t.test('the name of a further HDU is shortened if it does not fit into a card', async t => {
  const { schema, schemaId, value } = (await alertsOf('11.1', 1, 'design'))[0]!
  const cutout = value['cutoutDifference'] as Buffer
  const renamed = Buffer.from(cutout)
  const card = `EXTNAME = '${'U'.repeat(67)}'`
  renamed.write(card, cutout.indexOf("EXTNAME = 'UNCERT"), 'latin1')
  const datum = schema.encode({ ...value, cutoutDifference: renamed })
  const file = alertFits({ schema, schemaId, datum, published: undefined })
  t.ok(file.includes(`'DIFFIM_${'U'.repeat(40)}'`))
})

await t.test('a damaged cutout is named', async t => {
  const [{ schema, schemaId, value }] = await alertsOf('11.1', 1) as [TestAlert]
  const damaged = schema.encode({ ...value, cutoutScience: (value['cutoutScience'] as Buffer).subarray(0, 3000) })
  t.throws(() => alertFits({ schema, schemaId, datum: damaged }), {
    code: 'CUTOUT_DAMAGED', message: /the science cutout is damaged: the header states 3600 bytes of data, but 120 follow it/
  })
})
