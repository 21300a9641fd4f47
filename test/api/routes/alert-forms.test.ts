// The forms of an alert on /v1/alerts/{id}: selection, headers, conditions, resolution and errors.
import t from 'tap'
import type { InjectOptions } from 'fastify'
import { build } from '../../../src/api/app.ts'
import { fetchSchemaPackage, frameHeaderLength, loadSchemaPackage, parseSchema } from '../../../src/avro/index.ts'
import { createArchive } from '../../../src/stores/archive.ts'
import { openFileStore } from '../../../src/stores/file-store.ts'
import { gzipFrame } from '../../../src/stores/gzip.ts'
import { surveySchema } from '../../generator/support.ts'
import { otherSpelling } from '../../avro/support.ts'
import { alertsOf, formsOf, judge } from '../../formats/support.ts'
import { cache } from '../../support/stack.ts'

const alerts = (await Promise.all(['9.0', '10.0', '11.1'].map(version => alertsOf(version, 2)))).flat()
const { id, schema, schemaId, value } = alerts.at(-1)!
const url = `/v1/alerts/${id}`

await t.test('the form is chosen by format, otherwise by Accept, and is the frame by default', async t => {
  const { app } = await formsOf(t, alerts)
  const frame = schema.encodeFramed(schemaId, value)
  const type = async (accept: string | undefined, query = '') => {
    const response = await app.inject({ url: url + query, headers: accept === undefined ? {} : { accept } })
    return response.statusCode === 200 ? String(response.headers['content-type']) : response.statusCode
  }
  const octets = 'application/octet-stream'
  const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'
  for (const accept of [undefined, '*/*', octets, 'application/*', browser, 'application/json;q=0.5, */*', '']) {
    t.equal(await type(accept), accept === '' ? 406 : octets, String(accept))
  }
  t.equal(await type('application/json'), 'application/json')
  t.equal(await type('application/json, */*;q=0.1'), 'application/json')
  t.equal(await type('Application/Avro;q=0.9, application/json;q=0.8'), 'application/avro')
  t.equal(await type('avro/binary'), 'application/avro')
  t.equal(await type('application/avro+json'), 'application/avro+json')
  t.equal(await type('text/html'), 406)
  t.equal(await type('application/json;q=0, text/csv'), 406)
  t.equal(await type('text/html', '?format=ocf'), 'application/avro', 'format wins')
  t.ok((await app.inject({ url })).rawPayload.equals(frame))
  t.ok((await app.inject({ url: `${url}?format=frame`, headers: { accept: 'application/json' } })).rawPayload.equals(frame))
})

await t.test('with compat upstream, Accept selects nothing', async t => {
  const { app } = await formsOf(t, alerts, { compat: 'upstream' })
  const response = await app.inject({ url, headers: { accept: 'application/json' } })
  t.strictSame([response.headers['content-type'], response.headers.vary], ['application/octet-stream', undefined])
  t.equal((await app.inject(`${url}?format=json`)).json().diaSourceId, id)
})

await t.test('fastavro reads the container file of every alert', async t => {
  const { app } = await formsOf(t, alerts)
  const cases = []
  for (const alert of alerts) {
    const { rawPayload: body, headers } = await app.inject(`/v1/alerts/${alert.id}?format=ocf`)
    t.equal(headers['content-disposition'], `attachment; filename="${alert.id}.avro"`)
    cases.push({ body, schema: alert.schema.text, datum: alert.schema.encode(alert.value).toString('base64') })
  }
  t.strictSame(await judge(t, 'container_judge.py', cases), [])
})

