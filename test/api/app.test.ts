import t, { type Test } from 'tap'
import { randomBytes } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { build, type ApiOptions } from '../../src/api/app.ts'
import type { Logger } from '../../src/pipeline/log.ts'
import { createArchive } from '../../src/stores/archive.ts'
import { checksumsOf } from '../../src/stores/checksums.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { gzipFrame } from '../../src/stores/gzip.ts'

const id = '170028518906855444'
const frame = Buffer.concat([Buffer.from([0, 0, 0, 4, 76]), randomBytes(20_000), Buffer.alloc(60_000)])
const gz = await gzipFrame(frame)
const schema = '{ "type": "record", "name": "alert", "doc": "kept", "fields": [] }'

async function archiveAt (root: string) {
  const [alerts, schemas] = [await openFileStore(join(root, 'alerts')), await openFileStore(join(root, 'schemas'))]
  const archive = createArchive({ alerts, schemas, layout: 'v2' })
  await archive.putAlert(id, gz, checksumsOf(frame))
  for (const edge of ['0', '7', '9223372036854775807']) await archive.putAlert(edge, gz, checksumsOf(frame))
  await archive.putSchema(1100, schema)
  await archive.putSchema(4294967295, schema)
  return archive
}

async function start (t: Test, options: Partial<ApiOptions> = {}) {
  const root = t.testdir()
  const app = build({ archive: await archiveAt(root), pressure: false, healthCacheMs: 0, ...options })
  t.teardown(() => app.close())
  return { app, root }
}

await t.test('serves an alert byte for byte as it was in Kafka', async t => {
  const { app } = await start(t)
  const response = await app.inject(`/v1/alerts/${id}`)
  t.equal(response.statusCode, 200)
  t.ok(response.rawPayload.equals(frame))
  t.match(response.headers, {
    'content-type': 'application/octet-stream',
    'content-length': String(frame.length),
    'cache-control': /private.*immutable/,
    vary: 'Accept, Accept-Encoding',
    etag: /^"[^"]+"$/
  })
  t.notOk(response.headers['content-encoding'])
})

await t.test('passes the stored gzip through to clients that accept gzip', async t => {
  const { app } = await start(t)
  const response = await app.inject({ url: `/v1/alerts/${id}`, headers: { 'accept-encoding': 'br, gzip' } })
  t.ok(response.rawPayload.equals(gz))
  t.ok(gunzipSync(response.rawPayload).equals(frame))
  t.match(response.headers, {
    'content-encoding': 'gzip',
    'content-length': String(gz.length),
    vary: 'Accept, Accept-Encoding',
    'content-type': 'application/octet-stream'
  })
  const withoutGzip = await app.inject({ url: `/v1/alerts/${id}`, headers: { 'accept-encoding': 'gzip;q=0' } })
  t.ok(withoutGzip.rawPayload.equals(frame))
  t.notOk(withoutGzip.headers['content-encoding'])
  const neither = await app.inject({ url: `/v1/alerts/${id}`, headers: { 'accept-encoding': '*;q=0' } })
  t.equal(neither.statusCode, 406)
  t.type(neither.json().detail, 'string')
})

await t.test('HEAD responds like GET without the body', async t => {
  const { app } = await start(t)
  for (const url of [`/v1/alerts/${id}`, '/v1/schemas/1100', '/v1/health', '/v1', '/v1/alerts/5', '/v1/alerts/x']) {
    for (const encoding of ['gzip', 'identity']) {
      const headers = { 'accept-encoding': encoding }
      const get = await app.inject({ url, headers })
      const head = await app.inject({ method: 'HEAD', url, headers })
      t.equal(head.statusCode, get.statusCode, url)
      t.equal(head.rawPayload.length, 0)
      const { date: _one, ...expected } = get.headers
      const { date: _other, ...found } = head.headers
      t.same(found, expected)
      t.equal(found['content-length'], String(get.rawPayload.length))
    }
  }
})

