// Requests to a bucket that fail in every way a network has: what passes by itself is retryable, a refusal is fatal, nothing is ever taken for
// success that is none, and no bytes that were damaged on the way are stored or read.
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { crc32c, openStore, type ObjectStore } from '../../src/stores/index.ts'
import type { GcsStoreOptions } from '../../src/stores/gcs-store.ts'
import { faultProxy, isDownload, isUpload, type Fault, type FaultProxy } from '../support/fault-proxy.ts'
import { eventually } from '../kafka/support.ts'
import { useGcs } from '../support/stack.ts'
import { collect, frame, gz, meta } from './contract.ts'

const gcs = await useGcs(t)
const passes = { retryable: true, fatal: false }
/** Short where something hangs; a loaded machine must not make other requests late. */
const impatient = { requestMs: 1000 }
const refused = { retryable: false, fatal: true }

async function behind (t: Test, options: GcsStoreOptions = {}): Promise<{ readonly store: ObjectStore, readonly proxy: FaultProxy, readonly direct: ObjectStore }> {
  const proxy = await faultProxy(t, gcs.url)
  const url = `gs://${await gcs.bucket()}/p`
  const store = await openStore(url, { emulatorHost: proxy.url, ...options })
  return { store, proxy, direct: await openStore(url, { emulatorHost: gcs.url }) }
}

function named (fault: Fault): string {
  return typeof fault === 'string' ? fault : String(fault.status)
}

for (const fault of [{ status: 503 }, { status: 500 }, { status: 429 }, { status: 408 }, { status: 502, body: '<html>Bad Gateway</html>', headers: { 'content-type': 'text/html' } }, 'reset', 'hang'] as const) {
  await t.test(`${named(fault)}: a put fails for now, having stored nothing, and the next try stores it`, async t => {
    const { store, proxy, direct } = await behind(t, fault === 'hang' ? impatient : {})
    proxy.fail(fault, 1, isUpload)
    await t.rejects(store.put('a.gz', gz, meta), { ...passes, code: 'STORE_UNAVAILABLE', where: /^gs:\/\/bucket-[^/]+\/p\/a\.gz$/ })
    t.equal(await direct.exists('a.gz'), false)
    t.equal(await store.put('a.gz', gz, meta), 'written')
    t.equal(proxy.failed, 1)
    t.ok((await direct.get('a.gz'))?.body.equals(gz))
    if (fault === 'hang') await eventually(() => proxy.seen.some(({ cut }) => cut))
  })
}

for (const fault of ['lose answer', 'stall answer', 'cut answer'] as const) {
  await t.test(`${fault}: the next try finds its own object: identical`, async t => {
    const { store, proxy, direct } = await behind(t, fault === 'stall answer' ? impatient : {})
    proxy.fail(fault, 1, isUpload)
    await t.rejects(store.put('a.gz', gz, meta), { ...passes, code: 'STORE_UNAVAILABLE' })
    t.equal(await direct.exists('a.gz'), true)
    t.equal(await store.put('a.gz', gz, meta), 'identical')
    if (fault === 'stall answer') await eventually(() => proxy.seen.some(({ cut }) => cut))
  })
}

