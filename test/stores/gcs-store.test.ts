// What only a bucket does; what every store does is in contract.ts, what happens when requests fail in gcs-faults.test.ts.
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { crc32c, hex32, openStore } from '../../src/stores/index.ts'
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

await t.test('an object has its type, no Content-Encoding, the store\'s own checksum, and the frame\'s checksum as metadata', async t => {
  const bucket = await gcs.bucket()
  const store = await openStore(`gs://${bucket}/p`, { emulatorHost: gcs.url })
  await store.put('/alert_archive/v1/alerts/1.avro.gz', gz, meta)
  const found = await resource(bucket, 'p//alert_archive/v1/alerts/1.avro.gz')
  t.match(found, { contentType: 'application/gzip', crc32c: base64(crc32c(gz)), size: String(gz.length), metadata: { 'crc32c-frame': hex32(meta.crc32c) } })
  t.equal(found['contentEncoding'], undefined)
  t.equal((await store.get('/alert_archive/v1/alerts/1.avro.gz'))?.crc32c, meta.crc32c)
})

await t.test('an upload is one request, only where the name is free, of known length, with the checksum of its bytes; a re-delivery costs one look', async t => {
  const proxy = await faultProxy(t, gcs.url)
  const store = await openStore(`gs://${await gcs.bucket()}`, { emulatorHost: proxy.url })
  t.match(proxy.seen, [{ method: 'GET', url: /\/o\?prefix=&maxResults=1&/ }], 'opening for writing looks whether the bucket can be used, by what any role may do')
  t.equal(await store.put('a.gz', gz, meta), 'written')
  t.equal(proxy.seen.length, 2)
  t.match(proxy.seen[1], { url: /^\/upload\/storage\/v1\/b\/[^/]+\/o\?uploadType=multipart&name=a\.gz&ifGenerationMatch=0/, headers: { 'content-length': /^\d+$/, 'user-agent': /alert-stream/ } })
  t.equal(proxy.seen[1]?.headers.authorization, undefined, 'an emulator gets no credentials')
  t.equal(await store.put('a.gz', gz, meta), 'identical')
  t.strictSame(proxy.seen.slice(2).map(({ method }) => method), ['POST', 'GET'])
})

await t.test('a listing goes page by page, and asks for names only', async t => {
  const proxy = await faultProxy(t, gcs.url)
  const bucket = await gcs.bucket()
  const store = await openStore(`gs://${bucket}/p`, { emulatorHost: proxy.url, access: 'read' })
  t.equal(proxy.seen.length, 0, 'a reader asks nothing at its opening')
  for (const name of ['p/a', 'p/b', 'p/c', 'q/d']) await fetch(`${gcs.url}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${name}`, { method: 'POST', body: name })
  // The server gives at most two at a time, whatever is asked.
  proxy.fail({ status: 200, body: JSON.stringify({ kind: 'storage#objects', items: [{ name: 'p/a' }, { name: 'p/b' }], nextPageToken: 'p/b' }) }, 1)
  t.strictSame((await collect(store.list(''))).slice(0, 2), ['a', 'b'])
  t.match(proxy.seen[0]?.url, /prefix=p\/&maxResults=1000&fields=kind,items\/name,nextPageToken$/)
  t.match(proxy.seen[1]?.url, /pageToken=p\/b$/)
  t.equal(proxy.seen.length, 2)
})

await t.test('an object that somebody stored with Content-Encoding: gzip is read as the stored gzip', async t => {
  const bucket = await gcs.bucket()
  const body = `--cut\r\nContent-Type: application/json\r\n\r\n${JSON.stringify({ contentType: 'application/avro', contentEncoding: 'gzip' })}\r\n--cut\r\nContent-Type: application/avro\r\n\r\n`
  const answer = await fetch(`${gcs.url}/upload/storage/v1/b/${bucket}/o?uploadType=multipart&name=a.gz`, {
    method: 'POST', headers: { 'content-type': 'multipart/related; boundary=cut' }, body: new Uint8Array(Buffer.concat([Buffer.from(body), gz, Buffer.from('\r\n--cut--')]))
  })
  t.match(await answer.json(), { contentEncoding: 'gzip' })
  const store = await openStore(`gs://${bucket}`, { emulatorHost: gcs.url })
  const object = await store.get('a.gz')
  t.ok(object?.body.equals(gz))
  t.ok(gunzipSync(object!.body).equals(frame))
  t.equal(object?.crc32c, undefined, 'no metadata of ours')
  t.equal(await store.put('a.gz', gz, meta), 'identical')
})

