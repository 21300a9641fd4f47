// HEAD and 304 of alerts: they read only the beginning of an object that identifies its frame, and agree with GET.
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { build } from '../../../src/api/app.ts'
import { textHeader, type KafkaHeader } from '../../../src/kafka/record.ts'
import { withProvenance } from '../../../src/provenance/provenance.ts'
import { createArchive } from '../../../src/stores/archive.ts'
import { checksumsOf, sha256, type Checksums } from '../../../src/stores/checksums.ts'
import { openFileStore } from '../../../src/stores/file-store.ts'
import { gzipFrame } from '../../../src/stores/gzip.ts'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import { tempDir } from '../../support/stack.ts'
import { apiOf } from '../support.ts'

const id = '170028518906855444'
const url = `/v1/alerts/${id}`
const frame = Buffer.concat([Buffer.from([0, 0, 0, 4, 76]), randomBytes(20_000), Buffer.alloc(60_000)])
const gz = await gzipFrame(frame)
const codings = ['identity', 'gzip'] as const

function objectWith (headers: readonly KafkaHeader[] = [], frameBytes = frame.length): Buffer {
  const record = {
    topic: 'alerts', partition: 0, offset: 1n, leaderEpoch: 0, timestamp: 1_764_451_234_567n, key: Buffer.from(id), headers
  }
  return withProvenance(gz, { sha256: sha256(frame), frameBytes, archivedAt: 1 }, record).object
}
const object = objectWith()

/** Counts the bytes that `get` and `getStart` return. With `metadata`, every object has these checksums, as in a bucket. */
function counting (store: ObjectStore, metadata: Partial<Checksums> = {}) {
  const read = { whole: 0, start: 0, starts: 0 }
  const wrapped: ObjectStore = {
    url: store.url, put: store.put.bind(store), compare: store.compare.bind(store), list: store.list.bind(store),
    check: store.check.bind(store), close: store.close.bind(store),
    async get (key, admit) {
      const found = await store.get(key, admit)
      read.whole += found?.body.length ?? 0
      return found && { ...found, ...metadata }
    },
    async getStart (key, bytes) {
      const found = await store.getStart(key, bytes)
      read.start += found?.start.length ?? 0
      read.starts++
      return found && { ...found, ...metadata }
    }
  }
  return { read, wrapped }
}

async function serve (t: Test, stored: Buffer, metadata?: Partial<Checksums>, maxFrameBytes?: number) {
  const { app: _, root, writeAlert } = await apiOf(t)
  await writeAlert(id, stored)
  const { read, wrapped } = counting(await openFileStore(root), metadata)
  const limit = maxFrameBytes === undefined ? {} : { maxFrameBytes }
  const archive = createArchive({ alerts: wrapped, schemas: wrapped, layout: 'v2', ...limit })
  const app = build({ archive, pressure: false })
  t.teardown(() => app.close())
  const request = async (method: 'GET' | 'HEAD', coding: typeof codings[number], ifNoneMatch?: string) => {
    Object.assign(read, { whole: 0, start: 0, starts: 0 })
    const headers = { 'accept-encoding': coding, ...ifNoneMatch === undefined ? {} : { 'if-none-match': ifNoneMatch } }
    return await app.inject({ method, url, headers })
  }
  return { read, root, writeAlert, request }
}

await t.test('HEAD and 304 read at most one kilobyte of an object with provenance, and agree with GET', async t => {
  const { request, read } = await serve(t, object)
  for (const coding of codings) {
    const get = await request('GET', coding)
    t.strictSame([get.statusCode, read.starts], [200, 0])
    t.ok(get.rawPayload.equals(coding === 'gzip' ? object : frame))
    t.equal(get.headers.etag, `"${sha256(frame).slice(0, 32)}${coding === 'gzip' ? '-gzip' : ''}"`)
    const head = await request('HEAD', coding)
    const { date: _one, ...expected } = get.headers
    const { date: _other, ...found } = head.headers
    t.strictSame([head.statusCode, found, head.rawPayload.length], [200, expected, 0])
    t.strictSame(read, { whole: 0, start: 1024, starts: 1 })
    for (const method of ['GET', 'HEAD'] as const) {
      for (const condition of [String(get.headers.etag), '*', `"x", W/${get.headers.etag}`]) {
        const unchanged = await request(method, coding, condition)
        t.strictSame([unchanged.statusCode, unchanged.headers.etag, unchanged.rawPayload.length], [304, get.headers.etag, 0])
        for (const name of ['content-length', 'content-type', 'content-encoding']) t.notOk(unchanged.headers[name], name)
        t.strictSame(read, { whole: 0, start: 1024, starts: 1 }, `${method} ${condition}`)
      }
    }
    const changed = await request('GET', coding, '"x"')
    t.ok(changed.statusCode === 200 && changed.rawPayload.equals(get.rawPayload))
  }
})

