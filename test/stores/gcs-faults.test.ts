// Requests to a bucket with every kind of network failure. Temporary failures are retryable, and rejected requests are fatal. No failure
// counts as success, and bytes damaged in transit are neither stored nor returned.
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { checksumsOf } from '../../src/stores/checksums.ts'
import { type ObjectStore } from '../../src/stores/object-store.ts'
import type { GcsStoreOptions } from '../../src/stores/open-gcs-store.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { eventually } from '../kafka/support.ts'
import { faultProxy, isDownload, isUpload, type Fault, type FaultProxy } from '../support/fault-proxy.ts'
import { useGcs } from '../support/stack.ts'
import { collect, frame, gz, meta } from './contract.ts'

const gcs = await useGcs(t)
const temporary = { retryable: true, fatal: false }
const fatal = { retryable: false, fatal: true }
/** Options for tests in which requests hang. Other tests use the default deadline, because a loaded machine may exceed 1 s. */
const shortDeadline = { requestMs: 1000 }

interface Setup {
  readonly store: ObjectStore
  readonly proxy: FaultProxy
  /** The same store without the proxy. */
  readonly direct: ObjectStore
}

async function behindProxy (t: Test, options: GcsStoreOptions = {}): Promise<Setup> {
  const proxy = await faultProxy(t, gcs.url)
  const url = `gs://${await gcs.bucket()}/p`
  const store = await openStore(url, { emulatorHost: proxy.url, ...options })
  return { store, proxy, direct: await openStore(url, { emulatorHost: gcs.url }) }
}

function nameOf (fault: Fault): string {
  return typeof fault === 'string' ? fault : String(fault.status)
}

/** An error response in the format of Cloud Storage. */
function errorResponse (code: number, message: string, reason?: string): Fault {
  const errors = reason === undefined ? {} : { errors: [{ message, domain: 'global', reason }] }
  return { status: code, body: JSON.stringify({ error: { code, message, ...errors } }) }
}

for (const fault of [
  { status: 503 }, { status: 500 }, { status: 429 }, { status: 408 },
  { status: 502, body: '<html>Bad Gateway</html>', headers: { 'content-type': 'text/html' } },
  'reset', 'hang'
] as const) {
  await t.test(`${nameOf(fault)}: a put fails with a retryable error and stores nothing, and a retry stores the object`, async t => {
    const { store, proxy, direct } = await behindProxy(t, fault === 'hang' ? shortDeadline : {})
    proxy.fail(fault, 1, isUpload)
    await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE', where: /^gs:\/\/bucket-[^/]+\/p\/a\.gz$/ })
    t.equal(await direct.get('a.gz'), undefined)
    t.equal(await store.put('a.gz', gz, meta), 'written')
    t.equal(proxy.failed, 1)
    t.ok((await direct.get('a.gz'))?.body.equals(gz))
    if (fault === 'hang') await eventually(() => proxy.seen.some(({ cut }) => cut))
  })
}

for (const fault of ['lose response', 'stall response', 'cut response'] as const) {
  await t.test(`${fault}: the first attempt stored the object, so a retry resolves to "identical"`, async t => {
    const { store, proxy, direct } = await behindProxy(t, fault === 'stall response' ? shortDeadline : {})
    proxy.fail(fault, 1, isUpload)
    await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE' })
    t.ok((await direct.get('a.gz'))?.body.equals(gz))
    t.equal(await store.put('a.gz', gz, meta), 'identical')
    if (fault === 'stall response') await eventually(() => proxy.seen.some(({ cut }) => cut))
  })
}

const account = 'alertdb-writer@p.iam.gserviceaccount.com'
const cannotReplace = [
  errorResponse(403, `${account} does not have storage.objects.delete access to the Google Cloud Storage object. ` +
    'Permission \'storage.objects.delete\' denied on resource (or it may not exist).', 'forbidden'),
  errorResponse(403, 'Object \'b/p/a.gz\' is subject to bucket\'s retention policy or object retention and cannot be deleted or ' +
    'overwritten until 2036-11-24T12:00:00-08:00', 'retentionPolicyNotMet'),
  errorResponse(403, 'Object \'b/p/a.gz\' is under active Temporary hold and cannot be deleted, overwritten or archived until hold is ' +
    'removed.', 'forbidden')
] as const
const cannotCreate = errorResponse(
  403, `${account} does not have storage.objects.create access to the Google Cloud Storage object.`, 'forbidden')

await t.test('403 for an object that may not be replaced is like 412: the put gives "identical" or rejects with a conflict', async t => {
  const { store, proxy, direct } = await behindProxy(t)
  const other = Buffer.from('another alert')
  await direct.put('a.gz', gz, meta)
  for (const fault of cannotReplace) {
    proxy.fail(fault, 1, isUpload)
    t.equal(await store.put('a.gz', gz, meta), 'identical')
    proxy.fail(fault, 1, isUpload)
    await t.rejects(store.put('a.gz', gzipSync(other), { ...meta, ...checksumsOf(other) }), { code: 'ARCHIVE_CONFLICT' })
    proxy.fail(fault, 1, isUpload)
    await t.rejects(store.put('new.gz', gz, meta), { ...fatal, code: 'STORE_BUCKET_DENIED' }, '403 for a missing object')
  }
  proxy.fail(cannotCreate, 1, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), { ...fatal, code: 'STORE_BUCKET_DENIED' }, 'the account may not create objects')
  proxy.fail(errorResponse(403, 'The rate of changes to the object exceeds the rate limit.', 'rateLimitExceeded'), 1, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE' })
  t.ok((await direct.get('a.gz'))?.body.equals(gz))
})

