import t, { type Test } from 'tap'
import { join } from 'node:path'
import { mkdir } from 'node:fs/promises'
import { build, type ApiOptions } from '../../../src/api/app.ts'
import { searchErrors } from '../../../src/search/errors.ts'
import type { Search } from '../../../src/search/open-search.ts'
import { createArchive } from '../../../src/stores/archive.ts'
import { checksumsOf } from '../../../src/stores/checksums.ts'
import { openFileStore } from '../../../src/stores/file-store.ts'
import { gzipFrame } from '../../../src/stores/gzip.ts'
import { idOf, searchOf, type Row } from '../../search/support.ts'
import { tempDir } from '../../support/stack.ts'

const visit = '2026030100007'

/** The API with an index of the segments. */
async function apiOf (t: Test, segments: ReadonlyArray<readonly Row[]>, options: Partial<ApiOptions> = {}) {
  const root = join(await tempDir(t), 'archive')
  await mkdir(root)
  const store = await openFileStore(root)
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v3' })
  const { search, write } = await searchOf(t)
  for (const rows of segments) await write(rows)
  const app = build({ archive, search: async () => search, pressure: false, healthCacheMs: 0, ...options })
  t.teardown(() => app.close())
  return { app, archive, write }
}

const failing = (error: Error) => async () =>
  ({ page: async () => { throw error }, count: async () => { throw error } }) as unknown as Search

await t.test('answers with pages of JSON, whose cursors lead from one to the next', async t => {
  const { app } = await apiOf(t, [[1, 2, 3, 4, 5].map(n => ({ id: idOf(7, n) }))])
  const ids: string[] = []
  let cursor = ''
  for (const count of [2, 2, 1]) {
    const response = await app.inject(`/v1/alerts?visit=${visit}&columns=id,band&limit=2${cursor}`)
    t.equal(response.statusCode, 200)
    t.match(response.headers, { 'content-type': /^application\/json/, 'cache-control': 'no-store', vary: 'Accept' })
    const { alerts, next } = response.json() as { alerts: Array<{ id: string, band: string }>, next: string | null }
    t.strictSame([alerts.length, alerts[0]!.band], [count, 'r'])
    ids.push(...alerts.map(({ id }) => id))
    cursor = `&cursor=${next}`
  }
  t.equal(cursor, '&cursor=null')
  t.strictSame(ids, [1, 2, 3, 4, 5].map(n => String(idOf(7, n))))
  const head = await app.inject({ method: 'HEAD', url: `/v1/alerts?visit=${visit}` })
  const get = await app.inject(`/v1/alerts?visit=${visit}`)
  t.strictSame([head.statusCode, head.rawPayload.length, head.headers['content-length']], [200, 0, String(get.rawPayload.length)])
})

await t.test('answers with JSON lines if the client accepts them, the cursor last', async t => {
  const { app } = await apiOf(t, [[1, 2, 3].map(n => ({ id: idOf(7, n) }))])
  const lines = async (url: string, accept = 'application/x-ndjson') => {
    const response = await app.inject({ url, headers: { accept } })
    t.match(response.headers, { 'content-type': 'application/x-ndjson' })
    return response.body.split('\n').slice(0, -1).map(line => JSON.parse(line) as { id?: string, next?: string })
  }
  const first = await lines('/v1/alerts?columns=id&limit=2')
  t.strictSame(first.map(({ id }) => id), [String(idOf(7, 1)), String(idOf(7, 2)), undefined])
  t.strictSame(await lines(`/v1/alerts?columns=id&limit=2&cursor=${first[2]!.next}`, 'text/csv;q=0.1, application/x-ndjson'),
    [{ id: String(idOf(7, 3)) }])
  t.strictSame(await lines('/v1/alerts?count=only'), [{ count: 3 }])
  for (const accept of ['*/*', 'application/json', 'application/*;q=0.5', 'application/x-ndjson;q=0, */*']) {
    const { headers } = await app.inject({ url: '/v1/alerts?count=only', headers: { accept } })
    t.match(headers, { 'content-type': /^application\/json/ }, accept)
  }
  for (const accept of ['text/html', 'application/json;q=0', 'application/avro']) {
    t.equal((await app.inject({ url: '/v1/alerts', headers: { accept } })).statusCode, 406, accept)
  }
})