// As Cloud Storage words them.
const forbidden = (reason: string, message: string): Fault => ({ status: 403, body: JSON.stringify({ error: { code: 403, message, errors: [{ message, domain: 'global', reason }] } }) })
const inTheWay = [
  forbidden('forbidden', 'alertdb-writer@p.iam.gserviceaccount.com does not have storage.objects.delete access to the Google Cloud Storage object. Permission \'storage.objects.delete\' denied on resource (or it may not exist).'),
  forbidden('retentionPolicyNotMet', 'Object \'b/p/a.gz\' is subject to bucket\'s retention policy or object retention and cannot be deleted or overwritten until 2036-11-24T12:00:00-08:00'),
  forbidden('forbidden', 'Object \'b/p/a.gz\' is under active Temporary hold and cannot be deleted, overwritten or archived until hold is removed.')
] as const
await t.test('403 of a store that lets nobody replace the object that is there already: identical, or a conflict, as after 412', async t => {
  const { store, proxy, direct } = await behind(t)
  const other = Buffer.from('another alert')
  await direct.put('a.gz', gz, meta)
  for (const fault of inTheWay) {
    proxy.fail(fault, 1, isUpload)
    t.equal(await store.put('a.gz', gz, meta), 'identical')
    proxy.fail(fault, 1, isUpload)
    await t.rejects(store.put('a.gz', gzipSync(other), { ...meta, crc32c: crc32c(other) }), { code: 'ARCHIVE_CONFLICT' })
    proxy.fail(fault, 1, isUpload)
    await t.rejects(store.put('free.gz', gz, meta), { ...refused, code: 'STORE_BUCKET_DENIED' }, 'where nothing is in the way, the right to write lacks')
  }
  proxy.fail(forbidden('forbidden', 'alertdb-reader@p.iam.gserviceaccount.com does not have storage.objects.create access to the Google Cloud Storage object.'), 1, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), { ...refused, code: 'STORE_BUCKET_DENIED' }, 'who may not create is told so, whatever is there')
  proxy.fail(forbidden('rateLimitExceeded', 'The rate of changes to the object exceeds the rate limit.'), 1, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), { ...passes, code: 'STORE_UNAVAILABLE' })
  t.ok((await direct.get('a.gz'))?.body.equals(gz))
})

