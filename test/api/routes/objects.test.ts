// All alerts of an object on /v1/objects and /v1/ssobjects: fastavro merges the sources again, and errors.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ApiOptions } from '../../../src/api/app.ts'
import type { AlertValue } from '../../../src/avro/index.ts'
import { gzipFrame } from '../../../src/stores/gzip.ts'
import { alertKey } from '../../../src/stores/layouts.ts'
import { alertsOf, formsOf, type TestAlert } from '../../formats/support.ts'
import { runPython } from '../../generator/support.ts'
import { searchOf } from '../../search/support.ts'
import { usePython } from '../../support/stack.ts'

const generated = await alertsOf('11.1', 12)
const objectId = 313n
const largestId = (1n << 63n) - 1n
const start = Date.UTC(2026, 10, 30)

const rowsOf = (value: AlertValue, name: string) => (value[name] ?? []) as AlertValue[]

/** Alerts of one object. Each has the sources and forced photometry of the one before, some with other fluxes, and its own. */
function history (alerts: readonly TestAlert[]): TestAlert[] {
  let sources: AlertValue[] = []
  let forced: AlertValue[] = []
  return alerts.map((alert, index) => {
    const revised = (rows: AlertValue[], name: string) =>
      rows.map((row, at) => at % 2 === 0 ? row : { ...row, [name]: at % 3 === 0 ? NaN : 1000 * index + at })
    const value = {
      ...alert.value,
      prvDiaSources: [...revised(sources, 'psfFlux'), ...rowsOf(alert.value, 'prvDiaSources')],
      prvDiaForcedSources: [...revised(forced, 'psfFlux'), ...rowsOf(alert.value, 'prvDiaForcedSources')]
    }
    // Few, because the archive of the tests takes alerts of at most 1 MB.
    sources = [...value.prvDiaSources, alert.value['diaSource'] as AlertValue].slice(-100)
    forced = value.prvDiaForcedSources.slice(-100)
    return { ...alert, value }
  })
}

/** The API of an archive and an index with these alerts, which were published in this order. */
async function objectsOf (t: Test, alerts: readonly TestAlert[], options: Partial<ApiOptions> = {}, deliveries = 1) {
  const { search, write } = await searchOf(t)
  const rows = alerts.map(({ id }, index) =>
    ({ id: BigInt(id), diaObjectId: objectId, ssObjectId: largestId, timestamp: start + 1000 * index }))
  for (let n = 0; n < deliveries && rows.length > 0; n++) await write(rows.map((row, index) => ({ ...row, offset: 100 * n + index })))
  return await formsOf(t, alerts, { search: async () => search, ...options })
}

await t.test('sources and forced photometry are merged, and the newest alert wins', async t => {
  // Ids descend in the order of publication, which must decide.
  const alerts = history([...generated].reverse())
  t.ok(alerts.some(({ value }) => rowsOf(value, 'prvDiaForcedSources').length > 0), 'forced photometry')
  const { app } = await objectsOf(t, alerts)
  const python = await usePython(t)
  for (const [path, ids] of [
    [`/v1/objects/${objectId}`, { diaObjectId: String(objectId), ssObjectId: null }],
    [`/v1/ssobjects/${largestId}`, { diaObjectId: null, ssObjectId: String(largestId) }]
  ] as const) {
    const response = await app.inject(path)
    t.equal(response.statusCode, 200)
    t.match(response.headers, { 'content-type': /^application\/json/, 'cache-control': 'no-store', vary: 'Accept' })
    const document = response.json() as Record<string, unknown>
    t.strictSame(document['unreadable'], [])
    t.match(document, { ...ids, units: { psfFlux: 'nJy' } })
    const csv = await app.inject({ url: path, headers: { accept: 'text/csv' } })
    t.match(csv.headers, { 'content-type': /^text\/csv/, 'content-disposition': /^attachment; filename="[A-Za-z-]+-\d+\.csv"$/ })
    t.equal((await app.inject(`${path}?format=csv`)).payload, csv.payload)
    const judged = alerts.map(({ id, schema, value }) => ({ id, schema: schema.text, datum: schema.encode(value).toString('base64') }))
    const input = JSON.stringify({ alerts: judged, response: document, csv: csv.payload })
    t.strictSame(await runPython(python, '../api/routes/objects_judge.py', [], input), [])
    const head = await app.inject({ method: 'HEAD', url: path })
    t.strictSame([head.statusCode, head.headers['content-length'], head.payload], [200, response.headers['content-length'], ''])
  }
})

await t.test('limits without an id are listed once', async t => {
  const alerts = await alertsOf('7.4', 2)
  const limits = [{ ccdVisitId: 5n, midpointMjdTai: 61000.5, band: 'r', diaNoise: 2.5 }]
  const twice = alerts.map(alert => ({ ...alert, value: { ...alert.value, prvDiaNondetectionLimits: limits } }))
  const { app } = await objectsOf(t, twice)
  const { limits: found } = (await app.inject(`/v1/objects/${objectId}`)).json() as { limits: unknown[] }
  t.match(found, [{ kind: 'limit', trigger: false, diaNoise: 2.5, band: 'r', alertId: twice[1]!.id }])
  t.equal(found.length, 1)
})