await t.test('understands all parameters', async t => {
  const { app } = await apiOf(t, [[
    { id: idOf(7, 1), diaObjectId: 5n, ra: 359.999, dec: 1 },
    { id: idOf(7, 2), ssObjectId: 6n, band: 'g', timestamp: Date.UTC(2026, 10, 30) },
    { id: idOf(8, 3), detector: 7, ra: 0.001, dec: 1 }
  ]])
  const one = idOf(7, 1)
  for (const [parameters, ids] of [
    [`visit=${visit}`, [1, 2]], ['night=20260301&detector=7', [3]], ['diaObjectId=5', [1]], ['ssObjectId=6', [2]], ['band=g', [2]],
    ['ra=0&dec=1&radius=0.002', [1, 3]], ['ra=360&dec=1&radius=0.0011', [1, 3]], ['since=2026-11-30T00:00Z', [2]],
    ['since=2026-11-30T00:00:00.001Z', []], [`until=${Date.UTC(2026, 10, 30)}`, [1, 3]],
    ['until=2026-11-30T00:00:01Z&since=1000000000000', [1, 2, 3]]
  ] as const) {
    const { alerts } = (await app.inject(`/v1/alerts?${parameters}`)).json() as { alerts: Array<{ id: string }> }
    t.strictSame(alerts.map(({ id }) => Number(BigInt(id) - one) % 2 ** 19 + 1).sort(), ids, parameters)
    t.strictSame((await app.inject(`/v1/alerts?count=only&${parameters}`)).json(), { count: ids.length })
  }
})

await t.test('rejects parameters that are invalid, unknown or incomplete, and says which', async t => {
  const { app } = await apiOf(t, [], { limits: { page: 500, radius: 0.5 } })
  for (const [parameters, detail] of [
    ['visit=x', /visit.*decimal digits/], ['visit=9223372036854775808', /visit/], ['night=2026-03-01', /night.*YYYYMMDD/],
    ['detector=1.5', /detector must be integer/], ['vist=5', /unknown query parameter "vist"/], ['ra=1&dec=2', /ra, dec and radius/],
    ['radius=0.1', /ra, dec and radius/], ['ra=361&dec=0&radius=0.1', /ra must be <= 360/],
    ['ra=1&dec=-91&radius=0.1', /dec must be >= -90/],
    ['ra=1&dec=1&radius=0.6', /radius must be <= 0.5/], ['ra=NaN&dec=1&radius=0.1', /ra must be number/],
    ['columns=id,nothing', /columns.*Columns: id, night/], ['columns=', /columns/], ['count=all', /count must be equal to one of/],
    ['limit=0', /limit must be >= 1/], ['limit=501', /limit must be <= 500/], ['cursor=AAAA', /cursor/], ['cursor=a%20b', /cursor/],
    ['since=yesterday', /since/], ['since=2026-13-01T00:00Z', /times in UTC/], ['band=', /band/], ['visit=1&visit=2', /visit/],
    [`band=${encodeURIComponent("r' OR '1'='1")}&diaObjectId=${encodeURIComponent("1' OR '1'='1")}`, /diaObjectId/]
  ] as const) {
    const response = await app.inject(`/v1/alerts?${parameters}`)
    t.equal(response.statusCode, 400, parameters)
    t.match(response.json(), { detail }, parameters)
  }
  t.strictSame((await app.inject(`/v1/alerts?band=${encodeURIComponent("'; DROP TABLE alerts; --")}`)).json(), { alerts: [], next: null })
})