await t.test('JSON, with and without bytes, and lossless', async t => {
  const { app } = await formsOf(t, alerts)
  for (const alert of alerts) {
    const json = async (query: string) => (await app.inject(`/v1/alerts/${alert.id}?format=${query}`)).json()
    const full = await json('json')
    const cutout = alert.value['cutoutDifference'] as Buffer
    t.strictSame([full.diaSourceId, full.cutoutDifference], [alert.id, cutout.toString('base64')])
    t.strictSame(await json('json&bytes=base64'), full)
    const { cutoutDifference: _d, cutoutScience: _s, cutoutTemplate: _t, ...scalars } = full
    t.strictSame(await json('json&bytes=omit'), scalars)
    t.strictSame((await json('json-lossless')).cutoutDifference, { bytes: cutout.toString('latin1') })
  }
})

await t.test('an alert that is not canonically encoded gives 406 for json-lossless, and all other forms', async t => {
  const { app, writeAlert } = await formsOf(t, alerts)
  const frame = schema.encodeFramed(schemaId, value)
  // The same id in one byte more than necessary.
  const end = frameHeaderLength + frame.subarray(frameHeaderLength).findIndex(byte => byte < 0x80)
  const longer = Buffer.concat([frame.subarray(0, end), Buffer.from([frame[end]! | 0x80, 0]), frame.subarray(end + 1)])
  await writeAlert(id, await gzipFrame(longer))
  const response = await app.inject(`${url}?format=json-lossless`)
  t.equal(response.statusCode, 406)
  t.match(response.json().detail, /diaSourceId: a number has more bytes.*Request the form json.*\(ALERT_NOT_CANONICAL\)/)
  for (const format of ['frame', 'ocf', 'json']) t.equal((await app.inject(`${url}?format=${format}`)).statusCode, 200, format)
})

await t.test('HEAD, entity tags and 304 by form', async t => {
  const { app } = await formsOf(t, alerts)
  const tags = new Set<unknown>()
  for (const query of ['', '?format=ocf', '?format=json', '?format=json&bytes=omit', '?format=json-lossless', '?format=ocf&schema=11.1']) {
    const request = async (options: InjectOptions) => await app.inject({ url: url + query, ...options })
    const get = await request({})
    t.equal(get.statusCode, 200)
    t.match(get.headers, { 'cache-control': /private, max-age=/, vary: 'Accept, Accept-Encoding', etag: /^"[\w.-]+"$/ })
    const { date: _1, ...expected } = get.headers
    const head = await request({ method: 'HEAD' })
    const { date: _2, ...found } = head.headers
    t.strictSame([head.statusCode, head.payload, found], [200, '', expected], query)
    const etag = String(get.headers.etag)
    tags.add(etag)
    for (const method of ['GET', 'HEAD'] as const) {
      for (const condition of [etag, `"x", W/${etag}`, '*']) {
        const { statusCode, payload, headers } = await request({ method, headers: { 'if-none-match': condition } })
        t.strictSame([statusCode, payload, headers.etag, headers['content-type']], [304, '', etag, undefined], `${query} ${condition}`)
      }
      t.equal((await request({ method, headers: { 'if-none-match': '"x"' } })).statusCode, 200)
    }
  }
  t.equal(tags.size, 6, 'each form has its own tag')
  t.equal(app.stats.buffers.bufferedBytes, 0)
})

await t.test('an alert resolves to a newer schema of the archive, in every form', async t => {
  const { app } = await formsOf(t, alerts)
  const target = await surveySchema('11.1')
  const resolved: string[] = []
  for (const alert of alerts.filter(each => each.schemaId === 900 || each.schemaId === 1000)) {
    const response = await app.inject(`/v1/alerts/${alert.id}?schema=11.1`)
    if (response.statusCode === 422) {
      t.match(response.json().detail, /diaSource\.\w+: null cannot be read as int.*\(ALERT_UNRESOLVABLE\)/)
      continue
    }
    t.equal(response.rawPayload.readUInt32BE(1), 1101)
    t.equal(String(target.decode(response.rawPayload.subarray(frameHeaderLength))['diaSourceId']), alert.id)
    t.equal((await app.inject(`/v1/alerts/${alert.id}?schema=11.1&format=json`)).json().diaSource.exposureTime, null)
    resolved.push(alert.id)
  }
  t.ok(resolved.length > 0)
})