await t.test('an object damaged during upload is deleted, and a retry stores it correctly', async t => {
  const { store, proxy, direct } = await behindProxy(t)
  proxy.fail('damage request', 1, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), {
    ...temporary, code: 'STORE_DAMAGED', message: /CRC32C \S{8} instead of \S{8}, and was deleted/
  })
  t.equal(await direct.get('a.gz'), undefined)
  t.match(proxy.seen.at(-1), { method: 'DELETE', url: /\/p\/a\.gz\?ifGenerationMatch=\d+$/ }, 'deletes the damaged generation')
  t.equal(await store.put('a.gz', gz, meta), 'written')
  t.ok((await direct.get('a.gz'))?.body.equals(gz))
  // Cloud Storage itself verifies the announced checksum and stores no damaged object.
  proxy.fail(errorResponse(400, 'Provided CRC32C "AAAAAA==" doesn\'t match calculated CRC32C "BBBBBB==".'), 1, isUpload)
  await t.rejects(store.put('b.gz', gz, meta), { ...temporary, code: 'STORE_DAMAGED', message: /doesn't match/ })
})

await t.test('an intact object is kept if only the response to its upload was damaged', async t => {
  const { store, proxy, direct } = await behindProxy(t)
  await direct.put('a.gz', gz, meta)
  const listing = await fetch(`${gcs.url}/storage/v1/b/${new URL(store.url).host}/o`)
  const { generation } = (await listing.json() as { readonly items: ReadonlyArray<{ readonly generation: string }> }).items[0]!
  proxy.fail({ status: 200, body: JSON.stringify({ crc32c: 'AAAAAA==', generation }) }, 1, isUpload)
  t.equal(await store.put('a.gz', gz, meta), 'written')
  t.equal(proxy.seen.some(({ method }) => method === 'DELETE'), false)
  // The object is also kept if the download that compares it with the upload fails.
  proxy.fail({ status: 200, body: JSON.stringify({ crc32c: 'AAAAAA==', generation }) }, 1, isUpload)
  proxy.fail('damage response', 1, isDownload)
  await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_DAMAGED' })
  t.ok((await direct.get('a.gz'))?.body.equals(gz))
})

await t.test('never returns bytes damaged or truncated during download', async t => {
  const { store, proxy, direct } = await behindProxy(t, shortDeadline)
  await direct.put('a.gz', gz, meta)
  proxy.fail('damage response', 1, isDownload)
  await t.rejects(store.get('a.gz'), { ...temporary, code: 'STORE_DAMAGED', message: /CRC32C \S{8} instead of \S{8}/ })
  for (const fault of ['cut response', 'stall response', 'reset', 'hang', { status: 503 }] as const) {
    proxy.fail(fault, 1, isDownload)
    await t.rejects(store.get('a.gz'), { ...temporary, code: 'STORE_UNAVAILABLE' }, nameOf(fault))
  }
  t.ok((await store.get('a.gz'))?.body.equals(gz))
  proxy.fail('damage response', 1, isDownload)
  await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_DAMAGED' }, 'a damaged download is not a conflict')
  t.equal(await store.put('a.gz', gz, meta), 'identical')
})

await t.test('a rejected request is fatal and sent once, and counts neither as success nor as a missing object', async t => {
  const { store, proxy } = await behindProxy(t)
  const cases = [
    [{ status: 403 }, 'STORE_BUCKET_DENIED'], [{ status: 401 }, 'STORE_CREDENTIALS'], [{ status: 400 }, 'STORE_REFUSED'],
    [{ status: 413, body: 'too large' }, 'STORE_REFUSED'], [{ status: 403, body: 'no JSON' }, 'STORE_BUCKET_DENIED']
  ] as const
  for (const [fault, code] of cases) {
    const before = proxy.seen.length
    proxy.fail(fault, 3)
    await t.rejects(store.put('a.gz', gz, meta), { ...fatal, code, message: new RegExp(`the store returned ${fault.status}`) })
    await t.rejects(store.get('a.gz'), { ...fatal, code })
    await t.rejects(collect(store.list('')), { ...fatal, code })
    t.equal(proxy.seen.length, before + 3)
  }
})

await t.test('403 for a rate limit is retryable, and 409 means a concurrent write of the same object', async t => {
  const { store, proxy, direct } = await behindProxy(t)
  proxy.fail(errorResponse(403, 'slow down', 'rateLimitExceeded'), 1, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE' })
  proxy.fail({ status: 409 }, 2, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE', message: /existed, but was deleted/ })
  await direct.put('a.gz', gz, meta)
  t.equal(await store.put('a.gz', gz, meta), 'identical')
})

await t.test('a 2xx response that is not from Cloud Storage (login page, empty body) is a retryable error', async t => {
  const { store, proxy, direct } = await behindProxy(t)
  await direct.put('existing.gz', gz, meta)
  const html = { 'content-type': 'text/html' }
  for (const fault of [
    { status: 200, body: '<html>Log in</html>', headers: html }, { status: 200, body: '{}' }, { status: 200, body: '' },
    { status: 200, body: '{"kind":' }, { status: 204, body: '' }
  ]) {
    proxy.fail(fault, 3)
    const what = JSON.stringify(fault)
    await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE' }, what)
    await t.rejects(store.get('existing.gz'), { ...temporary, code: 'STORE_UNAVAILABLE' }, what)
    await t.rejects(collect(store.list('')), { ...temporary, code: 'STORE_UNAVAILABLE' }, what)
  }
  t.equal(await direct.get('a.gz'), undefined)
})

await t.test('a reader makes up to three attempts if failures are temporary, and one attempt if the request is rejected', async t => {
  const { store, proxy, direct } = await behindProxy(t, { access: 'read' })
  await direct.put('a.gz', gz, meta)
  for (const [index, fault] of ([{ status: 503 }, 'reset', 'damage response'] as const).entries()) {
    proxy.fail(fault, 2)
    t.ok((await store.get('a.gz'))?.body.equals(gz), nameOf(fault))
    t.equal(proxy.seen.length, 3 * (index + 1))
  }
  proxy.fail({ status: 503 }, 6)
  await t.rejects(store.get('a.gz'), { code: 'STORE_UNAVAILABLE' })
  t.equal(proxy.seen.length, 12)
  await t.rejects(collect(store.list('')), { code: 'STORE_UNAVAILABLE' })
  t.equal(proxy.seen.length, 15)
  proxy.fail({ status: 403 }, 1)
  await t.rejects(store.get('a.gz'), { code: 'STORE_BUCKET_DENIED' })
  t.equal(proxy.seen.length, 16)
  proxy.fail({ status: 503 }, 1)
  await t.rejects(store.check(), { code: 'STORE_UNAVAILABLE' }, 'a check makes one attempt')
})

await t.test('of 20 concurrent puts, only those with a fault fail, with a retryable error; repeated puts store all objects', async t => {
  // The deadline is long enough for a loaded machine, so only hanging requests miss it.
  const { store, proxy, direct } = await behindProxy(t, { requestMs: 4000 })
  for (const fault of ['hang', 'reset', { status: 503 }, 'lose response', 'stall response'] as const) proxy.fail(fault, 2, isUpload)
  const keys = Array.from({ length: 20 }, (_, index) => `${index}.gz`)
  const first = await Promise.allSettled(keys.map(key => store.put(key, gz, meta)))
  t.equal(first.filter(({ status }) => status === 'rejected').length, 10)
  t.ok(first.every(outcome => outcome.status === 'fulfilled' || (outcome.reason as { retryable: boolean }).retryable))
  const second = await Promise.all(keys.map(key => store.put(key, gz, meta)))
  t.equal(second.filter(outcome => outcome === 'written').length, 6, '4 of the 10 failed puts had stored their object')
  t.equal((await collect(direct.list(''))).length, 20)
})

await t.test('close aborts a hanging put', async t => {
  const { store, proxy } = await behindProxy(t, { requestMs: 3_600_000 })
  proxy.fail('hang', 1, isUpload)
  const put = store.put('a.gz', gz, meta).then(() => undefined, (error: unknown) => error)
  await eventually(() => proxy.failed === 1)
  await store.close()
  t.match(await put, { code: 'STORE_UNAVAILABLE' })
})

await t.test('close aborts a put that is reading the existing object, and later calls send no request', async t => {
  const { store, proxy, direct } = await behindProxy(t, { requestMs: 3_600_000 })
  await direct.put('a.gz', gz, meta)
  proxy.fail('hang', Infinity, isDownload)
  const put = store.put('a.gz', gz, meta).then(() => undefined, (error: unknown) => error)
  await eventually(() => proxy.failed === 1)
  await store.close()
  t.match(await put, { code: 'STORE_UNAVAILABLE' })
  await t.rejects(store.get('a.gz'), { code: 'STORE_UNAVAILABLE' })
  t.equal(proxy.failed, 1)
})

await t.test('stores an object of several megabytes completely or not at all', async t => {
  const { store, proxy, direct } = await behindProxy(t)
  const large = Buffer.concat(Array.from({ length: 100 }, () => frame))
  proxy.fail('reset', 1, isUpload)
  await t.rejects(store.put('large', large, { contentType: 'x/y', ...checksumsOf(large) }), { ...temporary, code: 'STORE_UNAVAILABLE' })
  t.equal(await direct.get('large'), undefined)
  t.equal(await store.put('large', large, { contentType: 'x/y', ...checksumsOf(large) }), 'written')
  t.ok((await store.get('large'))?.body.equals(large))
})
