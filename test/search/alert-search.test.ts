import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { healpixNested } from '../../src/alert-index/healpix.ts'
import { defaultColumns, columnNames } from '../../src/search/columns.ts'
import type { Page, Search } from '../../src/search/open-search.ts'
import type { AlertQuery } from '../../src/search/query.ts'
import { idOf, idsOf, never, searchOf, type Row } from './support.ts'

const visit = 2026030100007n
/** Alerts of visit 7. */
const alerts = (count: number, from = 0): Row[] => Array.from({ length: count }, (_, n) => ({ id: idOf(7, from + n) }))
const texts = (rows: readonly Row[]): string[] => rows.map(({ id }) => String(id))

async function walk (search: Search, query: AlertQuery, limit: number, onPage: (page: Page, n: number) => Promise<void> = async () => {}) {
  const ids: string[] = []
  for (let n = 0, cursor: string | undefined; ; n++) {
    const decoded = cursor === undefined ? undefined : search.cursor(query, cursor)
    if (cursor !== undefined && decoded === undefined) throw new Error('the cursor is not accepted')
    const page = await search.page({ query, columns: ['id'], limit, cursor: decoded }, never)
    ids.push(...idsOf(page))
    await onPage(page, n)
    if (page.next === undefined) return ids
    cursor = page.next
  }
}

await t.test('finds the alerts of a visit, by ascending id, with the columns of the index', async t => {
  const { search, write } = await searchOf(t)
  const key = Buffer.from('key').toString('hex')
  await write([{ id: idOf(7, 2), psfFlux: null, key }, { id: idOf(7, 1), visit }, { id: idOf(8, 1) }])
  await write([{ id: idOf(7, 3, 4) }])
  const page = await search.page({ query: { visit }, columns: defaultColumns, limit: 10 }, never)
  t.strictSame(idsOf(page), [idOf(7, 3, 4), idOf(7, 1), idOf(7, 2)].map(String))
  t.equal(page.next, undefined)
  t.strictSame(JSON.parse(page.alerts[2]!), {
    id: String(idOf(7, 2)), night: 20260301, visit: String(visit), detector: 5, diaObjectId: String(1000n + idOf(7, 2) % 10n),
    ssObjectId: null, midpointMjdTai: 61100.25, ra: 10, dec: -20, band: 'r', psfFlux: null, psfFluxErr: 0.25, snr: 6, reliability: 0.5
  })
  const [all] = (await search.page({ query: { visit, detector: 5 }, columns: columnNames, limit: 1 }, never)).alerts
  t.match(JSON.parse(all!), {
    healpix29: String(healpixNested(29, 10, -20)), schemaId: 1101, frameBytes: 80_000,
    sha256: /^[0-9a-f]{64}$/, topic: 'alerts', partition: 0,
    topicId: '00010203-0405-0607-0809-0a0b0c0d0e0f', offset: '1', timestamp: 1_772_323_200_001, key: null
  })
  const [keyed] = (await search.page({ query: { visit }, columns: ['key'], limit: 10 }, never)).alerts.slice(-1)
  t.equal(keyed, `{"key":"${Buffer.from('key').toString('base64')}"}`)
})

await t.test('writes values that JSON does not have as null', async t => {
  const { search, write } = await searchOf(t)
  await write([{ id: idOf(7, 1), psfFlux: 'NaN', snr: 'Infinity', ra: 'NaN', band: '"\\\n' }])
  const page = await search.page({ query: { visit }, columns: ['psfFlux', 'snr', 'ra', 'band'], limit: 10 }, never)
  t.strictSame(page.alerts.map(alert => JSON.parse(alert)), [{ psfFlux: null, snr: null, ra: null, band: '"\\\n' }])
})

