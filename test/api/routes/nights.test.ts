// GET /v1/nights and /v1/nights/{night}, before and after compaction. An independent judge checks the compacted manifest.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { build } from '../../../src/api/app.ts'
import type { Night } from '../../../src/search/night-reader.ts'
import { createArchive } from '../../../src/stores/archive.ts'
import { openFileStore } from '../../../src/stores/file-store.ts'
import { judgeNight, night } from '../../compaction/support.ts'
import { idOf, searchOf, type Row } from '../../search/support.ts'
import { runMode } from '../../support/in-process.ts'
import { tempDir, usePython } from '../../support/stack.ts'

const python = await usePython(t)

async function setUp (t: Test, options: { readonly index?: boolean } = {}) {
  const archiveRoot = join(await tempDir(t), 'archive')
  await mkdir(archiveRoot)
  const store = await openFileStore(archiveRoot)
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  const { root, search, write } = await searchOf(t)
  const app = build({ archive, pressure: false, ...options.index === false ? {} : { search: async () => search } })
  t.teardown(() => app.close())
  const get = async (path: string) => {
    const response = await app.inject(path)
    return { status: response.statusCode, body: response.json() as Record<string, unknown> }
  }
  const compact = async (name: string) => {
    const args = ['--index-store', pathToFileURL(root).href, '--work-dir', await tempDir(t), '--memory-mib', '128']
    const { code, stderr } = await runMode(['compact', '--night', name, ...args])
    t.equal(code, 0, stderr)
  }
  return { root, get, write, compact }
}

const visitOf = (sequence: number, count: number): Row[] =>
  Array.from({ length: count }, (_, index) => ({ id: idOf(sequence, index, index % 3) }))
/** The rows with ids of a later night. */
const daysLater = (rows: readonly Row[], days: number): Row[] => rows.map(row => ({ ...row, id: row.id + (BigInt(days) << 42n) }))

await t.test('the manifest is computed from the segments, and equals that of the revision once the night is compacted', async t => {
  const { root, get, write, compact } = await setUp(t)
  const topicId = null
  const rejected = [{ topic: 'alerts', topicId, partition: 0, offset: '1', code: 'DATUM_INVALID' }]
  await write([...visitOf(7, 20), { id: idOf(7, 0, 0), sha256: 'ab'.repeat(32) }], {
    ranges: [['0', '3'], ['5', '9']].map(([from, to]) => ({ topic: 'alerts', topicId, partition: 0, from: from!, to: to! })),
    rejected
  })
  await write([...visitOf(8, 5), ...visitOf(7, 3).map(row => ({ ...row, timestamp: 1_772_999_999_999 }))])
  const { status, body } = await get(`/v1/nights/${night}`)
  t.equal(status, 200)
  t.match(body, {
    final: false, revision: null, createdAt: null, writer: null, rows: 26, alerts: 25, rejected,
    gaps: [{ topic: 'alerts', topicId, partition: 0, from: '3', to: '5' }],
    visits: [{ visit: '2026030100007', rows: 21 }, { visit: '2026030100008', rows: 5, detectors: { 0: 2, 1: 2, 2: 1 } }]
  })
  await compact(night)
  const compacted = await get(`/v1/nights/${night}`)
  t.match(compacted.body, { final: true, revision: 1, createdAt: /Z$/, writer: /^alert-stream / })
  const { final: _final, revision: _revision, createdAt: _createdAt, writer: _writer, ...content } = body as unknown as Night
  t.match(compacted.body, content)
  const { problems, manifest } = await judgeNight(python, root)
  t.strictSame(problems, [])
  const { files: _files, segmentSummaries: _summaries, ...rest } = manifest
  t.strictSame(compacted.body, { ...rest, final: true })
})

await t.test('a night is listed as final while its revision covers all segments, and counted from the segments otherwise', async t => {
  const { get, write, compact } = await setUp(t)
  await write(visitOf(7, 4))
  await write([{ id: 5n }])
  for (const days of [1, 2]) await write(daysLater(visitOf(7, 4 + days), days))
  await compact(night)
  await compact('20260302')
  await write(visitOf(8, 2))
  t.strictSame(await get('/v1/nights'), { status: 200, body: { next: null, nights: [
    { night, segments: 2, revision: 1, alerts: 6, final: false },
    { night: '20260302', segments: 1, revision: 1, alerts: 5, final: true },
    { night: '20260303', segments: 1, revision: null, alerts: 6, final: false }
  ] } })
  t.match(await get(`/v1/nights/${night}`), { body: { final: false, revision: null, alerts: 6 } })
  await compact(night)
  t.match(await get('/v1/nights?limit=1'), { body: { nights: [{ night, revision: 2, alerts: 6, final: true }], next: night } })
  const page = async (path: string) => {
    const { nights, next } = (await get(path)).body as { nights: Array<{ night: string }>, next: string | null }
    return [nights.map(each => each.night), next]
  }
  t.strictSame(await page(`/v1/nights?limit=1&cursor=${night}`), [['20260302'], '20260302'])
  t.strictSame(await page('/v1/nights?limit=1&cursor=20260302'), [['20260303'], null])
  t.strictSame(await page('/v1/nights?cursor=20260303'), [[], null])
})

await t.test('a revision without a manifest is ignored, and a damaged manifest is an error', async t => {
  const { root, get, write, compact } = await setUp(t)
  await write(visitOf(7, 4))
  await compact(night)
  const revision = (number: string) => join(root, 'index/v1/revisions', night, number)
  await mkdir(revision('000002'))
  await writeFile(join(revision('000002'), 'by-object-000.parquet'), '')
  t.match(await get(`/v1/nights/${night}`), { status: 200, body: { final: true, revision: 1 } })
  const text = await readFile(join(revision('000001'), 'manifest.json'), 'utf8')
  await writeFile(join(revision('000002'), 'manifest.json'), text.slice(0, -10))
  t.match(await get(`/v1/nights/${night}`), { status: 500, body: { detail: /damaged/ } })
})

await t.test('answers 404 for a night without segments, 400 for other texts, 501 without an index', async t => {
  const { get } = await setUp(t)
  t.strictSame(await get('/v1/nights'), { status: 200, body: { nights: [], next: null } })
  t.match(await get(`/v1/nights/${night}`), { status: 404, body: { detail: /no night 20260301/ } })
  t.match(await get('/v1/nights/2026-03-01'), { status: 400 })
  t.match(await get('/v1/nights?limit=101'), { status: 400 })
  const without = await setUp(t, { index: false })
  for (const path of ['/v1/nights', `/v1/nights/${night}`]) {
    t.match(await without.get(path), { status: 501, body: { detail: /SEARCH_UNAVAILABLE/ } })
  }
})
