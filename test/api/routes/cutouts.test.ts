// Cutouts on /v1/alerts/{id}/cutouts/{cutout}: forms, parameters, headers and errors. test/formats/stamp.test.ts judges the pictures.
import t from 'tap'
import { alertsOf, formsOf, type TestAlert } from '../../formats/support.ts'

const [alert] = await alertsOf('11.1', 1) as [TestAlert]
const { id, value } = alert
const science = value['cutoutScience'] as Buffer
const url = `/v1/alerts/${id}/cutouts/science`

await t.test('a cutout is the FITS file of the alert, or a PNG by format or Accept', async t => {
  const { app } = await formsOf(t, [alert])
  for (const [kind, field] of [['difference', 'cutoutDifference'], ['science', 'cutoutScience'], ['template', 'cutoutTemplate']] as const) {
    const response = await app.inject(`/v1/alerts/LSST-AP-DS-${id}/cutouts/${kind}`)
    t.strictSame([response.statusCode, response.headers['content-type']], [200, 'application/fits'])
    t.equal(response.headers['content-disposition'], `attachment; filename="${id}-${kind}.fits"`)
    t.ok(response.rawPayload.equals(value[field] as Buffer), kind)
  }
  const typeFor = async (accept: string) => {
    const response = await app.inject({ url, headers: { accept } })
    t.equal(response.headers.vary, 'Accept')
    return response.statusCode === 200 ? response.headers['content-type'] : response.statusCode
  }
  t.equal(await typeFor('image/png'), 'image/png')
  t.equal(await typeFor('image/*'), 'application/fits')
  t.equal(await typeFor('image/avif,image/webp,image/apng,image/png,*/*;q=0.8'), 'image/png', 'an image element of a browser')
  t.equal(await typeFor('text/html'), 406)
  t.equal((await app.inject({ url: `${url}?format=png`, headers: { accept: 'text/html' } })).headers['content-type'], 'image/png')
})

await t.test('each picture has an entity tag of its own, which gives 304', async t => {
  const { app } = await formsOf(t, [alert])
  const queries = ['', '?format=png', '?format=png&size=64', '?format=png&stretch=log', '?format=png&orientation=north']
  const tags = new Set<unknown>()
  for (const query of queries) {
    const get = await app.inject(url + query)
    t.equal(get.statusCode, 200)
    const { etag } = get.headers
    tags.add(etag)
    for (const method of ['GET', 'HEAD'] as const) {
      const again = await app.inject({ method, url: url + query, headers: { 'if-none-match': String(etag) } })
      t.strictSame([again.statusCode, again.headers.etag, again.payload], [304, etag, ''])
      const head = await app.inject({ method: 'HEAD', url: url + query })
      t.strictSame([head.statusCode, head.headers['content-length'], head.payload], [200, String(get.rawPayload.length), ''])
    }
  }
  t.equal(tags.size, queries.length)
  t.equal(app.stats.buffers.bufferedBytes, 0)
})

await t.test('requests that cannot be answered', async t => {
  const variant = (alertId: bigint, changes: object): TestAlert =>
    ({ ...alert, id: String(alertId), value: { ...value, ...changes, diaSourceId: alertId } })
  const [old] = (await alertsOf('6.0', 1)) as [TestAlert]
  const broken = Buffer.from(science.subarray(0, 2900))
  const { app } = await formsOf(t, [
    alert, old, variant(1n, { cutoutScience: null }), variant(2n, { cutoutScience: broken }),
    variant(3n, { cutoutScience: Buffer.alloc(0) })
  ])
  const of = async (query: string, status: number, detail: RegExp) => {
    const response = await app.inject(`/v1/alerts/${query}`)
    t.equal(response.statusCode, status, query)
    t.match(response.json().detail, detail, query)
    t.equal(response.headers['cache-control'], 'no-store')
    t.strictSame([response.headers.etag, response.headers['content-disposition']], [undefined, undefined])
  }
  await of('1/cutouts/science', 404, /the alert has no science cutout: its field cutoutScience is null.*\(CUTOUT_MISSING\)/)
  await of('1/cutouts/science?format=png', 404, /its field cutoutScience is null/)
  await of(`${old.id}/cutouts/science`, 404, /the schema lsst\.v6_0\.alert has no field cutoutScience/)
  await of('2/cutouts/science?format=png', 422, /science cutout is damaged: the header states 3600 bytes of data, but 20 follow it/)
  await of('2/cutouts/science', 422, /the science cutout is damaged/)
  await of('3/cutouts/science?format=png', 422, /the file is empty/)
  await of('2?format=fits', 422, /the science cutout is damaged.*\(CUTOUT_DAMAGED\)/)
  await of('4/cutouts/science', 404, /alert not found/)
  await of(`${id}/cutouts/all`, 400, /cutout/)
  await of(`${id}/cutouts/science?format=jpeg`, 406, /no form "jpeg" of a cutout; the forms are fits.*png/)
  await of(`${id}/cutouts/science?size=10`, 400, /parameter size applies to the form png, not to fits/)
  for (const query of ['size=0', 'size=513', 'size=1.5', 'size=x', 'stretch=cube', 'orientation=up', 'colour=red']) {
    await of(`${id}/cutouts/science?format=png&${query}`, 400, new RegExp(query.split('=')[0]!))
  }
  t.equal((await app.inject('/v1/alerts/2?format=json')).json().cutoutScience, broken.toString('base64'), 'JSON has the bytes as they are')
})

await t.test('a cutout without coordinates is drawn, but not turned north', async t => {
  const text = science.toString('latin1').replaceAll('CRVAL1', 'XRVAL1')
  const without = { ...alert, value: { ...value, cutoutScience: Buffer.from(text, 'latin1') } }
  const { app } = await formsOf(t, [without])
  const north = await app.inject(`${url}?format=png&orientation=north`)
  t.equal(north.statusCode, 422)
  t.match(north.json().detail, /CRVAL1 is missing.*without orientation=north.*\(CUTOUT_NO_WCS\)/)
  t.equal((await app.inject(`${url}?format=png`)).statusCode, 200)
})