await t.test('entity tags are stable and differ by coding, and a matching If-None-Match gives 304', async t => {
  const { app } = await start(t)
  const url = `/v1/alerts/${id}`
  const plain = await app.inject({ url })
  const zipped = await app.inject({ url, headers: { 'accept-encoding': 'gzip' } })
  t.not(plain.headers.etag, zipped.headers.etag)
  t.equal((await app.inject({ url })).headers.etag, plain.headers.etag)
  for (const [response, encoding] of [[plain, 'identity'], [zipped, 'gzip']] as const) {
    const again = await app.inject({ url, headers: { 'accept-encoding': encoding, 'if-none-match': `"x", W/${response.headers.etag}` } })
    t.equal(again.statusCode, 304)
    t.equal(again.rawPayload.length, 0)
    t.match(again.headers, { etag: response.headers.etag, vary: 'Accept, Accept-Encoding', 'cache-control': /immutable/ })
    for (const name of ['content-length', 'content-type', 'content-encoding']) t.notOk(again.headers[name], name)
  }
  const crossed = await app.inject({ url, headers: { 'accept-encoding': 'gzip', 'if-none-match': plain.headers.etag as string } })
  t.equal(crossed.statusCode, 200)
  t.ok(crossed.rawPayload.equals(gz))
  const schemaTag = (await app.inject('/v1/schemas/1100')).headers.etag as string
  t.equal((await app.inject({ url: '/v1/schemas/1100', headers: { 'if-none-match': schemaTag } })).statusCode, 304)
})

await t.test('accepts alert ids from 0 to 2^63 - 1, also as IAU names, and rejects any other id with 400', async t => {
  const { app } = await start(t)
  const status = async (text: string) => (await app.inject(`/v1/alerts/${text}`)).statusCode
  for (const existing of ['0', '9223372036854775807', '7', '007', '0000000000000000007', 'LSST-AP-DS-7']) {
    t.equal(await status(existing), 200, existing)
  }
  for (const unknown of ['1', '9223372036854775806', '1234567890123456789', 'LSST-AP-DS-1']) {
    const response = await app.inject(`/v1/alerts/${unknown}`)
    t.equal(response.statusCode, 404)
    t.same(response.json(), { detail: 'alert not found' })
    t.equal(response.headers['cache-control'], 'no-store', '404 is not cacheable, because the alert may be archived a moment later')
  }
  const invalid = [
    '9223372036854775808', '9999999999999999999', '10000000000000000000', '00000000000000000007', 'abc', '-1', '+1', '1.0', '1e3', '0x1',
    '%20', '1%20', '1%2F2', '%D9%A1', 'x'.repeat(200),
    'LSST-AP-DS-', 'LSST-AP-DS-x', 'LSST-AP-DS-9223372036854775808', 'lsst-ap-ds-7', 'LSST-AP-DO-7', 'LSST-AP-DS-LSST-AP-DS-7'
  ]
  for (const text of invalid) {
    const response = await app.inject(`/v1/alerts/${text}`)
    t.equal(response.statusCode, 400, text)
    t.match(response.json(), { detail: /1 to 19 decimal digits.*LSST-AP-DS- \(in capitals\)/ })
  }
})

await t.test('serves a schema unchanged, and gives 404 for an unknown and 400 for an invalid schema id', async t => {
  const { app } = await start(t)
  const response = await app.inject('/v1/schemas/1100')
  t.equal(response.statusCode, 200)
  t.equal(response.body, schema)
  t.match(response.headers, {
    'content-type': 'application/vnd.schemaregistry.v1+json',
    'cache-control': /immutable/,
    etag: /^"/,
    'content-length': String(schema.length)
  })
  t.equal((await app.inject('/v1/schemas/4294967295')).statusCode, 200)
  const unknown = await app.inject('/v1/schemas/0')
  t.equal(unknown.statusCode, 404)
  t.same(unknown.json(), { detail: 'schema not found' })
  for (const invalid of ['4294967296', '-1', 'latest', '1.5', '99999999999']) {
    const rejected = await app.inject(`/v1/schemas/${invalid}`)
    t.equal(rejected.statusCode, 400, invalid)
    t.match(rejected.json(), { detail: /4294967295/ })
  }
})

