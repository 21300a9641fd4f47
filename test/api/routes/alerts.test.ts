// Alerts that cannot be served: damaged objects, objects above the limit, and an archive that is away.
import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { noneUnusable } from '../../../src/api/problems.ts'
import { gzipFrame } from '../../../src/stores/gzip.ts'
import { apiOf } from '../support.ts'

const id = '170028518906855444'
const url = `/v1/alerts/${id}`
const frame = Buffer.concat([Buffer.from([0, 0, 0, 4, 76]), randomBytes(20_000), Buffer.alloc(60_000)])
const gz = await gzipFrame(frame)

function flipped (at: number): Buffer {
  const bytes = Buffer.from(gz)
  bytes[at] = bytes[at]! ^ 4
  return bytes
}

const damages: Readonly<Record<string, Buffer>> = {
  'empty': Buffer.alloc(0),
  'not gzip': Buffer.from('an error page of a proxy, for example'),
  'only the header': gz.subarray(0, 10),
  'truncated in the middle': gz.subarray(0, gz.length >> 1),
  'truncated by a byte': gz.subarray(0, -1),
  'a flipped bit in the data': flipped(gz.length >> 1),
  'a flipped bit in the checksum': flipped(gz.length - 8),
  'a flipped bit in the length': flipped(gz.length - 4),
  'garbage after the end': Buffer.concat([gz, Buffer.from('garbage')]),
  'zeros after the end': Buffer.concat([gz, Buffer.alloc(100)]),
  'its end written twice': Buffer.concat([gz, gz.subarray(-100)]),
  'zeros in place of a page': Buffer.concat([gz.subarray(0, 4096), Buffer.alloc(4096), gz.subarray(8192)])
}

for (const [damage, bytes] of Object.entries(damages)) {
  await t.test(`a damaged object is never served, neither decompressed nor as gzip: ${damage}`, async t => {
    const { app, lines, writeAlert } = await apiOf(t)
    await writeAlert(id, gz)
    const good = [await app.inject({ url }), await app.inject({ url, headers: { 'accept-encoding': 'gzip' } })]
    t.strictSame(good.map(({ statusCode }) => statusCode), [200, 200])
    await writeAlert(id, bytes)
    let requests = 0
    for (const method of ['GET', 'HEAD'] as const) {
      for (const [i, coding] of ['identity', 'gzip'].entries()) {
        for (const condition of [undefined, '*', String(good[i]!.headers.etag)]) {
          const headers = { 'accept-encoding': coding, ...condition === undefined ? {} : { 'if-none-match': condition } }
          const response = await app.inject({ method, url, headers })
          const name = `${method} ${coding} ${condition ?? 'unconditional'}`
          t.equal(response.statusCode, 500, name)
          if (method === 'GET') t.strictSame(response.json(), { detail: 'the stored object is damaged (OBJECT_CORRUPT)' }, name)
          t.equal(response.headers['cache-control'], 'no-store', name)
          for (const header of ['etag', 'content-encoding']) t.notOk(header in response.headers, `${name}: ${header}`)
          requests++
        }
      }
    }
    const line = { level: 'error', code: 'OBJECT_CORRUPT', error: new RegExp(`${id}\\.avro\\.gz`) }
    t.match(lines, Array.from({ length: requests }, () => line))
    t.strictSame(app.stats.unusableObjects, { ...noneUnusable(), damaged: requests })
    await writeAlert(id, gz)
    const restored = await app.inject({ url, headers: { 'accept-encoding': 'gzip' } })
    t.ok(restored.statusCode === 200 && restored.rawPayload.equals(gz), 'a restored object is served')
  })
}

await t.test('the cache serves verified alerts only, and the same bytes after the object was damaged', async t => {
  const { app, writeAlert } = await apiOf(t, { limits: { cacheBytes: 16 * 1024 * 1024 } })
  await writeAlert(id, damages['a flipped bit in the data']!)
  const get = async (coding: string, more: object = {}) => await app.inject({ url, headers: { 'accept-encoding': coding }, ...more })
  for (const coding of ['gzip', 'identity', 'gzip']) t.equal((await get(coding)).statusCode, 500, 'a failed verification is not cached')
  await writeAlert(id, gz)
  const good = { gzip: await get('gzip'), identity: await get('identity') }
  await writeAlert(id, damages['a flipped bit in the data']!)
  for (const [coding, { headers: { date: _date, ...headers }, rawPayload }] of Object.entries(good)) {
    const again = await get(coding)
    t.match(again.headers, headers)
    t.ok(again.rawPayload.equals(rawPayload))
    const head = await get(coding, { method: 'HEAD' })
    t.match(head.headers, headers)
    const condition = { 'accept-encoding': coding, 'if-none-match': String(headers.etag) }
    t.equal((await get(coding, { headers: condition })).statusCode, 304)
    t.equal((await get(coding, { headers: { ...condition, 'if-none-match': '"x"' } })).statusCode, 200)
  }
  t.strictSame(app.stats.buffers.cacheLookups, { hits: 4, misses: 5 })
  t.equal(app.stats.buffers.bufferedBytes, 0)
})