await t.test('bytes damaged on their way to the store: what was stored of them is removed, and the next try stores the right ones', async t => {
  const { store, proxy, direct } = await behind(t)
  proxy.fail('damage request', 1, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), { ...passes, code: 'STORE_DAMAGED', message: /CRC32C \S{8} instead of \S{8}, and was removed/ })
  t.equal(await direct.exists('a.gz'), false)
  t.match(proxy.seen.at(-1), { method: 'DELETE', url: /\/p\/a\.gz\?ifGenerationMatch=\d+$/ }, 'that very generation, nobody else\'s')
  t.equal(await store.put('a.gz', gz, meta), 'written')
  t.ok((await direct.get('a.gz'))?.body.equals(gz))
  // Cloud Storage itself checks the announced checksum and stores nothing.
  proxy.fail({ status: 400, body: JSON.stringify({ error: { code: 400, message: 'Provided CRC32C "AAAAAA==" doesn\'t match calculated CRC32C "BBBBBB==".' } }) }, 1, isUpload)
  await t.rejects(store.put('b.gz', gz, meta), { ...passes, code: 'STORE_DAMAGED', message: /doesn't match/ })
})

await t.test('a whole object stays where only the answer to its upload was damaged', async t => {
  const { store, proxy, direct } = await behind(t)
  await direct.put('a.gz', gz, meta)
  const listed = await (await fetch(`${gcs.url}/storage/v1/b/${new URL(store.url).host}/o`)).json() as { readonly items: ReadonlyArray<{ readonly generation: string }> }
  const { generation } = listed.items[0]!
  proxy.fail({ status: 200, body: JSON.stringify({ crc32c: 'AAAAAA==', generation }) }, 1, isUpload)
  t.equal(await store.put('a.gz', gz, meta), 'written')
  t.equal(proxy.seen.some(({ method }) => method === 'DELETE'), false)
  // Nor is anything removed while that cannot be known.
  proxy.fail({ status: 200, body: JSON.stringify({ crc32c: 'AAAAAA==', generation }) }, 1, isUpload)
  proxy.fail('damage answer', 1, isDownload)
  await t.rejects(store.put('a.gz', gz, meta), { ...passes, code: 'STORE_DAMAGED' })
  t.ok((await direct.get('a.gz'))?.body.equals(gz))
})

await t.test('bytes damaged or cut on their way back are never given out', async t => {
  const { store, proxy, direct } = await behind(t, impatient)
  await direct.put('a.gz', gz, meta)
  proxy.fail('damage answer', 1, isDownload)
  await t.rejects(store.get('a.gz'), { ...passes, code: 'STORE_DAMAGED', message: /CRC32C \S{8} instead of \S{8}/ })
  for (const fault of ['cut answer', 'stall answer', 'reset', 'hang', { status: 503 }] as const) {
    proxy.fail(fault, 1, isDownload)
    await t.rejects(store.get('a.gz'), { ...passes, code: 'STORE_UNAVAILABLE' }, named(fault))
  }
  t.ok((await store.get('a.gz'))?.body.equals(gz))
  proxy.fail('damage answer', 1, isDownload)
  await t.rejects(store.put('a.gz', gz, meta), { ...passes, code: 'STORE_DAMAGED' }, 'no conflict is made of a damaged comparison')
  t.equal(await store.put('a.gz', gz, meta), 'identical')
})

await t.test('a refusal is fatal, tried once, and never taken for success or for a missing object', async t => {
  const { store, proxy } = await behind(t)
  const cases = [
    [{ status: 403 }, 'STORE_BUCKET_DENIED'], [{ status: 401 }, 'STORE_CREDENTIALS'], [{ status: 400 }, 'STORE_REFUSED'], [{ status: 413, body: 'too large' }, 'STORE_REFUSED'],
    [{ status: 403, body: 'no JSON' }, 'STORE_BUCKET_DENIED']
  ] as const
  for (const [fault, code] of cases) {
    const asked = proxy.seen.length
    proxy.fail(fault, 4)
    await t.rejects(store.put('a.gz', gz, meta), { ...refused, code, message: new RegExp(`the store answers ${fault.status}`) })
    await t.rejects(store.get('a.gz'), { ...refused, code })
    await t.rejects(store.exists('a.gz'), { ...refused, code })
    await t.rejects(collect(store.list('')), { ...refused, code })
    t.equal(proxy.seen.length, asked + 4)
  }
})

await t.test('403 for a quota is no refusal, and 409 means that somebody else writes the same object', async t => {
  const { store, proxy, direct } = await behind(t)
  proxy.fail({ status: 403, body: JSON.stringify({ error: { code: 403, message: 'slow down', errors: [{ reason: 'rateLimitExceeded' }] } }) }, 1, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), { ...passes, code: 'STORE_UNAVAILABLE' })
  proxy.fail({ status: 409 }, 2, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), { ...passes, code: 'STORE_UNAVAILABLE', message: /in the way and then gone/ })
  await direct.put('a.gz', gz, meta)
  t.equal(await store.put('a.gz', gz, meta), 'identical')
})

await t.test('200 from something that is no store (a login page, an empty answer) is no success', async t => {
  const { store, proxy, direct } = await behind(t)
  await direct.put('there.gz', gz, meta)
  const html = { 'content-type': 'text/html' }
  for (const fault of [{ status: 200, body: '<html>Log in</html>', headers: html }, { status: 200, body: '{}' }, { status: 200, body: '' }, { status: 200, body: '{"kind":' }, { status: 204, body: '' }]) {
    proxy.fail(fault, 4)
    const what = JSON.stringify(fault)
    await t.rejects(store.put('a.gz', gz, meta), { ...passes, code: 'STORE_UNAVAILABLE' }, what)
    await t.rejects(store.get('there.gz'), { ...passes, code: 'STORE_UNAVAILABLE' }, what)
    await t.rejects(collect(store.list('')), { ...passes, code: 'STORE_UNAVAILABLE' }, what)
    await t.rejects(store.exists('a.gz'), { ...passes, code: 'STORE_UNAVAILABLE' }, what)
  }
  t.equal(await direct.exists('a.gz'), false)
})

