// The variant of the API for clients of alert_database_server: stored gzip without Content-Encoding, with all other guarantees of the API.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { dirname, join } from 'node:path'
import t from 'tap'
import { listen } from '../../../src/api/listen.ts'
import { noneUnusable } from '../../../src/api/problems.ts'
import { gzipFrame } from '../../../src/stores/gzip.ts'
import { alertKey } from '../../../src/stores/layouts.ts'
import { apiOf } from '../support.ts'

const id = '170028518906855444'
const url = `/v1/alerts/${id}`
const frame = Buffer.concat([Buffer.from([0, 0, 0, 4, 76]), Buffer.alloc(60_000, 'alert')])
const gz = await gzipFrame(frame)
const upstream = { compat: 'upstream' } as const

await t.test('sends the stored gzip without Content-Encoding, whatever the client accepts', async t => {
  const { app, writeAlert } = await apiOf(t, upstream)
  await writeAlert(id, gz)
  for (const accepted of [undefined, 'gzip', 'identity', 'br', 'identity;q=0, gzip;q=0']) {
    const response = await app.inject({ url, headers: accepted === undefined ? {} : { 'accept-encoding': accepted } })
    t.equal(response.statusCode, 200, `Accept-Encoding ${accepted}`)
    t.strictSame(response.rawPayload, gz, 'the bytes are those of the store')
    t.equal(response.headers['content-type'], 'application/octet-stream')
    t.equal(response.headers['content-length'], String(gz.length))
    for (const header of ['content-encoding', 'vary']) t.notOk(header in response.headers, header)
  }
})

await t.test('HEAD and If-None-Match respond as for other alerts', async t => {
  const { app, writeAlert } = await apiOf(t, upstream)
  await writeAlert(id, gz)
  const { headers: { etag } } = await app.inject({ url })
  const head = await app.inject({ method: 'HEAD', url })
  t.strictSame([head.statusCode, head.headers['content-length'], head.headers.etag, head.payload], [200, String(gz.length), etag, ''])
  const cached = await app.inject({ url, headers: { 'if-none-match': String(etag) } })
  t.strictSame([cached.statusCode, cached.headers.etag, cached.payload], [304, etag, ''])
  t.equal((await app.inject({ url, headers: { 'if-none-match': '"other"' } })).statusCode, 200)
})

await t.test('never serves a damaged object', async t => {
  const { app, writeAlert } = await apiOf(t, upstream)
  for (const bytes of [gz.subarray(0, -1), Buffer.concat([gz, Buffer.from('more')]), Buffer.from('not gzip'), Buffer.alloc(0)]) {
    await writeAlert(id, bytes)
    for (const method of ['GET', 'HEAD'] as const) {
      const response = await app.inject({ method, url })
      t.strictSame([response.statusCode, response.headers['cache-control'], response.headers.etag], [500, 'no-store', undefined])
    }
  }
  t.strictSame(app.stats.unusableObjects, { ...noneUnusable(), damaged: 8 })
})

await t.test('sends an alert that is stored uncompressed as it is, like alert_database_server', async t => {
  const { app, root } = await apiOf(t, upstream)
  const path = join(root, alertKey('v2', id).replace(/\.gz$/, ''))
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, frame)
  const response = await app.inject({ url, headers: { 'accept-encoding': 'gzip' } })
  t.strictSame([response.statusCode, response.rawPayload, response.headers['content-encoding']], [200, frame, undefined])
})

await t.test('unknown and invalid ids and schemas are as in the default variant', async t => {
  const { app, archive, writeAlert } = await apiOf(t, upstream)
  await writeAlert(id, gz)
  await archive.putSchema(1100, '{"type": "string"}')
  t.match((await app.inject({ url: '/v1/alerts/1' })).json(), { detail: 'alert not found' })
  t.equal((await app.inject({ url: '/v1/alerts/x' })).statusCode, 400)
  const schema = await app.inject({ url: '/v1/schemas/1100' })
  t.match([schema.payload, schema.headers['content-type']], ['{"type": "string"}', 'application/vnd.schemaregistry.v1+json'])
  t.match((await app.inject({ url: '/' })).payload, /without Content-Encoding/)
})

await t.test('slow readers share one buffer, and the memory for responses is limited', async t => {
  const large = await gzipFrame(randomBytes(20_000_000), 1)
  const { app, writeAlert } = await apiOf(t, { ...upstream, maxFrameBytes: 32 * 1024 * 1024, limits: { bufferBytes: 45_000_000 } })
  for (const each of [id, '7']) await writeAlert(each, large)
  const base = await listen(app, { host: '127.0.0.1', port: 0 })
  const open = Array.from({ length: 3 }, () => get(base + url, { agent: false }))
  t.teardown(() => { for (const each of open) each.destroy() })
  for (const each of open) await once(each, 'response')
  t.equal(app.stats.buffers.bufferedBytes, large.length, 'three responses hold one buffer, without an inflated copy')
  t.equal((await fetch(`${base}/v1/alerts/7`)).status, 503)
})
