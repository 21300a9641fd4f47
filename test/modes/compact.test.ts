// The mode compact. An independent judge compares manifest and files with the segments.
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { SegmentMetadata } from '../../src/alert-index/segment.ts'
import { encodeId } from '../../src/ids/packed-id.ts'
import { judgeNight, newNight, night } from '../compaction/support.ts'
import { idOf, writeSegment, type Row } from '../search/support.ts'
import { runMode } from '../support/in-process.ts'
import { runCli, tempDir, usePython } from '../support/stack.ts'

const python = await usePython(t)

/** Alerts of a visit, over objects and positions. */
const visitOf = (sequence: number, count: number, changes: Partial<Row> = {}): Row[] => Array.from({ length: count }, (_, index) => ({
  id: idOf(sequence, index, index % 3), diaObjectId: index % 7 === 0 ? null : BigInt(9000 - index * 31 % 50),
  healpix29: index % 11 === 0 ? null : BigInt(index * 7919 % 1009), timestamp: 1_772_323_200_000 + sequence * 1000 + index, ...changes
}))

const places = (partition: number, ...ranges: ReadonlyArray<readonly [number, number]>): SegmentMetadata['ranges'] =>
  ranges.map(([from, to]) => ({ topic: 'alerts', topicId: null, partition, from: String(from), to: String(to) }))

async function files (root: string): Promise<string[]> {
  return (await readdir(join(root, 'index'), { recursive: true })).filter(name => /\.(parquet|json)$/.test(name)).sort()
}

async function setUp (t: Test) {
  const { root, args } = await newNight(t)
  const compact = async () => await runMode(args)
  return { root, args, compact, write: async (rows: readonly Row[], more = {}) => await writeSegment(root, rows, more) }
}

await t.test('writes each frame once, in both orders, and a manifest that equals the segments', async t => {
  const { root, compact, write } = await setUp(t)
  await write([...visitOf(1, 60), { id: idOf(1, 0, 0), sha256: 'ab'.repeat(32), timestamp: null, psfFlux: 'NaN' }])
  await write([...visitOf(2, 41), ...visitOf(1, 5).map(row => ({ ...row, offset: 999, timestamp: 1_772_323_000_000, partition: 3 }))])
  await write([{ id: idOf(3, 0), visit: null, detector: null, timestamp: null, topic: null, topicId: null, partition: null, offset: null }])
  t.strictSame(await compact(), { code: 0, stdout: `${night}: revision 1, 103 rows of 3 segments, 0 rejected, 0 gaps\n`, stderr: '' })
  const { manifest, ...verdict } = await judgeNight(python, root)
  t.match(verdict, { revisions: [1], complete: [1], covered: true, problems: [] })
  t.match(manifest, { rows: 103, alerts: 102, writer: /^alert-stream \d/, createdAt: /Z$/ })
  t.strictSame([manifest.files.byObject, manifest.files.byPosition].map(each => each.map(({ rows }) => rows)), [[40, 40, 23], [40, 40, 23]])
  t.equal(manifest.visits.find(({ visit }) => visit === null)?.detectors['none'], 1)
})

await t.test('a second run writes nothing; a later segment raises the revision and changes no object', async t => {
  const { root, compact, write } = await setUp(t)
  await write(visitOf(1, 10))
  await compact()
  const before = await files(root)
  const contents = async () => await Promise.all(before.map(async name => (await readFile(join(root, 'index', name))).toString('base64')))
  const bodies = await contents()
  t.match(await compact(), { code: 0, stdout: `${night}: the newest revision covers all segments\n` })
  t.strictSame(await files(root), before)
  await write(visitOf(2, 5))
  t.match(await compact(), { code: 0, stdout: `${night}: revision 2, 15 rows of 2 segments, 0 rejected, 0 gaps\n` })
  t.strictSame(await contents(), bodies)
  t.match(await judgeNight(python, root), { revisions: [1, 2], complete: [1, 2], covered: true, problems: [] })
})

await t.test('a revision without a manifest is left as it is, and the next number is taken', async t => {
  const { root, compact, write } = await setUp(t)
  await write(visitOf(1, 10))
  await compact()
  await write(visitOf(2, 10))
  const crashed = join(root, 'index/v1/revisions', night, '000007')
  await mkdir(crashed)
  await writeFile(join(crashed, 'by-object-000.parquet'), 'unfinished')
  t.match(await compact(), { code: 0, stdout: /revision 8, 20 rows of 2 segments/ })
  t.equal(await readFile(join(crashed, 'by-object-000.parquet'), 'utf8'), 'unfinished')
  t.match(await judgeNight(python, root), { revisions: [1, 7, 8], complete: [1, 8], covered: true, problems: [] })
})

