// Tests the behavior that only buckets have. contract.ts tests the common contract; gcs-faults.test.ts tests failing requests.
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { silent } from '../../src/pipeline/index.ts'
import { crc32c, hex32 } from '../../src/stores/crc32c.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { eventually } from '../kafka/support.ts'
import { faultProxy, isDownload, isUpload } from '../support/fault-proxy.ts'
import { useGcs } from '../support/stack.ts'
import { collect, frame, gz, meta } from './contract.ts'

const gcs = await useGcs(t)

function base64 (checksum: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(checksum)
  return bytes.toString('base64')
}

async function resource (bucket: string, name: string): Promise<Record<string, unknown>> {
  return await (await fetch(`${gcs.url}/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`)).json() as Record<string, unknown>
}

await t.test('stores objects with content type, the checksums of gzip and frame, and no Content-Encoding', async t => {
  const bucket = await gcs.bucket()
  const store = await openStore(`gs://${bucket}/p`, { emulatorHost: gcs.url })
  await store.put('/alert_archive/v1/alerts/1.avro.gz', gz, meta)
  const stored = await resource(bucket, 'p//alert_archive/v1/alerts/1.avro.gz')
  t.match(stored, {
    contentType: 'application/gzip', crc32c: base64(crc32c(gz)), size: String(gz.length),
    metadata: { 'crc32c-frame': hex32(meta.crc32c), 'sha256-frame': meta.sha256 }
  })
  t.equal(stored['contentEncoding'], undefined)
  t.match(await store.get('/alert_archive/v1/alerts/1.avro.gz'), { crc32c: meta.crc32c, sha256: meta.sha256 })
})

await t.test('uploads in one conditional request of known length, and reads the existing object if the put is repeated', async t => {
  const proxy = await faultProxy(t, gcs.url)
  const store = await openStore(`gs://${await gcs.bucket()}`, { emulatorHost: proxy.url })
  t.match(proxy.seen, [{ method: 'GET', url: /\/o\?prefix=&maxResults=1&/ }], 'opening for writing lists one object')
  t.equal(await store.put('a.gz', gz, meta), 'written')
  t.equal(proxy.seen.length, 2)
  t.match(proxy.seen[1], {
    url: /^\/upload\/storage\/v1\/b\/[^/]+\/o\?uploadType=multipart&name=a\.gz&ifGenerationMatch=0/,
    headers: { 'content-length': /^\d+$/, 'user-agent': /alert-stream/ }
  })
  t.equal(proxy.seen[1]?.headers.authorization, undefined, 'no credentials are sent to an emulator')
  t.equal(await store.put('a.gz', gz, meta), 'identical')
  t.strictSame(proxy.seen.slice(2).map(({ method }) => method), ['POST', 'GET'])
})

await t.test('a listing is read page by page and requests only the names of objects', async t => {
  const proxy = await faultProxy(t, gcs.url)
  const bucket = await gcs.bucket()
  const store = await openStore(`gs://${bucket}/p`, { emulatorHost: proxy.url, access: 'read' })
  t.equal(proxy.seen.length, 0, 'opening for reading sends no request')
  for (const name of ['p/a', 'p/b', 'p/c', 'q/d']) {
    await fetch(`${gcs.url}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${name}`, { method: 'POST', body: name })
  }
  // Cloud Storage may return fewer names per page than requested.
  const page = { kind: 'storage#objects', items: [{ name: 'p/a' }, { name: 'p/b' }], nextPageToken: 'p/b' }
  proxy.fail({ status: 200, body: JSON.stringify(page) }, 1)
  t.strictSame((await collect(store.list(''))).slice(0, 2), ['a', 'b'])
  t.match(proxy.seen[0]?.url, /prefix=p\/&maxResults=1000&fields=kind,items\/name,nextPageToken$/)
  t.match(proxy.seen[1]?.url, /pageToken=p\/b$/)
  t.equal(proxy.seen.length, 2)
})

await t.test('reads an object that another program stored with Content-Encoding: gzip as the stored gzip', async t => {
  const bucket = await gcs.bucket()
  const properties = JSON.stringify({ contentType: 'application/avro', contentEncoding: 'gzip' })
  const head = `--cut\r\nContent-Type: application/json\r\n\r\n${properties}\r\n--cut\r\nContent-Type: application/avro\r\n\r\n`
  const response = await fetch(`${gcs.url}/upload/storage/v1/b/${bucket}/o?uploadType=multipart&name=a.gz`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/related; boundary=cut' },
    body: new Uint8Array(Buffer.concat([Buffer.from(head), gz, Buffer.from('\r\n--cut--')]))
  })
  t.match(await response.json(), { contentEncoding: 'gzip' })
  const store = await openStore(`gs://${bucket}`, { emulatorHost: gcs.url })
  const object = await store.get('a.gz')
  t.ok(object?.body.equals(gz))
  t.ok(gunzipSync(object!.body).equals(frame))
  t.match(object, { crc32c: undefined, sha256: undefined }, 'the object has no checksum of the frame')
  t.equal(await store.put('a.gz', gz, meta), 'identical')
})

