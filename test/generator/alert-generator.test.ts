import { createHash } from 'node:crypto'
import t from 'tap'
import { decodeId } from '../../src/ids/packed-id.ts'
import { MAIN_VERSIONS, allVersions, generatorOf, surveySchema, visitOfAlerts, type Fields } from './support.ts'

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

await t.test('an alert depends on seed, schema version, visit and index, not on the order of generation', async t => {
  const schema = await surveySchema('11.1')
  const positions = [[0, 0], [0, 7], [3, 41], [0, 8], [2400, 0]] as const
  const generate = async (seed: number, order: typeof positions | (typeof positions)[number][]): Promise<Buffer[]> => {
    const generator = await generatorOf('11.1', seed)
    return order.map(([visit, index]) => schema.encode(generator.alert(visit, index, 100)))
  }
  const forwards = await generate(5, positions)
  const backwards = (await generate(5, positions.toReversed())).toReversed()
  const otherSeed = await generate(6, positions)
  forwards.forEach((datum, i) => {
    t.ok(datum.equals(backwards[i]!), `alert ${positions[i]!.join('/')} does not depend on the order`)
    t.notOk(datum.equals(otherSeed[i]!), 'another seed gives another alert')
  })
})

await t.test('for a given seed, the encoded alerts never change', async t => {
  const expected: Record<string, string> = {
    '7.4': '82ae664f2db72a41ed50c1c6ba0dd54d73ee1738404530bd945dfb3cf02fd91e',
    '9.0': '88752beaff78cf771830489deaaac73e0c69f1ee8cb5bb12b37b8764cd08a118',
    '10.0': '28fa4a84804572de0f1bc685c2b488c6922bec0ffc0aa5303a5c05600d355735',
    '11.1': 'a3b06f78a71ab231c71c6da6f4f8c32b607cec205b06a4b5732b4918c39d7118'
  }
  for (const version of Object.keys(expected)) {
    const schema = await surveySchema(version)
    const data = (await visitOfAlerts(version, 40, 2, 20261123)).map(alert => schema.encode(alert))
    t.equal(digest(Buffer.concat(data)), expected[version], `digest of the alerts of ${version}`)
  }
})

await t.test('alerts are valid for every schema version of the survey', async t => {
  for (const version of await allVersions()) {
    const schema = await surveySchema(version)
    const alerts = await visitOfAlerts(version, 60)
    for (const alert of alerts) {
      const problems: string[] = []
      schema.type.isValid(alert, { errorHook: (path, value) => { problems.push(`${path.join('.')} = ${String(value)}`) } })
      if (problems.length > 0) t.fail(`${version}: ${problems.join(', ')}`)
      const datum = schema.encode(alert)
      if (!datum.equals(schema.encode(schema.decode(datum)))) t.fail(`${version}: the decoded alert encodes differently`)
      if (schema.readAlertId(datum) !== alert['diaSource'].diaSourceId) t.fail(`${version}: alert and diaSource differ in diaSourceId`)
    }
    const { fields } = JSON.parse(schema.text) as { fields: ReadonlyArray<{ readonly name: string }> }
    t.same(Object.keys(alerts[0]!), fields.map(({ name }) => name), `alerts of ${version} have the fields of the schema, in order`)
  }
})

await t.test('alert ids are unique, and the alerts of a visit share visit id and band and have ascending midpoints within 1 s', async t => {
  const ids = new Set<bigint>()
  const visits = await Promise.all([0, 1, 2].map(visit => visitOfAlerts('11.1', 250, visit)))
  let last = 0
  visits.forEach((alerts, visit) => {
    for (const { diaSourceId, diaSource } of alerts) {
      ids.add(diaSourceId)
      t.equal(diaSource.visit, 2026112300123n + BigInt(visit))
      t.equal(diaSource.band, alerts[0]!['diaSource'].band)
      if (diaSource.midpointMjdTai < last) t.fail('exposure midpoints decrease')
      last = diaSource.midpointMjdTai
    }
    const start = alerts[0]!['diaSource'].midpointMjdTai
    t.ok((last - start) * 86_400 < 1)
    t.ok(Math.abs((start - visits[0]![0]!['diaSource'].midpointMjdTai) * 86_400 - 37 * visit) < 1e-5)
    t.same([alerts[0]!['diaSource'].detector, alerts.at(-1)!['diaSource'].detector], [0, 188])
  })
  t.equal(ids.size, 750)
})