await t.test('names are at most 1024 bytes with the prefix', async t => {
  const store = await openStore(`gs://${await gcs.bucket()}/${'p'.repeat(100)}`, { emulatorHost: gcs.url })
  const key = (length: number): string => Array.from({ length: Math.ceil(length / 200) }, () => 'k'.repeat(199)).join('/').slice(0, length)
  t.equal(await store.put(key(923), gz, meta), 'written')
  await t.rejects(store.put(key(924), gz, meta), { code: 'STORE_KEY_INVALID', message: /too long/ })
})

await t.test('a bucket that is not there, and one that may not be used, end a writer at its opening and are told to a reader at each call', async t => {
  const proxy = await faultProxy(t, gcs.url)
  const bucket = await gcs.bucket()
  const fatal = { retryable: false, fatal: true }
  await t.rejects(openStore(`gs://${bucket}-no`, { emulatorHost: gcs.url }), { ...fatal, code: 'STORE_BUCKET_MISSING', where: `gs://${bucket}-no`, hint: /Create the bucket/ })
  proxy.fail({ status: 403, body: JSON.stringify({ error: { code: 403, message: 'a@b.iam does not have storage.objects.list access' } }) }, 1)
  await t.rejects(openStore(`gs://${bucket}`, { emulatorHost: proxy.url }), { ...fatal, code: 'STORE_BUCKET_DENIED', message: /403, a@b\.iam does not have storage\.objects\.list access$/, hint: /objectViewer.*objectCreator/ })
  const reader = await openStore(`gs://${bucket}-no`, { emulatorHost: gcs.url, access: 'read' })
  await t.rejects(reader.get('x'), { ...fatal, code: 'STORE_BUCKET_MISSING' })
  // A bucket that was there, and is deleted later: Cloud Storage says so in words.
  const store = await openStore(`gs://${bucket}`, { emulatorHost: proxy.url })
  proxy.fail({ status: 404, body: JSON.stringify({ error: { code: 404, message: 'The specified bucket does not exist.' } }) }, 3)
  await t.rejects(store.get('x'), { ...fatal, code: 'STORE_BUCKET_MISSING' })
  await t.rejects(store.exists('x'), { ...fatal, code: 'STORE_BUCKET_MISSING' })
  await t.rejects(store.put('x', gz, meta), { ...fatal, code: 'STORE_BUCKET_MISSING' })
  t.equal(await store.get('x'), undefined)
})

await t.test('the address of an emulator is a host and port or a URL; anything else is refused', async t => {
  const bucket = await gcs.bucket()
  const { host } = new URL(gcs.url)
  for (const emulatorHost of [host, `${gcs.url}/`, `${gcs.url}/storage/v1/`]) await (await openStore(`gs://${bucket}`, { emulatorHost })).check()
  for (const emulatorHost of ['http://', 'ftp://x', `${gcs.url}/other`, 'a b']) {
    await t.rejects(openStore(`gs://${bucket}`, { emulatorHost }), { code: 'STORE_EMULATOR_INVALID', hint: /STORAGE_EMULATOR_HOST/ }, emulatorHost)
  }
})

await t.test('a writer whose store is away for a moment opens, and tells; a put then waits for the pipeline\'s next try', async t => {
  const proxy = await faultProxy(t, gcs.url)
  const told: object[] = []
  proxy.fail({ status: 503 }, 2)
  const log = { debug () {}, info () {}, error () {}, warn: (facts: object) => { told.push(facts) } }
  const store = await openStore(`gs://${await gcs.bucket()}`, { emulatorHost: proxy.url, log })
  t.match(told, [{ error: /^STORE_UNAVAILABLE: / }])
  await t.rejects(store.put('a', gz, meta), { code: 'STORE_UNAVAILABLE', retryable: true })
  t.equal(await store.put('a', gz, meta), 'written')
  t.strictSame(proxy.seen.map(request => isUpload(request) ? 'put' : isDownload(request) ? 'get' : 'list'), ['list', 'put', 'put'], 'no layer below tries again')
})