await t.test('limits object names to 1024 bytes, including the prefix', async t => {
  const store = await openStore(`gs://${await gcs.bucket()}/${'p'.repeat(100)}`, { emulatorHost: gcs.url })
  const key = (length: number): string => Array.from({ length: Math.ceil(length / 200) }, () => 'k'.repeat(199)).join('/').slice(0, length)
  t.equal(await store.put(key(923), gz, meta), 'written')
  await t.rejects(store.put(key(924), gz, meta), { code: 'STORE_KEY_INVALID', message: /too long/ })
})

await t.test('if a bucket is missing or forbidden, opening it to write rejects; opened to read, the store rejects every call', async t => {
  const proxy = await faultProxy(t, gcs.url)
  const bucket = await gcs.bucket()
  const fatal = { retryable: false, fatal: true }
  await t.rejects(openStore(`gs://${bucket}-no`, { emulatorHost: gcs.url }), {
    ...fatal, code: 'STORE_BUCKET_MISSING', where: `gs://${bucket}-no`, hint: /Create the bucket/
  })
  const message = 'a@b.iam does not have storage.objects.list access'
  proxy.fail({ status: 403, body: JSON.stringify({ error: { code: 403, message } }) }, 1)
  await t.rejects(openStore(`gs://${bucket}`, { emulatorHost: proxy.url }), {
    ...fatal, code: 'STORE_BUCKET_DENIED', message: new RegExp(`403, ${message}$`), hint: /objectViewer.*objectCreator/
  })
  const reader = await openStore(`gs://${bucket}-no`, { emulatorHost: gcs.url, access: 'read' })
  await t.rejects(reader.get('x'), { ...fatal, code: 'STORE_BUCKET_MISSING' })
  // Cloud Storage sends this response if the bucket was deleted after the store was opened.
  const store = await openStore(`gs://${bucket}`, { emulatorHost: proxy.url })
  proxy.fail({ status: 404, body: JSON.stringify({ error: { code: 404, message: 'The specified bucket does not exist.' } }) }, 2)
  await t.rejects(store.get('x'), { ...fatal, code: 'STORE_BUCKET_MISSING' })
  await t.rejects(store.put('x', gz, meta), { ...fatal, code: 'STORE_BUCKET_MISSING' })
  t.equal(await store.get('x'), undefined)
})

await t.test('reading a bucket that was deleted while the store is open rejects; a missing object is not reported', async t => {
  const bucket = await gcs.bucket()
  const store = await openStore(`gs://${bucket}`, { emulatorHost: gcs.url, access: 'read' })
  t.equal(await store.get('a'), undefined)
  t.equal((await fetch(`${gcs.url}/storage/v1/b/${bucket}`, { method: 'DELETE' })).status, 200)
  // Cloud Storage names the missing bucket at once. The emulator does not, so the store finds out when it checks the bucket again.
  await eventually(async () => await store.get('a').then(() => false, error => error.code === 'STORE_BUCKET_MISSING'))
  await Promise.all(['a', 'b', 'c'].map(key => t.rejects(store.get(key), { code: 'STORE_BUCKET_MISSING' })))
})

await t.test('accepts host:port or a URL as emulator address and rejects anything else', async t => {
  const bucket = await gcs.bucket()
  const { host } = new URL(gcs.url)
  for (const emulatorHost of [host, `${gcs.url}/`, `${gcs.url}/storage/v1/`]) {
    await (await openStore(`gs://${bucket}`, { emulatorHost })).check()
  }
  for (const emulatorHost of ['http://', 'ftp://x', `${gcs.url}/other`, 'a b']) {
    await t.rejects(openStore(`gs://${bucket}`, { emulatorHost }), {
      code: 'STORE_EMULATOR_INVALID', usage: true, hint: /STORAGE_EMULATOR_HOST/
    }, emulatorHost)
  }
})

await t.test('opens for writing with a warning if the store is temporarily unavailable, and does not retry puts', async t => {
  const proxy = await faultProxy(t, gcs.url)
  const warnings: object[] = []
  proxy.fail({ status: 503 }, 2)
  const log = { ...silent, warn: (fields: object) => { warnings.push(fields) } }
  const store = await openStore(`gs://${await gcs.bucket()}`, { emulatorHost: proxy.url, log })
  t.match(warnings, [{ error: /^STORE_UNAVAILABLE: / }])
  await t.rejects(store.put('a', gz, meta), { code: 'STORE_UNAVAILABLE', retryable: true })
  t.equal(await store.put('a', gz, meta), 'written')
  const requests = proxy.seen.map(request => isUpload(request) ? 'put' : isDownload(request) ? 'get' : 'list')
  t.strictSame(requests, ['list', 'put', 'put'], 'each call sends one request')
})