await t.test('ids decode to the night, visit and detector of the source, also with more alerts than a detector has counters', async t => {
  const generator = await generatorOf('11.1')
  const alerts = [[0, 1], [7, 10], [94, 189], [1_999_999, 2_000_000], [1_999_998, 2_000_000]] as const
  const ids = alerts.map(([index, count]) => {
    const { diaSourceId, diaSource } = generator.alert(3, index, count) as Fields
    const { visit, detector } = diaSource
    t.match(decodeId(diaSourceId), { tag: 2, visit, detector, night: '20261123' }, `alert ${index} of ${count}`)
    return diaSourceId as bigint
  })
  t.equal(new Set(ids).size, alerts.length)
})

await t.test('a source is above the detection threshold and on the detector, and its different fluxes agree', async t => {
  let negative = 0
  let flags = 0
  for (const { diaSource: s } of await visitOfAlerts('11.1', 500) as Fields[]) {
    const snr = Math.abs(s.psfFlux) / s.psfFluxErr
    if (snr < 5 || Math.abs(s.snr - snr) > 1e-3 * snr) t.fail(`snr is ${s.snr}, psfFlux is ${s.psfFlux} +- ${s.psfFluxErr}`)
    if (s.apFlux !== null && s.apFluxErr !== null) {
      const tolerance = 4 * s.apFluxErr + 0.05 * Math.abs(s.psfFlux)
      if (Math.abs(s.apFlux - s.psfFlux) > tolerance) t.fail(`apFlux ${s.apFlux} differs from psfFlux ${s.psfFlux}`)
    }
    if (s.scienceFlux !== null && s.templateFlux !== null) {
      if (Math.abs(s.scienceFlux - s.templateFlux - s.psfFlux) > 5 * s.psfFluxErr) t.fail('scienceFlux is not templateFlux + psfFlux')
    }
    if (s.x < 0 || s.x > 4072 || s.y < 0 || s.y > 4000) t.fail('the source is outside the detector')
    if (s.ra < 0 || s.ra >= 360 || Math.abs(s.dec) > 90) t.fail('ra or dec is out of range')
    if (s.extendedness < 0 || s.extendedness > 1 || s.reliability < 0 || s.reliability > 1) t.fail('a score is not between 0 and 1')
    if (s.isNegative !== s.psfFlux < 0) t.fail('isNegative does not match the sign of psfFlux')
    if (s.timeProcessedMjdTai <= s.midpointMjdTai) t.fail('the source was processed before its exposure')
    if (s.isNegative) negative++
    flags += Object.keys(s).filter(name => name.startsWith('pixelFlags_') && s[name] === true).length
  }
  t.ok(negative > 100 && negative < 250, `${negative} of 500 sources are negative`)
  t.ok(flags > 10 && flags < 500, `${flags} pixel flags in 500 sources`)
})

