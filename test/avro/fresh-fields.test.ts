import t from 'tap'
import { mjdTai, parseSchema, refresher, type AlertSchema, type AlertValue } from '../../src/avro/index.ts'
import { decodeId } from '../../src/ids/packed-id.ts'
import { allVersions, generatorOf, surveySchema, type Fields } from '../generator/support.ts'

/** 2026-11-24 09:00:00 UTC as Unix time in seconds. */
const SECOND = Date.UTC(2026, 10, 24, 9) / 1000
/** The visit of SECOND: 75,600 s after noon UTC, in steps of 3 s. */
const VISIT = 2_026_112_325_200n
const SHIFT = 12.5
/** Maximum number of alerts per visit that can get new ids. */
const MAX_ALERTS = 2 ** 18

/** Returns the leaf values of a record (numbers, strings, bytes, nulls) by path. */
function leaves (value: unknown, path = ''): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return new Map([[path, value]])
  return new Map(Object.entries(value).flatMap(([key, inner]) => [...leaves(inner, path === '' ? key : `${path}.${key}`)]))
}

function changes (before: AlertValue, after: AlertValue): Map<string, { old: unknown, fresh: unknown }> {
  const [old, fresh] = [leaves(before), leaves(after)]
  if (old.size !== fresh.size) throw new Error('the fields differ')
  const equal = (a: unknown, b: unknown): boolean => Buffer.isBuffer(a) && Buffer.isBuffer(b) ? a.equals(b) : Object.is(a, b)
  const changed = [...old].filter(([path, value]) => !equal(value, fresh.get(path)))
  return new Map(changed.map(([path, value]) => [path, { old: value, fresh: fresh.get(path) }]))
}

/** Names of the time fields in the survey's schemas, other than orbital elements. */
const SOURCE_TIMES = ['midpointMjdTai', 'midPointTai', 'timeProcessedMjdTai', 'timeWithdrawnMjdTai', 'time_processed']
const OBJECT_TIMES = ['radecMjdTai', 'radecTai', 'validityStartMjdTai', 'validityStart', 'firstDiaSourceMjdTai', 'lastDiaSourceMjdTai']
const SOLAR_TIMES = ['firstObservationMjdTai', 'firstObservationDate', 'discoverySubmissionDate']

function timesOf (alert: AlertValue): string[] {
  return [...leaves(alert)].filter(([path, value]) => {
    const [root = '', ...rest] = path.split('.')
    const field = rest.at(-1) ?? ''
    const sources = /^(diaSource|prvDia\w+)$/.test(root) ? SOURCE_TIMES : []
    const names = root === 'diaObject' ? OBJECT_TIMES : root === 'ssObject' ? SOLAR_TIMES : sources
    return names.includes(field) && value !== null
  }).map(([path]) => path)
}

interface Case {
  readonly schema: AlertSchema
  readonly before: Fields
  readonly after: Fields
  readonly frame: Buffer
  readonly id: bigint | undefined
}

function renewed (schema: AlertSchema, alert: AlertValue, fresh: { ids: boolean, times: boolean }, index = 5, second = SECOND): Case {
  const old = schema.encodeFramed(704, alert)
  const { frame, id } = refresher(schema, fresh).find(old).renew({ second, index, shiftDays: SHIFT })
  return { schema, before: schema.decode(old.subarray(5)), after: schema.decode(frame.subarray(5)), frame, id }
}

/** Alerts of DIAObjects and of solar system objects, with and without history. The source of the last alert is deblended. */
async function someAlerts (version: string): Promise<Fields[]> {
  const generator = await generatorOf(version, 3)
  const alerts = Array.from({ length: 60 }, (_, index) => generator.alert(0, index, 60) as Fields)
  const moving = alerts.filter(({ diaObject }) => diaObject === null)
  const known = alerts.filter(({ prvDiaSources }) => prvDiaSources !== null)
  if (moving.length === 0 || known.length === 0) throw new Error('the sample is too small')
  const [one] = known
  const { diaSource } = one!
  const child = { ...one!, diaSource: { ...diaSource, parentDiaSourceId: diaSource.diaSourceId + 3n } }
  return [...moving.slice(0, 2), ...known.slice(0, 4), child]
}

