// Searches of a compacted index. The reference is the search of the same segments without revisions.
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import type { Logger } from '../../src/pipeline/index.ts'
import { encodeCursor } from '../../src/search/cursor.ts'
import type { Search } from '../../src/search/open-search.ts'
import type { AlertQuery } from '../../src/search/query.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { runMode } from '../support/in-process.ts'
import { seeded } from '../support/pipeline.ts'
import { tempDir } from '../support/stack.ts'
import { idOf, idsOf, never, searchOf, writeSegment, type Row } from './support.ts'

const night = '20260301'
const nextNight = '20260302'
const visit = 2026030100007n
/** The archive holds this frame of alerts with several frames. */
const archived = 'cd'.repeat(32)

const archive = {
  getAlertStart: async () => ({ start: Buffer.alloc(0), size: 0, sha256: archived }),
  getAlert: async () => undefined
}

async function compact (t: Test, root: string, ...nights: readonly string[]): Promise<void> {
  const args = ['--index-store', pathToFileURL(root).href, '--work-dir', await tempDir(t), '--memory-mib', '128', '--file-rows', '25']
  const { code, stderr } = await runMode(['compact', '--night', nights.join(','), ...args])
  t.equal(code, 0, stderr)
}

/** An index whose search records the keys that it reads from the store, and the errors that it logs. */
async function indexOf (t: Test) {
  const errors: object[] = []
  const error = (fields: object, message: string) => { errors.push({ ...fields, message }) }
  const log: Logger = { debug () {}, info () {}, warn () {}, error }
  const { root, store, search, write } = await searchOf(t, { archive, log })
  const read: string[] = []
  const get = store.get.bind(store)
  store.get = async (key, admit) => { read.push(key); return await get(key, admit) }
  return { root, search, write, read, errors, revision: (name: string, number = 1) => join(root, revisionKey(name, number)) }
}

const revisionKey = (name: string, number = 1): string => `index/v1/revisions/${night}/${String(number).padStart(6, '0')}/${name}`

/** All pages of a query, joined. */
async function walk (search: Search, query: AlertQuery, limit: number): Promise<string[]> {
  const alerts: string[] = []
  for (let next: string | undefined, first = true; first || next !== undefined; first = false) {
    const cursor = next === undefined ? undefined : search.cursor(query, next)
    const page = await search.page({ query, columns: ['id', 'band', 'timestamp', 'sha256', 'ra'], limit, cursor }, never)
    alerts.push(...page.alerts)
    next = page.next
  }
  return alerts
}

/** Alerts of a visit, spread over objects and over the sky near (10, -20). */
function visitOf (sequence: number, count: number, random: () => number, days = 0n): Row[] {
  return Array.from({ length: count }, (_, n) => ({
    id: idOf(sequence, n, n % 4) + (days << 42n),
    diaObjectId: n % 9 === 0 ? null : BigInt(100 + n % 13), ssObjectId: n % 9 === 0 ? 5n : null,
    ra: 9 + 2 * random(), dec: n % 17 === 0 ? null : -21 + 2 * random(), band: 'gri'[n % 3]!,
    timestamp: 1_772_323_200_000 + Number(days) * 86_400_000 + 1000 * sequence + n
  }))
}

const queries: readonly AlertQuery[] = [
  {}, { night: 20260301 }, { night: 20260302 }, { night: 20260303 }, { visit }, { visit: 2026030100009n }, { visit, detector: 2 },
  { detector: 1 },
  { band: 'g' }, { night: 20260301, band: 'r' }, { diaObjectId: 104n }, { diaObjectId: 112n, band: 'i' }, { diaObjectId: 99n },
  { ssObjectId: 5n }, { cone: { ra: 10, dec: -20, radius: 0.4 } }, { cone: { ra: 9.2, dec: -20.8, radius: 0.1 }, night: 20260301 },
  { cone: { ra: 190, dec: 20, radius: 1 } }, { cone: { ra: 10, dec: -20, radius: 2 }, diaObjectId: 103n },
  { since: 1_772_323_207_010, until: 1_772_323_207_030 }, { until: 1_772_323_208_000 }, { since: 1_772_400_000_000 }
]

async function compare (t: Test, search: Search, reference: Search, name: string): Promise<void> {
  for (const query of queries) {
    const text = `${name}: ${JSON.stringify(query, (_key, value: unknown) => typeof value === 'bigint' ? String(value) : value)}`
    const expected = await walk(reference, query, 1000)
    for (const limit of [7, 1000]) t.strictSame(await walk(search, query, limit), expected, text)
    t.equal(await search.count(query, never), expected.length, text)
  }
  const nights = async (of: Search) => (await of.nights(undefined, 10, never)).nights.map(each => [each.night, each.alerts, each.segments])
  t.strictSame(await nights(search), await nights(reference))
}