await t.test('the points of a light curve belong to the object, and diaObject has the statistics of the points', async t => {
  let none = 0
  let long = 0
  for (const alert of await visitOfAlerts('11.1', 1500) as Fields[]) {
    const { diaSource, diaObject, prvDiaSources, prvDiaForcedSources } = alert
    if (prvDiaSources === null) none++
    if (diaObject === null) continue
    const points: Fields[] = [diaSource, ...prvDiaSources ?? []]
    if (points.length > 100) long++
    const times = points.map(point => point['midpointMjdTai'] as number)
    if (times.some((time, i) => i > 0 && time >= times[i - 1]!)) t.fail('the points are not in descending order of time')
    if (times[0]! - times.at(-1)! > 366) t.fail('the oldest point is more than a year old')
    const objectIds = [...points, ...prvDiaForcedSources ?? []].map(point => point['diaObjectId'] as bigint)
    if (objectIds.some(id => id !== diaObject.diaObjectId)) t.fail('a point belongs to another object')
    if (points.some(point => Math.abs(point['dec'] - diaObject.dec) > 2 / 3600)) t.fail('a point is not at the position of the object')
    if (new Set(points.map(point => point['diaSourceId'])).size !== points.length) t.fail('two points have the same diaSourceId')
    if (diaObject.nDiaSources !== points.length || diaObject.firstDiaSourceMjdTai !== times.at(-1)) t.fail('wrong nDiaSources or time')
    const inBand = points.filter(point => point['band'] === diaSource.band)
    const weights = inBand.map(point => 1 / point['psfFluxErr'] ** 2)
    const mean = inBand.reduce((sum, point, i) => sum + point['psfFlux'] * weights[i]!, 0) / weights.reduce((a, b) => a + b)
    if (diaObject[`${diaSource.band}_psfFluxNdata`] !== inBand.length) t.fail('diaObject has a wrong number of points per band')
    const largest = Math.max(...inBand.map(point => Math.abs(point['psfFlux'])))
    if (Math.abs(diaObject[`${diaSource.band}_psfFluxMean`] - mean) > 1e-4 * largest) t.fail('diaObject has a wrong mean flux')
  }
  t.ok(none > 450 && none < 900, `${none} of 1500 alerts have no history`)
  t.ok(long >= 1, `${long} of 1500 alerts have more than a hundred points`)
})

await t.test('a few per cent of the alerts are solar-system objects, with ssSource and orbit instead of diaObject', async t => {
  const versions = [['11.1', 'ssSource', 'mpc_orbits'], ['9.0', 'ssSource', 'MPCORB'], ['7.4', 'ssObject', 'ssObject']] as const
  for (const [version, record, orbit] of versions) {
    const alerts = await visitOfAlerts(version, 400) as Fields[]
    const moving = alerts.filter(alert => alert[record] !== null)
    t.ok(moving.length > 4 && moving.length < 40, `${moving.length} of 400 alerts of ${version} are solar-system objects`)
    t.ok(moving.every(alert => alert['diaSource'].diaObjectId === null && alert['prvDiaSources'] === null && alert[orbit] !== null))
    t.ok(moving.every(alert => alert[record].ssObjectId === alert['diaSource'].ssObjectId))
    t.ok(alerts.every(alert => (alert['diaObject'] === null) === (alert[record] !== null)))
  }
})

await t.test('every alert has three cutouts, which consist of whole FITS blocks', async t => {
  for (const version of MAIN_VERSIONS) {
    const [alert] = await visitOfAlerts(version, 1)
    for (const name of ['cutoutDifference', 'cutoutScience', 'cutoutTemplate']) {
      t.equal(alert![name].length % 2880, 0, `${name} of ${version} consists of whole FITS blocks`)
    }
  }
})

await t.test('a visit or index out of range throws GENERATOR_OUT_OF_RANGE', async t => {
  const generator = await generatorOf('11.1')
  const outOfRange = [[0, 10, 10], [0, -1, 10], [-1, 0, 10], [0, 0.5, 10], [0, 0, 3_000_000], [1_000_000, 0, 1]] as const
  for (const [visit, index, alertsInVisit] of outOfRange) {
    const call = `alert(${visit}, ${index}, ${alertsInVisit})`
    t.throws(() => generator.alert(visit, index, alertsInVisit), { code: 'GENERATOR_OUT_OF_RANGE' }, `${call} throws`)
  }
})