await t.test('an object that inflates to more than the limit gives 500, whatever length it claims', async t => {
  const { app, writeAlert, lines } = await apiOf(t, { maxFrameBytes: 1_000_000 })
  const bomb = gzipSync(Buffer.alloc(64_000_000))
  for (const claim of [64_000_000, 80_000]) {
    bomb.writeUInt32LE(claim, bomb.length - 4)
    await writeAlert(id, bomb)
    for (const coding of ['identity', 'gzip']) {
      const response = await app.inject({ url, headers: { 'accept-encoding': coding } })
      t.equal(response.statusCode, 500)
      t.strictSame(response.json(), { detail: 'the stored object is too large (OBJECT_TOO_LARGE)' })
      t.equal(response.headers['cache-control'], 'no-store')
    }
  }
  t.match(lines, Array.from({ length: 4 }, () => ({ code: 'OBJECT_TOO_LARGE', error: /--max-record-mib/ })))
  t.strictSame(app.stats.unusableObjects, { ...noneUnusable(), 'too large': 4 })
})

await t.test('an object that is larger than any permitted alert is not read', async t => {
  const { app, writeAlert, root } = await apiOf(t, { maxFrameBytes: 1_000_000 })
  await writeAlert(id, gz)
  // A sparse file: reading it would allocate 3 GB, which Node refuses with another error.
  await truncate(join(root, `v2/alerts/170028/${id}.avro.gz`), 3_000_000_000)
  const response = await app.inject({ url })
  t.equal(response.statusCode, 500)
  t.match(response.json(), { detail: /OBJECT_TOO_LARGE/ })
})

await t.test('while the folder of the archive is missing or empty, known and unknown alerts give 503, and health reports it', async t => {
  const { app, root, writeAlert } = await apiOf(t)
  await writeAlert(id, gz)
  const statuses = async (): Promise<number[]> => {
    const urls = [url, '/v1/alerts/5', '/v1/schemas/5', '/v1/health']
    const responses = []
    for (const each of urls) {
      for (const coding of ['gzip', 'identity']) responses.push(await app.inject({ url: each, headers: { 'accept-encoding': coding } }))
    }
    for (const { statusCode, headers } of responses) {
      if (statusCode === 503) t.ok(headers['retry-after'] !== undefined && headers['cache-control'] === 'no-store')
    }
    return responses.map(({ statusCode }) => statusCode)
  }
  const mounted = [200, 200, 404, 404, 404, 404, 200, 200]
  t.strictSame(await statuses(), mounted)
  await rename(root, `${root}.volume`)
  t.strictSame(await statuses(), Array.from(mounted, () => 503), 'the folder is missing')
  await mkdir(root)
  t.strictSame(await statuses(), Array.from(mounted, () => 503), 'an empty folder is in its place, as after an unmount')
  await rm(root, { recursive: true })
  await rename(`${root}.volume`, root)
  t.strictSame(await statuses(), mounted, 'the archive is back')
})

await t.test('an alert that is stored uncompressed is sent as it is, also to clients that accept gzip', async t => {
  const { app, root } = await apiOf(t)
  await mkdir(join(root, 'v2/alerts/170028'), { recursive: true })
  await writeFile(join(root, `v2/alerts/170028/${id}.avro`), frame)
  const responses = await Promise.all([undefined, 'identity', 'gzip', 'gzip;q=1, identity;q=0.5'].map(async coding =>
    await app.inject({ url, headers: coding === undefined ? {} : { 'accept-encoding': coding } })))
  for (const response of responses) {
    t.equal(response.statusCode, 200)
    t.ok(response.rawPayload.equals(frame))
    t.equal(response.headers['content-encoding'], undefined)
    t.equal(response.headers.etag, responses[0]!.headers.etag)
  }
  const again = await app.inject({ url, headers: { 'accept-encoding': 'gzip', 'if-none-match': String(responses[0]!.headers.etag) } })
  t.equal(again.statusCode, 304)
})