await t.test('a resolution that is impossible gives 422 with the fields; a version without schema gives 404', async t => {
  const [old] = await alertsOf('7.4', 1)
  const { app } = await formsOf(t, [...alerts, old!])
  for (const format of ['frame', 'ocf', 'json']) {
    const response = await app.inject(`/v1/alerts/${old!.id}?schema=11.1&format=${format}`)
    t.equal(response.statusCode, 422)
    t.match(response.json().detail, /diaSource\.timeProcessedMjdTai.*diaSource\.bboxSize.*\(ALERT_UNRESOLVABLE\)/)
    t.equal(response.headers['cache-control'], 'no-store')
  }
  const missing = await app.inject(`${url}?schema=12.0`)
  t.equal(missing.statusCode, 404)
  t.match(missing.json().detail, /no schema of version 12\.0.*\(SCHEMA_VERSION_MISSING\)/)
  for (const version of ['11', 'v11.1', '11.1.1', '']) t.equal((await app.inject(`${url}?schema=${version}`)).statusCode, 400, version)
})

await t.test('a version is found under any schema id', async t => {
  const { app, writeSchema } = await formsOf(t, [{ ...alerts.at(-1)!, schemaId: 9 }])
  await writeSchema(5, '{"type":"string"}')
  await writeSchema(7, (await surveySchema('11.0')).text)
  await writeSchema(1100, (await surveySchema('10.0')).text)
  const schemaIdFor = async (version: string) => {
    const { statusCode, rawPayload } = await app.inject(`${url}?schema=${version}`)
    return statusCode === 200 ? rawPayload.readUInt32BE(1) : statusCode
  }
  t.equal(await schemaIdFor('11.1'), 9)
  t.equal(await schemaIdFor('11.0'), 7, 'the survey\'s id of 11.0 belongs to another version here')
  t.equal(await schemaIdFor('9.0'), 404)
})

await t.test('the entity tag of a resolved alert names the schema, which may be another one of the version later', async t => {
  const { app, root, writeSchema } = await formsOf(t, [{ ...alerts.at(-1)!, schemaId: 9 }])
  const resolved = async (server: Pick<typeof app, 'inject'>, etag?: string) => {
    const headers = etag === undefined ? {} : { 'if-none-match': etag }
    const response = await server.inject({ url: `${url}?schema=11.1`, headers })
    return { status: response.statusCode, etag: String(response.headers.etag), frame: response.rawPayload }
  }
  const before = await resolved(app)
  t.equal((await resolved(app, before.etag)).status, 304)
  await writeSchema(1101, schema.text)
  const store = await openFileStore(root)
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  const restarted = build({ archive, pressure: false })
  t.teardown(() => restarted.close())
  const after = await resolved(restarted, before.etag)
  t.equal(after.status, 200)
  t.strictSame([before.frame.readUInt32BE(1), after.frame.readUInt32BE(1)], [9, 1101])
  t.not(after.etag, before.etag)
})

