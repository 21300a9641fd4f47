// Requests to S3 with every kind of network failure, and with the responses of services that lack conditional writes or checksums.
import t, { type Test } from 'tap'
import { s3Credentials } from '../../src/devstack/index.ts'
import { silent } from '../../src/pipeline/index.ts'
import { checksumsOf } from '../../src/stores/checksums.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { faultProxy, isS3Download, isS3Upload, type Fault, type SeenRequest } from '../support/fault-proxy.ts'
import { useS3 } from '../support/stack.ts'
import { behindProxy, bucketFaults, fatal, temporary, type FaultyService } from './bucket-faults.ts'
import { collect, gz, meta } from './contract.ts'

const s3 = await useS3(t)
const service: FaultyService = {
  name: 's3',
  upload: 'lean',
  server: s3.url,
  at: url => ({ s3: { endpoint: url, credentials: s3Credentials } }),
  bucket: s3.bucket,
  isUpload: isS3Upload,
  isDownload: isS3Download,
  checksumRejection: errorResponse(400, 'BadDigest', 'The CRC32C you specified did not match the calculated checksum.')
}

/** Runs a test for each client that can send the uploads. */
async function withEachUpload (title: string, body: (t: Test, service: FaultyService) => Promise<void>): Promise<void> {
  for (const upload of ['lean', 'sdk'] as const) await t.test(`${upload}: ${title}`, async t => body(t, { ...service, upload }))
}

function errorResponse (status: number, code: string, message: string): Fault {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`
  return { status, body, headers: { 'content-type': 'application/xml' } }
}

for (const upload of ['lean', 'sdk'] as const) await bucketFaults(t, { ...service, upload })

await withEachUpload('an error has the class of its code, and its hint names the flags and permissions of S3', async (t, service) => {
  const { store, proxy } = await behindProxy(t, service)
  const cases = [
    [errorResponse(403, 'AccessDenied', 'no s3:PutObject'), { ...fatal, code: 'STORE_BUCKET_DENIED', hint: /s3:ListBucket.*s3:PutObject/ }],
    [errorResponse(403, 'InvalidAccessKeyId', 'no such key'), { ...fatal, code: 'STORE_CREDENTIALS', hint: /AWS_ACCESS_KEY_ID/ }],
    [errorResponse(403, 'SignatureDoesNotMatch', 'wrong secret'), { ...fatal, code: 'STORE_CREDENTIALS' }],
    [errorResponse(400, 'ExpiredToken', 'expired'), { ...fatal, code: 'STORE_CREDENTIALS' }],
    [errorResponse(404, 'NoSuchBucket', 'gone'), { ...fatal, code: 'STORE_BUCKET_MISSING', message: /404, NoSuchBucket: gone/ }],
    [errorResponse(301, 'PermanentRedirect', 'use another endpoint'), { ...fatal, code: 'STORE_REFUSED', hint: /--s3-region/ }],
    [errorResponse(403, 'RequestTimeTooSkewed', 'clock'), { ...temporary, code: 'STORE_UNAVAILABLE' }],
    [errorResponse(400, 'RequestTimeout', 'idle'), { ...temporary, code: 'STORE_UNAVAILABLE' }],
    [errorResponse(503, 'SlowDown', 'slow down'), { ...temporary, code: 'STORE_UNAVAILABLE' }],
    [errorResponse(400, 'XAmzContentSHA256Mismatch', 'damaged'), { ...temporary, code: 'STORE_DAMAGED' }],
    [errorResponse(409, 'ConditionalRequestConflict', 'another write'), { ...temporary, code: 'STORE_UNAVAILABLE', message: /missing now/ }]
  ] as const
  for (const [fault, expected] of cases) {
    proxy.fail(fault, 1, isS3Upload)
    await t.rejects(store.put('a.gz', gz, meta), expected, expected.code)
  }
  t.equal(await store.put('a.gz', gz, meta), 'written')
})

await withEachUpload('uploads in one conditional request with the CRC32C in a header and the metadata of gs://', async (t, service) => {
  const { store, proxy } = await behindProxy(t, service)
  t.equal(await store.put('a.gz', gz, meta), 'written')
  const upload = proxy.seen.at(-1)!
  t.match(upload, {
    method: 'PUT',
    headers: {
      'if-none-match': '*', 'x-amz-checksum-crc32c': /^[A-Za-z0-9+/]{6}==$/,
      'content-length': String(gz.length), 'content-type': 'application/gzip',
      'x-amz-meta-crc32c-frame': /^[0-9a-f]{8}$/, 'x-amz-meta-sha256-frame': meta.sha256
    }
  })
  for (const name of ['x-amz-trailer', 'transfer-encoding', 'content-encoding', 'expect']) t.equal(upload.headers[name], undefined, name)
  t.equal(await store.put('a.gz', gz, meta), 'identical')
  t.strictSame(proxy.seen.slice(-2).map(({ method }) => method), ['PUT', 'GET'])
})

/** A server that ignores If-None-Match: an existing object is deleted before it is put again. */
async function withoutConditions (t: Test) {
  const proxy = await faultProxy(t, s3.url)
  const bucket = await s3.bucket()
  const url = `s3://${bucket}/p`
  proxy.rewrite(headers => {
    const { 'if-none-match': _, ...others } = headers
    return others
  })
  return { proxy, url, at: service.at(proxy.url).s3! }
}