await t.test('answers are the same without revisions, with them, and with segments that arrive later', async t => {
  const { root, search, read } = await indexOf(t)
  const { root: otherRoot, search: reference } = await searchOf(t, { archive })
  const write = async (rows: readonly Row[]) => { for (const each of [root, otherRoot]) await writeSegment(each, rows) }
  const random = seeded(3)
  const seven = visitOf(7, 60, random)
  await write(seven)
  const repeated = [{ ...seven[3]!, timestamp: 5, offset: 77 }, { ...seven[4]!, timestamp: 9_999_999_999_999, offset: 78 }]
  await write([...visitOf(8, 50, random), ...repeated])
  await write([{ ...seven[10]!, sha256: archived, band: 'z', diaObjectId: 555n, ra: 11, timestamp: 1_772_323_999_999 }])
  await write(visitOf(7, 30, random, 1n))
  await write([{ id: 5n, visit, timestamp: 1_772_323_207_020 }, { id: 6n, diaObjectId: 104n, ra: 10, dec: -20 }])
  await compare(t, search, reference, 'segments only')
  read.length = 0
  await compact(t, root, night, nextNight)
  await compare(t, search, reference, 'compacted')
  t.ok(read.some(key => key.includes('/by-object-')) && read.some(key => key.includes('/by-position-')), 'revisions were read')
  // Later: an earlier delivery, another frame of an alert of the revision, new alerts of an old visit, a new visit, a new night.
  await write([{ ...seven[20]!, timestamp: 6, offset: 79 }, { ...seven[21]!, sha256: archived, band: 'z' }])
  await write([...visitOf(9, 20, random), { id: idOf(7, 200), diaObjectId: 104n, ra: 10.1, dec: -20.1 }])
  await write(visitOf(7, 12, random, 2n))
  await compare(t, search, reference, 'with later segments')
  await compact(t, root, night, nextNight, '20260303')
  await compare(t, search, reference, 'compacted again')
})

await t.test('a listing keeps what it began with while the night is compacted and grows', async t => {
  const { root, search, write } = await indexOf(t)
  const random = seeded(4)
  const rows = visitOf(7, 60, random)
  await write(rows.slice(0, 20))
  await write(rows.slice(20))
  const ids = rows.map(({ id }) => id).sort((a, b) => a < b ? -1 : 1).map(String)
  const of = { night: 20260301 }
  const cone = { cone: { ra: 10, dec: -20, radius: 10 } }
  const page = async (query: AlertQuery, next?: string) =>
    await search.page({ query, columns: ['id'], limit: 20, cursor: next === undefined ? undefined : search.cursor(query, next) }, never)
  const before = await page(of)
  await compact(t, root, night)
  const between = await page(of)
  const betweenCone = await page(cone)
  await write([...visitOf(8, 9, random), { id: idOf(7, 900, 0), ra: 10, dec: -20 }])
  for (const [first, query] of [[before, of], [between, of], [betweenCone, cone]] as const) {
    const second = await page(query, first.next)
    if (query === of) await compact(t, root, night)
    const third = await page(query, second.next)
    const found = [first, second, third].flatMap(idsOf)
    t.strictSame(found, query === of ? ids : ids.filter(id => rows.find(row => String(row.id) === id)!.dec !== null))
    t.equal(third.next, undefined)
  }
  await rm(join(root, 'index/v1/revisions', night, '000001'), { recursive: true })
  await new Promise(resolve => { setTimeout(resolve, 5) })
  t.strictSame(idsOf(await page(of, between.next)), ids.slice(20, 40), 'a manifest in memory is enough to go on with the segments')
})