for (const version of await allVersions()) {
  await t.test(`${version}: gives the alert new ids and new times and changes nothing else`, async t => {
    const schema = await surveySchema(version)
    for (const alert of await someAlerts(version)) {
      const { before, after, frame, id } = renewed(schema, alert, { ids: true, times: true })
      t.strictSame(frame, schema.encodeFramed(704, after), 'the frame equals the encoding of the changed alert')
      const detector = before['diaSource'].detector ?? Number(before['diaSource'].ccdVisitId % 1000n)
      const found = changes(before, after)
      const ids = ['alertId', 'diaSourceId', 'diaSource.diaSourceId', 'ssSource.diaSourceId'].filter(path => leaves(before).has(path))
      t.strictSame(ids.map(path => found.get(path)?.fresh), ids.map(() => id))
      t.match(decodeId(id!), { tag: 2, night: '20261123', visit: VISIT, detector, counter: 5 })
      const { visit, ccdVisitId, parentDiaSourceId } = after['diaSource']
      if (visit !== undefined) t.equal(visit, VISIT, 'before noon UTC, the observing day has the date of the previous day')
      else t.equal(ccdVisitId, VISIT * 1000n + BigInt(detector))
      t.equal(parentDiaSourceId === null, before['diaSource'].parentDiaSourceId === null)
      const others = [...ids, 'diaSource.visit', 'diaSource.ccdVisitId', 'diaSource.parentDiaSourceId']
      const times = timesOf(before)
      t.strictSame([...found.keys()].filter(path => !others.includes(path)).sort(), times.sort(), 'all times and no other fields change')
      const moved = ({ old, fresh }: { old: unknown, fresh: unknown }): boolean =>
        typeof old === 'bigint'
          ? fresh as bigint - old === BigInt(SHIFT * 86_400e6)
          : Math.abs(fresh as number - (old as number) - SHIFT) < 1e-10
      t.strictSame(times.filter(path => !moved(found.get(path)!)), [], 'all times shift by the same amount')
    }
  })
}

await t.test('changes only ids, only times or no fields, as requested', async t => {
  const schema = await surveySchema('11.1')
  for (const alert of await someAlerts('11.1')) {
    const ids = renewed(schema, alert, { ids: true, times: false })
    t.ok([...changes(ids.before, ids.after).keys()].every(path => /(^|\.)(diaSourceId|parentDiaSourceId|visit)$/.test(path)))
    const times = renewed(schema, alert, { ids: false, times: true })
    t.strictSame([...changes(times.before, times.after).keys()].sort(), timesOf(times.before).sort())
    t.equal(times.id, undefined)
    const neither = renewed(schema, alert, { ids: false, times: false })
    t.equal(changes(neither.before, neither.after).size, 0)
  }
})

await t.test('keeps unknown values (NaN, null, visit 0) and replaces every occurrence of the alert\'s own id and visit', async t => {
  const schema = await surveySchema('11.1')
  const [alert] = (await someAlerts('11.1')).filter(({ prvDiaSources }) => prvDiaSources !== null)
  const { diaSource, prvDiaSources } = alert!
  const given = {
    ...alert!,
    diaSource: { ...diaSource, timeProcessedMjdTai: NaN, timeWithdrawnMjdTai: null, parentDiaSourceId: diaSource.diaSourceId },
    prvDiaSources: [
      { ...diaSource, parentDiaSourceId: 0n }, { ...prvDiaSources[0], visit: 0n, parentDiaSourceId: 77n, timeWithdrawnMjdTai: 61_000.5 }
    ]
  }
  const { after, id, before } = renewed(schema, given, { ids: true, times: true })
  const [same, other] = after['prvDiaSources']
  t.match(after['diaSource'], { timeProcessedMjdTai: NaN, timeWithdrawnMjdTai: null, parentDiaSourceId: id })
  t.match(same, { diaSourceId: id, visit: after['diaSource'].visit, parentDiaSourceId: 0n })
  t.match(other, { diaSourceId: before['prvDiaSources'][1].diaSourceId, visit: 0n, parentDiaSourceId: 77n, timeWithdrawnMjdTai: 61_013 })
  const unknown = renewed(
    schema, { ...given, diaSource: { ...given.diaSource, visit: 0n, parentDiaSourceId: 0n } }, { ids: true, times: true }
  ).after
  t.match(unknown['diaSource'], { visit: VISIT, parentDiaSourceId: 0n })
  t.equal(unknown['prvDiaSources'][1].visit, 0n)
})

await t.test('sources with a common parent get a common new parent id, which is never an alert id', async t => {
  const schema = await surveySchema('11.1')
  const [alert] = await someAlerts('11.1')
  const child = (parentDiaSourceId: bigint, index: number) => {
    const given = { ...alert!, diaSource: { ...alert!['diaSource'], parentDiaSourceId } }
    return renewed(schema, given, { ids: true, times: false }, index).after['diaSource']
  }
  const [one, two, other] = [child(100n, 1), child(100n, 2), child(101n, 3)]
  t.equal(one.parentDiaSourceId, two.parentDiaSourceId)
  t.not(one.parentDiaSourceId, other.parentDiaSourceId)
  const parent = decodeId(one.parentDiaSourceId)
  t.match(parent, { tag: 2, visit: one.visit, detector: one.detector })
  t.ok(parent!.counter >= MAX_ALERTS, 'the counter of the parent id is above all counters of alerts')
})

