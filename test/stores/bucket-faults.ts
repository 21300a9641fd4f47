// Requests to a bucket of any service with every kind of network failure. Temporary failures are retryable, and rejected requests are
// fatal. No failure counts as success, and bytes damaged in transit are neither stored nor returned.
import type { Test } from 'tap'
import { checksumsOf } from '../../src/stores/checksums.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { openStore, type OpenStoreOptions } from '../../src/stores/open-store.ts'
import { eventually } from '../kafka/support.ts'
import { faultProxy, type Fault, type FaultProxy, type SeenRequest } from '../support/fault-proxy.ts'
import { collect, frame, gz, meta } from './contract.ts'

export const temporary = { retryable: true, fatal: false }
export const fatal = { retryable: false, fatal: true }
/** Options for tests in which requests hang. Other tests use the default deadline, because a loaded machine may exceed 1 s. */
const shortDeadline = { requestMs: 1000 }

export interface FaultyService {
  readonly name: 'gs' | 's3'
  readonly upload: 'lean' | 'sdk'
  /** URL of the real server. */
  readonly server: string
  /** Options for a store behind `url`, which is the real server or a proxy. */
  at (url: string): OpenStoreOptions
  bucket (): Promise<string>
  isUpload (request: SeenRequest): boolean
  isDownload (request: SeenRequest): boolean
  /** The response of the service to a body that does not match the announced checksum. */
  readonly checksumRejection: Fault
}

interface Setup {
  readonly store: ObjectStore
  readonly proxy: FaultProxy
  /** The same store without the proxy. */
  readonly direct: ObjectStore
}

export async function behindProxy (t: Test, service: FaultyService, options: OpenStoreOptions = {}): Promise<Setup> {
  const { name, upload, server, at, bucket } = service
  const proxy = await faultProxy(t, server)
  const url = `${name}://${await bucket()}/p`
  const store = await openStore(url, { ...at(proxy.url), upload, ...options })
  return { store, proxy, direct: await openStore(url, at(server)) }
}

function nameOf (fault: Fault): string {
  return typeof fault === 'string' ? fault : String(fault.status)
}

