// verify --night on archives and indexes that `ingest`, `index` and `compact` have written, and that somebody has changed by hand. An
// independent judge finds the differences with Python's gzip and pyarrow.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import t from 'tap'
import type { Manifest } from '../../src/alert-index/revision.ts'
import { alertKey } from '../../src/stores/layouts.ts'
import { surveyRecords } from '../alert-index/support.ts'
import { runMode } from '../support/in-process.ts'
import { tempDir, useGcs, usePython, useStack } from '../support/stack.ts'
import { editSegments, idOf, judge, newNight, type Report } from '../verify/night-support.ts'

const servers = { ...await useStack(t), gcs: await useGcs(t) }
const { registry } = servers
const python = await usePython(t)

const clean = {
  complete: true, notIndexed: 0, orphans: 0, different: 0, duplicates: 0, conflicts: 0, damaged: 0, missing: 0, uncounted: 0, problems: []
}

const idsOf = (report: Report, problem: string, object: string): string[] =>
  report.problems.filter(each => each.problem === problem && each.object === object).map(({ alertId }) => alertId!).sort()

async function firstIndex (keys: readonly string[], isWanted: (key: string) => Promise<boolean>): Promise<number> {
  for (const [index, key] of keys.entries()) if (await isWanted(key)) return index
  return -1
}