await t.test('an alert that is not archived gives 404, never 304', async t => {
  const { request, root } = await serve(t, object)
  const tag = String((await request('GET', 'gzip')).headers.etag)
  await rm(join(root, 'v2/alerts/170028'), { recursive: true })
  for (const method of ['GET', 'HEAD'] as const) {
    for (const condition of [undefined, tag, '*']) t.equal((await request(method, 'gzip', condition)).statusCode, 404)
  }
})

await t.test('objects without provenance are read completely, unless the metadata of the object identify the frame', async t => {
  const plain = await serve(t, gz)
  const tag = String((await plain.request('HEAD', 'gzip')).headers.etag)
  t.strictSame([plain.read.whole, tag], [gz.length, `"${sha256(frame).slice(0, 32)}-gzip"`])
  t.equal((await plain.request('GET', 'gzip', tag)).statusCode, 304)
  t.equal(plain.read.whole, gz.length)
  const bucket = await serve(t, gz, checksumsOf(frame))
  t.equal((await bucket.request('HEAD', 'gzip')).headers.etag, tag)
  t.equal(bucket.read.whole, 0)
  for (const coding of codings) t.equal((await bucket.request('GET', coding, '*')).statusCode, 304)
  t.equal(bucket.read.whole, 0)
  const head = await bucket.request('HEAD', 'identity')
  t.strictSame([head.headers['content-length'], bucket.read.whole], [String(frame.length), gz.length], 'only the trailer has the length')
})

await t.test('an object whose first kilobyte does not have the complete provenance is read completely', async t => {
  const long = objectWith([textHeader('trace', 'x'.repeat(2000))])
  const { request, read } = await serve(t, long)
  const head = await request('HEAD', 'gzip')
  t.strictSame([head.statusCode, head.headers['content-length'], read.whole], [200, String(long.length), long.length])
  t.equal((await request('GET', 'gzip', String(head.headers.etag))).statusCode, 304)
})

await t.test('with damaged provenance, the alert is served and HEAD agrees with GET', async t => {
  const expected = `"${sha256(frame).slice(0, 32)}-gzip"`
  for (const at of [16, 20, 30, 100, 12]) {
    const damaged = Buffer.from(object)
    damaged[at] = damaged[at]! ^ 1
    const { request, read } = await serve(t, damaged)
    for (const method of ['HEAD', 'GET'] as const) {
      const { statusCode, headers } = await request(method, 'gzip')
      t.strictSame([statusCode, headers.etag, read.whole], [200, expected, damaged.length], `${method} ${at}`)
    }
    t.ok((await request('GET', 'identity')).rawPayload.equals(frame))
  }
})

await t.test('HEAD and conditional requests do not hide a truncated, extended or oversized object', async t => {
  const damaged = [object.subarray(0, -1), object.subarray(0, 10_000), object.subarray(0, 200), Buffer.concat([object, Buffer.alloc(1)])]
  for (const bytes of damaged) {
    const { request } = await serve(t, bytes)
    for (const coding of codings) {
      for (const [method, condition] of [['HEAD'], ['HEAD', '*'], ['GET', '*'], ['GET']] as const) {
        t.equal((await request(method, coding, condition)).statusCode, 500, `${bytes.length} bytes, ${method} ${coding} ${condition}`)
      }
    }
  }
  const doubled = await serve(t, Buffer.concat([object, gz]))
  const tag = (await doubled.request('HEAD', 'identity')).headers.etag
  t.equal(tag, `"${sha256(Buffer.concat([frame, frame])).slice(0, 32)}"`, 'two members are another frame')
  const { request } = await serve(t, objectWith([], 200_000), undefined, 100_000)
  t.equal((await request('HEAD', 'gzip')).headers['content-length'], String(object.length), 'the complete object decides')
  const small = await serve(t, object, undefined, 50_000)
  for (const method of ['HEAD', 'GET'] as const) t.equal((await small.request(method, 'gzip')).statusCode, 500, 'OBJECT_TOO_LARGE')
})

await t.test('metadata that contradict the provenance are decided by the complete object', async t => {
  const { request, read } = await serve(t, object, { sha256: '0'.repeat(64) })
  for (const condition of [undefined, '*']) {
    t.equal((await request('HEAD', 'gzip', condition)).statusCode, 500)
    t.equal(read.whole, object.length)
  }
})

await t.test('concurrent HEAD requests are bounded like other reads', async t => {
  const folder = await tempDir(t)
  const store = await openFileStore(folder)
  let release = (): void => {}
  const released = new Promise<void>(resolve => { release = resolve })
  const alerts = { ...counting(store).wrapped, getStart: async () => { await released; return undefined } }
  const archive = createArchive({ alerts, schemas: store, layout: 'v2' })
  const app = build({ archive, pressure: false, limits: { reads: 1, waitingReads: 1 } })
  t.teardown(() => app.close())
  const responses = [1, 2, 3].map(async n => (await app.inject({ method: 'HEAD', url: `/v1/alerts/${n}` })).statusCode)
  t.equal(await Promise.race(responses), 503)
  release()
  t.strictSame((await Promise.all(responses)).sort(), [404, 404, 503])
})