await t.test('explains why a query has no answer', async t => {
  for (const [code, status, detail] of [
    ['SEARCH_BUSY', 429, /Send the request again/], ['SEARCH_TIMEOUT', 503, /Narrow the query/], ['SEARCH_TOO_BROAD', 400, /Restrict/],
    ['SEARCH_MEMORY', 400, /Restrict/], ['SEGMENT_GONE', 410, /first page/], ['SEGMENT_DAMAGED', 500, /damaged/]
  ] as const) {
    const { app } = await apiOf(t, [], { search: failing(searchErrors[code]('it is damaged', { where: '/secret/path' })) })
    for (const parameters of ['', '?count=only']) {
      const response = await app.inject(`/v1/alerts${parameters}`)
      t.equal(response.statusCode, status, code)
      t.match(response.json(), { detail })
      t.notMatch(response.body, /secret/)
      t.equal(response.headers['retry-after'] !== undefined, status === 429 || status === 503, code)
    }
  }
})

await t.test('stops the query if the client disconnects', async t => {
  const { promise: started, resolve: start } = Promise.withResolvers<AbortSignal>()
  const search = async () => ({
    page: async (_request: unknown, signal: AbortSignal) => {
      start(signal)
      await new Promise((_resolve, reject) => { signal.addEventListener('abort', () => { reject(signal.reason as Error) }) })
    }
  }) as unknown as Search
  const { app } = await apiOf(t, [], { search })
  const url = await app.listen({ port: 0 })
  const client = new AbortController()
  const request = fetch(`${url}/v1/alerts`, { signal: client.signal })
  const signal = await started
  t.equal(signal.aborted, false)
  const stopped = new Promise(resolve => { signal.addEventListener('abort', resolve) })
  client.abort()
  await t.rejects(request)
  await stopped
  t.match(signal.reason, { code: 'SEARCH_STOPPED', hint: 'The client disconnected.' })
})

await t.test('pages that are being sent stay within the memory for responses', async t => {
  const rows = Array.from({ length: 2000 }, (_, n) => ({ id: idOf(7, n) }))
  const { app } = await apiOf(t, [rows], { limits: { bufferBytes: 100_000 } })
  const statuses = await Promise.all(Array.from({ length: 4 }, async () => (await app.inject('/v1/alerts?limit=2000')).statusCode))
  t.ok(statuses.includes(200), 'a single page may exceed it')
  t.equal((await app.inject('/v1/alerts?limit=2000')).statusCode, 200, 'sent pages are released')
})

await t.test('without an index, lists the ids of a visit or detector in the archive', async t => {
  const { app, archive } = await apiOf(t, [], { search: async () => undefined })
  const frame = Buffer.alloc(100)
  const [gz, checksums] = [await gzipFrame(frame), checksumsOf(frame)]
  const ids = [idOf(7, 1, 3), idOf(7, 1, 4), idOf(7, 2, 4), idOf(7, 1, 5)]
  for (const id of [...ids, idOf(8, 1)]) await archive.putAlert(String(id), gz, checksums)
  const body = async (parameters: string) =>
    (await app.inject(`/v1/alerts?${parameters}`)).json() as { alerts: unknown, next: string | null }
  const expected = ids.map(id => ({ id: String(id) }))
  t.strictSame(await body(`visit=${visit}`), { alerts: expected, next: null })
  t.strictSame(await body(`visit=${visit}&detector=4&columns=id`), { alerts: expected.slice(1, 3), next: null })
  t.strictSame(await body(`visit=${visit}&count=only`), { count: 4 })
  const { alerts, next } = await body(`visit=${visit}&limit=3`)
  t.strictSame(alerts, expected.slice(0, 3))
  t.strictSame(await body(`visit=${visit}&limit=3&cursor=${next}`), { alerts: expected.slice(3), next: null })
  for (const parameters of ['', 'night=20260301', `visit=${visit}&band=r`, `visit=${visit}&columns=id,band`, 'visit=5']) {
    const response = await app.inject(`/v1/alerts?${parameters}`)
    t.equal(response.statusCode, 501, parameters)
    t.match(response.json(), { detail: /no index.*Ask for visit=.*SEARCH_UNAVAILABLE/ })
  }
})
