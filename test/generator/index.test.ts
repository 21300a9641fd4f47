import { createHash } from 'node:crypto'
import t from 'tap'
import { type Fields, MAIN_VERSIONS, allVersions, generatorOf, surveySchema, visitOfAlerts } from './support.ts'

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

await t.test('an alert depends on seed, schema version and place alone, not on the order of asking', async t => {
  const schema = await surveySchema('11.1')
  const places = [[0, 0], [0, 7], [3, 41], [0, 8], [2400, 0]] as const
  const at = (i: number): readonly [number, number, number] => [...places[i]!, 100]
  const forwards = await generatorOf('11.1', 5)
  const backwards = await generatorOf('11.1', 5)
  const other = await generatorOf('11.1', 6)
  const first = places.map(([visit, index]) => schema.encode(forwards.alert(visit, index, 100)))
  const second = places.map((_, i) => schema.encode(backwards.alert(...at(places.length - 1 - i)))).toReversed()
  first.forEach((datum, i) => {
    t.ok(datum.equals(second[i]!), `alert ${places[i]!.join('/')}`)
    t.notOk(datum.equals(schema.encode(other.alert(...at(i)))), 'another seed gives another alert')
  })
})

await t.test('the alerts of one seed never change, on any machine', async t => {
  const expected: Record<string, string> = {
    '7.4': '39454de9fabafca674e2d733e0574a53dbc8efb1dddedb4eb65061943ab15848',
    '9.0': '94792c47b93c6ad8f07013f2140bffc1022b464c82e9874410169ee4b56ce026',
    '10.0': '3b153e7987db27a66448f6c5903cc0b8a389afac3525c59425213bddadc3ef06',
    '11.1': '488f4e8c348cf09e546c5ec417d295632d63ca736977cd47e153b4ffba2965eb'
  }
  for (const version of Object.keys(expected)) {
    const schema = await surveySchema(version)
    const data = (await visitOfAlerts(version, 40, 2, 20261123)).map(alert => schema.encode(alert))
    t.equal(digest(Buffer.concat(data)), expected[version], version)
  }
})

await t.test('every schema version of the survey gets valid records with unions unwrapped and longs as bigint', async t => {
  for (const version of await allVersions()) {
    const schema = await surveySchema(version)
    const alerts = await visitOfAlerts(version, 60)
    for (const alert of alerts) {
      const problems: string[] = []
      schema.type.isValid(alert, { errorHook: (path, value) => { problems.push(`${path.join('.')} = ${String(value)}`) } })
      if (problems.length > 0) t.fail(`${version}: ${problems.join(', ')}`)
      const datum = schema.encode(alert)
      if (!datum.equals(schema.encode(schema.decode(datum)))) t.fail(`${version}: decoding loses something`)
      if (schema.readAlertId(datum) !== alert['diaSource'].diaSourceId) t.fail(`${version}: the alert's id is not its source's`)
    }
    t.same(Object.keys(alerts[0]!), (JSON.parse(schema.text) as { fields: Array<{ name: string }> }).fields.map(({ name }) => name), version)
  }
})

await t.test('ids are unique over visits and alerts; a visit is one exposure: one visit id, one band, mid-points within a second in order', async t => {
  const ids = new Set<bigint>()
  const visits = await Promise.all([0, 1, 2].map(visit => visitOfAlerts('11.1', 250, visit)))
  let last = 0
  visits.forEach((alerts, visit) => {
    for (const { diaSourceId, diaSource } of alerts) {
      ids.add(diaSourceId)
      t.equal(diaSource.visit, 2026112300123n + BigInt(visit))
      t.equal(diaSource.band, alerts[0]!['diaSource'].band)
      if (diaSource.midpointMjdTai < last) t.fail('mid-points go back')
      last = diaSource.midpointMjdTai
    }
    const start = alerts[0]!['diaSource'].midpointMjdTai
    t.ok((last - start) * 86_400 < 1)
    t.ok(Math.abs((start - visits[0]![0]!['diaSource'].midpointMjdTai) * 86_400 - 37 * visit) < 1e-5)
    t.same([alerts[0]!['diaSource'].detector, alerts.at(-1)!['diaSource'].detector], [0, 188])
  })
  t.equal(ids.size, 750)
})

