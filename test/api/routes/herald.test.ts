// Herald's routes: judged by fastavro, astropy and pyvo, with the parameters, media types, statuses and messages of Herald's own tests.
import t from 'tap'
import { pythonEnvironment } from '../../../src/devstack/index.ts'
import { gzipFrame } from '../../../src/stores/gzip.ts'
import { alertsOf, formsOf, type TestAlert } from '../../formats/support.ts'
import { runPython } from '../../generator/support.ts'
import { cache } from '../../support/stack.ts'

/** Pinned versions of pyvo and its requirements, and of the other judges. */
const requirements = [
  'pyvo==1.9.1', 'astropy==8.0.2', 'astropy-iers-data==0.2026.11.2.0.34.55', 'certifi==2026.10.18', 'charset-normalizer==3.5.3',
  'fastavro==1.13.1', 'idna==3.20', 'numpy==2.4.6', 'packaging==26.4', 'pyerfa==2.0.1.5', 'PyYAML==6.0.4', 'requests==2.34.2',
  'urllib3==2.8.0'
]

const [alert] = await alertsOf('11.1', 1) as [TestAlert]
const paths = ['/api/alerts', '/api/alerts/cutouts', '/api/alerts/schema', '/api/alerts/links', '/api/cutouts', '/api/schema', '/api/links']

await t.test('clients of Herald read alerts, cutouts, schemas and links', async t => {
  const python = await pythonEnvironment({ ...cache(), requirements })
  const alerts: TestAlert[] = []
  for (const version of ['9.0', '10.0', '11.1']) alerts.push(...await alertsOf(version, 4))
  // An alert without cutouts.
  const bare = { ...alerts[0]!, value: { ...alerts[0]!.value, cutoutDifference: null, cutoutScience: null, cutoutTemplate: null } }
  const all: TestAlert[] = [bare, ...alerts.slice(1)]
  t.ok(all.some(({ value }) => value['ssSource'] !== null && value['ssSource'] !== undefined), 'a solar-system alert')
  for (const pathPrefix of ['', '/alertdb']) {
    const { app } = await formsOf(t, all, { pathPrefix })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const cases = all.map(({ id, schema, value }) => ({ id, schema: schema.text, datum: schema.encode(value).toString('base64') }))
    t.strictSame(await runPython(python, '../api/routes/herald_judge.py', [`${url}${pathPrefix}`], JSON.stringify(cases)), [])
  }
})

await t.test('responses have the headers of Herald, and entity tags', async t => {
  const { app } = await formsOf(t, [alert])
  for (const [query, type, file] of [
    ['', 'application/x-avro-ocf', `alert-${alert.id}.avro`],
    ['/cutouts', 'application/fits', `cutouts-${alert.id}.fits`],
    ['/schema', 'application/json', undefined],
    ['&RESPONSEFORMAT=fits', 'application/fits', `alert-${alert.id}.fits`],
    ['&RESPONSEFORMAT=json', 'application/json', undefined]
  ] as const) {
    const url = query.startsWith('/') ? `/api/alerts${query}?ID=${alert.id}` : `/api/alerts?ID=${alert.id}${query}`
    const { statusCode, headers } = await app.inject(url)
    t.strictSame([statusCode, headers['content-type'], headers['content-disposition']],
      [200, type, file === undefined ? undefined : `attachment; filename="${file}"`], url)
    t.equal((await app.inject({ url, headers: { 'if-none-match': String(headers.etag) } })).statusCode, 304, url)
    const head = await app.inject({ method: 'HEAD', url })
    t.strictSame([head.statusCode, head.headers['content-length'], head.payload], [200, headers['content-length'], ''], url)
  }
})

await t.test('links have the address by which the client knows the server', async t => {
  const { app } = await formsOf(t, [], { pathPrefix: '/alertdb' })
  const linksOf = async (headers: Record<string, string>) =>
    (await app.inject({ url: '/alertdb/api/alerts/links?ID=7', headers })).payload.match(/(?<=<TD>)http[^<]*/g)
  t.strictSame(await linksOf({ host: 'data.example.org', 'x-forwarded-proto': 'https,http' }), [
    'https://data.example.org/alertdb/api/alerts?ID=7', 'https://data.example.org/alertdb/api/alerts?ID=7&amp;RESPONSEFORMAT=fits',
    'https://data.example.org/alertdb/api/alerts/cutouts?ID=7', 'https://data.example.org/alertdb/api/alerts/schema?ID=7'
  ])
  t.match(await linksOf({ host: '[::1]:3000', 'x-forwarded-proto': 'javascript' }), [/^http:\/\/\[::1\]:3000\/alertdb/])
  t.match(await linksOf({ host: 'a"<b>' }), [/^http:\/\/localhost\/alertdb/])
})