await t.test('a reader tries three times, with pauses, what passes by itself, and once what does not', async t => {
  const { store, proxy, direct } = await behind(t, { access: 'read' })
  await direct.put('a.gz', gz, meta)
  for (const [index, fault] of ([{ status: 503 }, 'reset', 'damage answer'] as const).entries()) {
    proxy.fail(fault, 2)
    t.ok((await store.get('a.gz'))?.body.equals(gz), named(fault))
    t.equal(proxy.seen.length, 3 * (index + 1))
  }
  proxy.fail({ status: 503 }, 6)
  t.strictSame([await store.exists('a.gz').catch((error: { code: string }) => error.code), proxy.seen.length], ['STORE_UNAVAILABLE', 12])
  await t.rejects(collect(store.list('')), { code: 'STORE_UNAVAILABLE' })
  t.equal(proxy.seen.length, 15)
  proxy.fail({ status: 403 }, 1)
  await t.rejects(store.get('a.gz'), { code: 'STORE_BUCKET_DENIED' })
  t.equal(proxy.seen.length, 16)
  proxy.fail({ status: 503 }, 1)
  await t.rejects(store.check(), { code: 'STORE_UNAVAILABLE' }, 'a check says how it is now')
})

await t.test('twenty at once, of which some hang, some are reset and some are refused for now: each ends, and the next round stores the rest', async t => {
  // They share a busy machine: only those that hang may be late.
  const { store, proxy, direct } = await behind(t, { requestMs: 4000 })
  for (const fault of ['hang', 'reset', { status: 503 }, 'lose answer', 'stall answer'] as const) proxy.fail(fault, 2, isUpload)
  const keys = Array.from({ length: 20 }, (_, index) => `${index}.gz`)
  const first = await Promise.allSettled(keys.map(key => store.put(key, gz, meta)))
  t.equal(first.filter(({ status }) => status === 'rejected').length, 10)
  t.ok(first.every(outcome => outcome.status === 'fulfilled' || (outcome.reason as { retryable: boolean }).retryable))
  const second = await Promise.all(keys.map(key => store.put(key, gz, meta)))
  t.equal(second.filter(outcome => outcome === 'written').length, 6, 'those that had not come through')
  t.equal((await collect(direct.list(''))).length, 20)
})

await t.test('a close cuts what hangs: the put rejects, and the close resolves', async t => {
  const { store, proxy } = await behind(t, { requestMs: 3_600_000 })
  proxy.fail('hang', 1, isUpload)
  const put = store.put('a.gz', gz, meta).then(() => undefined, (error: unknown) => error)
  await eventually(() => proxy.failed === 1)
  await store.close()
  t.match(await put, { code: 'STORE_UNAVAILABLE' })
})

await t.test('a close cuts a put in its second request, and after it nothing is asked for any more', async t => {
  const { store, proxy, direct } = await behind(t, { requestMs: 3_600_000 })
  await direct.put('a.gz', gz, meta)
  proxy.fail('hang', Infinity, isDownload)
  const put = store.put('a.gz', gz, meta).then(() => undefined, (error: unknown) => error)
  await eventually(() => proxy.failed === 1)
  await store.close()
  t.match(await put, { code: 'STORE_UNAVAILABLE' })
  await t.rejects(store.get('a.gz'), { code: 'STORE_UNAVAILABLE' })
  t.equal(proxy.failed, 1)
})

await t.test('an object of several megabytes comes through or not at all', async t => {
  const { store, proxy, direct } = await behind(t)
  const large = Buffer.concat(Array.from({ length: 100 }, () => frame))
  proxy.fail('reset', 1, isUpload)
  await t.rejects(store.put('large', large, { contentType: 'x/y', crc32c: 1 }), { ...passes, code: 'STORE_UNAVAILABLE' })
  t.equal(await direct.get('large'), undefined)
  t.equal(await store.put('large', large, { contentType: 'x/y', crc32c: 1 }), 'written')
  t.ok((await store.get('large'))?.body.equals(large))
})