await t.test('a source is significant, its fluxes agree and it lies on the detector', async t => {
  let negative = 0
  let flags = 0
  for (const { diaSource: s } of await visitOfAlerts('11.1', 500) as Fields[]) {
    const snr = Math.abs(s.psfFlux) / s.psfFluxErr
    if (snr < 5 || Math.abs(s.snr - snr) > 1e-3 * snr) t.fail(`snr ${s.snr} of ${s.psfFlux} +- ${s.psfFluxErr}`)
    if (s.apFlux !== null && s.apFluxErr !== null && Math.abs(s.apFlux - s.psfFlux) > 4 * s.apFluxErr + 0.05 * Math.abs(s.psfFlux)) t.fail(`aperture ${s.apFlux}, psf ${s.psfFlux}`)
    if (s.scienceFlux !== null && s.templateFlux !== null && Math.abs(s.scienceFlux - s.templateFlux - s.psfFlux) > 5 * s.psfFluxErr) t.fail('science is not template + difference')
    if (s.x < 0 || s.x > 4072 || s.y < 0 || s.y > 4000 || s.ra < 0 || s.ra >= 360 || Math.abs(s.dec) > 90) t.fail('outside of the detector or the sky')
    if (s.extendedness < 0 || s.extendedness > 1 || s.reliability < 0 || s.reliability > 1) t.fail('no probability')
    if (s.isNegative !== s.psfFlux < 0) t.fail('isNegative')
    if (s.timeProcessedMjdTai <= s.midpointMjdTai) t.fail('processed before it was taken')
    if (s.isNegative) negative++
    flags += Object.keys(s).filter(name => name.startsWith('pixelFlags_') && s[name] === true).length
  }
  t.ok(negative > 100 && negative < 250, `${negative} of 500 are negative`)
  t.ok(flags > 10 && flags < 500, `${flags} pixel flags in 500 sources`)
})

await t.test('a light curve belongs to its object and its statistics are those of its points', async t => {
  let none = 0
  let long = 0
  for (const alert of await visitOfAlerts('11.1', 1500) as Fields[]) {
    const { diaSource, diaObject, prvDiaSources, prvDiaForcedSources } = alert
    if (prvDiaSources === null) none++
    if (diaObject === null) continue
    const points: Fields[] = [diaSource, ...prvDiaSources ?? []]
    if (points.length > 100) long++
    const times = points.map(point => point['midpointMjdTai'] as number)
    if (times.some((time, i) => i > 0 && time >= times[i - 1]!)) t.fail('not in descending order')
    if (times[0]! - times.at(-1)! > 366) t.fail('older than a year')
    if ([...points, ...prvDiaForcedSources ?? []].some(point => point['diaObjectId'] !== diaObject.diaObjectId)) t.fail('points of another object')
    if (points.some(point => Math.abs(point['dec'] - diaObject.dec) > 2 / 3600)) t.fail('points of another place')
    if (new Set(points.map(point => point['diaSourceId'])).size !== points.length) t.fail('a point twice')
    if (diaObject.nDiaSources !== points.length || diaObject.firstDiaSourceMjdTai !== times.at(-1)) t.fail('counts')
    const own = points.filter(point => point['band'] === diaSource.band)
    const weights = own.map(point => 1 / point['psfFluxErr'] ** 2)
    const mean = own.reduce((sum, point, i) => sum + point['psfFlux'] * weights[i]!, 0) / weights.reduce((a, b) => a + b)
    if (diaObject[`${diaSource.band}_psfFluxNdata`] !== own.length) t.fail('points per band')
    if (Math.abs(diaObject[`${diaSource.band}_psfFluxMean`] - mean) > 1e-4 * Math.max(...own.map(point => Math.abs(point['psfFlux'])))) t.fail('mean per band')
  }
  t.ok(none > 450 && none < 900, `${none} of 1500 have no history`)
  t.ok(long >= 1, `${long} of 1500 have more than a hundred points`)
})

await t.test('a few per cent are solar-system objects, with ssSource and orbit instead of an object', async t => {
  for (const [version, record, orbit] of [['11.1', 'ssSource', 'mpc_orbits'], ['9.0', 'ssSource', 'MPCORB'], ['7.4', 'ssObject', 'ssObject']] as const) {
    const alerts = await visitOfAlerts(version, 400) as Fields[]
    const moving = alerts.filter(alert => alert[record] !== null)
    t.ok(moving.length > 4 && moving.length < 40, `${moving.length} of 400 in ${version}`)
    t.ok(moving.every(alert => alert['diaObject'] === null && alert['diaSource'].diaObjectId === null && alert['prvDiaSources'] === null && alert[orbit] !== null))
    t.ok(moving.every(alert => alert[record].ssObjectId === alert['diaSource'].ssObjectId))
    t.ok(alerts.every(alert => (alert['diaObject'] === null) === (alert[record] !== null)))
  }
})

await t.test('the three cutouts are always there', async t => {
  for (const version of MAIN_VERSIONS) {
    const [alert] = await visitOfAlerts(version, 1)
    for (const name of ['cutoutDifference', 'cutoutScience', 'cutoutTemplate']) t.equal(alert![name].length % 2880, 0, `${name} of ${version}`)
  }
})

await t.test('a place outside of the visit is refused with a code', async t => {
  const generator = await generatorOf('11.1')
  for (const place of [[0, 10, 10], [0, -1, 10], [-1, 0, 10], [0, 0.5, 10], [0, 0, 3_000_000], [1_000_000, 0, 1]] as [number, number, number][]) {
    t.throws(() => generator.alert(...place), { code: 'GENERATOR_OUT_OF_RANGE' }, place.join(' '))
  }
})