await t.test('errors are text, with Herald\'s statuses and messages', async t => {
  const { app, lines, writeAlert, writeSchema } = await formsOf(t, [alert])
  const of = async (url: string, status: number, text: RegExp | string) => {
    const response = await app.inject(url)
    t.strictSame([response.statusCode, response.headers['content-type'], response.headers['cache-control']],
      [status, 'text/plain; charset=utf-8', 'no-store'], url)
    t.match(response.payload, text, url)
  }
  for (const path of paths) {
    await of(`${path}?ID=not-a-number`, 400, /^Invalid alert ID format in 'not-a-number'/)
    await of(`${path}?ID=9223372036854775808`, 400, /^Invalid alert ID format/)
    await of(`${path}?ID=LSST-OTHER-12345`, 400, 'Non-LSST alert ID \'LSST-OTHER-12345\'')
    await of(`${path}?ID=12345&foo=bar`, 400, 'Invalid parameter \'foo\' in query string \'?ID=12345&foo=bar\'')
    await of(`${path}?ID=1&ID=2`, 400, 'The parameter \'ID\' occurs more than once')
    await of(path, 422, 'Missing parameter \'ID\'')
    await of(`${path}?id=1`, 422, 'Missing parameter \'ID\'')
    if (!path.endsWith('links')) await of(`${path}?ID=99999`, 404, 'No data found for alert ID \'99999\'')
    if (path !== '/api/alerts') await of(`${path}?ID=1&RESPONSEFORMAT=fits`, 400, /^Invalid parameter 'RESPONSEFORMAT'/)
    const { statusCode, headers, payload } = await app.inject({ method: 'POST', url: path, payload: {} })
    t.match({ statusCode, headers, payload }, { statusCode: 405, headers: { 'content-type': /^text\/plain/ }, payload: /^POST is not/ })
  }
  await of('/api/alerts?ID=1&RESPONSEFORMAT=text/html', 415,
    'Invalid response format \'text/html\'; accepted formats are application/fits, application/json, fits, json')
  await of('/api/alerts?ID=1&RESPONSEFORMAT=fits&RESPONSEFORMAT=json', 400, 'The parameter \'RESPONSEFORMAT\' occurs more than once')

  await writeAlert('5', await gzipFrame(Buffer.from([0, 0, 0, 0, 1, 10])))
  for (const path of paths.filter(path => !path.endsWith('links'))) {
    await of(`${path}?ID=5`, 404, /the archive does not have the schema of the alert, 1\. \(ALERT_SCHEMA_MISSING\)$/)
  }
  await writeAlert('6', await gzipFrame(Buffer.from([1, 0, 0, 0, 1, 10])))
  await of('/api/alerts?ID=6', 500, /\(FRAME_BAD_MAGIC\)$/)
  await writeAlert('7', 'neither gzip nor a frame')
  t.equal((await app.inject('/api/alerts?ID=7')).statusCode, 500)
  t.match(lines.at(-1), { level: 'error', message: 'request failed' })

  const damaged = { ...alert.value, cutoutScience: Buffer.from('not FITS') }
  await writeSchema(alert.schemaId, alert.schema.text)
  await writeAlert('8', await gzipFrame(alert.schema.encodeFramed(alert.schemaId, damaged)))
  for (const url of ['/api/cutouts?ID=8', '/api/alerts?ID=8&RESPONSEFORMAT=fits']) {
    await of(url, 422, /^the science cutout is damaged: .*\(CUTOUT_DAMAGED\)$/)
  }
  t.equal((await app.inject('/api/alerts?ID=8')).statusCode, 200, 'the container file does not depend on the cutout')
})

await t.test('errors of all other routes stay JSON', async t => {
  const { app } = await formsOf(t, [])
  for (const url of ['/v1/alerts/5', '/api', '/api/alerts/5', '/v1/alerts/x']) {
    t.match((await app.inject(url)).headers, { 'content-type': /^application\/json/ }, url)
  }
})