await t.test('filters by each column, and combines the filters', async t => {
  const { search, write } = await searchOf(t)
  const [a, b, c, d] = [1, 2, 3, 4].map(n => idOf(7, n)) as [bigint, bigint, bigint, bigint]
  const e = 99n
  await write([
    { id: a, diaObjectId: 5n, band: 'g' }, { id: b, ssObjectId: 6n, diaObjectId: null }, { id: c, detector: 9 }, { id: d, timestamp: 77 }
  ])
  await write([{ id: e, visit }])
  for (const [query, ids] of [
    [{}, [e, a, b, c, d]], [{ night: 20260301 }, [a, b, c, d]], [{ night: 20260302 }, []], [{ visit }, [e, a, b, c, d]],
    [{ detector: 9 }, [c]],
    [{ diaObjectId: 5n }, [a]], [{ ssObjectId: 6n }, [b]], [{ band: 'g' }, [a]], [{ until: 78 }, [d]], [{ until: 77 }, []],
    [{ since: 1_772_323_200_002, until: 1_772_323_200_003 }, [b]], [{ visit, band: 'r', detector: 5 }, [b, d]],
    [{ visit: -1n }, []], [{ band: 'g', detector: 9 }, []]
  ] as const) {
    t.strictSame(idsOf(await search.page({ query, columns: ['id'], limit: 10 }, never)), ids.map(String), String(Object.entries(query)))
    t.equal(await search.count(query, never), ids.length)
  }
})

await t.test('shows an alert once, with the delivery that came first', async t => {
  const { search, write } = await searchOf(t)
  const id = idOf(7, 1)
  await write([{ id, timestamp: 30, offset: 3 }, { id, timestamp: 20, offset: 9, partition: 1 }])
  await write([{ id, timestamp: 20, offset: 2, partition: 2 }, { id: idOf(7, 2) }, { id, timestamp: null, offset: null, partition: null }])
  const page = await search.page({ query: { visit }, columns: ['id', 'timestamp', 'partition', 'offset'], limit: 10 }, never)
  t.strictSame(page.alerts.map(alert => JSON.parse(alert)), [
    { id: String(id), timestamp: 20, partition: 1, offset: '9' },
    { id: String(idOf(7, 2)), timestamp: 1_772_323_200_002, partition: 0, offset: '2' }
  ])
  t.equal(await search.count({ visit }, never), 2)
  t.strictSame(idsOf(await search.page({ query: { since: 25, visit }, columns: ['id'], limit: 10 }, never)), [String(idOf(7, 2))],
    'the later delivery is not the alert')
  t.equal(await search.count({ since: 25, visit }, never), 1)
})

await t.test('shows the frame that the archive holds if several were published under one id', async t => {
  const [a, b] = ['a'.repeat(64), 'b'.repeat(64)]
  let archived: string | undefined = b
  const { search, write } = await searchOf(t, {
    archive: {
      getAlertStart: async () => archived === undefined ? undefined : { start: Buffer.alloc(0), size: 0, sha256: archived },
      getAlert: async () => undefined
    }
  })
  const id = idOf(7, 1)
  await write([{ id, sha256: a, band: 'g', timestamp: 1 }, { id: idOf(7, 2), band: 'g' }])
  await write([{ id, sha256: b, band: 'i', timestamp: 2 }])
  const find = async (query: AlertQuery) =>
    (await search.page({ query, columns: ['id', 'band'], limit: 10 }, never)).alerts.map(alert => JSON.parse(alert) as object)
  const other = { id: String(idOf(7, 2)), band: 'g' }
  t.strictSame(await find({ visit }), [{ id: String(id), band: 'i', conflict: true }, other])
  t.strictSame(await find({ band: 'i' }), [{ id: String(id), band: 'i', conflict: true }])
  t.strictSame(await find({ band: 'g' }), [other], 'the frame with this band is not the archived one')
  t.strictSame([await search.count({ band: 'g' }, never), await search.count({ band: 'i' }, never)], [1, 1])
  archived = undefined
  t.strictSame(await find({ visit }), [{ id: String(id), band: 'g', conflict: true }, other], 'an alert that is not archived yet')
})