export async function bucketFaults (root: Test, service: FaultyService): Promise<void> {
  const { name, upload, isUpload, isDownload, checksumRejection } = service
  const test = async (title: string, body: (t: Test) => Promise<void>): Promise<void> => {
    await root.test(`${name}, ${upload}: ${title}`, body)
  }

  for (const fault of [
    { status: 503 }, { status: 500 }, { status: 429 }, { status: 408 }, { status: 503, headers: { 'retry-after': '3600' } },
    { status: 502, body: '<html>Bad Gateway</html>', headers: { 'content-type': 'text/html' } },
    'reset', 'hang'
  ] as const) {
    await test(`${nameOf(fault)}: a put fails with a retryable error and stores nothing, and a retry stores the object`, async t => {
      const { store, proxy, direct } = await behindProxy(t, service, fault === 'hang' ? shortDeadline : {})
      proxy.fail(fault, 1, isUpload)
      await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE', where: new RegExp(`^${name}://bucket-[^/]+/p/a\\.gz$`) })
      t.equal(await direct.get('a.gz'), undefined)
      t.equal(await store.put('a.gz', gz, meta), 'written')
      t.equal(proxy.failed, 1)
      t.ok((await direct.get('a.gz'))?.body.equals(gz))
      if (fault === 'hang') await eventually(() => proxy.seen.some(({ cut }) => cut))
    })
  }

  for (const fault of ['lose response', 'stall response', 'cut response'] as const) {
    await test(`${fault}: the first attempt stored the object, so a retry resolves to "identical"`, async t => {
      const { store, proxy, direct } = await behindProxy(t, service, fault === 'stall response' ? shortDeadline : {})
      proxy.fail(fault, 1, isUpload)
      await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE' })
      t.ok((await direct.get('a.gz'))?.body.equals(gz))
      t.equal(await store.put('a.gz', gz, meta), 'identical')
      if (fault === 'stall response') await eventually(() => proxy.seen.some(({ cut }) => cut))
    })
  }


  await test('an object damaged during upload is deleted, and a retry stores it correctly', async t => {
    const { store, proxy, direct } = await behindProxy(t, service)
    proxy.fail('damage request', 1, isUpload)
    await t.rejects(store.put('a.gz', gz, meta), {
      ...temporary, code: 'STORE_DAMAGED', message: /(CRC32C|MD5) \S+ instead of \S+, and was deleted/
    })
    t.equal(await direct.get('a.gz'), undefined)
    t.match(proxy.seen.at(-1), { method: 'DELETE' }, 'deletes the damaged object')
    t.equal(await store.put('a.gz', gz, meta), 'written')
    t.ok((await direct.get('a.gz'))?.body.equals(gz))
    // The service itself verifies the announced checksum and stores no damaged object.
    proxy.fail(checksumRejection, 1, isUpload)
    await t.rejects(store.put('b.gz', gz, meta), { ...temporary, code: 'STORE_DAMAGED', message: /the store returned 400/ })
  })

  await test('never returns bytes damaged or truncated during download', async t => {
    const { store, proxy, direct } = await behindProxy(t, service, shortDeadline)
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

  await test('a rejected request is fatal and sent once, and counts neither as success nor as a missing object', async t => {
    const { store, proxy } = await behindProxy(t, service)
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

  await test('a 2xx response that is not from the service (login page, empty body) is a retryable error', async t => {
    const { store, proxy, direct } = await behindProxy(t, service)
    await direct.put('existing.gz', gz, meta)
    const html = { 'content-type': 'text/html' }
    for (const fault of [
      { status: 200, body: '<html>Log in</html>', headers: html }, { status: 200, body: '{}' }, { status: 200, body: '' },
      { status: 200, body: '{"kind":' }, { status: 200, body: 'null' }, { status: 204, body: '' }
    ]) {
      proxy.fail(fault, 3)
      const what = JSON.stringify(fault)
      await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE' }, what)
      await t.rejects(store.get('existing.gz'), { ...temporary, code: 'STORE_UNAVAILABLE' }, what)
      await t.rejects(collect(store.list('')), { ...temporary, code: 'STORE_UNAVAILABLE' }, what)
    }
    t.equal(await direct.get('a.gz'), undefined)
  })

  await test('a reader makes up to three attempts if failures are temporary, and one attempt if the request is rejected', async t => {
    const { store, proxy, direct } = await behindProxy(t, service, { access: 'read' })
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

  await test('of 20 concurrent puts, only those with a fault fail, with a retryable error; repeated puts store all objects', async t => {
    // The deadline is long enough for a loaded machine, so only hanging requests miss it.
    const { store, proxy, direct } = await behindProxy(t, service, { requestMs: 10_000 })
    for (const fault of ['hang', 'reset', { status: 503 }, 'lose response', 'stall response'] as const) proxy.fail(fault, 2, isUpload)
    const keys = Array.from({ length: 20 }, (_, index) => `${index}.gz`)
    const first = await Promise.allSettled(keys.map(key => store.put(key, gz, meta)))
    t.equal(first.filter(({ status }) => status === 'rejected').length, 10)
    t.ok(first.every(outcome => outcome.status === 'fulfilled' || (outcome.reason as { retryable: boolean }).retryable))
    const second = await Promise.all(keys.map(key => store.put(key, gz, meta)))
    t.equal(second.filter(outcome => outcome === 'written').length, 6, '4 of the 10 failed puts had stored their object')
    t.equal((await collect(direct.list(''))).length, 20)
  })

  await test('close aborts a hanging put', async t => {
    const { store, proxy } = await behindProxy(t, service, { requestMs: 3_600_000 })
    proxy.fail('hang', 1, isUpload)
    const put = store.put('a.gz', gz, meta).then(() => undefined, (error: unknown) => error)
    await eventually(() => proxy.failed === 1)
    await store.close()
    t.match(await put, { code: 'STORE_UNAVAILABLE' })
  })

  await test('close aborts a put that is reading the existing object, and later calls send no request', async t => {
    const { store, proxy, direct } = await behindProxy(t, service, { requestMs: 3_600_000 })
    await direct.put('a.gz', gz, meta)
    proxy.fail('hang', Infinity, isDownload)
    const put = store.put('a.gz', gz, meta).then(() => undefined, (error: unknown) => error)
    await eventually(() => proxy.failed === 1)
    await store.close()
    t.match(await put, { code: 'STORE_UNAVAILABLE' })
    await t.rejects(store.get('a.gz'), { code: 'STORE_UNAVAILABLE' })
    t.equal(proxy.failed, 1)
  })

  await test('stores an object of several megabytes completely or not at all', async t => {
    const { store, proxy, direct } = await behindProxy(t, service)
    const large = Buffer.concat(Array.from({ length: 100 }, () => frame))
    proxy.fail('reset', 1, isUpload)
    await t.rejects(store.put('large', large, { contentType: 'x/y', ...checksumsOf(large) }), { ...temporary, code: 'STORE_UNAVAILABLE' })
    t.equal(await direct.get('large'), undefined)
    t.equal(await store.put('large', large, { contentType: 'x/y', ...checksumsOf(large) }), 'written')
    t.ok((await store.get('large'))?.body.equals(large))
  })
}