await t.test('opening a service that ignores If-None-Match for writing fails, and reading from it works', async t => {
  const { url, at } = await withoutConditions(t)
  await t.rejects(openStore(url, { s3: at }), {
    ...fatal, code: 'STORE_OVERWRITES', where: /\.incoming\/if-none-match$/, hint: /--s3-allow-overwrite/
  })
  const reader = await openStore(url, { s3: at, access: 'read' })
  t.equal(await reader.get('a.gz'), undefined)
})

await t.test('with --s3-allow-overwrite, a write to such a service looks for an existing object first, and the log says so', async t => {
  const { proxy, url, at } = await withoutConditions(t)
  const warnings: string[] = []
  const log = { ...silent, warn: (_: object, message: string) => { warnings.push(message) } }
  const store = await openStore(url, { s3: { ...at, allowOverwrite: true }, log })
  t.match(warnings, [/ignores If-None-Match: concurrent writers can overwrite/])
  t.equal(await store.put('a.gz', gz, meta), 'written')
  t.strictSame(proxy.seen.slice(-2).map(({ method }) => method), ['HEAD', 'PUT'])
  t.equal(await store.put('a.gz', gz, meta), 'identical')
  const other = Buffer.from('another alert')
  await t.rejects(store.put('a.gz', other, { contentType: 'text/plain', ...checksumsOf(other) }), { code: 'ARCHIVE_CONFLICT' })
  t.ok((await store.get('a.gz'))?.body.equals(gz))
})

await t.test('a service that honours If-None-Match is used as such even with --s3-allow-overwrite', async t => {
  const proxy = await faultProxy(t, s3.url)
  const store = await openStore(`s3://${await s3.bucket()}`, { s3: { ...service.at(proxy.url).s3, allowOverwrite: true } })
  t.equal(await store.put('a.gz', gz, meta), 'written')
  t.equal(proxy.seen.at(-1)?.headers['if-none-match'], '*')
  t.notOk(proxy.seen.some(({ method }) => method === 'HEAD'))
})

await t.test('a writer that opened during an outage checks If-None-Match before its first write', async t => {
  const { proxy, url, at } = await withoutConditions(t)
  proxy.fail({ status: 503 }, 1)
  const store = await openStore(url, { s3: at })
  await t.rejects(store.put('a.gz', gz, meta), { ...fatal, code: 'STORE_OVERWRITES' })
  t.equal(await store.get('a.gz'), undefined)
})

await withEachUpload('the probe object is put once per bucket and prefix, and appears in no listing', async (t, service) => {
  const { store, proxy, direct } = await behindProxy(t, service)
  const isProbe = ({ method, url }: SeenRequest): boolean => method === 'PUT' && url.includes('.incoming/')
  t.equal(proxy.seen.filter(isProbe).length, 2, 'one put creates the object, the next is rejected')
  t.strictSame(await collect(store.list('')), [])
  await openStore(store.url, service.at(proxy.url))
  t.equal(proxy.seen.filter(isProbe).length, 3, 'a later writer sends one put')
  await direct.put('a.gz', gz, meta)
  t.strictSame(await collect(store.list('', { limit: 1 })), ['a.gz'])
  await t.rejects(store.get('.incoming/if-none-match'), { code: 'STORE_KEY_INVALID' })
})
