// Light curves on /v1/alerts/{id}/lightcurve: forms, headers and errors. test/formats/light-curve.test.ts judges the content.
import t from 'tap'
import { gzipFrame } from '../../../src/stores/gzip.ts'
import { alertsOf, formsOf, type TestAlert } from '../../formats/support.ts'

const [alert] = await alertsOf('11.1', 1) as [TestAlert]
const url = `/v1/alerts/${alert.id}/lightcurve`

await t.test('JSON by default, CSV by format or Accept, with tags of their own', async t => {
  const { app } = await formsOf(t, [alert])
  const json = await app.inject(url)
  t.match(json.headers, { 'content-type': /^application\/json/, vary: 'Accept', 'cache-control': /private/ })
  const { points } = json.json() as { readonly points: ReadonlyArray<Record<string, unknown>> }
  t.match(points.find(({ trigger }) => trigger), { kind: 'detection', diaSourceId: alert.id })
  const csv = await app.inject({ url, headers: { accept: 'text/csv' } })
  t.match(csv.headers, { 'content-type': /^text\/csv/, 'content-disposition': `attachment; filename="${alert.id}-lightcurve.csv"` })
  t.equal((await app.inject(`${url}?format=csv`)).payload, csv.payload)
  t.equal(csv.payload.trimEnd().split('\r\n').length, points.length + 1)
  t.not(csv.headers.etag, json.headers.etag)
  for (const { headers: { etag } } of [json]) {
    t.equal((await app.inject({ url, headers: { 'if-none-match': String(etag) } })).statusCode, 304)
    t.equal((await app.inject({ url: `${url}?format=csv`, headers: { 'if-none-match': String(etag) } })).statusCode, 200)
  }
  const head = await app.inject({ method: 'HEAD', url })
  t.strictSame([head.statusCode, head.headers['content-length'], head.payload], [200, json.headers['content-length'], ''])
})

await t.test('requests that cannot be answered', async t => {
  const { app, writeAlert } = await formsOf(t, [alert])
  const of = async (query: string, status: number, detail: RegExp, headers: Record<string, string> = {}) => {
    const response = await app.inject({ url: `/v1/alerts/${query}`, headers })
    t.strictSame([response.statusCode, response.headers['cache-control']], [status, 'no-store'], query)
    t.match(response.json().detail, detail, query)
  }
  await of(`${alert.id}/lightcurve?format=fits`, 406, /no form "fits"; the forms are json .* csv/)
  await of(`${alert.id}/lightcurve`, 406, /Accept excludes all forms of a light curve/, { accept: 'image/png' })
  await of(`${alert.id}/lightcurve?band=r`, 400, /unknown query parameter "band"/)
  await of('5/lightcurve', 404, /alert not found/)
  await writeAlert('5', await gzipFrame(Buffer.from([0, 0, 0, 4, 77, 10])))
  await of('5/lightcurve', 500, /\(DATUM_INVALID\)/)
})