for (const kind of ['file', 'gs'] as const) {
  await t.test(`${kind}: names alerts that were dropped, duplicated and altered by hand, as an independent judge does`, async t => {
    const at = await newNight(t, servers, kind)
    const { objects, ids, verify } = at
    const untouched = await verify()
    t.match(untouched, { code: 0, stderr: '', report: { ...clean, archived: 80, rows: 80, frames: 80, verified: 80, revision: null } })

    const [gone, twice, altered, flipped, unindexed, repeated] = [3, 11, 22, 47, 58, 69].map(index => ids[index]!) as
      [string, string, string, string, string, string]
    const keyOf = (id: string): string => alertKey('v2', id)
    await objects.remove(keyOf(gone))
    await objects.write(alertKey('v3', twice), await objects.read(keyOf(twice)))
    const frame = gunzipSync(await objects.read(keyOf(altered)))
    frame[frame.length - 1]! ^= 1
    await objects.write(keyOf(altered), gzipSync(frame))
    const damaged = await objects.read(keyOf(flipped))
    damaged[damaged.length - 20]! ^= 0xff
    await objects.write(keyOf(flipped), damaged)
    await editSegments(t, python, at, { drop: unindexed, repeat: repeated })

    const { code, stderr, report } = await verify()
    t.equal(code, 1)
    t.match(stderr, /^VERIFY_NIGHT_FAILED: problems found: 1 not indexed, 1 orphan, 1 different, 2 duplicates, 1 damaged \(/)
    t.match(report!.problems.toSorted((a, b) => a.problem < b.problem ? -1 : a.problem > b.problem ? 1 : a.object < b.object ? -1 : 1), [
      { problem: 'damaged', object: 'alert', alertId: flipped, key: keyOf(flipped) },
      { problem: 'different', object: 'alert', alertId: altered, reason: /holds a frame with SHA-256 [0-9a-f]{64}, but .* [0-9a-f]{64}$/ },
      { problem: 'duplicate', object: 'alert', alertId: twice, reason: new RegExp(keyOf(twice)) },
      { problem: 'duplicate', object: 'row', alertId: repeated, key: /^index\/v1\/segments\//, reason: /2 rows/ },
      { problem: 'not-indexed', object: 'alert', alertId: unindexed },
      { problem: 'orphan', object: 'row', alertId: gone, key: /^index\/v1\/segments\// }
    ])
    t.equal(report!.problems.length, 6)
    const verdict = await judge(t, python, at)
    t.strictSame(verdict, {
      notIndexed: idsOf(report!, 'not-indexed', 'alert'), orphans: idsOf(report!, 'orphan', 'row'),
      different: idsOf(report!, 'different', 'alert'), damaged: idsOf(report!, 'damaged', 'alert'),
      stored: idsOf(report!, 'duplicate', 'alert'), repeated: idsOf(report!, 'duplicate', 'row'),
      conflicts: idsOf(report!, 'conflict', 'row'),
      archived: report!['archived'], rows: report!['rows'], frames: report!['frames'], verified: report!['verified']
    })

    const headers = await verify('--headers-only', '--allow-copies')
    t.match(headers.report, { different: 1, damaged: 0, duplicates: 1, orphans: 1, notIndexed: 1, verified: 77 },
      'the headers name the altered alert, but not the damaged one')
    await rm(at.work, { recursive: true, force: true })
  })
}

await t.test('names what the newest manifest does not count, and its files that are missing or damaged', async t => {
  const at = await newNight(t, servers)
  const { objects, verify, compact, night, segments } = at
  await compact()
  t.match(await verify(), { code: 0, stderr: '', report: { ...clean, revision: 1, segments: (await segments()).length, verified: 80 } })
  const revision = `index/v1/revisions/${night}/000001`
  const manifestKey = `${revision}/manifest.json`
  const text = await objects.read(manifestKey)
  const manifest = JSON.parse(text.toString()) as Manifest
  const [visit] = manifest.visits
  const [detector, count] = Object.entries(visit!.detectors)[0]!

  const changed = {
    ...manifest, rows: 81, digest: '0'.repeat(64),
    visits: [{ ...visit, detectors: { ...visit!.detectors, [detector]: count + 1 } }, ...manifest.visits.slice(1)]
  }
  await objects.write(manifestKey, Buffer.from(JSON.stringify(changed)))
  const counts = await verify()
  t.equal(counts.code, 1)
  t.match(counts.report!.problems, [
    { problem: 'different', object: 'manifest', key: manifestKey, reason: 'rows is 81 in the manifest, but 80 in its segments' },
    { problem: 'different', object: 'manifest', reason: new RegExp(`digest is 0{64} in the manifest, but ${manifest.digest}`) },
    { problem: 'different', object: 'visit', visit: visit!.visit, reason: new RegExp(`${detector}: ${count + 1} and ${count}\\)`) },
    { problem: 'different', object: 'file', key: `${revision}/by-object-000.parquet`, reason: /80 rows/ },
    { problem: 'different', object: 'file', key: `${revision}/by-position-000.parquet` }
  ])
  for (const broken of ['{"version":', `{"version":1,"night":"${night}"}`, '{}']) {
    await objects.write(manifestKey, Buffer.from(broken))
    const problems = [{ problem: 'damaged', object: 'manifest', key: manifestKey }]
    t.match((await verify()).report, { damaged: 1, uncounted: 0, problems })
  }
  await objects.write(manifestKey, text)

  const [byObject, byPosition] = await Promise.all(['by-object', 'by-position'].map(async name => {
    const key = `${revision}/${name}-000.parquet`
    return { key, body: await objects.read(key) }
  }))
  await objects.remove(byObject!.key)
  const flipped = Buffer.from(byPosition!.body)
  flipped[100]! ^= 1
  await objects.write(byPosition!.key, flipped)
  t.match((await verify()).report, { missing: 1, damaged: 1, problems: [
    { problem: 'missing', object: 'file', key: byObject!.key },
    { problem: 'damaged', object: 'file', key: byPosition!.key, reason: /SHA-256/ }
  ] })
  for (const { key, body } of [byObject!, byPosition!]) await objects.write(key, body)

  let lost: Report | undefined
  const keys = await segments()
  // A segment between others leaves a gap. Which one that is depends on the order in which the partitions were read.
  const middle = keys[await firstIndex(keys, async key => {
    const body = await objects.read(key)
    await objects.remove(key)
    const report = (await verify()).report!
    t.match(report, { complete: false, missing: 1, problems: [{ problem: 'missing', object: 'segment', key }] })
    t.strictSame(idsOf(report, 'not-indexed', 'alert'), (await judge(t, python, at))['notIndexed'])
    await objects.write(key, body)
    if (report.gaps.length > 0) lost = report
    return lost !== undefined
  })]!
  t.ok(lost, 'the offsets of the segment are a gap')
  const body = await objects.read(middle)
  await objects.write(middle, body.subarray(0, -30))
  const cut = (await verify()).report!
  t.match(cut, { damaged: 1, notIndexed: lost!['notIndexed'], problems: [{ problem: 'damaged', object: 'segment', key: middle }] })
  await objects.write(middle, body)

  const foreign = `index/v1/segments/${night}/0000000000001-0123456789abcdef.parquet`
  await objects.write(foreign, Buffer.from(parquetWriteBuffer({ columnData: [{ name: 'id', data: [1n], type: 'INT64' }] })))
  t.match((await verify()).report, { rows: 80, damaged: 1, uncounted: 1, notIndexed: 0, problems: [
    { problem: 'uncounted', object: 'segment', key: foreign },
    { problem: 'damaged', object: 'segment', key: foreign, reason: /no column night/ }
  ] })
  await objects.remove(foreign)

  const copy = `${middle.slice(0, -'.parquet'.length - 4)}0000.parquet`
  await objects.write(copy, body)
  t.match((await verify()).report, { rows: 80 + Number(lost!['notIndexed']), frames: 80, different: 1, uncounted: 1, problems: [
    { problem: 'uncounted', object: 'segment', key: copy },
    { problem: 'different', object: 'segment', key: copy, reason: /not written under this key/ }
  ] })
  await objects.remove(copy)
  t.match(await verify(), { code: 0, report: { ...clean, revision: 1 } })

  await editSegments(t, python, at, { drop: at.ids[5]! })
  const edited = (await verify()).report!
  t.match(edited, { notIndexed: 1, frames: 79, complete: true })
  t.ok(edited.problems.some(({ object, reason }) => object === 'manifest' && reason.startsWith('rows is 80')), 'the manifest counts more')
})

await t.test('names late segments and their rows, and ids with several frames; lists rejected records', async t => {
  const at = await newNight(t, servers)
  await at.compact()
  const late = await surveyRecords(registry, 6, { visit: 2, partitions: 2 })
  const [first] = at.records
  const [other] = await surveyRecords(registry, 40, { visit: 0, partitions: 2, images: true })
  const noAlert = { ...first!, value: Buffer.from('not an alert') }
  const before = await at.segments()
  await at.send([...late, other!, noAlert, first!])
  const { code, report } = await at.verify()
  t.equal(code, 1)
  t.match(report, { ...clean, revision: 1, conflicts: 1, uncounted: Number, verified: 86, problems: Array })
  t.strictSame(idsOf(report!, 'conflict', 'row'), [idOf(first!)])
  t.strictSame(idsOf(report!, 'uncounted', 'row'), [...late, first!].map(idOf).sort())
  const segments = report!.problems.filter(({ problem, object }) => problem === 'uncounted' && object === 'segment')
  t.strictSame(segments.map(({ key }) => key), (await at.segments()).filter(key => !before.includes(key)))
  t.match(report!.rejected, [{ code: 'FRAME_BAD_MAGIC', partition: 0 }])
  t.match(await judge(t, python, at), { conflicts: [idOf(first!)], frames: 87, rows: 88 })
  t.match(report, { rows: 88, frames: 87 })

  await at.compact()
  t.match((await at.verify()).report, { revision: 2, uncounted: 0, conflicts: 1, problems: [{ problem: 'conflict' }] })
})

await t.test('the report of a check that was stopped is marked incomplete, and takes no row for an orphan', async t => {
  const at = await newNight(t, servers)
  const [id] = at.ids
  await at.objects.write(alertKey('v3', id!), await at.objects.read(alertKey('v2', id!)))
  const args = ['verify', '--night', at.night, ...at.stores, '--work-dir', at.work]
  const atStart = await runMode(args, {}, /"problems"/)
  t.equal(atStart.code, 0, atStart.stderr)
  t.match(JSON.parse(atStart.stdout), { complete: false, archived: 0, verified: 0, orphans: 0, notIndexed: 0, problems: [] })
  // When the copy is reported, all alerts have been read, but the index has not.
  const atIndex = await runMode(args, {}, /"duplicate"/)
  t.match(atIndex, { code: 1, stderr: /^VERIFY_NIGHT_FAILED: problems found: 1 duplicate \(/ })
  const problems = [{ problem: 'duplicate', alertId: id }]
  t.match(JSON.parse(atIndex.stdout), { complete: false, archived: 80, verified: 0, orphans: 0, notIndexed: 0, problems })
})

await t.test('flags that have no effect together are wrong usage, and a missing store is a failure', async t => {
  const night = ['--night', '20260224']
  const nowhere = `file://${join(await tempDir(t), 'nowhere')}`
  for (const [args, code, stderr] of [
    [[...night, '--alert-store', nowhere], 2, /^USAGE_MISSING: --night needs --index-store/],
    [[...night, '--index-store', nowhere], 2, /^STORE_NOT_GIVEN/],
    [[...night, '--index-store', nowhere, '--repair'], 2, /^USAGE_BAD_VALUE: --repair has no effect with --night/],
    [[...night, '--kafka-host', 'a:1'], 2, /^USAGE_BAD_VALUE: --kafka-host has no effect with --night/],
    [[...night, '--group', 'g'], 2, /^USAGE_BAD_VALUE: --group has no effect with --night/],
    [['--alert-store', nowhere, '--headers-only'], 2, /^USAGE_BAD_VALUE: --headers-only needs --night/],
    [['--night', '20260230'], 2, /^USAGE_BAD_VALUE: --night is '20260230', but must be a date/],
    [[...night, '--index-store', nowhere, '--alert-store', nowhere], 1, /^STORE_MISSING/]
  ] as const) t.match(await runMode(['verify', ...args]), { code, stdout: '', stderr }, args.join(' '))
})