await t.test('health reports whether the archive is readable', async t => {
  const logged: string[] = []
  const note = (_fields: object, message: string) => { logged.push(message) }
  const log: Logger = { debug () {}, info: note, warn: note, error: note }
  const { app, root } = await start(t, { log })
  const ok = await app.inject('/v1/health')
  t.equal(ok.statusCode, 200)
  t.equal(ok.body, 'OK')
  t.match(ok.headers, { 'content-type': /^text\/plain/, 'cache-control': 'no-store' })
  await rename(join(root, 'alerts'), join(root, 'away'))
  for (let i = 0; i < 3; i++) {
    const bad = await app.inject('/v1/health')
    t.equal(bad.statusCode, 503)
    t.same(bad.json(), { detail: 'the archive is not readable (STORE_MISSING)' })
    t.ok(bad.headers['retry-after'])
  }
  await rename(join(root, 'away'), join(root, 'alerts'))
  t.equal((await app.inject('/v1/health')).statusCode, 200)
  t.same(logged, ['archive not readable', 'archive readable again'], 'the log has one line per change of the state')
})

await t.test('concurrent health probes share one check of the archive', async t => {
  let checks = 0
  const root = t.testdir()
  const archive = await archiveAt(root)
  const app = build({ archive: { ...archive, check: async () => { checks++ } }, pressure: false, healthCacheMs: 3600_000 })
  t.teardown(() => app.close())
  const all = await Promise.all(Array.from({ length: 20 }, () => app.inject('/v1/health')))
  t.same(new Set(all.map(({ statusCode }) => statusCode)), new Set([200]))
  t.equal(checks, 1)
})

await t.test('an unreadable archive gives 503 with Retry-After, and the log has the code', async t => {
  const logged: object[] = []
  const log: Logger = { debug () {}, info () {}, warn () {}, error: fields => { logged.push(fields) } }
  const { app, root } = await start(t, { log })
  await rm(join(root, 'alerts'), { recursive: true })
  await rm(join(root, 'schemas'), { recursive: true })
  await writeFile(join(root, 'schemas'), 'a file')
  for (const [url, code] of [[`/v1/alerts/${id}`, 'STORE_MISSING'], ['/v1/schemas/1100', 'STORE_PATH_BLOCKED']] as const) {
    const response = await app.inject({ url, headers: { 'accept-encoding': 'gzip' } })
    t.equal(response.statusCode, 503)
    t.same(response.json(), { detail: `the archive is not available (${code})` })
    t.ok(Number(response.headers['retry-after']) > 0)
    t.equal(response.headers['cache-control'], 'no-store')
    t.notOk(response.body.includes(root), 'the path of the archive is not disclosed')
  }
  t.match(logged, [{ code: 'STORE_MISSING', url: `/v1/alerts/${id}` }, { code: 'STORE_PATH_BLOCKED' }])
})

await t.test('a damaged object gives 500 and no part of the object', async t => {
  const { app, root } = await start(t)
  const path = join(root, 'alerts/v2/alerts/170028', `${id}.avro.gz`)
  await writeFile(path, gz.subarray(0, gz.length - 100))
  const cut = await app.inject(`/v1/alerts/${id}`)
  t.equal(cut.statusCode, 500)
  t.same(cut.json(), { detail: 'the stored object is damaged (OBJECT_CORRUPT)' })
  for (const name of ['etag', 'content-encoding']) t.notOk(cut.headers[name])
  await writeFile(path, 'not gzip at all, but long enough')
  const plain = await app.inject({ url: `/v1/alerts/${id}`, headers: { 'accept-encoding': 'gzip' } })
  t.equal(plain.statusCode, 500)
  t.notOk(plain.headers['content-encoding'])
})

await t.test('an unexpected error gives 500 without the message of the error', async t => {
  const { app } = await start(t, { archive: { ...await archiveAt(t.testdir()), findAlert: () => { throw new TypeError('secret') } } })
  const response = await app.inject(`/v1/alerts/${id}`)
  t.equal(response.statusCode, 500)
  t.same(response.json(), { detail: 'internal error' })
})

await t.test('unknown paths give 404; on known paths, methods other than GET and HEAD give 405 (OPTIONS: 204) with Allow', async t => {
  const { app } = await start(t)
  for (const url of ['/nothing', '/v2', '/v1/alerts/1/2', '/V1/health']) {
    const response = await app.inject(url)
    t.equal(response.statusCode, 404, url)
    t.match(response.json(), { detail: /see \/v1 for a list/ })
  }
  for (const url of ['/v1/health', `/v1/alerts/${id}`, '/v1/schemas/1', '/v1', '/']) {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const response = await app.inject({ method, url, payload: 'x'.repeat(5000), headers: { 'content-type': 'text/strange' } })
      t.equal(response.statusCode, 405, `${method} ${url}`)
      t.equal(response.headers.allow, 'GET, HEAD, OPTIONS')
      t.type(response.json().detail, 'string')
    }
    const options = await app.inject({ method: 'OPTIONS', url })
    t.equal(options.statusCode, 204)
    t.equal(options.headers.allow, 'GET, HEAD, OPTIONS')
  }
})