await t.test('requests that cannot be answered', async t => {
  const { app, writeAlert, writeSchema } = await formsOf(t, alerts)
  const of = async (query: string, status: number, detail: RegExp) => {
    const response = await app.inject(`/v1/alerts/${query}`)
    t.equal(response.statusCode, status, query)
    t.match(response.json().detail, detail, query)
  }
  await of(`${id}?format=xml`, 406, /no form "xml".*frame, ocf, json, json-lossless, fits/)
  await of(`${id}?bytes=omit`, 400, /bytes applies to the form json, not to frame/)
  await of(`${id}?format=json&bytes=hex`, 400, /bytes/)
  await of(`${id}?formt=json`, 400, /unknown query parameter "formt"/)
  await of('5?format=json', 404, /alert not found/)
  await of('x?format=json', 400, /parameter id is not valid/)
  await writeAlert('5', await gzipFrame(Buffer.from([0, 0, 0, 0, 99, 10])))
  await of('5?format=json', 500, /does not have the schema of the alert, 99.*\(ALERT_SCHEMA_MISSING\)/)
  await writeSchema(99, '{"type":"record"}')
  await of('5?format=json', 500, /\(SCHEMA_INVALID\)/)
  await writeAlert('6', await gzipFrame(Buffer.from([0, 0, 0, 4, 77, 10])))
  for (const format of ['json', 'ocf', 'json-lossless']) await of(`6?format=${format}`, 500, /\(DATUM_INVALID\)/)
  await writeAlert('7', await gzipFrame(Buffer.from('no frame')))
  await of('7?format=ocf', 500, /\(FRAME_BAD_MAGIC\)/)
  await writeAlert('8', Buffer.from('no gzip'))
  await of('8?format=ocf', 500, /\(OBJECT_CORRUPT\)/)
})

await t.test('if the archived schema has no docs, a FITS file has those of the schema package', async t => {
  const published = await loadSchemaPackage(await fetchSchemaPackage({ cacheDir: cache().cacheDir }))
  const canonical = { ...alerts.at(-1)!, schema: parseSchema(otherSpelling(schema.text)) }
  const described = async (schemaPackage?: () => Promise<typeof published>) => {
    const { app } = await formsOf(t, [canonical], schemaPackage === undefined ? {} : { schemaPackage })
    const { rawPayload, statusCode, headers: { etag } } = await app.inject(`${url}?format=fits`)
    t.equal(statusCode, 200)
    t.equal((await app.inject({ url: `${url}?format=fits`, headers: { 'if-none-match': String(etag) } })).statusCode, 304)
    const { headers: { etag: herald } } = await app.inject(`/api/alerts?ID=${id}&RESPONSEFORMAT=fits`)
    const { headers: { etag: json } } = await app.inject(`${url}?format=json`)
    return { docs: rawPayload.includes('TCOMM'), etag, herald, json }
  }
  const other = { ...published, versions: published.versions.slice(1) }
  const [none, survey, shorter] = [await described(), await described(async () => published), await described(async () => other)]
  t.strictSame([none.docs, survey.docs, shorter.docs], [false, true, true])
  for (const name of ['etag', 'herald'] as const) {
    t.equal(new Set([none, survey, shorter].map(each => each[name])).size, 3, `the package is in the tag: ${name}`)
  }
  t.strictSame(survey.json, none.json, 'but not those of forms without docs')
})

await t.test('forms that are being sent stay within the memory for responses', async t => {
  const { app } = await formsOf(t, alerts, { limits: { bufferBytes: 1000 } })
  t.equal((await app.inject(`${url}?format=fits`)).statusCode, 200, 'a single form may exceed it')
  t.equal((await app.inject(`${url}?format=fits`)).statusCode, 200, 'sent forms are released')
})

await t.test('an error that is sent in place of a form has no headers of the form', async t => {
  const { app } = await formsOf(t, alerts, { limits: { bufferBytes: 1000 } })
  const { promise: held, resolve: hold } = Promise.withResolvers<undefined>()
  const { promise: failed, resolve: release } = Promise.withResolvers<undefined>()
  // The first response keeps its memory until the second one has failed.
  app.addHook('onSend', async request => {
    if (request.headers['x-hold'] === undefined) return
    hold(undefined)
    await failed
  })
  const first = app.inject({ url: `${url}?format=ocf`, headers: { 'x-hold': 'yes' } })
  await held
  const { statusCode, headers } = await app.inject(`${url}?format=ocf`)
  release(undefined)
  t.strictSame([statusCode, headers['content-type'], headers['cache-control']], [503, 'application/json; charset=utf-8', 'no-store'])
  t.strictSame([headers.etag, headers['content-disposition']], [undefined, undefined])
  t.match((await first).headers, { 'content-disposition': /^attachment/ })
})
