// Schema resolution between the survey's published schemas, 3.0 to 11.1, with and without the tables of renames and fill-ins.
import { join } from 'node:path'
import t from 'tap'
import {
  alertSummary, fetchSchemaPackage, loadSchemaPackage, openContainer, resolver, surveyFillIns, type AlertValue
} from '../../src/avro/index.ts'
import { cache } from '../support/stack.ts'

const folder = await fetchSchemaPackage({ cacheDir: cache().cacheDir })
const survey = await loadSchemaPackage(folder)
const newest = survey.get('11.1').schema

/** The only record of the survey's sample file for a schema version. */
async function sample (version: string): Promise<{ datum: Buffer, value: AlertValue }> {
  const container = await openContainer(join(folder, 'lsst/alert/packet/schema', version.replace('.', '/'), 'sample_data/fakeAlert.avro'))
  try {
    for await (const record of container.records()) {
      if (record.error !== undefined) throw record.error
      return { datum: Buffer.from(record.datum), value: record.value }
    }
    throw new Error('the sample is empty')
  } finally {
    await container.close()
  }
}

function reasons (version: string, options: Parameters<typeof resolver>[2]): string[] {
  try {
    resolver(survey.get(version).schema, newest, options)
    return []
  } catch (error) {
    const { message } = error as Error
    return message.slice(message.indexOf(': ') + 2).split('; and in alerts')[0]!.split('; ').map(part => part.split(':')[0]!)
  }
}

await t.test('the first field of each schema is the alert id: alertId up to 7.4, diaSourceId from 8.0', async t => {
  const versions = '3.0 4.0 5.0 6.0 6.1 7.0 7.1 7.2 7.3 7.4 8.0 9.0 10.0 11.0 11.1'.split(' ')
  t.same(survey.versions.map(({ version }) => version), versions)
  for (const { id, schema } of survey.versions) t.equal(schema.alertIdField, id < 800 ? 'alertId' : 'diaSourceId')
})

await t.test('decodes and re-encodes the sample of every version to the same bytes', async t => {
  for (const { version, schema } of survey.versions) {
    const { datum, value } = await sample(version)
    t.ok(schema.encode(value).equals(datum), version)
    t.equal(schema.readAlertId(datum), alertSummary(value).id)
    t.type(alertSummary(value).midpointMjdTai, 'number', version)
    t.equal(alertSummary(value).history, 2)
    t.equal(schema.readMidpoint(datum), alertSummary(value).midpointMjdTai)
  }
})

await t.test('without renames, only alerts of 9.0 and later resolve to 11.1', async t => {
  t.same(reasons('7.4', { aliases: {} }), ['diaSourceId', 'diaSource.timeProcessedMjdTai', 'diaSource.bboxSize'])
  t.same(reasons('8.0', { aliases: {} }), ['diaSource.timeProcessedMjdTai'])
  for (const version of ['9.0', '10.0', '11.0', '11.1']) t.same(reasons(version, { aliases: {} }), [], version)
})

await t.test('resolves renamed fields, so the error names only the new required fields', async t => {
  t.same(reasons('3.0', {}), ['diaSource.visit', 'diaSource.detector', 'diaSource.timeProcessedMjdTai', 'diaSource.bboxSize'])
  t.same(reasons('7.4', {}), ['diaSource.timeProcessedMjdTai', 'diaSource.bboxSize'])
  const error = { code: 'RESOLUTION_IMPOSSIBLE', message: /diaObject\.validityStartMjdTai: double, no default.*diaObject\.nDiaSources/ }
  t.throws(() => resolver(survey.get('7.4').schema, newest), error, 'failures that only some alerts have are listed too')
})

await t.test('rejects an alert with nulls in required fields; the error names each of these fields', async t => {
  const { datum } = await sample('10.0')
  t.throws(() => resolver(survey.get('10.0').schema, newest)(datum), {
    code: 'RESOLUTION_IMPOSSIBLE', message: /diaSource\.psfNdata: null cannot be read as int; .*diaObject\.y_psfFluxNdata/
  })
})

await t.test('resolves alerts of every version to 11.1 with fill-ins', async t => {
  for (const { version, schema } of survey.versions) {
    const { datum, value } = await sample(version)
    const resolved = resolver(schema, newest, { fillIns: surveyFillIns })(datum)
    const out = newest.decode(resolved)
    t.same(newest.encode(out), resolved, `${version} resolves to a complete alert of 11.1`)
    t.equal(alertSummary(out).id, alertSummary(value).id)
    t.equal(alertSummary(out).midpointMjdTai, alertSummary(value).midpointMjdTai)
    t.same(Object.keys(out), (JSON.parse(newest.text) as { fields: Array<{ name: string }> }).fields.map(({ name }) => name))
  }
})

await t.test('resolves 7.4 to 11.1: new fields get defaults or fill-ins, and old values stay unchanged', async t => {
  const { value, datum } = await sample('7.4')
  const out = newest.decode(resolver(survey.get('7.4').schema, newest, { fillIns: surveyFillIns })(datum))
  const [before, after] = [value['diaSource'], out['diaSource']] as [AlertValue, AlertValue]
  for (const name of ['observation_reason', 'target_name', 'ssSource', 'mpc_orbits']) t.equal(out[name], null, name)
  for (const name of ['glint_trail', 'reliabilityVersion', 'isDipole', 'templateFlux']) t.equal(after[name], null, name)
  t.same([after['timeProcessedMjdTai'], after['bboxSize']], [NaN, 0])
  const both = Object.keys(after).filter(name => name in before && !(name in surveyFillIns['diaSource']!))
  t.ok(both.length > 60)
  for (const name of both) t.same(after[name], before[name], name)
})

await t.test('resolves 9.0 without fill-ins if all required fields have values', async t => {
  const { schema } = survey.get('9.0')
  const { value } = await sample('9.0')
  const complete = (entry: unknown) => ({ ...entry as AlertValue, psfNdata: 5, trailNdata: 6, dipoleNdata: 7, bboxSize: 8 })
  const out = newest.decode(resolver(schema, newest)(schema.encode({
    ...value,
    diaSource: complete(value['diaSource']),
    prvDiaSources: (value['prvDiaSources'] as unknown[]).map(complete),
    diaObject: null,
    ssSource: null
  })))
  t.equal((out['diaSource'] as AlertValue)['bboxSize'], 8)
})