await t.test('invalid escapes give 400 and long path segments give 414, both with `detail`', async t => {
  const { app } = await start(t)
  const escape = await app.inject('/v1/alerts/%zz')
  t.equal(escape.statusCode, 400)
  t.match(escape.json(), { detail: /percent-escape/ })
  const long = await app.inject(`/v1/alerts/${'1'.repeat(2000)}`)
  t.equal(long.statusCode, 414)
  t.match(long.json(), { detail: /too long/ })
})

await t.test('the index lists the endpoints under the path prefix', async t => {
  for (const pathPrefix of ['', '/', '/alertdb', 'alertdb/', '/deep/alertdb']) {
    const { app } = await start(t, { pathPrefix })
    const prefix = pathPrefix.replace(/^\/?(.*?)\/?$/, '$1')
    const base = prefix === '' ? '' : `/${prefix}`
    for (const url of [base === '' ? '/' : base, `${base}/`, `${base}/v1`, `${base}/v1/`]) {
      const response = await app.inject(url)
      t.equal(response.statusCode, 200, url)
      t.ok(response.json().endpoints[`${base}/v1/alerts/{id}`])
    }
    t.equal((await app.inject(`${base}/v1/alerts/${id}`)).statusCode, 200)
    t.equal((await app.inject(`${base}/v1/health/`)).statusCode, 200)
    if (base !== '') t.equal((await app.inject('/v1/health')).statusCode, 404)
  }
  for (const pathPrefix of ['/:id', '/a b', '/*', '/ä']) {
    t.throws(() => build({ archive: {} as never, pathPrefix }), { code: 'API_PREFIX_INVALID', usage: true })
  }
})

await t.test('sheds requests for alerts and schemas under pressure, and still serves health and index', async t => {
  const { app } = await start(t, { pressure: { maxRssBytes: 1, sampleIntervalMs: 10 } })
  await app.ready()
  let shed = await app.inject(`/v1/alerts/${id}`)
  while (shed.statusCode === 200) {
    await new Promise(resolve => setTimeout(resolve, 10))
    shed = await app.inject(`/v1/alerts/${id}`)
  }
  t.equal(shed.statusCode, 503)
  t.match(shed.json(), { detail: /overloaded/ })
  t.ok(Number(shed.headers['retry-after']) > 0)
  t.equal((await app.inject('/v1/schemas/1100')).statusCode, 503)
  t.equal((await app.inject('/v1/health')).statusCode, 200)
  t.equal((await app.inject('/v1')).statusCode, 200)
})

await t.test('counts requests, bytes, durations and cache lookups', async t => {
  const { app } = await start(t, { pathPrefix: '/alertdb' })
  await app.inject(`/alertdb/v1/alerts/${id}`)
  await app.inject({ url: `/alertdb/v1/alerts/${id}`, headers: { 'accept-encoding': 'gzip' } })
  await app.inject({ url: `/alertdb/v1/alerts/${id}`, method: 'HEAD' })
  t.equal(app.stats.bytes, frame.length + gz.length)
  await app.inject('/alertdb/v1/alerts/5')
  await app.inject('/alertdb/v1/health')
  await app.inject('/elsewhere')
  t.same(app.stats.requests, { '/v1/alerts/:id': { 200: 3, 404: 1 }, '/v1/health': { 200: 1 }, other: { 404: 1 } })
  const measured = [...app.stats.durations].map(([route, durations]) => [route, durations.read().count])
  t.same(measured, [['/v1/alerts/:id', 4], ['/v1/health', 1], ['other', 1]])
  t.equal(app.stats.inFlight, 0)
  await app.inject('/alertdb/v1/schemas/1100')
  await app.inject('/alertdb/v1/schemas/1100')
  t.match(app.stats.schemas, { hits: 1, misses: 1 })
})