await t.test('a walk of pages shows the alerts that were indexed when it began', async t => {
  const { search, write } = await searchOf(t)
  const before = alerts(2000)
  await write(before.slice(0, 900))
  await write(before.slice(900))
  const ids = await walk(search, { visit }, 300, async (_page, n) => {
    // Another visit is written, late alerts of this visit, and alerts that were delivered again.
    await write([{ id: idOf(8, n) }, { id: idOf(7, 5000 + n) }, { id: idOf(7, 1500 + n), timestamp: 99, offset: 99 + n }])
  })
  t.strictSame(ids, texts(before))
  t.ok((await walk(search, { visit }, 10_000)).length > before.length)
})

await t.test('walks of any page size, also over alerts that were delivered several times, show every alert once', async t => {
  const { search, write } = await searchOf(t)
  const all = alerts(40)
  await write(all)
  for (let n = 0; n < 5; n++) await write(all.slice(10, 20).map(each => ({ ...each, timestamp: 5 + n, offset: 100 * n })))
  for (const limit of [1, 2, 3, 7, 40, 41]) t.strictSame(await walk(search, { night: 20260301 }, limit), texts(all), `pages of ${limit}`)
})

await t.test('a cursor is valid for its query only', async t => {
  const { search, root, write } = await searchOf(t)
  const key = await write(alerts(5))
  const { next } = await search.page({ query: { visit }, columns: ['id'], limit: 2 }, never)
  const cursor = search.cursor({ visit }, next!)
  t.ok(cursor)
  for (const text of [`${next}A`, next!.slice(2), '', 'x', Buffer.alloc(15).toString('base64url')]) {
    t.equal(search.cursor({ visit }, text), undefined)
  }
  t.equal(search.cursor({ visit, band: 'r' }, next!), undefined)
  await write(alerts(1, 7))
  await rm(join(root, key))
  await t.rejects(search.page({ query: { visit }, columns: ['id'], limit: 2, cursor }, never), { code: 'SEGMENT_GONE' })
})

await t.test('an index without segments is empty', async t => {
  const { search, write } = await searchOf(t)
  t.equal(await search.count({}, never), 0)
  t.strictSame(await search.page({ query: {}, columns: ['id'], limit: 5 }, never), { alerts: [], next: undefined })
  await write([])
  t.strictSame(await search.page({ query: { visit }, columns: ['id'], limit: 5 }, never), { alerts: [], next: undefined })
})

await t.test('text in a query is never part of a statement', async t => {
  const { search, write } = await searchOf(t)
  await write(alerts(3))
  for (const band of ["r' OR '1'='1", "'; DROP TABLE x; --", '$1', "r'||'", '\\', '\u0000', '"']) {
    t.equal(await search.count({ band }, never), 0, band)
  }
  await write([{ id: idOf(9, 1), band: "r' OR '1'='1" }])
  t.equal(await search.count({ band: "r' OR '1'='1" }, never), 1)
})

await t.test('reads only the segments that can contain alerts of the query', async t => {
  const { search, write, store } = await searchOf(t)
  const day = (n: number) => `2026030${n}`
  for (const sequence of [1, 2, 3]) await write([{ id: idOf(sequence, 1), ra: 10 * sequence, diaObjectId: BigInt(sequence) }])
  await write([{ id: 5n, visit: 5 }])
  const read: string[] = []
  const get = store.get.bind(store)
  store.get = async (key, admit) => { read.push(key); return await get(key, admit) }
  await search.count({ night: Number(day(2)) }, never)
  t.strictSame(read, [], 'the key of a segment has its night')
  await search.count({ diaObjectId: 2n }, never)
  t.equal(new Set(read).size, 4, 'the ranges of the columns are read once')
  t.equal(search.segments, 4)
  const { lookups } = search.cache
  for (const query of [{ diaObjectId: 2n }, { visit: 2026030100002n }, { cone: { ra: 20, dec: -20, radius: 0.1 } }]) {
    const before = lookups.hits + lookups.misses
    t.equal(await search.count(query, never), 1)
    t.equal(lookups.hits + lookups.misses - before, 2, 'one segment, for the alerts and for other frames of their ids')
  }
  t.equal(read.length, 4)
})