await t.test('lists rejected records once, and the offsets that no segment accounts for', async t => {
  const { root, compact, write } = await setUp(t)
  const rejected = [{ topic: 'alerts', topicId: null, partition: 0, offset: '3', code: 'DATUM_INVALID' }]
  await write(visitOf(1, 4), { ranges: places(0, [0, 5]), rejected })
  await write(visitOf(2, 4), { ranges: [...places(0, [4, 8], [30, 40]), ...places(1, [100, 110])], rejected })
  await write(visitOf(3, 4), { ranges: [...places(0, [50, 60]), ...places(1, [120, 130])], rejected: [] })
  // Flushes without rows of the night: one of the next night, and one of rejected records only.
  const tomorrow = visitOf(4, 1).map(row => ({ ...row, id: row.id + (1n << 42n) }))
  await write(tomorrow, { ranges: places(0, [8, 20]) })
  const late = { ...rejected[0], offset: '24', code: 'FRAME_EMPTY' }
  await write([{ id: 5n, timestamp: 1_772_323_203_000 }], { ranges: places(0, [22, 30]), rejected: [late] })
  t.match(await compact(), { code: 0, stdout: /12 rows of 3 segments, 2 rejected, 3 gaps/ })
  const { manifest, problems } = await judgeNight(python, root)
  t.strictSame(problems, [])
  t.strictSame(manifest.gaps, [...places(0, [20, 22], [40, 50]), ...places(1, [110, 120])])
  t.strictSame(manifest.rejected, [...rejected, late])
})

await t.test('a damaged segment is named, its night is not compacted, other nights are, and the exit code is 1', async t => {
  const { root, args, write } = await setUp(t)
  await write(visitOf(1, 10))
  const path = join(root, await write(visitOf(2, 200)))
  await write(visitOf(4, 3).map(row => ({ ...row, id: row.id + (1n << 42n) })))
  const body = await readFile(path)
  const other = await tempDir(t)
  const fewerRows = await readFile(join(other, await writeSegment(other, visitOf(2, 9), { rows: 10 })))
  for (const damaged of [body.subarray(0, -100), Buffer.from(body).fill(0, 4, Math.floor(body.length / 4)), fewerRows]) {
    await writeFile(path, damaged)
    const { code, stderr, stdout } = await runMode([...args, '--night', '20260302'])
    t.equal(code, 1)
    t.match(stderr, /^COMPACT_INCOMPLETE: 1 of 2 nights could not be compacted/)
    t.match(stdout, /^20260302: (revision 1|the newest)/)
    t.strictSame((await files(root)).filter(name => name.includes(`revisions/${night}`)), [])
  }
})

await t.test('the log says what was read and written, and how long it took', async t => {
  const { root, args, write } = await setUp(t)
  const segments = await Promise.all([1, 2].map(async sequence => await write(visitOf(sequence, 50))))
  const line = async () => {
    const { code, stderr } = await runCli(args)
    t.equal(code, 0, stderr)
    return stderr.trim().split('\n').map(text => JSON.parse(text) as Record<string, unknown>).find(({ msg }) => /compact/.test(String(msg)))
  }
  const sizeOf = async (names: readonly string[]): Promise<number> =>
    (await Promise.all(names.map(async name => (await stat(join(root, name))).size))).reduce((sum, size) => sum + size, 0)
  const first = await line()
  const written = (await files(root)).filter(name => /by-.*parquet$/.test(name)).map(name => join('index', name))
  t.match(first, {
    msg: 'compacted a night', night, revision: 1, segments: 2, rows: 100, rejected: 0, gaps: 0, readBytes: await sizeOf(segments),
    writtenFiles: written.length, writtenBytes: await sizeOf(written), seconds: Number
  })
  const { revision, rows, ...second } = (await line())!
  t.match(second, { msg: 'nothing to compact', night, segments: 2, readBytes: 0, writtenFiles: 0, writtenBytes: 0 })
  t.strictSame([revision, rows], [undefined, undefined])
})

await t.test('--last-nights compacts finished nights besides those of --night, and not the current night', async t => {
  const { root, args, write } = await setUp(t)
  const hoursAgo = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString().slice(0, 10).replaceAll('-', '')
  // A night is the UTC date 12 h earlier.
  const [current, last, beforeLast] = [12, 36, 60].map(hoursAgo) as [string, string, string]
  for (const each of [night, current, last, beforeLast]) {
    await write([{ id: encodeId({ tag: 2, night: each, sequence: 1, detector: 0, counter: 1 }) }])
  }
  const compacted = (...nights: readonly string[]) => nights.map(each => `${each}: revision 1, 1 rows of 1 segments, 0 rejected, 0 gaps\n`)
  t.match(await runMode([...args, '--last-nights', '1']), { code: 0, stdout: compacted(night, last).join('') })
  t.match(await runMode([...args, '--last-nights', '2']), {
    code: 0, stdout: `${night}: the newest revision covers all segments\n${compacted(beforeLast).join('')}${last}: the newest revision`
  })
  t.strictSame((await readdir(join(root, 'index/v1/revisions'))).sort(), [night, beforeLast, last].sort())
})

await t.test('nights without segments are no error, and flags that are missing or wrong are usage errors', async t => {
  const { args, compact } = await setUp(t)
  t.match(await compact(), { code: 0, stdout: `${night}: no segments\n` })
  t.match(await runMode(['compact', '--night', night]), { code: 2, stderr: /^USAGE_MISSING: .*--index-store/ })
  t.match(await runMode(['compact', '--index-store', 'file:///index']), { code: 2, stderr: /^USAGE_MISSING: .*--night or --last-nights/ })
  for (const wrong of ['2026-03-01', '20260230']) {
    const stderr = new RegExp(`^USAGE_BAD_VALUE: --night is '${wrong}'.*YYYYMMDD`)
    t.match(await runMode([...args, '--night', wrong]), { code: 2, stderr })
  }
})