await t.test('a time range selects alerts, and is required for an object with too many', async t => {
  const { app } = await objectsOf(t, generated.slice(0, 4), { limits: { batch: 2 } })
  const of = async (query: string) => {
    const response = await app.inject(`/v1/objects/${objectId}${query}`)
    return response.statusCode === 200 ? (response.json() as { alerts: string[] }).alerts : response.payload
  }
  const ids = generated.map(({ id }) => id)
  t.strictSame(await of(`?until=${start + 2000}`), ids.slice(0, 2))
  t.strictSame(await of('?since=2026-11-30T00:00:02Z'), ids.slice(2, 4))
  t.match(await of(''), /the object has more than 2 alerts\. .*since, until.* \(LIGHT_CURVE_TOO_LARGE\)/)
  t.match(await of('?since=2026-13-30T00:00:02Z'), /since and until are times/)
})

await t.test('the limit counts alerts and not their deliveries', async t => {
  const { app } = await objectsOf(t, generated.slice(0, 3), { limits: { batch: 3 } }, 4)
  for (const path of [`objects/${objectId}`, `ssobjects/${largestId}`]) {
    const response = await app.inject(`/v1/${path}`)
    t.equal(response.statusCode, 200, response.payload)
    t.strictSame((response.json() as { alerts: string[] }).alerts, generated.slice(0, 3).map(({ id }) => id))
  }
  const { app: small } = await objectsOf(t, generated.slice(0, 3), { limits: { batch: 2 } }, 4)
  t.match((await small.inject(`/v1/objects/${objectId}`)).json().detail, /more than 2 alerts/)
})

await t.test('alerts that cannot be read are named', async t => {
  const alerts = generated.slice(0, 5)
  const { app, root, writeAlert } = await objectsOf(t, alerts)
  await rm(join(root, alertKey('v2', alerts[0]!.id)))
  await writeAlert(alerts[1]!.id, 'damaged')
  await writeAlert(alerts[2]!.id, await gzipFrame(Buffer.from([0, 0, 0, 0, 9, 1])))
  await writeAlert(alerts[3]!.id, await gzipFrame(Buffer.from([0, 0, 0, 4, 77, 10])))
  const response = await app.inject(`/v1/objects/${objectId}`)
  t.match(response.json(), {
    alerts: [alerts[4]!.id],
    unreadable: [
      { id: alerts[0]!.id, error: 'ALERT_MISSING' }, { id: alerts[1]!.id, error: /^OBJECT_/ },
      { id: alerts[2]!.id, error: 'ALERT_SCHEMA_MISSING' }, { id: alerts[3]!.id, error: 'DATUM_INVALID' }
    ]
  })
  const csv = await app.inject(`/v1/objects/${objectId}?format=csv`)
  t.equal(csv.statusCode, 500)
  t.match(csv.json().detail, new RegExp(`^4 of the alerts cannot be read, such as ${alerts[0]!.id} \\(ALERT_MISSING\\)`))
})

await t.test('requests that cannot be answered', async t => {
  const { app } = await objectsOf(t, generated.slice(0, 1))
  const { app: withoutIndex } = await formsOf(t, [])
  for (const [server, url, status, detail, accept] of [
    [app, 'objects/314', 404, 'there are no alerts of the DIAObject 314', '*/*'],
    [app, 'ssobjects/0314', 404, 'there are no alerts of the solar system object 314', '*/*'],
    [app, `objects/313?until=${start}`, 404, 'there are no alerts of the DIAObject 313 in this time range', '*/*'],
    [app, `ssobjects/${largestId}?since=${start + 1}`, 404, /solar system object 9223372036854775807 in this time range$/, '*/*'],
    [app, 'objects/x', 400, /path parameter id is not valid/, '*/*'],
    [app, `objects/${largestId + 1n}`, 400, /path parameter id is not valid/, '*/*'],
    [app, 'objects/313?band=r', 400, /unknown query parameter "band"/, '*/*'],
    [app, 'objects/313?format=fits', 406, /no form "fits"; the forms are json .* csv/, '*/*'],
    [app, 'objects/313', 406, /Accept excludes all forms of an object/, 'image/png'],
    [withoutIndex, 'objects/313', 501, /the server has no index, .*\(SEARCH_UNAVAILABLE\)/, '*/*'],
    [withoutIndex, 'ssobjects/313', 501, /the server has no index, .*\(SEARCH_UNAVAILABLE\)/, '*/*']
  ] as const) {
    const response = await server.inject({ url: `/v1/${url}`, headers: { accept } })
    t.strictSame([response.statusCode, response.headers['cache-control']], [status, 'no-store'], url)
    const { detail: found } = response.json() as { detail: string }
    if (typeof detail === 'string') t.equal(found, detail, url)
    else t.match(found, detail, url)
  }
})