await t.test('reads only the files of a revision with the object or the cone, and counts a night from the manifest', async t => {
  const { root, search, write, read } = await indexOf(t)
  await write(Array.from({ length: 200 }, (_, n): Row =>
    ({ id: idOf(7, n), diaObjectId: BigInt(n), ra: n * 1.8, dec: n % 80 - 40 })))
  await compact(t, root, night)
  t.equal(await search.count({ night: 20260301 }, never), 200)
  t.strictSame(read, [revisionKey('manifest.json')])
  read.length = 0
  t.equal(await search.count({ diaObjectId: 60n }, never), 1)
  t.strictSame(read, [revisionKey('by-object-002.parquet')])
  read.length = 0
  t.equal(await search.count({ cone: { ra: 18, dec: -30, radius: 0.5 } }, never), 1)
  t.equal(read.length, 1)
  t.match(read[0], /by-position-00\d\.parquet$/)
  read.length = 0
  t.equal(await search.count({ visit }, never), 200)
  t.equal(read.length, 7, 'a visit that is the whole night: the other files of the order of objects')
  read.length = 0
  await search.page({ query: { visit }, columns: ['id'], limit: 10 }, never)
  t.match(read, [/\/segments\//], 'a page of a visit reads its segment')
})

await t.test('ignores a revision without a manifest', async t => {
  const { root, search, write, revision, errors } = await indexOf(t)
  await write(visitOf(7, 40, seeded(5)))
  await compact(t, root, night)
  const manifest = await readFile(revision('manifest.json'))
  await rm(revision('manifest.json'))
  for (const name of await readdir(revision(''))) await writeFile(revision(name), 'unfinished')
  t.equal((await walk(search, { diaObjectId: 104n }, 10)).length, 3)
  await writeFile(revision('manifest.json'), manifest.subarray(0, -20))
  await new Promise(resolve => { setTimeout(resolve, 5) })
  t.equal((await walk(search, { diaObjectId: 104n }, 10)).length, 3, 'nor one with a damaged manifest')
  t.match(errors, [{ message: /^cannot read the manifest of a revision; searching its segments instead/ }])
})

await t.test('searches the segments, and logs it, if a file of a revision is damaged or missing', async t => {
  for (const damage of ['missing', 'cut off', 'changed', 'not Parquet'] as const) {
    const { root, search, write, revision, errors } = await indexOf(t)
    await write(visitOf(7, 60, seeded(6)))
    await write(visitOf(8, 60, seeded(7)))
    const objects = await walk(search, { diaObjectId: 104n }, 2)
    const positions = await walk(search, { cone: { ra: 10, dec: -20, radius: 0.6 } }, 5)
    t.ok(objects.length > 5 && positions.length > 10)
    await compact(t, root, night)
    for (const name of await readdir(revision(''))) {
      if (!name.endsWith('.parquet')) continue
      const body = await readFile(revision(name))
      if (damage === 'missing') await rm(revision(name))
      else if (damage === 'cut off') await writeFile(revision(name), body.subarray(0, -50))
      else if (damage === 'not Parquet') await writeFile(revision(name), 'PAR1 nothing PAR1')
      else await writeFile(revision(name), Buffer.from(body).fill(body[40]! ^ 1, 40, 41))
    }
    t.strictSame(await walk(search, { diaObjectId: 104n }, 2), objects, damage)
    t.strictSame(await walk(search, { cone: { ra: 10, dec: -20, radius: 0.6 } }, 5), positions, damage)
    t.match(errors, [{ night, revision: 1, code: damage === 'missing' ? 'SEGMENT_GONE' : 'SEGMENT_DAMAGED' }])
    t.match(errors, [{ message: /^cannot read a file of a revision; searching its segments instead; delete the revision/ }])
    t.equal(errors.length, 1, 'logged once')
  }
})

await t.test('searches the revision if segments that it covers were deleted, and fails if its files were deleted, too', async t => {
  const { root, search, write, revision } = await indexOf(t)
  const key = await write(visitOf(7, 60, seeded(8)))
  await write(visitOf(8, 60, seeded(9)))
  const expected = await walk(search, { visit }, 50)
  await compact(t, root, night)
  await rm(join(root, key))
  await new Promise(resolve => { setTimeout(resolve, 5) })
  t.strictSame(await walk(search, { visit }, 50), expected)
  t.equal(await search.count({ night: 20260301 }, never), 120)
  await write([...visitOf(7, 60, seeded(8)).slice(0, 2).map(row => ({ ...row, offset: 99_999 })), ...visitOf(9, 10, seeded(10))])
  const { search: withEmptyCache } = await searchOf(t, { archive, store: await openFileStore(root) })
  t.equal(await withEmptyCache.count({ night: 20260301 }, never), 130, 'a later segment is compared with the revision')
  t.equal((await withEmptyCache.nights(undefined, 10, never)).nights[0]!.alerts, 130)
  for (const name of await readdir(revision(''))) if (name.startsWith('by-object-002')) await rm(revision(name))
  const { search: restarted } = await searchOf(t, { archive, store: await openFileStore(root) })
  await t.rejects(walk(restarted, { visit }, 50), { code: 'SEGMENT_GONE' })
})

await t.test('a cursor with revisions that do not exist reads few, logs no error, and does not hide a later revision', async t => {
  const { root, search, write, read, errors } = await indexOf(t)
  await write(visitOf(7, 60, seeded(11)))
  const query = { night: 20260301 }
  const made = (revisions: ReadonlyArray<{ readonly night: string, readonly revision: number }>) =>
    search.cursor(query, encodeCursor(query, 0n, { revisions, segments: [] }))
  const numbers = Array.from({ length: 100 }, (_, n) => ({ night, revision: n + 1 }))
  const others = numbers.map(({ revision }) => ({ night: nextNight, revision }))
  for (const [revisions, manifests] of [[numbers, 8], [others, 0]] as const) {
    read.length = 0
    await t.rejects(search.page({ query, columns: ['id'], limit: 10, cursor: made(revisions) }, never), { code: 'SEGMENT_GONE' })
    t.equal(read.length, manifests)
  }
  t.strictSame(errors, [])
  await compact(t, root, night)
  await new Promise(resolve => { setTimeout(resolve, 5) })
  read.length = 0
  t.equal(await search.count(query, never), 60)
  t.strictSame(read, [revisionKey('manifest.json')], 'the night is counted from the manifest')
})
