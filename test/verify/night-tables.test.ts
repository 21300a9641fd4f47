// The joins of a night: archived frames against the rows of segments that DuckDB has written.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Engine } from '../../src/search/engine.ts'
import { NightTables } from '../../src/verify/night-tables.ts'
import type { NightProblem } from '../../src/verify/night-report.ts'
import { sha256 } from '../../src/stores/checksums.ts'
import { idOf, never, writeSegment, type Row } from '../search/support.ts'
import { tempDir } from '../support/stack.ts'

const hashOf = (id: bigint): string => sha256(Buffer.from(String(id)))
const other = 'ab'.repeat(32)

/** Compares archived alerts, by id with their hashes (`''`: damaged), with segments. `covered`: segments that a manifest names. */
async function compare (
  t: Test, archived: ReadonlyArray<readonly [bigint, ...string[]]>, segments: ReadonlyArray<readonly Row[]>, covered?: readonly number[]
) {
  const folder = await tempDir(t)
  const engine = await Engine.open({ folder, memoryMib: 128, threads: 1 })
  t.teardown(() => { engine.close() })
  const tables = new NightTables(engine, never)
  await tables.create()
  await tables.addArchived(archived.map(([id, ...hashes]) => ({
    id: String(id), objects: hashes.map(sha256 => sha256 === '' ? { key: 'k', damage: 'damaged' } : { key: 'k', sha256 })
  })))
  const keys = await Promise.all(segments.map(async rows => await writeSegment(folder, rows)))
  await tables.readFrames(keys.map((key, index) => ({ key, path: join(folder, key), covered: covered?.includes(index) ?? false })))
  const problems: NightProblem[] = []
  await tables.compare({ add: async problem => { problems.push(problem) } }, covered !== undefined)
  const texts = problems.map(({ problem, object, alertId, key }) =>
    `${problem} ${object} ${alertId}${key === undefined ? '' : ` in ${keys.indexOf(key)}`}`)
  return { texts, problems, counts: await tables.counts() }
}

const [a, b, c, d] = [1, 2, 3, 4].map(counter => idOf(1, counter)) as [bigint, bigint, bigint, bigint]
const largest = 2n ** 63n - 1n

await t.test('equal sets have no problem, also with repeated deliveries, copies, and reads of one delivery by two flushes', async t => {
  const found = await compare(t, [[a, hashOf(a)], [b, hashOf(b), hashOf(b)], [largest, hashOf(largest)]], [
    [{ id: a }, { id: b }], [{ id: b }, { id: a, offset: 99 }], [{ id: largest, night: 20260301 }]
  ])
  t.strictSame(found, { texts: [], problems: [], counts: { rows: 5, frames: 3, verified: 3 } })
})

await t.test('names alerts without a row, rows without an object, other frames, conflicts and repeated rows', async t => {
  const { texts, problems, counts } = await compare(t, [[b, hashOf(b)], [c, other], [d, hashOf(d)], [idOf(2, 1), '']], [
    [{ id: a }, { id: c }], [{ id: d, sha256: other, offset: 7 }, { id: d }, { id: d }]
  ])
  t.strictSame(texts, [
    `not-indexed alert ${b}`, `not-indexed alert ${idOf(2, 1)}`, `orphan row ${a} in 0`, `different alert ${c}`, `conflict row ${d}`,
    `duplicate row ${d} in 1`
  ])
  t.match(problems.map(({ reason }) => reason), [
    new RegExp(`with SHA-256 ${hashOf(b)}`), /has the alert, but/, new RegExp(hashOf(a)),
    new RegExp(`${other}, but the index has a row with ${hashOf(c)}`), new RegExp(`${hashOf(d)}.*the archive has ${hashOf(d)}$`), /2 rows/
  ])
  t.strictSame(counts, { rows: 5, frames: 4, verified: 1 })
})

await t.test('a damaged object is no orphan and no other frame, and each different copy is named', async t => {
  const { texts } = await compare(t, [[a, ''], [b, hashOf(b), other]], [[{ id: a }, { id: b }]])
  t.strictSame(texts, [`different alert ${b}`])
})

await t.test('names the frames that no covered segment has', async t => {
  const all = [[a, hashOf(a)], [b, hashOf(b)]] as const
  t.strictSame((await compare(t, all, [[{ id: a }], [{ id: a }, { id: b }]], [0])).texts, [`uncounted row ${b} in 1`])
  t.strictSame((await compare(t, all, [[{ id: a }], [{ id: a }, { id: b }]], [1])).texts, [])
})

await t.test('without segments, every alert is without a row', async t => {
  t.strictSame((await compare(t, [[a, hashOf(a)]], [])).texts, [`not-indexed alert ${a}`])
  t.strictSame((await compare(t, [], [])).counts, { rows: 0, frames: 0, verified: 0 })
})