await t.test('new ids are unique per visit, detector and index, and agree with visit and detector', async t => {
  const schema = await surveySchema('11.1')
  const [alert] = await someAlerts('11.1')
  const sourceOf = (second: number, detector: number, index: number): Fields =>
    renewed(schema, { ...alert!, diaSource: { ...alert!['diaSource'], detector } }, { ids: true, times: false }, index, second)
      .after['diaSource']
  const ids = new Set<bigint>()
  const noon = Date.UTC(2026, 10, 24, 12) / 1000
  for (const second of [SECOND, SECOND + 3, noon - 3, noon, noon + 86_397]) {
    for (const detector of [0, 94, 188, 204]) {
      for (const index of [0, 1, 39_999, MAX_ALERTS - 1]) {
        const { diaSourceId, visit, ...source } = sourceOf(second, detector, index)
        t.match(decodeId(diaSourceId), { tag: 2, visit, detector, counter: index })
        t.equal(source['detector'], detector)
        ids.add(diaSourceId)
      }
    }
  }
  t.equal(ids.size, 5 * 4 * 4)
  t.throws(() => sourceOf(SECOND, 0, MAX_ALERTS), { code: 'FRESH_IDS_USED_UP', fatal: true, hint: /--visit-size/ })
})

await t.test('a detector that the camera does not have is replaced, so that the id decodes', async t => {
  for (const [version, detector, expected] of [['11.1', 205, 16], ['11.1', -7, 7], ['7.4', 377, 188]] as const) {
    const schema = await surveySchema(version)
    const [alert] = await someAlerts(version)
    const { after, id } = renewed(
      schema, { ...alert!, diaSource: { ...alert!['diaSource'], detector } }, { ids: true, times: true }
    )
    t.match(decodeId(id!), { detector: expected })
    t.equal(after['diaSource'].detector, expected)
  }
})

await t.test('derives the visit number from the observing day and the second; converts UTC to MJD TAI', async t => {
  const schema = await surveySchema('11.1')
  const [alert] = await someAlerts('11.1')
  const at = (text: string): number => Date.parse(text) / 1000
  const visitAt = (text: string) => renewed(schema, alert!, { ids: true, times: false }, 5, at(text)).after['diaSource'].visit
  t.equal(visitAt('2026-11-24T11:59:59Z'), 2_026_112_328_799n)
  t.equal(visitAt('2026-11-24T12:00:00Z'), 2_026_112_400_000n)
  t.equal(visitAt('2027-01-01T00:00:00Z'), 2_026_123_114_400n)
  t.equal(mjdTai(at('2026-11-24T00:00:00Z')), 61_368 + 37 / 86_400)
})

await t.test('returns the mid-point of the triggering exposure unless it is NaN or times are not renewed', async t => {
  const schema = await surveySchema('11.1')
  const [alert] = await someAlerts('11.1')
  const { midpointMjdTai } = alert!['diaSource']
  const find = (value: AlertValue, fresh = { ids: true, times: true }) =>
    refresher(schema, fresh).find(schema.encodeFramed(1, value)).midpointMjdTai
  t.equal(find(alert!), midpointMjdTai)
  t.equal(find(alert!, { ids: true, times: false }), undefined)
  t.equal(find({ ...alert!, diaSource: { ...alert!['diaSource'], midpointMjdTai: NaN } }), undefined)
})

await t.test('accepts schemas whose only known field is the alert id; rejects schemas without an alert id', async t => {
  const fields = [{ name: 'diaSourceId', type: 'long' }, { name: 'note', type: 'string' }]
  const small = parseSchema(JSON.stringify({ type: 'record', name: 'alert', fields }))
  const both = refresher(small, { ids: true, times: true })
  t.equal(both.hasTime, false)
  const { frame, id } = both.find(small.encodeFramed(9, { diaSourceId: 1n, note: 'n' })).renew({ second: SECOND, index: 0, shiftDays: 0 })
  t.strictSame(small.decode(frame.subarray(5)), small.decode(small.encode({ diaSourceId: id, note: 'n' })))
  const none = parseSchema(JSON.stringify({ type: 'record', name: 'alert', fields: fields.toReversed() }))
  const frameWithoutId = none.encodeFramed(9, { diaSourceId: 1n, note: 'n' })
  t.throws(() => refresher(none, { ids: true, times: false }).find(frameWithoutId), { code: 'SCHEMA_NO_ALERT_ID' })
  t.throws(() => both.find(Buffer.from([0, 0, 0, 0, 9, 2])), { code: 'DATUM_INVALID' })
})
